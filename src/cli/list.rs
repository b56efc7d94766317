use serde_json::{Value as Json, json};

use super::args::ListArgs;
use super::suites::load_cases;
use crate::plan::Case;
use crate::runner::{print, shown};
use crate::text::printable;

/// `prony list`: a line per case with its kind and load, or everything a program wants to know of it.
/// Touches no network.
pub fn list(args: &ListArgs) -> i32 {
    let cases = match load_cases(&args.select) {
        Ok((_, cases)) => cases,
        Err(code) => return code,
    };
    if args.format == "json" {
        let cases: Vec<Json> = cases.iter().map(as_json).collect();
        return print(format!("{:#}\n", Json::Array(cases)));
    }
    let width = cases
        .iter()
        .map(|c| c.full_name().chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for case in &cases {
        let load: Vec<String> = case.phases.iter().map(|p| p.describe()).collect();
        let launched = match case.scenario.target.launch {
            Some(_) => " (launches its target)",
            None => "",
        };
        let skipped = match &case.scenario.skip {
            Some(reason) => format!("  (skipped: {})", printable(reason)),
            None => String::new(),
        };
        text += &format!(
            "{:width$}  {:10}  {}{launched}{skipped}\n",
            case.full_name(),
            case.scenario.kind.name(),
            load.join("; ")
        );
    }
    print(text)
}

/// A case for programs. What is not known is absent.
fn as_json(case: &Case) -> Json {
    let scenario = &case.scenario;
    let (line, _) = scenario.location.line_column();
    let estimate = case.estimate();
    let loads: Vec<String> = case.phases.iter().map(|p| p.describe()).collect();
    let target = case.phases.first().map(|p| shown(p.target(case)));
    let matrix: serde_json::Map<String, Json> = scenario
        .matrix
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    let mut out = json!({
        "name": case.full_name(),
        "suite": case.suite,
        "scenario": scenario.name,
        "case": case.name,
        "slug": case.slug,
        "kind": scenario.kind.name(),
        "file": &*scenario.location.file.path,
        "line": line,
        "matrix": matrix,
        "load": loads.join("; "),
        "target": target,
        "repeats": scenario.repeats,
        "estimate": {
            "seconds": estimate.seconds,
            "least_seconds": estimate.least_seconds,
            "most_seconds": estimate.most_seconds,
            "requests": estimate.requests,
            "input_tokens": estimate.input_tokens,
            "output_tokens": estimate.output_tokens,
        },
        "timeout_s": scenario.timeout.map(|t| t.as_secs_f64()),
        "skip": scenario.skip,
        "known_issue": scenario.known_issue.as_ref().map(|issue| {
            json!({ "url": issue.url, "until": issue.until.to_string() })
        }),
    });
    without_nulls(&mut out);
    out
}

fn without_nulls(value: &mut Json) {
    if let Json::Object(fields) = value {
        fields.retain(|_, v| !v.is_null());
        fields.values_mut().for_each(without_nulls);
    }
}
