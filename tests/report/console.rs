use prony::report::console::{
    Pointers, Style, case_table, failure, ignored_reason, metrics_table, summary_line,
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
        },
    ));
    insta::assert_snapshot!(text);
}

#[test]
fn colours_only_where_asked() {
    let color = Style {
        color: true,
        width: 100,
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
