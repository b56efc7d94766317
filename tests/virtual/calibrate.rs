//! `prony calibrate` in virtual time against planted noise, through the built binary.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const SUITE: &str = r#"# A comment that stays.
target: { url: "sim://exact", sim: { variation: { run: 0.02, session: 0.03 } } }
scenarios:
  - name: planted   # and another one
    kind: latency
    load: { concurrency: 1 }
    requests: 20
    warmup: 0s
    prompts: { type: synthetic, input_tokens: 200, output_tokens: 4 }
    sla: [ttft.p50 < 1s]
"#;

fn calibrate(dir: &Path, words: &[&str]) -> Output {
    fs::write(dir.join("planted.yaml"), SUITE).unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_prony"))
        .current_dir(dir)
        .args(["calibrate", "planted.yaml", "--virtual"])
        .args(words)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(0), "{said}");
    out
}

#[test]
fn planted_noise_of_runs_and_sessions_is_recovered() {
    let dir = tempfile::tempdir().unwrap();
    let words = ["--sessions", "60", "--repeats", "5", "--format", "json"];
    let out = calibrate(dir.path(), &words);
    let found: Value = serde_json::from_slice(&out.stdout).unwrap();
    let phase = &found[0];
    assert_eq!(
        (&phase["runs"], &phase["sessions"]),
        (&300.into(), &60.into())
    );
    let noise = phase["noise"].as_array().unwrap();
    for metric in ["ttft.p50", "tpot.p50"] {
        let noise = noise.iter().find(|n| n["metric"] == metric).unwrap();
        let run = noise["run"]["sd"].as_f64().unwrap();
        let session = noise["session"]["sd"].as_f64().unwrap();
        assert!((run / 0.02 - 1.0).abs() < 0.2, "{metric}: {run}");
        assert!((session / 0.03 - 1.0).abs() < 0.2, "{metric}: {session}");
    }
    // Records are kept as of any run.
    let cases = dir.path().join("results/latest/cases");
    assert_eq!(fs::read_dir(cases).unwrap().count(), 1);
}

#[test]
fn what_was_found_is_put_into_the_suite_and_verified() {
    let dir = tempfile::tempdir().unwrap();
    let words = [
        "--sessions",
        "6",
        "--repeats",
        "3",
        "--verify",
        "5",
        "--write",
    ];
    let out = calibrate(dir.path(), &words);
    let said = String::from_utf8(out.stdout).unwrap();
    assert!(said.contains("0 regressed, 0 improved"), "{said}");
    let new = fs::read_to_string(dir.path().join("planted.yaml")).unwrap();
    let added: Vec<&str> = new.lines().filter(|l| !SUITE.contains(l)).collect();
    assert_eq!(added.len(), 3, "{new}");
    assert!(added[0].starts_with("    # prony calibrate, "), "{new}");
    assert!(added[1].contains("baseline: { ttft.p50: "), "{new}");
    assert!(added[2].starts_with("    noise: { "), "{new}");
    let kept: String = new
        .lines()
        .filter(|l| !added.contains(l))
        .map(|l| format!("{l}\n"))
        .collect();
    assert_eq!(kept, SUITE, "all else is as it was");

    // The plan says what it could tell, by that noise.
    let check = |words: &[&str]| {
        let out = Command::new(env!("CARGO_BIN_EXE_prony"))
            .current_dir(dir.path())
            .args(["check", "planted.yaml"])
            .args(words)
            .output()
            .unwrap();
        String::from_utf8(out.stdout).unwrap()
    };
    let plan = check(&["--set", "repeats=5"]);
    assert!(
        plan.contains("asserts ttft.p50 < 1s\n")
            && plan.contains(" from its limit at 5 repeats (by `noise:`)")
            && plan.contains("it could tell\n    ttft.p50: ≥ "),
        "{plan}"
    );
    assert!(plan.contains("where the data cannot decide"), "{plan}");
    let plan = check(&[]);
    assert!(
        plan.contains(" from its limit at 1 repeat (by `noise:`)")
            && !plan.contains("it could tell"),
        "{plan}"
    );
}
