//! Sweeps whose levels are found out, and sweeps over replicas, against engines of known truth.

use prony::judge::Verdict;
use prony::result::{CaseResult, MetricSummary};

use crate::procedures::{measured, of_suite};

const DEFAULTS: &str =
    "defaults: { prompts: { type: synthetic, input_tokens: 64, output_tokens: 8 }, warmup: 1s }\n";

fn sweep(target: &str, scenario: &str) -> CaseResult {
    let text = format!(
        "{target}{DEFAULTS}scenarios:\n  - {{ name: one, kind: scalability, {scenario} }}\n"
    );
    measured(&of_suite(&text)).0
}

fn value(case: &CaseResult, phase: &str, metric: &str) -> f64 {
    let phase = case.phases.iter().find(|p| p.name == phase);
    match &phase.unwrap_or_else(|| panic!("no {phase:?}")).metrics[metric] {
        MetricSummary::Distribution(d) => d.p50.unwrap(),
        MetricSummary::Value(v) => v.value,
    }
}

#[test]
fn the_rates_of_an_automatic_sweep_are_shares_of_what_the_engine_does() {
    let slots = "target: { url: \"sim://exact\", sim: { scheduler.max_num_seqs: 4 } }\n";
    let case = sweep(
        slots,
        "sweep: { rate: auto, idle: 0s }, duration: 20s, scrape: off, \
         sla: [at(first).ttft.p95 < 50ms, at(last).error_rate < 1%, at(last).ttft.p95 > 1.5 * at(first).ttft.p95]",
    );
    assert_eq!(case.verdict, Verdict::Pass, "{:?}", case.reason);
    // The truth: far more in flight than there are slots.
    let full = of_suite(&format!(
        "{slots}{DEFAULTS}scenarios:\n  - {{ name: one, kind: throughput, load: {{ concurrency: 64 }}, duration: 60s, measure_only: true }}\n"
    ));
    let most = value(&measured(&full).0, "main", "throughput");
    let rates: Vec<f64> = case.phases.iter().filter_map(|p| p.load.rate).collect();
    assert_eq!(rates.len(), 6, "{:?}", case.phases);
    for (rate, share) in rates.iter().zip([0.2, 0.4, 0.6, 0.7, 0.8, 0.9]) {
        assert!((rate / (share * most) - 1.0).abs() < 0.05, "{rate}, {most}");
    }
    // What found that out is no part of the result, and it is said.
    assert!(case.phases.iter().all(|p| p.name.starts_with("at(")));
    let notes = case.notes.join(" ");
    assert!(notes.contains("requests a second"), "{notes}");
}

/// A target for each number of replicas of four slots; the last one is as slow as `straggler` says.
fn replicas(mode: &str, concurrency: u32, straggler: f64, sla: &str) -> CaseResult {
    let target = |n: u32| {
        format!(
            "{n}: {{ url: \"sim://exact\", sim: {{ scheduler.max_num_seqs: 4, topology: {{ replicas: {n}, router: least_outstanding, straggler: {} }} }} }}",
            if n > 1 { straggler } else { 1.0 }
        )
    };
    let targets: Vec<String> = [1, 2, 4].map(target).into();
    sweep(
        "",
        &format!(
            "load: {{ concurrency: {concurrency} }}, sweep: {{ replicas: {{ {} }}, mode: {mode}, idle: 0s }}, duration: 6s, repeats: 3, {sla}",
            targets.join(", ")
        ),
    )
}

fn in_flight(case: &CaseResult) -> Vec<Option<u32>> {
    case.phases.iter().map(|p| p.load.concurrency).collect()
}

#[test]
fn replicas_share_a_load_that_grows_with_them_and_one_that_does_not() {
    let sla = "sla: [efficiency(4) > 75%, speedup(2) > 1.6, at(4).replica_skew < 110%]";
    let weak = replicas("weak", 4, 1.0, sla);
    assert_eq!(weak.verdict, Verdict::Pass, "{:?}", weak.reason);
    assert_eq!(in_flight(&weak), [Some(4), Some(8), Some(16)]);
    // A single replica has the others wait for its slots.
    let strong = replicas("strong", 16, 1.0, sla);
    assert_eq!(strong.verdict, Verdict::Pass, "{:?}", strong.reason);
    assert_eq!(in_flight(&strong), [Some(16); 3]);
    let wait = |case: &CaseResult, n: u32| value(case, &format!("at({n})"), "ttft");
    assert!(wait(&strong, 1) > 3.0 * wait(&strong, 4));
    assert!(wait(&weak, 1) < 1.5 * wait(&weak, 4));
}

#[test]
fn one_replica_at_half_speed_fails_for_the_skew() {
    let sla = "sla: [efficiency(4) > 60%, at(2).replica_skew < 115%, at(4).replica_skew < 110%]";
    let case = replicas("weak", 4, 2.0, sla);
    assert_eq!(case.verdict, Verdict::Fail, "{:?}", case.reason);
    let failed: Vec<&str> = case
        .assertions
        .iter()
        .filter(|a| a.verdict == Verdict::Fail)
        .map(|a| a.text.as_str())
        .collect();
    assert_eq!(
        failed,
        ["at(2).replica_skew < 115%", "at(4).replica_skew < 110%"]
    );
    // Two to one: the busier one makes 4/3 of the mean; of four it is 8/7.
    let skew = value(&case, "at(2)", "replica_skew");
    assert!((skew - 4.0 / 3.0).abs() < 0.07, "{skew}");
}
