//! A folder of its own for every test, the built binary run in it, and what it left there.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use prony::record::{Part, RequestRecord};
use serde_json::Value;
use tempfile::TempDir;

/// The binary under test.
pub const PRONY: &str = env!("CARGO_BIN_EXE_prony");

/// Long enough on any machine; a test that gets there hangs.
const NEVER: Duration = Duration::from_secs(120);

/// A working directory with suites in it.
pub struct Place {
    dir: TempDir,
}

impl Place {
    pub fn new() -> Place {
        Place {
            dir: tempfile::tempdir().expect("a folder"),
        }
    }

    /// One with `suites/a.yaml`.
    pub fn with_suite(text: &str) -> Place {
        let place = Place::new();
        place.file("suites/a.yaml", text);
        place
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file, and the folders above it.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        std::fs::write(path, content).expect("a file");
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).expect(name)
    }

    /// Runs `prony` with `args` to its end.
    pub fn prony<const N: usize>(&self, args: [&str; N]) -> Ended {
        self.prony_with(args, &[])
    }

    /// The same with environment variables.
    pub fn prony_with<const N: usize>(&self, args: [&str; N], env: &[(&str, &str)]) -> Ended {
        let mut command = self.command(args);
        command.envs(env.iter().copied());
        Ended::of(assert_cmd::Command::from_std(command))
    }

    /// `prony` with `args`, not started.
    pub fn command<const N: usize>(&self, args: [&str; N]) -> std::process::Command {
        let mut command = std::process::Command::new(PRONY);
        command.args(args).current_dir(self.path());
        for variable in [
            "PRONY_TARGET",
            "KEY",
            "NO_COLOR",
            "RUST_BACKTRACE",
            "GITHUB_ACTIONS",
        ] {
            command.env_remove(variable);
        }
        // Locks of its own: it waits for no other test.
        command.env("TMPDIR", self.path());
        command
    }

    /// Starts `prony` with `args` and lets it run.
    pub fn start<const N: usize>(&self, args: [&str; N]) -> Running {
        let mut command = self.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Running {
            child: Some(command.spawn().expect("prony starts")),
        }
    }

    /// Results folders there are, in the order in which they were made.
    pub fn runs(&self) -> Vec<Run> {
        let Ok(entries) = std::fs::read_dir(self.path().join("results")) else {
            return Vec::new();
        };
        let mut found: Vec<(std::time::SystemTime, PathBuf)> = entries
            .map(|e| e.expect("an entry"))
            .filter(|e| e.file_type().is_ok_and(|t| t.is_dir()))
            .filter_map(|e| {
                // One that is only just being made has none yet.
                let made =
                    std::fs::metadata(e.path().join("suite.yaml")).and_then(|m| m.modified());
                Some((made.ok()?, e.path()))
            })
            .collect();
        found.sort();
        found.into_iter().map(|(_, path)| Run { path }).collect()
    }

    /// The only results folder.
    pub fn run(&self) -> Run {
        let mut runs = self.runs();
        assert_eq!(runs.len(), 1, "results folders");
        runs.remove(0)
    }

    /// Asserts that nothing was written.
    pub fn assert_no_results(&self) {
        assert!(
            !self.path().join("results").exists(),
            "a results folder was made"
        );
    }

    /// Waits until the case `name` has at least `n` records on disk, and hands back the run's folder.
    pub fn wait_for_records(&self, name: &str, n: usize) -> Run {
        let began = Instant::now();
        loop {
            if let [run] = &self.runs()[..] {
                let lines = run
                    .slugs()
                    .iter()
                    .filter(|slug| slug.starts_with(&format!("chat-{name}-")))
                    .filter_map(|slug| {
                        std::fs::read_to_string(
                            run.path.join("cases").join(slug).join("requests.jsonl"),
                        )
                        .ok()
                    })
                    .map(|text| text.lines().count())
                    .sum::<usize>();
                if lines >= n {
                    return Run {
                        path: run.path.clone(),
                    };
                }
            }
            assert!(began.elapsed() < NEVER, "no {n} records came");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A results folder.
pub struct Run {
    pub path: PathBuf,
}

impl Run {
    pub fn id(&self) -> String {
        let name = self.path.file_name().expect("a name");
        name.to_str().expect("text").to_owned()
    }

    pub fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path.join(name)).expect(name)
    }

    pub fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.text(name)).expect(name)
    }

    pub fn summary(&self) -> Value {
        self.json("summary.json")
    }

    /// The case of that full name in `summary.json`.
    pub fn case(&self, full_name: &str) -> Value {
        let summary = self.summary();
        let cases = summary["cases"].as_array().expect("cases");
        let named = |c: &&Value| {
            full_name
                == format!(
                    "{}::{}",
                    c["suite"].as_str().expect("a suite"),
                    c["name"].as_str().expect("a name")
                )
        };
        cases
            .iter()
            .find(named)
            .unwrap_or_else(|| panic!("no {full_name} in {summary:#}"))
            .clone()
    }

    /// Full names of the cases in `summary.json`.
    pub fn names(&self) -> Vec<String> {
        let summary = self.summary();
        let cases = summary["cases"].as_array().expect("cases");
        cases
            .iter()
            .map(|c| {
                format!(
                    "{}::{}",
                    c["suite"].as_str().expect("a suite"),
                    c["name"].as_str().expect("a name")
                )
            })
            .collect()
    }

    pub fn slugs(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.path.join("cases")) else {
            return Vec::new();
        };
        let mut slugs: Vec<String> = entries
            .map(|e| {
                let name = e.expect("an entry").file_name();
                name.into_string().expect("text")
            })
            .collect();
        slugs.sort();
        slugs
    }

    /// Records of a case, in the order in which they were written.
    pub fn records(&self, full_name: &str) -> Vec<RequestRecord> {
        let case = self.case(full_name);
        let slug = case["slug"].as_str().expect("a slug");
        records_of(&self.text(&format!("cases/{slug}/requests.jsonl")))
    }

    /// Those of them that are measured, by their number.
    pub fn window(&self, full_name: &str) -> Vec<RequestRecord> {
        let mut records = self.records(full_name);
        records.retain(|r| r.part == Part::Window);
        records.sort_by_key(|r| r.id);
        records
    }

    /// Every file below the folder.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        walk(&self.path, &mut files);
        files
    }
}

