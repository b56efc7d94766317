//! Searches and sweeps against engines whose truth is known.

use std::collections::BTreeMap;
use std::sync::Arc;

use prony::judge::Verdict;
use prony::plan::expand;
use prony::result::{CaseResult, MetricSummary};
use prony::runner::{Context, Interrupt, run_case, run_info};
use prony::suite::{LoadOptions, SuiteInput, load};

/// Carries out, in virtual time, the only case of a suite with `scenario` against an engine set by `sim`.
fn run(seed: u64, sim: &str, scenario: &str) -> CaseResult {
    let text = format!(
        "target: {{ url: \"sim://exact\", sim: {{ {sim} }} }}\n\
         defaults: {{ prompts: {{ type: synthetic, input_tokens: 64, output_tokens: 8 }}, warmup: 1s }}\n\
         scenarios:\n  - {{ name: one, {scenario} }}\n"
    );
    let input = SuiteInput {
        path: "one.yaml".into(),
        bytes: text.into(),
    };
    let suites =
        load(&[input], &LoadOptions::default()).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let case = expand(&suites).remove(0);
    let dir = tempfile::tempdir().unwrap();
    let mut context = Context::new(
        dir.path().to_owned(),
        run_info(Vec::new(), None, BTreeMap::new()),
        String::new(),
        seed,
        true,
        Arc::new(Interrupt::none()),
    );
    context.virtual_time = true;
    let result = run_case(&case, &context);
    assert_eq!(context.internal(), [""; 0]);
    result
}

fn answer(result: &CaseResult, name: &str) -> f64 {
    let answer = result.answers.iter().find(|a| a.name == name);
    answer
        .and_then(|a| a.value)
        .unwrap_or_else(|| panic!("no {name}: {:?} {:?}", result.reason, result.notes))
}

/// Four slots and nothing random but the arrivals: a queue whose latency bends sharply.
const FOUR_SLOTS: &str = "scheduler.max_num_seqs: 4";
/// Milliseconds that p95 of TTFT may take.
const LIMIT: f64 = 100.0;

#[test]
fn a_search_finds_the_rate_at_which_the_limit_breaks() {
    let result = run(
        3,
        FOUR_SLOTS,
        &format!(
            "kind: throughput, seed: 3, duration: 30s, \
             search: {{ maximize: rate, from: 10/s, to: 200/s, precision: 10%, subject_to: [\"ttft.p95 < {LIMIT}ms\"] }}, \
             sla: [capacity >= 1/s]"
        ),
    );
    assert_eq!(result.verdict, Verdict::Pass, "{:?}", result.reason);
    let capacity = answer(&result, "capacity");
    // Long runs a little below and above it say whether it is one.
    let p95 = |rate: f64| {
        let load = format!("load: {{ rate: {rate}/s }}, requests: 12000, measure_only: true");
        let result = run(1, FOUR_SLOTS, &format!("kind: latency, {load}"));
        match &result.phases[0].metrics["ttft"] {
            MetricSummary::Distribution(d) => d.p95.unwrap(),
            MetricSummary::Value(_) => unreachable!("TTFT is one of requests"),
        }
    };
    let (below, above) = (p95(capacity * 0.9), p95(capacity * 1.1));
    assert!(
        below < LIMIT && LIMIT < above,
        "{capacity}: {below}, {above}"
    );
    let notes = result.notes.join(" ");
    assert!(
        notes.contains("`ttft.p95 < 100ms` is the first to break"),
        "{notes}"
    );
}

/// A sweep over replicas that hinder each other; the load grows with them.
fn replicas(planted: &str, sla: &str) -> CaseResult {
    let target = |n: u32| {
        format!(
            "{n}: {{ url: \"sim://exact\", sim: {{ topology.replicas: {n}, topology.router: least_outstanding, {planted} }} }}"
        )
    };
    let targets: Vec<String> = [1, 2, 4, 8, 16].map(target).into();
    run(
        1,
        "",
        &format!(
            "kind: scalability, load: {{ concurrency: 8 }}, sweep: {{ replicas: {{ {} }}, idle: 0s }}, duration: 3s, repeats: 4, {sla}",
            targets.join(", ")
        ),
    )
}

#[test]
fn planted_contention_and_coherency_come_back() {
    let result = replicas(
        "topology.contention: 0.06, topology.crosstalk: 0.002",
        "sla: [\"contention < 10%\", \"efficiency(16) > 30%\"]",
    );
    let (sigma, kappa) = (answer(&result, "contention"), answer(&result, "coherency"));
    assert!((sigma / 0.06 - 1.0).abs() < 0.1, "{sigma}");
    assert!((kappa / 0.002 - 1.0).abs() < 0.1, "{kappa}");
    assert_eq!(result.verdict, Verdict::Pass, "{:?}", result.reason);
}

#[test]
fn more_contention_than_allowed_fails() {
    let result = replicas(
        "topology.contention: 0.25",
        "sla: [\"contention < 10%\", \"efficiency(16) > 30%\"]",
    );
    assert_eq!(result.verdict, Verdict::Fail);
    let failed: Vec<&str> = result
        .assertions
        .iter()
        .filter(|a| a.verdict == Verdict::Fail)
        .map(|a| a.text.as_str())
        .collect();
    assert_eq!(failed, ["contention < 10%", "efficiency(16) > 30%"]);
}
