//! `prony::harness` as a test binary of another project would use it. This binary is both: started
//! with [`SUBJECT`] set it is such a test binary, else it starts itself so and looks at what comes.

use std::path::Path;
use std::process::{Command, ExitCode, Output};

use libtest_mimic::{Arguments, Trial};

/// Set in the environment of the process under test.
const SUBJECT: &str = "PRONY_HARNESS_UNDER_TEST";

const GOOD: &str = "suite: chat
target: { url: \"sim://\", api: chat }
defaults:
  warmup: 0s
  load: { concurrency: 2 }
  requests: 8
  prompts: { type: synthetic, input_tokens: 24, output_tokens: 4 }
scenarios:
  - name: steady
    kind: latency
    sla: [ttft.p50 < 100s]
  - name: missed
    kind: latency
    sla: [ttft.p50 < 1us]
";

fn main() -> ExitCode {
    if std::env::var_os(SUBJECT).is_some() {
        return prony::harness("suites");
    }
    let tests: [(&str, fn()); 6] = [
        ("a_filter_chooses", a_filter_chooses),
        ("a_miss_fails_the_binary", a_miss_fails_the_binary),
        (
            "a_filter_for_other_binaries_is_no_failure",
            a_filter_for_other_binaries_is_no_failure,
        ),
        (
            "it_lists_and_runs_as_nextest_asks",
            it_lists_and_runs_as_nextest_asks,
        ),
        (
            "a_broken_suite_is_one_failing_test",
            a_broken_suite_is_one_failing_test,
        ),
        (
            "a_missing_prompt_file_is_one_failing_test",
            a_missing_prompt_file_is_one_failing_test,
        ),
    ];
    let trials = tests.map(|(name, test)| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}

/// A project with `suite` as its only suite.
fn project(suite: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(dir.path().join("suites")).expect("a folder");
    std::fs::write(dir.path().join("suites/chat.yaml"), suite).expect("a suite");
    dir
}

/// The binary under test with `arguments`: its exit code and standard output.
fn binary<const N: usize>(dir: &Path, arguments: [&str; N]) -> (Option<i32>, String) {
    let mut command = Command::new(std::env::current_exe().expect("a path"));
    // What a runner around this test sets must not reach the one inside.
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        let of_a_runner = ["NEXTEST", "CARGO", "GITHUB"];
        if of_a_runner
            .iter()
            .any(|prefix| name_text.starts_with(prefix))
        {
            command.env_remove(name);
        }
    }
    let Output { status, stdout, .. } = command
        .args(arguments)
        .env(SUBJECT, "1")
        .current_dir(dir)
        .output()
        .expect("it runs");
    (status.code(), String::from_utf8(stdout).expect("UTF-8"))
}

fn a_filter_chooses() {
    let dir = project(GOOD);
    let (code, out) = binary(dir.path(), ["steady"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("test chat::steady ... ok"), "{out}");
    assert!(
        out.contains("1 passed; 0 failed; 0 ignored; 0 measured; 1 filtered out"),
        "{out}"
    );
    assert!(dir.path().join("results/latest/summary.json").is_file());
}

fn a_miss_fails_the_binary() {
    let dir = project(GOOD);
    let (code, out) = binary(dir.path(), []);
    assert_eq!(code, Some(101), "{out}");
    assert!(out.contains("suites/chat.yaml:14:11"), "{out}");
    assert!(out.contains("1 passed; 1 failed"), "{out}");
}

fn a_filter_for_other_binaries_is_no_failure() {
    let dir = project(GOOD);
    let (code, out) = binary(dir.path(), ["parser::unit_test"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("running 0 tests"), "{out}");
    assert!(!dir.path().join("results").exists());
}

fn it_lists_and_runs_as_nextest_asks() {
    let dir = project(GOOD);
    let (code, out) = binary(dir.path(), ["--list", "--format", "terse"]);
    assert_eq!(
        (code, out.as_str()),
        (Some(0), "chat::steady: test\nchat::missed: test\n")
    );
    let (code, out) = binary(dir.path(), ["--list", "--format", "terse", "--ignored"]);
    assert_eq!((code, out.as_str()), (Some(0), ""));
    assert!(!dir.path().join("results").exists());
    let (code, out) = binary(dir.path(), ["chat::steady", "--nocapture", "--exact"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("1 passed"), "{out}");
}

fn a_broken_suite_is_one_failing_test() {
    let dir = project(&GOOD.replace("ttft", "tftt"));
    let (code, out) = binary(dir.path(), ["--list", "--format", "terse"]);
    assert_eq!(
        (code, out.as_str()),
        (Some(0), "suites/chat.yaml::loads: test\n")
    );
    let (code, out) = binary(dir.path(), []);
    assert_eq!(code, Some(101), "{out}");
    assert!(out.contains("did you mean `ttft`?"), "{out}");
    assert!(out.contains("0 passed; 1 failed"), "{out}");
    let junit = std::fs::read_to_string(dir.path().join("results/latest/junit.xml"));
    assert!(junit.is_ok_and(|text| text.contains("<error")));
}

fn a_missing_prompt_file_is_one_failing_test() {
    let from_file = GOOD.replace(
        "type: synthetic, input_tokens: 24",
        "type: file, path: none.txt",
    );
    let dir = project(&from_file);
    let (code, out) = binary(dir.path(), []);
    assert_eq!(code, Some(101), "{out}");
    assert!(out.contains("cannot read suites/none.txt"), "{out}");
}
