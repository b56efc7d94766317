//! The suites of this repository against `baselines/`, in virtual time. `PRONY_UPDATE=1` accepts anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

/// What every scenario of a suite is held to, whatever it asserts itself.
const RULES: &str =
    "{ttft.p50: 10%, ttft.p95: 15%, tpot.p50: 10%, e2e_latency.p50: 10%, throughput: 10%}";
/// A sweep is held to its levels.
const OF_LEVELS: &str =
    "{at(1).ttft.p50: 10%, at(2).ttft.p50: 10%, at(last).tokens_per_second: 10%}";

/// A cold and a warm cache are held to each.
const OF_CACHE: &str = "{cold.ttft.p50: 10%, warm.ttft.p50: 10%, warm.cached_token_ratio: 2pt, warm.cache_efficiency: 2pt, warm.throughput: 10%}";
/// Two targets are held to each.
const OF_TARGETS: &str = "{aggregated.ttft.p50: 10%, disaggregated.ttft.p50: 10%, disaggregated.itl.p99: 15%, disaggregated.tokens_per_second: 10%}";

/// Long prompts beside a steady load are held to what they do to it.
const OF_INTERFERENCE: &str = "{'itl{during=prefill}.p99': 15%, 'itl{during=quiet}.p99': 15%, ttft.p50: 10%, tokens_per_second: 10%}";

fn gated(args: &[&str], suites: &[&Path]) {
    let ran = ran(args, suites, std::env::var_os("PRONY_UPDATE").is_some());
    assert_eq!(ran.code, Some(0), "{}", ran.text);
}

/// What a run came to.
struct Ran {
    code: Option<i32>,
    text: String,
    /// What changed, by metric.
    changes: BTreeMap<String, String>,
}

/// Carries suites out against what this repository accepted.
fn ran(args: &[&str], suites: &[&Path], accept: bool) -> Ran {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let results = tempfile::tempdir().unwrap();
    let mut command = Command::cargo_bin("prony").unwrap();
    command
        .current_dir(root)
        .env_remove("PRONY_TARGET")
        .env_remove("GITHUB_ACTIONS")
        .env_remove("NEXTEST_RUN_ID")
        .arg("run")
        .args(suites)
        .args(["--virtual", "--ci", "--results"])
        .arg(results.path());
    if accept {
        command.arg("--update-baselines=all");
    }
    let output = command.args(args).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let summary = std::fs::read(results.path().join("latest/summary.json")).unwrap();
    let summary: Value = serde_json::from_slice(&summary).unwrap();
    let cases = summary["cases"].as_array().unwrap();
    let changes = cases
        .iter()
        .filter_map(|c| c["baseline"]["changes"].as_array());
    let word = |change: &Value, key: &str| change[key].as_str().unwrap().to_owned();
    Ran {
        code: output.status.code(),
        text: text.into_owned(),
        changes: changes
            .flatten()
            .map(|c| (word(c, "metric"), word(c, "change")))
            .collect(),
    }
}

#[test]
fn the_suites_of_this_repository_are_as_fast_as_was_accepted() {
    let suites = ["suites/chat.yaml", "suites/traffic.yaml"].map(Path::new);
    let rules = format!("baseline={RULES}");
    let set = ["measure_only=false", "repeats=5", "restart=repeat", &rules];
    let args: Vec<&str> = set.iter().flat_map(|s| ["--set", s]).collect();
    gated(&args, &suites);
}

/// A scenario of a suite of this repository, held to `rules`.
#[derive(Clone, Copy)]
struct Gate {
    suite: &'static str,
    filter: &'static str,
    /// The line of the scenario after which the rules go.
    after: &'static str,
    rules: &'static str,
}

const CACHE: Gate = Gate {
    suite: "cache.yaml",
    filter: "cache::shared-system-prompt",
    after: "    requests: 20\n",
    rules: OF_CACHE,
};
const SPLIT: Gate = Gate {
    suite: "disaggregation.yaml",
    filter: "disaggregation::pd-split",
    after: "    duration: 2s\n",
    rules: OF_TARGETS,
};
const LONG_PROMPTS: Gate = Gate {
    suite: "disaggregation.yaml",
    filter: "disaggregation::long-prompts",
    after: "    duration: 3s\n",
    rules: OF_INTERFERENCE,
};

