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
