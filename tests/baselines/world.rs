use std::path::{Path, PathBuf};

use assert_cmd::Command;
use tempfile::TempDir;

/// A folder with a suite of one scenario, and prony in it.
pub struct World {
    dir: TempDir,
}

/// What a command came to.
pub struct Ran {
    pub code: i32,
    pub text: String,
}

impl Ran {
    /// The line of a metric.
    pub fn line(&self, metric: &str) -> &str {
        let mut lines = self.text.lines();
        lines
            .find(|l| l.trim_start().starts_with(metric))
            .unwrap_or_else(|| panic!("no {metric} in {}", self.text))
    }

    /// Panics unless it says `change` of `metric`.
    #[track_caller]
    pub fn says(&self, metric: &str, change: &str) {
        let found = self.line(metric).contains(&format!(": {change}"));
        assert!(found, "{metric} is not {change}: {}", self.text);
    }
}

impl World {
    pub fn new() -> Self {
        let world = World {
            dir: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir(world.dir.path().join("suites")).unwrap();
        world.suite("steady", "ttft.p50: 20%, tpot.p50: 20%", "");
        world
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes the suite: the scenario's name, its rules, further settings of the target.
    pub fn suite(&self, name: &str, rules: &str, sim: &str) {
        let text = format!(
            "suite: chat\ntarget: {{ url: \"sim://\", sim: {{ variation: {{}}{sim} }} }}\nscenarios:\n  - name: {name}\n    kind: latency\n    restart: repeat\n    warmup: 1s\n    load: {{ rate: 20/s }}\n    requests: 60\n    prompts: {{ type: synthetic, input_tokens: 100, output_tokens: 8 }}\n    sla: [ttft.p50 < 2s]\n    baseline: {{ {rules} }}\n"
        );
        let text = text
            .replace("variation: {}, ", "")
            .replace(", sim: { variation: {} }", "");
        std::fs::write(self.path().join("suites/chat.yaml"), text).unwrap();
    }

    /// The same, `by` times as slow to the first token (0.5: half as long again).
    pub fn slower(&self, by: f64) {
        let sim = format!(", regression: {{ ttft: {by} }}");
        self.suite("steady", "ttft.p50: 20%, tpot.p50: 20%", &sim);
    }

    pub fn prony(&self, words: &str) -> Ran {
        let output = Command::cargo_bin("prony")
            .unwrap()
            .current_dir(self.path())
            .env_remove("CI")
            .env_remove("GITHUB_ACTIONS")
            .env_remove("NEXTEST_RUN_ID")
            .args(words.split_whitespace())
            .output()
            .unwrap();
        let out = String::from_utf8_lossy(&output.stdout);
        let err = String::from_utf8_lossy(&output.stderr);
        Ran {
            code: output.status.code().unwrap_or(-1),
            text: format!("{out}{err}"),
        }
    }

    /// `prony run` in virtual time.
    pub fn run(&self, words: &str) -> Ran {
        self.prony(&format!("run --virtual {words}"))
    }

    /// Names of all files below `folder`, sorted.
    pub fn files(&self, folder: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut left: Vec<PathBuf> = vec![self.path().join(folder)];
        while let Some(dir) = left.pop() {
            for entry in std::fs::read_dir(&dir).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    left.push(path);
                } else {
                    found.push(path.file_name().unwrap().to_string_lossy().into_owned());
                }
            }
        }
        found.sort();
        found
    }

    pub fn accepted(&self) -> usize {
        self.files("baselines")
            .iter()
            .filter(|f| f.ends_with(".json"))
            .count()
    }

    pub fn pending(&self) -> usize {
        self.files("baselines")
            .iter()
            .filter(|f| f.ends_with(".new"))
            .count()
    }
}