impl Gate {
    /// A copy of the suite in `dir` with the rules in it (what holds for one kind means nothing to another), and
    /// with each first text of `changed` as the second.
    fn copy(self, dir: &Path, changed: &[(&str, &str)]) -> PathBuf {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(root.join("suites").join(self.suite)).unwrap();
        let mut text = text.replace("    repeats: 3\n", "");
        let gate = format!(
            "{}    repeats: 5\n    restart: repeat\n    baseline: {}\n",
            self.after, self.rules
        );
        for (what, by) in [(self.after, gate.as_str())].iter().chain(changed) {
            assert_eq!(text.matches(what).count(), 1, "{what} in {}", self.suite);
            text = text.replace(what, by);
        }
        let copy = dir.join(self.suite);
        std::fs::write(&copy, text).unwrap();
        copy
    }

    fn holds(self) {
        let dir = tempfile::tempdir().unwrap();
        let copy = self.copy(dir.path(), &[]);
        gated(&["--", self.filter], &[&copy]);
    }

    /// Against an engine that is worse in one respect (`changed`): fails, says `regressed` of each of `red`
    /// and of none of `green`.
    #[track_caller]
    fn closes(self, changed: (&str, &str), red: &[&str], green: &[&str]) {
        let dir = tempfile::tempdir().unwrap();
        let copy = self.copy(dir.path(), &[changed]);
        let ran = ran(&["--", self.filter], &[&copy], false);
        assert_eq!(ran.code, Some(101), "{}", ran.text);
        let change = |metric: &str| {
            let found = ran.changes.get(metric).map(String::as_str);
            found.unwrap_or_else(|| panic!("{metric} is not among {:?}", ran.changes))
        };
        for metric in red {
            assert_eq!(change(metric), "regressed", "{metric}: {}", ran.text);
        }
        for metric in green {
            assert_ne!(change(metric), "regressed", "{metric}: {}", ran.text);
        }
    }
}

#[test]
fn levels_of_a_sweep_are_as_fast_as_was_accepted() {
    let gate = Gate {
        suite: "scaling.yaml",
        filter: "scaling::concurrency",
        after: "idle: 100ms }\n    duration: 1s\n",
        rules: OF_LEVELS,
    };
    gate.holds();
}

#[test]
fn a_cold_and_a_warm_cache_are_as_fast_as_was_accepted() {
    CACHE.holds();
}

#[test]
fn two_targets_are_as_fast_as_was_accepted() {
    SPLIT.holds();
}

#[test]
fn a_steady_load_beside_long_prompts_is_as_fast_as_was_accepted() {
    LONG_PROMPTS.holds();
}

const CACHE_TARGET: &str = "\"${PRONY_TARGET:-sim://}\"";

#[test]
fn a_cache_that_forgets_closes_the_gate_by_what_it_finds() {
    CACHE.closes(
        (
            CACHE_TARGET,
            "\"sim://\", sim: { max_model_len: 2048, kv: { blocks: 160 } }",
        ),
        &[
            "warm.cached_token_ratio",
            "warm.cache_efficiency",
            "warm.throughput",
        ],
        &["cold.ttft.p50"],
    );
}

#[test]
fn slower_prefill_closes_the_gate_of_the_cache_by_its_times_and_not_by_what_it_finds() {
    CACHE.closes(
        (
            CACHE_TARGET,
            "\"sim://\", sim: { regression: { ttft: 0.5 } }",
        ),
        &["cold.ttft.p50", "warm.ttft.p50"],
        &["warm.cached_token_ratio", "warm.cache_efficiency"],
    );
}

#[test]
fn slower_decoding_of_one_target_closes_the_gate_by_that_target() {
    SPLIT.closes(
        (
            "\"sim://quick-disaggregated\", gpus: 2",
            "\"sim://quick-disaggregated\", gpus: 2, sim: { regression: { throughput: -0.4 } }",
        ),
        &["disaggregated.itl.p99"],
        &["aggregated.ttft.p50"],
    );
}

#[test]
fn decoding_that_waits_for_prefill_closes_the_gate_by_the_gaps_of_that_time() {
    LONG_PROMPTS.closes(
        (
            "\"${PRONY_TARGET:-sim://quick-disaggregated}\"",
            "\"sim://quick-disaggregated\", sim: { topology: { prefill_replicas: 0, replicas: 1 } }",
        ),
        &["itl{during=prefill}.p99"],
        &[],
    );
}
