//! `docs/templates.md` lists what templates see, no name more and no name less.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use prony::metrics::Unit;
use prony::report::{Html, ReportInput, RunsHtml};
use prony::result::{BaselineStanding, NoiseResult, RunResult, ServerResult};
use serde_json::Value;

use crate::sample;

/// The paths of everything in `value`; a list's items are one.
fn walk(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                walk(value, &format!("{path}.{name}"), found);
            }
        }
        Value::Array(items) => {
            for item in items {
                walk(item, &format!("{path}[]"), found);
            }
        }
        _ => {
            found.insert(path.to_owned());
        }
    }
}

/// The names in the table under `heading`.
fn documented(heading: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/templates.md");
    let text = std::fs::read_to_string(path).expect("docs/templates.md");
    let (_, section) = text.split_once(heading).expect("the heading");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter_map(|l| l.strip_prefix("| `page"));
    let mut names = BTreeSet::new();
    for row in rows {
        let (name, meaning) = row.split_once("` | ").expect("a name and what it is");
        assert!(
            meaning.trim_end_matches('|').trim().len() > 1,
            "no meaning: page{name}"
        );
        assert!(names.insert(format!("page{name}")), "twice: page{name}");
    }
    names
}

/// Holds what is seen against what is documented. What may be nothing is documented, too, where it holds
/// several things; it is seen as itself only where it is nothing.
fn same(seen: &BTreeSet<String>, documented: &BTreeSet<String>) {
    let holds = |name: &String| seen.iter().any(|s| s.starts_with(&format!("{name}.")));
    let missing: Vec<_> = seen.difference(documented).filter(|n| !holds(n)).collect();
    let gone: Vec<_> = documented.difference(seen).filter(|n| !holds(n)).collect();
    assert!(missing.is_empty(), "not in docs/templates.md: {missing:#?}");
    assert!(
        gone.is_empty(),
        "in docs/templates.md, but no template sees it: {gone:#?}"
    );
}

/// Cases that have everything there is, each something.
fn rich() -> RunResult {
    let mut cases = sample::every_verdict().cases;
    cases.extend([
        sample::unbounded(),
        sample::regressed("slower"),
        sample::searched(),
        sample::swept(),
    ]);

    let mut observed = sample::repeated();
    let phase = &mut observed.phases[1];
    phase.server = Some(ServerResult {
        engine: Some("vllm".into()),
        every_s: 1.0,
        scrapes: 60,
        missing: BTreeMap::from([("kv_usage".to_owned(), "the server does not tell".to_owned())]),
        ..ServerResult::default()
    });
    let preemptions = sample::value(Unit::Count, 3.0);
    phase.metrics.insert("preemptions".into(), preemptions);
    phase.noise = vec![NoiseResult {
        metric: "ttft.p50".into(),
        runs: 3,
        sessions: 3,
        typical: 91.0,
        unit: Unit::Milliseconds,
        requests: Some(0.01),
        run: None,
        within: None,
        session: None,
        between: None,
        smallest_change: Some(0.08),
        text: String::new(),
    }];
    cases.push(observed);

    let mut new = sample::passing("new");
    let mut baseline = sample::regressed("new").baseline.expect("a baseline");
    baseline.standing = BaselineStanding::Missing;
    baseline.reason = Some("nothing is accepted yet".into());
    baseline.changes.clear();
    new.baseline = Some(baseline);
    cases.push(new);
    RunResult {
        configurations: sample::configured().configurations,
        ..sample::run(cases)
    }
}

#[test]
fn the_page_is_documented() {
    let result = rich();
    let series = sample::series(&result);
    let input = ReportInput {
        result: &result,
        series: &series,
    };
    let context = Html::context(&input).expect("JSON");
    let mut seen = BTreeSet::new();
    walk(&context, "page", &mut seen);
    same(&seen, &documented("## `report.html`"));
}

#[test]
fn the_page_of_several_runs_is_documented() {
    let mut results = [rich(), rich()];
    results[1].cases[0].phases[0].load.text = "another".into();
    let series = results.each_ref().map(sample::series);
    let inputs: Vec<_> = results
        .iter()
        .zip(&series)
        .map(|(result, series)| ReportInput { result, series })
        .collect();
    let context = RunsHtml::context(&inputs).expect("JSON");
    let mut seen = BTreeSet::new();
    walk(&context, "page", &mut seen);
    same(&seen, &documented("## `runs.html`"));
}
