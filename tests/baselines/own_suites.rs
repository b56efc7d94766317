//! The suites of this repository against `baselines/`, in virtual time. `PRONY_UPDATE=1` accepts anew.

use std::path::Path;

use assert_cmd::Command;

/// What every scenario is held to, whatever it asserts itself.
const RULES: &str =
    "baseline={ttft.p50: 10%, ttft.p95: 15%, tpot.p50: 10%, e2e_latency.p50: 10%, throughput: 10%}";

#[test]
fn the_suites_of_this_repository_are_as_fast_as_was_accepted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let results = tempfile::tempdir().unwrap();
    let mut command = Command::cargo_bin("prony").unwrap();
    command
        .current_dir(root)
        .env_remove("PRONY_TARGET")
        .env_remove("GITHUB_ACTIONS")
        .env_remove("NEXTEST_RUN_ID")
        .args([
            "run",
            "suites/chat.yaml",
            "suites/traffic.yaml",
            "--virtual",
            "--ci",
            "--results",
        ])
        .arg(results.path())
        .args(["--set", "measure_only=false", "--set", "repeats=5"])
        .args(["--set", "restart=repeat", "--set", RULES]);
    if std::env::var_os("PRONY_UPDATE").is_some() {
        command.arg("--update-baselines=all");
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
}
