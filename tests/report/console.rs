use prony::report::console::{
    Pointers, Style, case_table, case_tables, failure, finished_line, ignored_reason,
    metrics_table, summary_line,
};
use prony::report::rerun_command;

use crate::sample;

fn text_of(case: &prony::result::CaseResult) -> String {
    let result = sample::run(vec![]);
    let pointers = Pointers {
        command: &result.run.command,
        report: Some("results/latest/report.html"),
    };
    failure(case, pointers, Style::PLAIN)
}

#[test]
fn a_missed_limit() {
    insta::assert_snapshot!(text_of(&sample::failing()));
}

#[test]
fn a_borderline_value_shows_that_it_is_over() {
    insta::assert_snapshot!(text_of(&sample::borderline()));
}

#[test]
fn too_few_requests() {
    insta::assert_snapshot!(text_of(&sample::undecided()));
}

#[test]
fn the_client_was_the_limit() {
    insta::assert_snapshot!(text_of(&sample::invalid()));
}

#[test]
fn never_ready() {
    insta::assert_snapshot!(text_of(&sample::error()));
}

#[test]
fn failed_requests_leave_no_bound() {
    insta::assert_snapshot!(text_of(&sample::unbounded()));
}

#[test]
fn a_comparison_of_phases() {
    insta::assert_snapshot!(text_of(&sample::repeated()));
}

#[test]
fn tables() {
    let case = sample::passing("steady-state");
    let mut text = case_table(&case, Style::PLAIN);
    text.push('\n');
    text.push_str(&metrics_table(&case.phases[0], Style::PLAIN));
    text.push('\n');
    text.push_str(&case_table(
        &sample::failing(),
        Style {
            color: false,
            width: 72,
            wrap: false,
        },
    ));
    insta::assert_snapshot!(text);
}

#[test]
fn a_baseline_adds_what_changed() {
    let mut case = sample::repeated();
    let changes = &mut case.baseline.as_mut().expect("a baseline").changes;
    changes[0].metric = "tpot.p95".into();
    let narrow = Style {
        color: false,
        width: 60,
        wrap: true,
    };
    let text = [
        case_table(&case, Style::PLAIN),
        case_table(&case, narrow),
        case_table(
            &sample::error(),
            Style {
                width: 40,
                ..narrow
            },
        ),
    ];
    assert!(
        text[1].lines().all(|l| l.chars().count() <= 60),
        "{}",
        text[1]
    );
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn of_many_cases_only_those_that_did_not_pass_have_a_table() {
    let mut cases: Vec<_> = (0..19).map(|i| sample::passing(&format!("c{i}"))).collect();
    cases.push(sample::failing());
    let text = case_tables(&cases, Style::PLAIN);
    assert_eq!(text.matches(" pass · ").count(), 19);
    cases.push(sample::passing("one-more"));
    let text = case_tables(&cases, Style::PLAIN);
    assert!(text.contains("chat::steady  fail · ") && !text.contains(" pass · "));
    assert!(text.contains("\n20 more passed or were skipped"), "{text}");
    assert_eq!(case_tables(&[], Style::PLAIN), "");
}

#[test]
fn a_run_says_in_one_line_of_json_what_it_came_to() {
    let line = finished_line(&sample::every_verdict(), "results/x", 101);
    let json: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(line.matches('\n').count(), 1);
    assert_eq!(
        (&json["type"], &json["event"]),
        (&"run".into(), &"finished".into())
    );
    assert_eq!(json["exit_code"], 101);
    assert_eq!(json["verdict"], "fail");
    assert_eq!(json["cases"][1]["name"], "chat::steady");
    assert_eq!(json["cases"].as_array().map(Vec::len), Some(7));
}

#[test]
fn colours_only_where_asked() {
    let color = Style {
        color: true,
        width: 100,
        wrap: false,
    };
    let case = sample::failing();
    assert!(case_table(&case, color).contains("\x1b[1;31mfail\x1b[0m"));
    assert!(!case_table(&case, Style::PLAIN).contains('\x1b'));
    assert!(!text_of(&case).contains('\x1b'));
}

#[test]
fn a_server_cannot_steer_the_terminal() {
    let text = text_of(&sample::hostile());
    assert!(text.chars().all(|c| !c.is_control() || c == '\n'));
}

#[test]
fn the_run_in_one_line() {
    let line = |r: &prony::result::RunResult| summary_line(r, Style::PLAIN);
    let pass = || sample::passing("a");
    let mut lines = vec![
        line(&sample::every_verdict()),
        line(&sample::run(vec![pass(), pass()])),
        line(&sample::run(vec![pass()])),
        line(&sample::run(vec![sample::failing()])),
        line(&sample::run(vec![sample::undecided()])),
        line(&sample::run(vec![pass(), sample::borderline()])),
        line(&sample::run(vec![sample::error(), pass()])),
        line(&sample::run(vec![sample::skipped()])),
        line(&sample::run(vec![sample::skipped(), sample::skipped()])),
        line(&sample::run(vec![])),
        line(&sample::run(vec![sample::failing(); 9])),
    ];
    let mut interrupted = sample::run(vec![pass(), pass()]);
    interrupted.run.interrupted = true;
    lines.push(line(&interrupted));
    interrupted.cases.clear();
    lines.push(line(&interrupted));
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn ignored_says_why() {
    assert_eq!(
        ignored_reason(&sample::undecided()).as_deref(),
        Some("undecided: 50 requests cannot decide a p99")
    );
    assert_eq!(ignored_reason(&sample::passing("a")), None);
    assert_eq!(ignored_reason(&sample::failing()), None);
}

#[test]
fn the_command_that_runs_a_case_again() {
    let words = |s: &[&str]| s.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    let case = sample::undecided();
    // As given, with the filter replaced.
    assert_eq!(
        rerun_command(
            &words(&[
                "/bin/prony",
                "run",
                "my suites",
                "--set",
                "k=${KEY}",
                "--",
                "x"
            ]),
            &case
        ),
        "prony run 'my suites' --set \"k=${KEY}\" -- 'chat::burst[shape=0.25,model=a/b]' --exact"
    );
    // From cargo test or nextest.
    assert_eq!(
        rerun_command(
            &words(&["target/debug/deps/suites-1f", "steady"]),
            &sample::failing()
        ),
        "prony run -- chat::steady --exact"
    );
    let mut elsewhere = sample::failing();
    elsewhere.source.file = "perf/chat.yaml".into();
    assert_eq!(
        rerun_command(&[], &elsewhere),
        "prony run perf/chat.yaml -- chat::steady --exact"
    );
}
