use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{measured, prony, stderr, stdout};

/// A load that is over soon.
const SHORT: [&str; 8] = [
    "run",
    "sim://",
    "--requests",
    "20",
    "--warmup",
    "0s",
    "--output-tokens",
    "8",
];

fn short<'a>(more: &[&'a str]) -> Vec<&'a str> {
    SHORT.iter().chain(more).copied().collect()
}

fn case(folder: &Path) -> Value {
    let text = fs::read_to_string(folder.join("results/latest/summary.json")).unwrap();
    let summary: Value = serde_json::from_str(&text).unwrap();
    summary["cases"][0].clone()
}

#[test]
fn without_an_assertion_it_measures_and_shows_a_table() {
    let dir = tempfile::tempdir().unwrap();
    let output = prony(dir.path(), &short(&["--concurrency", "4"]));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stdout(&output);
    let (libtest, table) = said.split_once("test result: ok. 1 passed").unwrap();
    assert!(
        libtest.contains("test ad-hoc::concurrency-4 ... ok"),
        "{said}"
    );
    for metric in [
        "ttft",
        "tpot",
        "throughput",
        "tokens_per_second",
        "error_rate",
    ] {
        let row = table.lines().find(|l| l.trim_start().starts_with(metric));
        assert!(row.is_some(), "{metric} in\n{said}");
    }
    let case = case(dir.path());
    assert_eq!(case["phases"][0]["requests"]["ok"], 20);
    assert_eq!(case["phases"][0]["load"]["concurrency"], 4);
}

#[test]
fn a_missed_assertion_fails_and_points_into_the_argument() {
    let dir = tempfile::tempdir().unwrap();
    let output = measured(
        dir.path(),
        &short(&[
            "--concurrency",
            "4",
            "--sla",
            "ttft.p50 > 10s",
            "--sla",
            "throughput > 1/s",
        ]),
    );
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(101), "{said}");
    let picture =
        "fail: ttft.p50 > 10s\n --> --sla:1:1\n  |\n1 | ttft.p50 > 10s\n  | ^^^^^^^^^^^^^^\n";
    assert!(said.contains(picture), "{said}");
    assert!(
        said.contains(
            "--sla 'ttft.p50 > 10s' --sla 'throughput > 1/s' -- ad-hoc::concurrency-4 --exact"
        ),
        "{said}"
    );
}

#[test]
fn what_is_saved_does_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let flags = short(&[
        "--rate",
        "40/s",
        "--arrivals",
        "gamma(2)",
        "--seed",
        "7",
        "--sla",
        "e2e_latency.p50 < 30s",
        "--save",
        "suites/peak.yaml",
    ]);
    // What is planned is the same on a busy machine, which may keep the client from a verdict (3).
    let run = |flags: &[&str]| {
        let output = prony(dir.path(), flags);
        let code = output.status.code();
        assert!(matches!(code, Some(0 | 3)), "{}", stdout(&output));
    };
    run(&flags);
    let of_flags = case(dir.path());

    run(&["run", "suites/peak.yaml"]);
    let of_file = case(dir.path());
    for key in ["suite", "name", "slug", "kind", "yaml", "source"] {
        assert_eq!(of_flags[key], of_file[key], "{key}");
    }
    let planned = |case: &Value| case["phases"][0]["load"]["text"].clone();
    assert_eq!(planned(&of_flags), planned(&of_file));
    let due = |case: &Value| case["phases"][0]["requests"]["due"].clone();
    assert_eq!(due(&of_flags), due(&of_file));

    // Not saved, it is the same but for its name.
    run(&flags[..flags.len() - 2]);
    let unsaved = case(dir.path());
    assert_eq!(unsaved["suite"], "ad-hoc");
    assert_eq!(planned(&unsaved), planned(&of_file));
}

#[test]
fn a_file_is_not_overwritten_unless_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mine.yaml");
    fs::write(&file, "mine").unwrap();
    let flags = short(&["--save", "mine.yaml"]);
    let refused = prony(dir.path(), &flags);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("mine.yaml exists already"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");

    let forced = short(&["--save", "mine.yaml", "--force"]);
    assert_eq!(prony(dir.path(), &forced).status.code(), Some(0));
    assert!(
        fs::read_to_string(&file)
            .unwrap()
            .contains("concurrency: 1")
    );
    // "run it again" is the same command once more.
    assert_eq!(prony(dir.path(), &flags).status.code(), Some(0));
}

#[test]
fn wrong_combinations_are_errors_of_usage() {
    let dir = tempfile::tempdir().unwrap();
    for (flags, words) in [
        (&["--concurrency", "4"][..], "needs a URL"),
        (&["--sla", "ttft.p50 < 1s"], "needs a URL"),
        (&["--save", "x.yaml"], "needs a URL"),
        (&["sim://", "suites"], "`--target URL`"),
        (&["sim://", "http://h/v1"], "one URL at a time"),
        (&["sim://", "--target", "sim://"], "'--target'"),
        (
            &["sim://", "--concurrency", "4", "--rate", "1/s"],
            "cannot be used with",
        ),
        (&["sim://", "--arrivals", "constant"], "--rate"),
        (&["sim://", "--force"], "--save"),
        (&["sim://", "--rate", "20"], "write `20/s`"),
        (&["sim://", "--concurrency", "0"], "--concurrency:1:1"),
        (
            &["sim://", "--sla", "tftt.p50 < 1s"],
            "did you mean `ttft`?",
        ),
        (&["http://host/v1?key=1"], "URL:1:1"),
    ] {
        let flags: Vec<_> = ["run"].iter().chain(flags).copied().collect();
        let output = prony(dir.path(), &flags);
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
        assert!(
            stderr(&output).contains(words),
            "{flags:?}: {}",
            stderr(&output)
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{flags:?}");
    }
}

#[test]
fn libtest_arguments_work_as_ever() {
    let dir = tempfile::tempdir().unwrap();
    let listed = prony(dir.path(), &short(&["--", "--list", "--format", "terse"]));
    assert_eq!(stdout(&listed), "ad-hoc::concurrency-1: test\n");
    let none = prony(dir.path(), &short(&["--", "no-such-case"]));
    assert_eq!(none.status.code(), Some(4));
}
