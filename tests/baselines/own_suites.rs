//! The suites of this repository against `baselines/`, in virtual time. `PRONY_UPDATE=1` accepts anew.

use std::path::Path;

use assert_cmd::Command;

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

fn gated(args: &[&str], suites: &[&Path]) {
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
    if std::env::var_os("PRONY_UPDATE").is_some() {
        command.arg("--update-baselines=all");
    }
    let output = command.args(args).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
}

#[test]
fn the_suites_of_this_repository_are_as_fast_as_was_accepted() {
    let suites = ["suites/chat.yaml", "suites/traffic.yaml"].map(Path::new);
    let rules = format!("baseline={RULES}");
    let set = ["measure_only=false", "repeats=5", "restart=repeat", &rules];
    let args: Vec<&str> = set.iter().flat_map(|s| ["--set", s]).collect();
    gated(&args, &suites);
}

/// The scenarios of `suite` that match `filter`, held to `rules`: what holds for one kind means nothing to
/// another, so the rules go into a copy, in place of its line `plan`.
fn gated_copy(suite: &str, plan: &str, rules: &str, filter: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("suites").join(suite)).unwrap();
    assert_eq!(
        text.matches(plan).count(),
        1,
        "the scenario plans its repeats"
    );
    let gate = format!("    repeats: 5\n    restart: repeat\n    baseline: {rules}\n");
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join(suite);
    std::fs::write(&copy, text.replace(plan, &gate)).unwrap();
    gated(&["--", filter], &[&copy]);
}

#[test]
fn levels_of_a_sweep_are_as_fast_as_was_accepted() {
    gated_copy(
        "scaling.yaml",
        "    repeats: 3\n",
        OF_LEVELS,
        "scaling::concurrency",
    );
}

#[test]
fn a_cold_and_a_warm_cache_are_as_fast_as_was_accepted() {
    gated_copy(
        "cache.yaml",
        "    repeats: 3\n",
        OF_CACHE,
        "cache::shared-system-prompt",
    );
}

#[test]
fn two_targets_are_as_fast_as_was_accepted() {
    gated_copy(
        "disaggregation.yaml",
        "    repeats: 3\n",
        OF_TARGETS,
        "disaggregation::pd-split",
    );
}
