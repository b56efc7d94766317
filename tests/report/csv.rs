use prony::result::RunResult;

use crate::{render, sample};

/// Rows as a spreadsheet would have them.
fn rows(result: &RunResult) -> Vec<Vec<String>> {
    let text = render("csv", result);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text.as_bytes());
    let row = |r: Result<csv::StringRecord, csv::Error>| -> Vec<String> {
        let record = r.expect("rows of one length");
        record.iter().map(str::to_owned).collect()
    };
    reader.records().map(row).collect()
}

#[test]
fn every_verdict() {
    insta::assert_snapshot!(render("csv", &sample::every_verdict()).replace("\r\n", "\n"));
}

#[test]
fn a_row_for_each_metric_of_each_phase() {
    let result = sample::run(vec![sample::repeated()]);
    let metrics: usize = result.cases[0].phases.iter().map(|p| p.metrics.len()).sum();
    assert_eq!(rows(&result).len(), metrics + 1);
}

#[test]
fn a_case_that_measured_nothing_is_not_lost() {
    let rows = rows(&sample::run(vec![sample::error(), sample::skipped()]));
    let verdicts: Vec<&str> = rows.iter().skip(1).map(|r| r[4].as_str()).collect();
    assert_eq!(verdicts, ["error", "skipped"]);
}

#[test]
fn a_quantile_without_a_bound_is_empty_and_says_from_where() {
    let rows = rows(&sample::run(vec![sample::unbounded()]));
    let ttft = rows.iter().find(|r| r[7] == "ttft").expect("ttft");
    assert_eq!((ttft[17].as_str(), ttft[19].as_str()), ("", "0.966"));
}

#[test]
fn hostile_text_stays_in_its_cell() {
    let mut result = sample::run(vec![sample::hostile()]);
    result.cases[0].name = "=cmd|' /C calc'!A0".into();
    for row in rows(&result).iter().skip(1) {
        assert_eq!(row[2], "'=cmd|' /C calc'!A0");
        let formula = |cell: &&String| cell.starts_with(['=', '+', '@', '\t', '\r']);
        assert_eq!(row.iter().find(formula), None);
        assert!(!row.iter().any(|cell| cell.contains(['\n', '\u{1b}', '\0'])));
    }
}
