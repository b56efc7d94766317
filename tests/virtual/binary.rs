//! Virtual runs of the built binary, seen through the files they leave.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

/// Everything that could let chance in: noise at all levels, faults, several replicas, gamma arrivals,
/// stages, bounded concurrency, repeats, both protocols, streamed or not.
const SUITE: &str = r#"
suite: chance
target:
  url: "sim://quick"
  sim:
    variation: { step: 0.1, run: 0.05, session: 0.05, stall_rate: 0.01, burst_every_s: 3 }
    topology: { replicas: 2, router: least_outstanding }
defaults:
  kind: latency
  measure_only: true
  warmup: 500ms
  allow_errors: 100%
  prompts: { type: synthetic, input_tokens: { mean: 80, stddev: 40 }, output_tokens: { min: 3, max: 12 } }
scenarios:
  - name: gamma
    load: { rate: 40/s, arrivals: gamma(0.5), max_concurrency: 12 }
    duration: 4s
    repeats: 2
  - name: closed
    kind: throughput
    load: { concurrency: 12 }
    requests: 150
  - name: stages
    load: { arrivals: poisson, stages: [{ duration: 1s, rate: { from: 5/s, to: 60/s } }, { duration: 2s, rate: 30/s }] }
  - name: users
    load: { stages: [{ duration: 1s, concurrency: { from: 1, to: 10 } }, { duration: 1s, concurrency: 4 }] }
    stream: false
  - name: faults
    target:
      url: "sim://"
      api: completions
      sim:
        error_rate: 0.03
        faults:
          - { kind: refuse, rate: 0.03 }
          - { kind: stall, rate: 0.02, after_chunks: 2 }
          - { kind: truncate, rate: 0.05 }
          - { kind: malformed_json, rate: 0.05 }
          - { kind: error_in_stream, rate: 0.05 }
    load: { rate: 50/s, arrivals: poisson }
    requests: 150
    timeouts: { total: 2s, first_token: 1s }
"#;

fn prony() -> Command {
    let mut command = Command::cargo_bin("prony").expect("the binary is built");
    command.env_remove("PRONY_TARGET").env("NO_COLOR", "1");
    command
}

/// A folder with `suite` in it.
fn place(suite: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("suite.yaml"), suite).expect("a suite");
    folder
}

fn run(folder: &TempDir, results: &str, more: &[&str]) -> (Output, PathBuf) {
    let output = prony()
        .current_dir(folder.path())
        .args(["run", "--virtual", "suite.yaml", "--results", results])
        .args(more)
        .output()
        .expect("it runs");
    (output, folder.path().join(results).join("latest"))
}

/// The files that must be the same for a seed; of `summary.json` without what names the invocation.
fn files(run: &Path) -> BTreeMap<String, String> {
    let read = |path: &Path| std::fs::read_to_string(path).expect("a file");
    let mut summary: Value = serde_json::from_str(&read(&run.join("summary.json"))).expect("JSON");
    let about = summary["run"].as_object_mut().expect("a run");
    for key in ["id", "started_at", "finished_at", "host", "command"] {
        assert!(about.remove(key).is_some(), "no {key} in the summary");
    }
    let mut files = BTreeMap::from([
        ("summary.json".to_owned(), summary.to_string()),
        ("metrics.json".to_owned(), read(&run.join("metrics.json"))),
        ("suite.yaml".to_owned(), read(&run.join("suite.yaml"))),
    ]);
    for case in std::fs::read_dir(run.join("cases")).expect("cases") {
        let case = case.expect("an entry");
        for name in ["requests.jsonl", "result.json", "series.json"] {
            let key = format!("{}/{name}", case.file_name().display());
            files.insert(key, read(&case.path().join(name)));
        }
    }
    files
}

#[test]
fn a_seed_gives_the_same_bytes_every_time() {
    let folder = place(SUITE);
    let (first, a) = run(&folder, "a", &["--seed", "7"]);
    assert!(first.status.success(), "{first:?}");
    let (_, b) = run(&folder, "b", &["--seed", "7"]);
    let (a, b) = (files(&a), files(&b));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (name, text) in &a {
        assert!(text == &b[name], "{name} differs");
    }
    let faults = a
        .iter()
        .find(|(name, _)| name.starts_with("chance-faults") && name.ends_with("requests.jsonl"));
    let (_, faults) = faults.expect("its records");
    for kind in [
        "http",
        "transport",
        "total_timeout",
        "truncated",
        "malformed",
        "error_in_stream",
    ] {
        let quoted = format!("\"kind\":\"{kind}\"");
        assert!(faults.contains(&quoted), "no {kind} among the faults");
    }

    // Another seed is another run; a case alone is the same as among others.
    let (_, c) = run(&folder, "c", &["--seed", "8"]);
    let c = files(&c);
    for (name, text) in a
        .iter()
        .filter(|(name, _)| name.ends_with("requests.jsonl"))
    {
        assert!(text != &c[name], "{name} does not follow the seed");
    }
    let (_, d) = run(
        &folder,
        "d",
        &["--seed", "7", "--", "chance::closed", "--exact"],
    );
    let alone: Vec<_> = files(&d)
        .into_iter()
        .filter(|(name, _)| name.ends_with("requests.jsonl"))
        .collect();
    assert_eq!(alone.len(), 1);
    assert!(alone[0].1 == a[&alone[0].0], "a case depends on the others");
}

#[test]
fn only_the_embedded_engine_can_be_run_in_virtual_time() {
    let folder = place(SUITE);
    let (output, results) = run(&folder, "r", &["--target", "http://127.0.0.1:9/v1"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("sim://") && said.contains("chance::gamma"),
        "{said}"
    );
    assert!(!results.exists(), "nothing was measured");
}

/// An hour of load, its percentiles and its verdict, in the time that computing it takes.
#[test]
fn time_passes_only_in_the_records() {
    let folder = place(
        r#"
suite: hour
target: { url: "sim://exact", sim: { overhead_ms: 0, cost: { base_ms: 10, prefill_us: 0, sequence_us: 0, context_ns: 0 } } }
scenarios:
  - name: quiet
    kind: latency
    load: { rate: 1/s, arrivals: constant }
    warmup: 10m
    duration: 1h
    prompts: { type: synthetic, input_tokens: 20, output_tokens: 3 }
    sla: [ttft.p99 <= 10ms, e2e_latency.max <= 30ms, throughput >= 1/s, ttft_scheduled.p50 <= 10ms]
"#,
    );
    let (output, results) = run(&folder, "r", &[]);
    assert!(output.status.success(), "{output:?}");
    let text = std::fs::read_to_string(results.join("summary.json")).expect("a summary");
    let summary: Value = serde_json::from_str(&text).expect("JSON");
    let phase = &summary["cases"][0]["phases"][0];
    assert_eq!(phase["window_s"], 3600.0);
    assert_eq!(phase["requests"]["ok"], 3600);
    for q in ["min", "p50", "p99", "max"] {
        assert_eq!(phase["metrics"]["ttft"][q], 10.0);
        assert_eq!(phase["metrics"]["itl"][q], 10.0);
        assert_eq!(phase["metrics"]["e2e_latency"][q], 30.0);
    }
}
