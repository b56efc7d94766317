//! Kind `disaggregation` against engines of known truth: ratios of two targets, and what long prompts do to
//! those who are being answered.

use prony::judge::Verdict;
use prony::result::{AssertionResult, CaseResult, MetricSummary};
use serde_json::Value;

use crate::procedures::{measured, of_suite};

fn disaggregation(settings: &str) -> (CaseResult, Vec<Value>) {
    let text =
        format!("scenarios:\n  - {{ name: one, kind: disaggregation, warmup: 1s, {settings} }}\n");
    measured(&of_suite(&text))
}

/// How many times the right side of `text`, a factor times a metric, the left one was.
fn ratio(case: &CaseResult, text: &str) -> f64 {
    let a: &AssertionResult = case.assertions.iter().find(|a| a.text == text).unwrap();
    let factor: f64 = text.split([' ', '*']).find_map(|w| w.parse().ok()).unwrap();
    a.observed.unwrap() / a.limit.unwrap() * factor
}

fn quantile(case: &CaseResult, phase: &str, metric: &str) -> f64 {
    let phase = case.phases.iter().find(|p| p.name == phase).unwrap();
    match &phase.metrics[metric] {
        MetricSummary::Distribution(d) => d.p50.unwrap(),
        MetricSummary::Value(v) => v.value,
    }
}

#[test]
fn a_target_slower_by_a_known_share_is_found_so_within_two_percent() {
    let asserted = [
        ("slow.ttft.p50 < 9 * fast.ttft.p50", 1.3),
        ("slow.itl.p50 < 9 * fast.itl.p50", 1.0),
        ("slow.tpot.mean < 9 * fast.tpot.mean", 1.0),
    ];
    let sla: Vec<String> = asserted
        .iter()
        .map(|(text, _)| format!("\"{text}\""))
        .collect();
    let (case, records) = disaggregation(&format!(
        "targets: {{ fast: {{ url: \"sim://exact\" }}, slow: {{ url: \"sim://exact\", sim: {{ regression: {{ ttft: 0.3 }} }} }} }}, \
         load: {{ rate: 3/s, arrivals: poisson }}, prompts: {{ type: synthetic, input_tokens: 300, output_tokens: 6 }}, \
         requests: 60, repeats: 4, sla: [{}]",
        sla.join(", ")
    ));
    assert_eq!(case.verdict, Verdict::Pass, "{:?}", case.reason);
    for (text, truth) in asserted {
        let found = ratio(&case, text);
        assert!(
            (found / truth - 1.0).abs() < 0.02,
            "{text}: {found}, not {truth}"
        );
    }
    // By turns, and the same requests.
    let mut order: Vec<&str> = records
        .iter()
        .map(|r| r["phase"].as_str().unwrap())
        .collect();
    order.dedup();
    assert!(
        order == ["fast", "slow", "fast", "slow", "fast"]
            || order == ["slow", "fast", "slow", "fast", "slow"],
        "{order:?}"
    );
}

#[test]
fn the_ratio_of_a_split_deployment_is_that_of_long_measurements_within_two_percent() {
    const TARGETS: [(&str, &str); 2] = [
        (
            "aggregated",
            "sim: { scheduler: { chunked_prefill: false }, topology: { replicas: 2 } }",
        ),
        (
            "disaggregated",
            "sim: { scheduler: { chunked_prefill: false }, topology: { prefill_replicas: 1 } }",
        ),
    ];
    const LOAD: &str = "load: { rate: 6/s, arrivals: poisson }, prompts: { type: synthetic, input_tokens: 600, output_tokens: 12 }";
    let metrics = ["ttft", "tpot", "e2e_latency"];
    let text = |metric: &str| format!("disaggregated.{metric}.p50 < 9 * aggregated.{metric}.p50");
    let sla: Vec<String> = metrics.iter().map(|m| format!("\"{}\"", text(m))).collect();
    let targets: Vec<String> = TARGETS
        .iter()
        .map(|(name, sim)| format!("{name}: {{ url: \"sim://exact\", gpus: 2, {sim} }}"))
        .collect();
    let (case, _) = disaggregation(&format!(
        "targets: {{ {} }}, {LOAD}, requests: 120, repeats: 5, sla: [{}]",
        targets.join(", "),
        sla.join(", ")
    ));
    // The truth: each by itself, five times as long, other arrivals.
    let alone = |sim: &str| {
        let text = format!(
            "target: {{ url: \"sim://exact\", {sim} }}\nscenarios:\n  - {{ name: one, kind: latency, measure_only: true, warmup: 1s, seed: 77, requests: 1500, {LOAD} }}\n"
        );
        measured(&of_suite(&text)).0
    };
    let [a, d] = TARGETS.map(|(_, sim)| alone(sim));
    for metric in metrics {
        let truth = quantile(&d, "main", metric) / quantile(&a, "main", metric);
        let found = ratio(&case, &text(metric));
        assert!(
            (found / truth - 1.0).abs() < 0.02,
            "{metric}: {found}, not {truth}"
        );
    }
    let per_gpu = |phase: &str| {
        quantile(&case, phase, "tokens_per_second_per_gpu") * 2.0
            / quantile(&case, phase, "tokens_per_second")
    };
    assert!((per_gpu("aggregated") - 1.0).abs() < 1e-9);
}

