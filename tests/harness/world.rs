//! A folder with a suite of quick cases, and prony run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// One case of every verdict that does not depend on speed: `passes`, `fails`, `undecided`, `errs`.
pub const VERDICTS: &str = r#"
target: { url: "sim://" }
defaults:
  kind: latency
  load: { concurrency: 1 }
  requests: 10
  warmup: 0s
  prompts: { type: synthetic, input_tokens: 8, output_tokens: 4 }
scenarios:
  - { name: passes, sla: [ttft.p50 < 100s] }
  - name: fails
    sla:
      - ttft.p50 > 100s
  - { name: undecided, undecided: warn, sla: [ttft.p99 < 100s] }
  - name: errs
    target: { url: "http://127.0.0.1:9/v1", model: m, ready: { timeout: 100ms } }
    sla: [ttft.p50 < 100s]
"#;

pub struct World {
    dir: TempDir,
}

/// What a prony process came to.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl World {
    /// A world whose `suites/verdicts.yaml` is [`VERDICTS`].
    pub fn new() -> Self {
        let world = World {
            dir: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir(world.path("suites")).unwrap();
        world.write("suites/verdicts.yaml", VERDICTS);
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// prony, told to run in this world and of nothing else.
    pub fn prony(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_prony"));
        command.current_dir(self.dir.path());
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if ["GITHUB_", "NEXTEST", "RUST_TEST_"]
                .iter()
                .any(|p| text.starts_with(p))
            {
                command.env_remove(&name);
            }
        }
        command
    }

    /// Runs `prony` with the words of `line`.
    pub fn run(&self, line: &str) -> Ran {
        self.run_with(line, |_| ())
    }

    pub fn run_with(&self, line: &str, change: impl FnOnce(&mut Command)) -> Ran {
        let mut command = self.prony();
        command.args(line.split_whitespace());
        change(&mut command);
        Ran::of(command.output().unwrap())
    }

    /// Verdicts by case of the latest run.
    pub fn verdicts(&self) -> Vec<(String, String)> {
        let text = |v: &Value| v.as_str().unwrap().to_owned();
        self.summary()["cases"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| (text(&c["name"]), text(&c["verdict"])))
            .collect()
    }

    pub fn summary(&self) -> Value {
        json(&self.path("results/latest/summary.json"))
    }

    pub fn has_results(&self) -> bool {
        self.path("results").exists()
    }
}

impl Ran {
    pub fn of(output: Output) -> Self {
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Names of the tests that libtest's lines speak of, in their order.
    pub fn tests(&self) -> Vec<&str> {
        let names = self
            .stdout
            .lines()
            .filter_map(|l| l.strip_prefix("test "))
            .filter_map(|l| l.split_once(" ... "));
        names.map(|(name, _)| name.trim_end()).collect()
    }
}

pub fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap()
}