/// Lines of a `requests.jsonl`.
pub fn records_of(text: &str) -> Vec<RequestRecord> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect()
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// What a command that has ended said.
#[derive(Debug, Default)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// Runs `command` to its end.
    pub fn of(mut command: assert_cmd::Command) -> Ended {
        Ended::from(command.timeout(NEVER).output().expect("it runs"))
    }

    pub fn from(output: std::process::Output) -> Ended {
        let ended = Ended {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        };
        // No user input may ever lead there.
        assert!(!ended.stderr.contains("panicked at"), "{ended}");
        ended
    }

    /// Asserts the exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Ended {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    #[track_caller]
    pub fn out_has(self, what: &str) -> Ended {
        assert!(self.stdout.contains(what), "no `{what}` in stdout: {self}");
        self
    }

    #[track_caller]
    pub fn err_has(self, what: &str) -> Ended {
        assert!(self.stderr.contains(what), "no `{what}` in stderr: {self}");
        self
    }

    /// Asserts that a line of `text` is marked: the next line holds a caret below the start of `what`.
    #[track_caller]
    pub fn marks(text: &str, what: &str) {
        let lines: Vec<&str> = text.lines().collect();
        let marked = lines.windows(2).any(|two| {
            two[0].find(what).is_some_and(|byte| {
                let column = two[0][..byte].chars().count();
                let caret = two[1].chars().position(|c| c == '^');
                caret == Some(column)
            })
        });
        assert!(marked, "no caret below `{what}` in:\n{text}");
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "exit code {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.code, self.stdout, self.stderr
        )
    }
}

/// A `prony` that runs; killed with this value.
pub struct Running {
    child: Option<Child>,
}

impl Running {
    /// Sends it a signal.
    pub fn signal(&self, signal: libc::c_int) {
        let id = self.child.as_ref().expect("it runs").id();
        let id = libc::pid_t::try_from(id).expect("a process id");
        // SAFETY: no memory is involved; the process is a child that was not waited for.
        let result = unsafe { libc::kill(id, signal) };
        assert_eq!(result, 0, "signal {signal} sent");
    }

    /// Reads a line of its standard output.
    pub fn read_line(&mut self) -> String {
        use std::io::BufRead;
        let out = self.child.as_mut().and_then(|c| c.stdout.as_mut());
        // One line is all that is ever written before the reader is dropped.
        let mut line = String::new();
        std::io::BufReader::with_capacity(1, out.expect("a pipe"))
            .read_line(&mut line)
            .expect("a line");
        line
    }