const STEADY: &str = "load: { concurrency: 4 }, prompts: { type: synthetic, input_tokens: 64, output_tokens: 40 }, \
    interference: { rate: 1/s, input_tokens: 4000 }, duration: 20s, scrape: off";
const UNDISTURBED: &str = "itl{during=prefill}.p99 < 2 * itl{during=quiet}.p99";

fn disturbed(sim: &str) -> (CaseResult, Vec<Value>) {
    let text = format!(
        "target: {{ url: \"sim://exact\", sim: {{ scheduler: {{ chunked_prefill: false, max_num_batched_tokens: 8192 }}, {sim} }} }}\n\
         scenarios:\n  - {{ name: one, kind: disaggregation, warmup: 1s, {STEADY}, sla: [\"{UNDISTURBED}\"] }}\n"
    );
    measured(&of_suite(&text))
}

#[test]
fn who_decodes_apart_from_prefill_is_not_disturbed_by_it() {
    let (case, records) = disturbed("topology: { prefill_replicas: 1 }");
    assert_eq!(case.verdict, Verdict::Pass, "{:?}", case.reason);
    let long = records.iter().filter(|r| r["part"] == "beside");
    let lengths: Vec<u64> = long.filter_map(|r| r["input_tokens"].as_u64()).collect();
    assert!(
        lengths.len() >= 20 && lengths.iter().all(|n| *n == 4000),
        "{lengths:?}"
    );
    // They are no part of what is measured.
    let main = &case.phases[0];
    let window = records.iter().filter(|r| r["part"] == "window").count() as u64;
    assert_eq!(main.requests.due, window);
    assert_eq!(quantile(&case, "main", "input_tokens"), 64.0);
}

#[test]
fn decoding_that_waits_for_prefill_fails_for_that_reason() {
    let (case, _) = disturbed("topology: { replicas: 1 }");
    assert_eq!(case.verdict, Verdict::Fail, "{:?}", case.reason);
    let claim = &case.assertions[0];
    assert_eq!(
        (claim.text.as_str(), claim.verdict),
        (UNDISTURBED, Verdict::Fail)
    );
    // 4,000 tokens of 25 µs hold the batch up for some 100 ms; between them a short prompt does for 9 ms.
    let (observed, limit) = (claim.observed.unwrap(), claim.limit.unwrap());
    assert!((95.0..130.0).contains(&observed), "{observed}");
    assert!((15.0..45.0).contains(&limit), "{limit}");
    // The report draws the same two.
    let drawn = |when: &str| case.phases[0].itl_during[when].p99.unwrap();
    assert!((drawn("prefill") / observed - 1.0).abs() < 1e-6);
    assert!((2.0 * drawn("quiet") / limit - 1.0).abs() < 1e-6);
}

#[test]
fn prefill_in_chunks_disturbs_decoding_less_and_whole_prompts_fail_for_it() {
    let with = |chunked: bool| {
        let text = format!(
            "target: {{ url: \"sim://exact\", sim: {{ scheduler: {{ chunked_prefill: {chunked}, max_num_batched_tokens: 512 }} }} }}\n\
             scenarios:\n  - {{ name: one, kind: disaggregation, warmup: 1s, {STEADY}, sla: [\"{BOUNDED}\", \"{QUIET}\"] }}\n",
            BOUNDED = "itl{during=prefill}.p99 < 4 * itl{during=quiet}.p99",
            QUIET = "itl{during=quiet}.p50 < 15ms",
        );
        measured(&of_suite(&text)).0
    };
    let chunked = with(true);
    assert_eq!(chunked.verdict, Verdict::Pass, "{:?}", chunked.reason);
    let whole = with(false);
    let verdicts = |case: &CaseResult| {
        case.assertions[..2]
            .iter()
            .map(|a| a.verdict)
            .collect::<Vec<_>>()
    };
    // For that reason, and not because the engine is slow.
    assert_eq!(
        verdicts(&whole),
        [Verdict::Fail, Verdict::Pass],
        "{:?}",
        whole.reason
    );
    assert!(whole.assertions[0].text.contains("during=prefill"));
}

#[test]
fn with_two_targets_each_has_stretches_of_its_own() {
    let (case, _) = disaggregation(&format!(
        "targets: {{ whole: {{ url: \"sim://exact\", sim: {{ scheduler: {{ chunked_prefill: false, max_num_batched_tokens: 8192 }} }} }}, \
         split: {{ url: \"sim://exact\", sim: {{ scheduler: {{ chunked_prefill: false, max_num_batched_tokens: 8192 }}, topology: {{ prefill_replicas: 1 }} }} }} }}, \
         {STEADY}, repeats: 3, sla: [\"split.itl{{during=prefill}}.p99 < 0.5 * whole.itl{{during=prefill}}.p99\", \
         \"split.{UNDISTURBED_RIGHT}\"]",
        UNDISTURBED_RIGHT = "itl{during=prefill}.p99 < 2 * split.itl{during=quiet}.p99"
    ));
    assert_eq!(case.verdict, Verdict::Pass, "{:?}", case.reason);
}
