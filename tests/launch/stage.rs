//! A folder with a suite in it, and prony run on it.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

pub const PRONY: &str = env!("CARGO_BIN_EXE_prony");

/// No test should hang; none depends on how long this is.
const LONG: Duration = Duration::from_secs(60);

pub struct Stage {
    folder: Arc<tempfile::TempDir>,
}

/// What a finished run left.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
    pub results: PathBuf,
    _folder: Arc<tempfile::TempDir>,
}

/// A suite of short cases against `target`, the lines below `target:`; `rest` are top-level keys,
/// and `scenarios` what stands below that key.
pub fn suite(target: &str, rest: &str, scenarios: &str) -> String {
    let indent =
        |text: &str, by: &str| -> String { text.lines().map(|l| format!("{by}{l}\n")).collect() };
    format!(
        "suite: launched\ntarget:\n{}{rest}\ndefaults:\n  warmup: 0s\n  drain: 5s\n  requests: 4\n  kind: latency\n  load: {{ concurrency: 2 }}\n  sla: [ttft.p50 < 60s]\n  extend: off\n  prompts: {{ type: synthetic, input_tokens: 8, output_tokens: 4 }}\nscenarios:\n{}",
        indent(target, "  "),
        indent(scenarios, "  "),
    )
}

/// `prony sim` on a free port, in the shape of a `launch:`.
pub fn sim() -> String {
    format!(
        "url: http://127.0.0.1:{{port}}/v1\nlaunch:\n  command: [{PRONY:?}, sim, --listen, \"127.0.0.1:{{port}}\"]"
    )
}

/// A shell script as the target's program, on a free port; `$PORT` is that port, `$PRONY` the binary.
pub fn script(script: &str) -> String {
    let body: String = script.lines().map(|l| format!("    {l}\n")).collect();
    format!(
        "url: http://127.0.0.1:{{port}}/v1\nlaunch:\n  env: {{ PRONY: {PRONY:?} }}\n  command: |\n{body}"
    )
}

impl Stage {
    pub fn new(suite: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("suite.yaml"), suite).expect("a suite");
        Stage {
            folder: Arc::new(folder),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn command(&self, command: &str) -> Command {
        let mut prony = Command::new(PRONY);
        prony
            .arg(command)
            .arg("suite.yaml")
            .current_dir(self.folder.path())
            .env_remove("PRONY_TARGET")
            .stdin(Stdio::null());
        prony
    }

    pub fn run(&self) -> Ran {
        let output = self.command("run").output().expect("prony runs");
        self.ran(&output)
    }

    /// Runs in the background, in a process group of its own as from a terminal.
    pub fn start(&self) -> Child {
        use std::os::unix::process::CommandExt;
        self.command("run")
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("prony runs")
    }

    /// Waits for a run that was started.
    pub fn finish(&self, child: Child) -> Ran {
        let output = child.wait_with_output().expect("prony ends");
        self.ran(&output)
    }

    fn ran(&self, output: &Output) -> Ran {
        use std::os::unix::process::ExitStatusExt;
        let status = output.status;
        Ran {
            code: status.code().or(status.signal().map(|s| -s)).unwrap_or(0),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            results: self.folder.path().join("results/latest"),
            _folder: self.folder.clone(),
        }
    }

    /// The pid that a script wrote to the file `name`, once it has.
    pub fn pid(&self, name: &str) -> i32 {
        let path = self.path(name);
        let mut pid = None;
        until(&format!("{name} is written"), || {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            pid = text.strip_suffix('\n').and_then(|t| t.trim().parse().ok());
            pid.is_some()
        });
        pid.expect("it is there")
    }

    /// Everything in the folder of the results, as text.
    pub fn everything_written(&self) -> String {
        let mut text = String::new();
        read_all(&self.path("results"), &mut text);
        text
    }
}

fn read_all(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            read_all(&path, text);
        } else {
            let mut bytes = Vec::new();
            std::fs::File::open(&path)
                .and_then(|mut f| f.read_to_end(&mut bytes))
                .expect("a file");
            text.push_str(&String::from_utf8_lossy(&bytes));
        }
    }
}

impl Ran {
    pub fn summary(&self) -> Value {
        let bytes = std::fs::read(self.results.join("summary.json")).expect("a summary");
        serde_json::from_slice(&bytes).expect("JSON")
    }

    pub fn cases(&self) -> Vec<Value> {
        self.summary()["cases"].as_array().expect("cases").clone()
    }

    /// The only case.
    pub fn case(&self) -> Value {
        let mut cases = self.cases();
        assert_eq!(cases.len(), 1, "{}\n{}", self.out, self.err);
        cases.remove(0)
    }

    pub fn reason(&self) -> String {
        self.case()["reason"].as_str().unwrap_or("").to_owned()
    }

    /// A file of the case's folder.
    pub fn of_case(&self, case: &Value, name: &str) -> String {
        let slug = case["slug"].as_str().expect("a slug");
        let path = self.results.join("cases").join(slug).join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    pub fn all(&self) -> String {
        format!("code {}\n{}\n{}", self.code, self.out, self.err)
    }
}

/// Waits until `holds`.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < LONG, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether the process runs; a zombie does not.
pub fn alive(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| Some(stat.rsplit_once(") ")?.1.starts_with('Z')))
        .is_some_and(|zombie| !zombie)
}

pub fn gone(pid: i32) {
    until(&format!("process {pid} is gone"), || !alive(pid));
}

pub fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

pub fn signal(pid: u32, name: &str) {
    let status = Command::new("/bin/sh")
        .args(["-c", &format!("kill -s {name} {pid}")])
        .status()
        .expect("a shell");
    assert!(status.success());
}