    /// Waits until its standard error says `what`.
    pub fn wait_for_error(&mut self, what: &str) {
        use std::io::Read;
        let errors = self.child.as_mut().and_then(|c| c.stderr.as_mut());
        let errors = errors.expect("a pipe");
        let mut said = Vec::new();
        while !String::from_utf8_lossy(&said).contains(what) {
            let mut byte = [0];
            let n = errors.read(&mut byte).expect("a byte");
            assert_eq!(n, 1, "no `{what}` in {}", String::from_utf8_lossy(&said));
            said.push(byte[0]);
        }
    }

    /// Waits for its end, killing it if that never comes.
    pub fn ended(mut self) -> Ended {
        let child = self.child.take().expect("it runs");
        let id = libc::pid_t::try_from(child.id()).expect("a process id");
        let (done, waiting) = std::sync::mpsc::channel::<()>();
        let watchdog = std::thread::spawn(move || {
            if waiting.recv_timeout(NEVER) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                // SAFETY: no memory is involved; the process has not been waited for yet.
                unsafe { libc::kill(id, libc::SIGKILL) };
            }
        });
        let output = child.wait_with_output().expect("it ends");
        drop(done);
        watchdog.join().expect("the watchdog");
        Ended::from(output)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A suite on the embedded engine with `scenarios` (lines of YAML, indented by two).
pub fn sim_suite(scenarios: &str) -> String {
    suite("sim://", scenarios)
}

/// A suite named `chat` on `target` with `scenarios` (lines of YAML, indented by two). Nothing in it
/// takes long.
pub fn suite(target: &str, scenarios: &str) -> String {
    format!(
        "suite: chat
target: {{ url: \"{target}\", api: chat, ready: {{ timeout: 10s }} }}
defaults:
  warmup: 0s
  timeouts: {{ connect: 5s, first_token: 20s, total: 20s }}
  prompts: {{ type: synthetic, input_tokens: 24, output_tokens: 4 }}
scenarios:
{scenarios}"
    )
}

/// A scenario that passes on anything that works.
pub fn easy(name: &str) -> String {
    format!(
        "  - name: {name}
    kind: latency
    load: {{ concurrency: 2 }}
    requests: 8
    sla:
      - ttft.p50 < 100s
"
    )
}

/// A `<testcase>` of a JUnit file.
#[derive(Debug, Default)]
pub struct TestCase {
    pub name: String,
    pub classname: String,
    pub file: String,
    /// Names of the elements inside.
    pub children: Vec<String>,
    /// All text inside.
    pub text: String,
}

/// The test cases of a JUnit file, and that it is well-formed XML whose totals are right.
pub fn junit(xml: &str) -> Vec<TestCase> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut cases: Vec<TestCase> = Vec::new();
    let mut totals = [0usize; 4];
    let mut inside = false;
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Eof => break,
            Event::Start(e) | Event::Empty(e) => {
                let attribute = |name: &str| -> String {
                    let found = e.try_get_attribute(name).expect("an attribute");
                    found.map_or(String::new(), |a| a.value.into_owned())
                };
                match e.name().as_ref() {
                    "testsuites" => {}
                    "testsuite" => {
                        for (total, name) in totals
                            .iter_mut()
                            .zip(["tests", "failures", "errors", "skipped"])
                        {
                            *total += attribute(name).parse::<usize>().expect(name);
                        }
                    }
                    "testcase" => {
                        inside = true;
                        cases.push(TestCase {
                            name: attribute("name"),
                            classname: attribute("classname"),
                            file: attribute("file"),
                            ..TestCase::default()
                        });
                    }
                    other => {
                        let case = cases.last_mut().expect("inside a test case");
                        case.children.push(other.to_owned());
                    }
                }
            }
            Event::End(e) if e.name().as_ref() == "testcase" => inside = false,
            Event::CData(text) if inside => {
                cases.last_mut().expect("a test case").text.push_str(&text);
            }
            _ => {}
        }
    }
    let with = |child: &str| {
        let has = |c: &&TestCase| c.children.iter().any(|n| n == child);
        cases.iter().filter(has).count()
    };
    assert_eq!(
        totals,
        [cases.len(), with("failure"), with("error"), with("skipped")],
        "tests, failures, errors, skipped of {xml}"
    );
    cases
}
