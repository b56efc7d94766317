//! A folder with a suite, the built binary run in it, and what it left.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use prony::record::{RequestRecord, Scrape, read_records, read_scrapes};
use serde_json::Value;
use tempfile::TempDir;

pub struct Place(TempDir);

impl Place {
    pub fn new(suite: &str) -> Place {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("suite.yaml"), suite).expect("a suite");
        Place(folder)
    }

    pub fn file(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).expect("a file");
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_prony"));
        command
            .args(args)
            .current_dir(self.0.path())
            .env("NO_COLOR", "1")
            // Locks of its own: it waits for no other test.
            .env("TMPDIR", self.0.path())
            .env_remove("PRONY_TARGET")
            .env_remove("GITHUB_ACTIONS");
        command
    }

    pub fn prony(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("prony runs")
    }

    pub fn start(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("prony starts")
    }

    pub fn results(&self) -> PathBuf {
        self.0.path().join("results/latest")
    }

    pub fn summary(&self) -> Value {
        json(&self.results().join("summary.json"))
    }

    pub fn json(&self, path: &str) -> Value {
        json(&self.0.path().join(path))
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.0.path().join(path)).expect("the file is there")
    }

    pub fn metrics(&self) -> Value {
        json(&self.results().join("metrics.json"))
    }

    /// The folder of the only case.
    pub fn case(&self) -> PathBuf {
        let cases = std::fs::read_dir(self.results().join("cases")).expect("cases");
        let mut found: Vec<PathBuf> = cases.map(|e| e.expect("an entry").path()).collect();
        assert_eq!(found.len(), 1, "cases");
        found.remove(0)
    }

    pub fn requests(&self) -> Vec<RequestRecord> {
        read_records(&self.case().join("requests.jsonl")).expect("records")
    }

    pub fn scrapes(&self) -> Vec<Scrape> {
        read_scrapes(&self.case().join("telemetry.jsonl")).expect("looks")
    }
}

fn json(path: &Path) -> Value {
    let text = std::fs::read(path).expect("the file is there");
    serde_json::from_slice(&text).expect("JSON")
}

/// The value of a metric that a phase has one of.
pub fn value(phase: &Value, name: &str) -> f64 {
    let value = phase["metrics"][name]["value"].as_f64();
    value.unwrap_or_else(|| panic!("{name}: {}", phase["metrics"][name]))
}

/// A statistic of a metric.
pub fn statistic(phase: &Value, name: &str, of: &str) -> f64 {
    let value = phase["metrics"][name][of].as_f64();
    value.unwrap_or_else(|| panic!("{name}.{of}: {}", phase["metrics"][name]))
}

pub fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
