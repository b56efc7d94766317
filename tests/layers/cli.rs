//! The layers as the commands show them, and what `skip`, `known_issue` and `timeout` do to a run.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

use serde_json::Value as Json;
use tempfile::TempDir;

/// A project of one suite.
struct Project {
    folder: TempDir,
}

impl Project {
    fn new(suite: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let project = Project { folder };
        // The nearest `prony.yaml` is looked for as far as the repository goes.
        project.write(".git/HEAD", "");
        project.write("suites/chat.yaml", suite);
        project
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    fn prony(&self, arguments: &[&str]) -> Output {
        let _alone = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
        Command::new(env!("CARGO_BIN_EXE_prony"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("PRONY_PROFILE")
            .env("NO_COLOR", "1")
            .output()
            .expect("prony runs")
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.folder.path().join("results/latest").join(path))
            .unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    /// The cases of the last run by name.
    fn case(&self, name: &str) -> Json {
        let summary: Json = serde_json::from_str(&self.read("summary.json")).expect("JSON");
        let cases = summary["cases"].as_array().expect("cases");
        let case = cases.iter().find(|c| c["name"] == name);
        case.unwrap_or_else(|| panic!("no {name} in {summary}"))
            .clone()
    }
}

/// One run at a time: they would disturb each other.
static MEASURING: Mutex<()> = Mutex::new(());

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const DEFAULTS: &str = "
defaults:
  kind: latency
  warmup: 0s
  load: { concurrency: 1 }
  prompts: { type: synthetic, input_tokens: 20, output_tokens: 5 }
";

/// Scenarios against the embedded engine.
fn suite(scenarios: &str) -> String {
    format!("target: {{ url: \"sim://\" }}{DEFAULTS}scenarios:\n{scenarios}")
}

#[test]
fn a_skipped_case_sends_nothing_and_does_not_fail() {
    let project = Project::new(&suite(
        "  - { name: left-out, skip: needs two GPUs, target: { url: \"http://127.0.0.1:1/v1\" }, sla: [ttft.p99 < 1s] }\n",
    ));
    let run = project.prony(&["run"]);
    assert_eq!(run.status.code(), Some(0), "{}{}", out(&run), err(&run));
    assert!(
        out(&run).contains("ignored (skipped: needs two GPUs)"),
        "{}",
        out(&run)
    );
    let case = project.case("left-out");
    assert_eq!(case["verdict"], "skipped");
    assert_eq!(case["reason"], "needs two GPUs");
    assert!(!project.read("junit.xml").contains("<failure"));
}

#[test]
fn a_known_issue_keeps_a_failing_case_from_failing_the_run_until_its_day() {
    let issue = |until: &str| {
        format!("known_issue: {{ url: \"https://example.org/issues/17\", until: {until} }}")
    };
    let fails = "duration: 500ms, sla: [ttft.p50 < 1us]";
    let project = Project::new(&suite(&format!(
        "  - {{ name: known, {}, {fails} }}\n  - {{ name: passes, {}, duration: 500ms, sla: [ttft.p50 < 10s] }}\n",
        issue("2999-12-31"),
        issue("2999-12-31"),
    )));
    let run = project.prony(&["run"]);
    assert_eq!(run.status.code(), Some(0), "{}{}", out(&run), err(&run));
    let shown = "ignored (known issue: https://example.org/issues/17 (until 2999-12-31))";
    assert!(out(&run).contains(shown), "{}", out(&run));
    let known = project.case("known");
    assert_eq!(known["verdict"], "fail");
    assert_eq!(known["known_issue"]["until"], "2999-12-31");
    let junit = project.read("junit.xml");
    assert!(
        junit.contains("<skipped") && !junit.contains("<failure"),
        "{junit}"
    );
    assert!(
        project
            .read("report.html")
            .contains("17 (until 2999-12-31). The failure does not fail the run")
    );
    let warnings = project.case("passes")["phases"][0]["warnings"].to_string();
    assert!(
        warnings.contains("passes although it has a known issue"),
        "{warnings}"
    );

    project.write(
        "suites/chat.yaml",
        &suite(&format!(
            "  - {{ name: past, {}, {fails} }}\n",
            issue("2001-01-01")
        )),
    );
    let run = project.prony(&["run"]);
    assert_eq!(run.status.code(), Some(101), "{}", out(&run));
    assert!(
        out(&run).contains("its last day was 2001-01-01"),
        "{}",
        out(&run)
    );
    let check = project.prony(&["check"]);
    assert_eq!(check.status.code(), Some(0));
    assert!(
        err(&check).contains("warning: this known issue has no effect"),
        "{}",
        err(&check)
    );
    assert!(
        err(&check).contains("--> suites/chat.yaml:"),
        "{}",
        err(&check)
    );
}

#[test]
fn a_timeout_ends_its_case_and_no_other() {
    let project = Project::new(&suite(
        "  - { name: long, timeout: 1s, duration: 10m, measure_only: true }\n  - { name: short, duration: 300ms, measure_only: true }\n",
    ));
    let run = project.prony(&["run"]);
    assert_eq!(run.status.code(), Some(3), "{}{}", out(&run), err(&run));
    let long = project.case("long");
    assert_eq!(long["verdict"], "error");
    let reason = long["reason"].as_str().unwrap_or_default();
    assert!(reason.starts_with("timeout of 1s used up"), "{reason}");
    assert!(
        long["phases"][0]["requests"]["ok"].as_u64() > Some(0),
        "what was measured is kept"
    );
    assert_eq!(project.case("short")["verdict"], "pass");
}

#[test]
fn a_timeout_covers_the_wait_for_the_target() {
    let project = Project::new(&suite(
        "  - { name: nobody-there, timeout: 500ms, target: { url: \"http://127.0.0.1:1/v1\", ready: { timeout: 10m } }, measure_only: true }\n",
    ));
    let run = project.prony(&["run"]);
    assert_eq!(run.status.code(), Some(3), "{}", out(&run));
    let reason = project.case("nobody-there")["reason"].to_string();
    assert!(
        reason.contains("timeout of 500ms used up before the target was ready"),
        "{reason}"
    );
}

#[test]
fn list_tells_programs_everything_about_the_cases() {
    let project = Project::new(&suite(
        "  - { name: steady, matrix: { c: [1, 4], who: [a] }, load: { rate: \"${matrix.c}/s\" }, duration: 10s, body: { user: \"${matrix.who}\" }, measure_only: true }\n",
    ));
    project.write("prony.yaml", "profiles: { twice: { repeats: 2 } }\n");
    let list = project.prony(&[
        "list",
        "--format",
        "json",
        "--profile",
        "twice",
        "--set",
        "warmup=2s",
    ]);
    let cases: Json = serde_json::from_str(&out(&list)).expect("JSON");
    let last = &cases[1];
    assert_eq!(last["name"], "chat::steady[c=4,who=a]");
    assert_eq!(last["matrix"], serde_json::json!({ "c": "4", "who": "a" }));
    assert_eq!(last["target"], "sim://");
    assert_eq!(last["load"], "4/s poisson, 10.0 s");
    assert_eq!(last["estimate"]["seconds"], 24.0);
    assert_eq!(last["estimate"]["requests"], 96.0);
    assert_eq!(last["file"], "suites/chat.yaml");
    let text = out(&project.prony(&["list"]));
    assert!(
        text.starts_with("chat::steady[c=1,who=a]  latency"),
        "{text}"
    );
}

#[test]
fn check_says_what_cannot_be_decided_and_strictly_it_is_an_error() {
    let project = Project::new(&suite(
        "  - { name: few, requests: 100, sla: [ttft.p99 < 1s] }\n  - { name: more, requests: 200, sla: [ttft.p99 < 1s] }\n  - { name: many, requests: 1000, sla: [ttft.p99 < 1s] }\n",
    ));
    let check = project.prony(&["check"]);
    assert_eq!(check.status.code(), Some(0));
    let text = out(&check);
    assert!(text.contains("asserts ttft.p99 < 1s\n    cannot be proven: 100 requests are planned, and it takes 348"), "{text}");
    // At each of two looks there is less than the whole error to use: 348 requests rather than 299.
    assert!(
        text.contains("200 requests are planned, it takes 348, and up to 400 may come"),
        "{text}"
    );
    assert!(
        text.contains("can be proven: 1000 requests, of which 4 may lie beyond the limit"),
        "{text}"
    );
    assert!(
        text.contains("asserts by itself error_rate <= 1 %")
            || text.contains("asserts by itself error_rate <= 1%"),
        "{text}"
    );
    let strict = project.prony(&["check", "--strict"]);
    assert_eq!(strict.status.code(), Some(2));
    let said = err(&strict);
    assert!(
        said.contains("--> suites/chat.yaml:8:") && said.contains("2 assertions cannot decide"),
        "{said}"
    );
    let narrowed = project.prony(&["check", "--strict", "--set", "requests=299"]);
    assert_eq!(narrowed.status.code(), Some(0), "{}", err(&narrowed));
}

#[test]
fn the_time_that_check_says_is_the_time_that_a_run_takes() {
    let project = Project::new(&suite(
        "  - { name: by-count, warmup: 1s, requests: 60, load: { rate: 10/s }, measure_only: true }\n  \
           - { name: by-time, warmup: 1s, duration: 4s, load: { concurrency: 2 }, measure_only: true }\n  \
           - { name: staged, load: { stages: [{ duration: 2s, rate: 5/s }, { duration: 3s, rate: { from: 5/s, to: 15/s } }] }, measure_only: true }\n  \
           - { name: up-to-the-engine, load: { concurrency: 2 }, requests: 50, measure_only: true }\n",
    ));
    let list = project.prony(&["list", "--format", "json"]);
    let cases: Json = serde_json::from_str(&out(&list)).expect("JSON");
    // On a busy machine a case may well be `invalid`, and takes its time all the same.
    project.prony(&["run"]);
    for planned in cases.as_array().expect("cases") {
        let name = planned["case"].as_str().unwrap_or_default();
        let took = project.case(name)["duration_s"]
            .as_f64()
            .unwrap_or_default();
        let estimate = &planned["estimate"];
        if let Some(seconds) = estimate["seconds"].as_f64() {
            let ratio = took / seconds;
            assert!(
                (0.9..=1.1).contains(&ratio),
                "{name}: {took} s, planned {seconds} s"
            );
        } else {
            assert_eq!(name, "up-to-the-engine");
            let least = estimate["least_seconds"].as_f64().unwrap_or(f64::NAN);
            let most = estimate["most_seconds"].as_f64().unwrap_or(f64::NAN);
            assert!(
                (least..=most).contains(&took),
                "{took} s, planned {least} to {most}"
            );
        }
    }
}

#[test]
fn a_suite_beside_prony_yaml_uses_its_targets() {
    let project = Project::new(&format!(
        "target: local{DEFAULTS}scenarios:\n  - {{ name: one, measure_only: true }}\n"
    ));
    let without = project.prony(&["check"]);
    assert_eq!(without.status.code(), Some(2));
    assert!(
        err(&without).contains("there is no target `local`"),
        "{}",
        err(&without)
    );
    project.write(
        "prony.yaml",
        "targets: { local: { url: \"sim://\" }, other: { url: \"http://other:1/v1\" } }\n",
    );
    assert!(out(&project.prony(&["check"])).contains("against sim://"));
    let other = project.prony(&["check", "suites/chat.yaml", "--target", "other"]);
    assert!(
        out(&other).contains("against http://other:1/v1"),
        "{}",
        err(&other)
    );
}
