//! The report on paper; what a reader of PDF makes of it is checked by `tests/real/run_formats.sh`.

use prony::report::{ReportInput, by_name};
use prony::result::RunResult;

use crate::runs::file_beside;
use crate::sample;

fn pdf(result: &RunResult) -> Vec<u8> {
    let series = sample::series(result);
    let input = ReportInput {
        result,
        series: &series,
    };
    by_name("pdf")
        .expect("built in")
        .render(&input)
        .expect("renders")
}

fn pages(bytes: &[u8]) -> usize {
    count(bytes, b"/Type /Page\n") + count(bytes, b"/Type/Page/")
}

fn count(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).filter(|w| *w == what).count()
}

#[test]
fn every_verdict_on_pages() {
    let bytes = pdf(&sample::every_verdict());
    assert!(bytes.starts_with(b"%PDF-"));
    assert!(bytes.ends_with(b"%%EOF") || bytes.ends_with(b"%%EOF\n"));
    assert!(pages(&bytes) > 3);
}

#[test]
fn the_same_result_is_the_same_file() {
    let result = sample::run(vec![sample::failing()]);
    assert_eq!(pdf(&result), pdf(&result));
}

#[test]
fn configurations_stand_before_the_cases() {
    let configured = sample::configured();
    let mut without = configured.clone();
    without.configurations.clear();
    assert!(pdf(&configured).len() > pdf(&without).len() + 5_000);
}

#[test]
fn several_runs_are_pages_too_however_many() {
    let mut runs: Vec<RunResult> = (0..12)
        .map(|_| sample::run(vec![sample::passing("steady"), sample::repeated()]))
        .collect();
    runs.push(sample::run(vec![sample::hostile()]));
    runs.push(sample::run(vec![]));
    let two = file_beside("pdf", &runs[..2]);
    assert!(two.starts_with(b"%PDF-"));
    assert!(pages(&two) > 3, "{}", pages(&two));
    assert_eq!(two, file_beside("pdf", &runs[..2]));
    let all = file_beside("pdf", &runs);
    assert!(pages(&all) > pages(&two), "{}", pages(&all));
    let empty = sample::run(vec![]);
    assert!(file_beside("pdf", &[empty.clone(), empty]).starts_with(b"%PDF-"));
}

#[test]
fn hostile_text_and_empty_runs_are_pages_too() {
    for result in [
        sample::run(vec![sample::hostile()]),
        sample::run(vec![]),
        sample::run(vec![sample::unbounded(), sample::repeated()]),
    ] {
        assert!(pdf(&result).starts_with(b"%PDF-"));
    }
}
