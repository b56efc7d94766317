//! Several runs side by side.

use prony::report::{ReportInput, SIDE_BY_SIDE};
use prony::result::{MetricSummary, RunResult};
use serde_json::Value;

use crate::sample;

/// `results` side by side, as the file of `format` holds them.
pub fn file_beside(format: &str, results: &[RunResult]) -> Vec<u8> {
    let series: Vec<_> = results.iter().map(sample::series).collect();
    let inputs: Vec<_> = results
        .iter()
        .zip(&series)
        .map(|(result, series)| ReportInput { result, series })
        .collect();
    let report = SIDE_BY_SIDE.iter().find(|r| r.name() == format);
    let bytes = report.expect("a known format").render(&inputs);
    bytes.expect("renders")
}

/// The same as text.
fn beside(format: &str, results: &[RunResult]) -> String {
    String::from_utf8(file_beside(format, results)).expect("UTF-8")
}

/// The same case three times: as it was, slower under another load, and not measured.
fn three() -> Vec<RunResult> {
    let mut a = sample::run(vec![sample::passing("steady")]);
    let mut b = sample::run(vec![sample::failing(), sample::passing("only-here")]);
    let mut c = sample::run(vec![sample::skipped()]);
    c.cases[0].name = "steady".into();
    a.run.id = "20260301T080000Z-aaaa".into();
    b.run.id = "20260308T080000Z-bbbb".into();
    c.run.id = "20260315T080000Z-cccc".into();
    b.cases[0].phases[0].load.text = "25/s poisson, 1000 requests".into();
    vec![a, b, c]
}

#[test]
fn markdown() {
    insta::assert_snapshot!(beside("markdown", &three()));
}

#[test]
fn csv() {
    insta::assert_snapshot!(beside("csv", &three()).replace("\r\n", "\n"));
}

#[test]
fn a_page_of_its_own_draws_the_runs_over_each_other() {
    let mut runs = three();
    runs.push(sample::run(vec![sample::hostile()]));
    let page = beside("html", &runs);
    assert!(page.contains("shown, not judged"));
    assert!(page.contains("Asked for differently"));
    // Two runs measured `steady`: each picture of it has a line of each.
    assert_eq!(page.matches("<figcaption>").count(), 24);
    assert!(
        page.contains(r#"class="line s1" data-n="A""#)
            && page.contains(r#"class="line s2" data-n="B""#)
    );
    assert!(page.contains("+45.0 %"));
    assert!(
        !page.contains("<script") && !page.contains("<img"),
        "hostile text got out"
    );
    assert!(!page.contains("http://") || !page.contains("src=\"http"));
    assert!(page.len() < 1_000_000, "{}", page.len());
}

#[test]
fn what_changed_is_against_the_first_and_never_made_up() {
    let json: Value = serde_json::from_str(&beside("json", &three())).expect("JSON");
    let steady = &json["cases"][0];
    assert_eq!(steady["name"], "chat::steady");
    assert_eq!(
        steady["verdicts"],
        serde_json::json!(["pass", "fail", "skipped"])
    );
    let phase = &steady["phases"][0];
    let p99 = phase["metrics"]
        .as_array()
        .and_then(|rows| {
            let is = |r: &&Value| r["metric"] == "ttft" && r["statistic"] == "p99";
            rows.iter().find(is)
        })
        .expect("ttft.p99");
    let change = p99["cells"][1]["change"].as_f64().expect("a change");
    assert!((change - 0.45).abs() < 1e-9, "{change}");
    assert_eq!(p99["cells"][0]["change"], Value::Null);
    assert_eq!(
        p99["cells"][2],
        serde_json::json!({"value": null, "change": null})
    );
    let differs = phase["differs"][0].as_str().expect("a line");
    assert!(differs.starts_with("B: load 25/s"), "{differs}");

    let only_here = &json["cases"][1];
    assert_eq!(
        only_here["verdicts"],
        serde_json::json!([null, "pass", null])
    );
    // Nothing to be held against.
    let cells = &only_here["phases"][0]["metrics"][0]["cells"];
    assert_eq!(cells[1]["change"], Value::Null);
}

#[test]
fn a_quantile_without_a_bound_is_no_number() {
    let runs = [
        sample::run(vec![sample::unbounded()]),
        sample::run(vec![sample::unbounded()]),
    ];
    let text = beside("markdown", &runs);
    assert!(
        text.contains("| `ttft.p99` | lower | ∞ | ∞ | – |"),
        "{text}"
    );
}

#[test]
fn many_cases_fit_a_comment_and_are_counted() {
    let many = sample::run(
        (0..300)
            .map(|i| sample::passing(&format!("c{i}")))
            .collect(),
    );
    let text = beside("markdown", &[many.clone(), many]);
    assert!(text.len() <= 65_536, "{}", text.len());
    let shown = text.matches("\n#### ").count();
    assert!(text.contains(&format!("{} more cases would not fit", 300 - shown)));
}

#[test]
fn every_sample_of_an_exposition_names_its_run() {
    let text = beside("openmetrics", &three());
    let samples = text.lines().filter(|l| !l.starts_with('#'));
    assert!(samples.clone().count() > 50);
    assert!(samples.clone().all(|l| l.contains("run=\"2026")));
}

#[test]
fn values_of_another_unit_are_not_held_against_each_other() {
    let mut runs = three();
    let metrics = &mut runs[1].cases[0].phases[0].metrics;
    let Some(MetricSummary::Distribution(d)) = metrics.get_mut("ttft") else {
        panic!("ttft is a distribution");
    };
    d.unit = prony::metrics::Unit::Count;
    let json: Value = serde_json::from_str(&beside("json", &runs)).expect("JSON");
    let row = &json["cases"][0]["phases"][0]["metrics"][0];
    assert_eq!(
        (&row["metric"], &row["cells"][1]["value"]),
        (&"ttft".into(), &Value::Null)
    );
}
