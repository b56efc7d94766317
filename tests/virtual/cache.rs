//! Kind `cache` against engines whose prefix cache is known, through whole cases.

use prony::judge::Verdict;
use prony::result::{CaseResult, MetricSummary};
use serde_json::Value;

use crate::procedures::{column, measured, of_suite};

/// A case of kind `cache`, carried out in virtual time against an engine set by `sim`.
fn cache(sim: &str, settings: &str) -> (CaseResult, Vec<Value>) {
    let text = format!(
        "target: {{ url: \"sim://exact\", sim: {{ {sim} }} }}\nscenarios:\n  - {{ name: one, kind: cache, warmup: 0s, requests: 60, {settings} }}\n"
    );
    measured(&of_suite(&text))
}

const PROMPTS: &str = "prompts: { type: synthetic, prefix: { tokens: 500, groups: 6, ratio: 80%, popularity: zipf(0.9) }, input_tokens: { min: 20, max: 90 }, output_tokens: 4 }";
const EFFICIENT: &str =
    "sla: [cache_efficiency >= 90%, warm.ttft.p50 < 0.8 * cold.ttft.p50], repeats: 3";

fn value(case: &CaseResult, phase: &str, metric: &str) -> Option<f64> {
    let phase = case.phases.iter().find(|p| p.name == phase).unwrap();
    match phase.metrics.get(metric)? {
        MetricSummary::Distribution(d) => d.p50,
        MetricSummary::Value(v) => Some(v.value),
    }
}

fn warm(case: &CaseResult, metric: &str) -> f64 {
    value(case, "warm", metric).unwrap_or_else(|| panic!("no {metric}"))
}

/// Of the warm window, request by request: tokens found, and tokens that a perfect cache would find.
fn found(records: &[Value]) -> Vec<(u64, u64)> {
    let warm = records
        .iter()
        .filter(|r| r["phase"] == "warm" && r["part"] == "window");
    warm.map(|r| {
        (
            r["cached_tokens"].as_u64().unwrap(),
            r["ideal_cached_tokens"].as_u64().unwrap(),
        )
    })
    .collect()
}

#[test]
fn with_room_for_all_the_ideal_is_what_the_engine_finds_request_by_request() {
    for (block, load) in [
        (16, "load: { concurrency: 1 }"),
        (32, "load: { rate: 20/s }"),
        (1, "load: { concurrency: 3 }"),
    ] {
        let sim = format!("kv: {{ blocks: 90000, block_tokens: {block} }}");
        // What prompts of the cold phase begin with is not counted, were it a single token.
        let flush = "cache: { flush: { post: /reset_prefix_cache } }";
        let (case, records) = cache(&sim, &format!("{load}, {flush}, {PROMPTS}, {EFFICIENT}"));
        assert_eq!(case.verdict, Verdict::Pass, "{:?}", case.reason);
        let found = found(&records);
        assert!(found.len() >= 180);
        for (cached, ideal) in &found {
            assert_eq!(cached, ideal, "blocks of {block}");
        }
        assert!(found.iter().any(|(cached, _)| *cached > 400));
        // Told by the answers, by the server's counters, and computed: three times the same.
        let ideal = warm(&case, "ideal_cache_hit_ratio");
        assert!((warm(&case, "cached_token_ratio") - ideal).abs() < 1e-12);
        assert!(
            (warm(&case, "cache_hit_ratio") - ideal).abs() < 0.01,
            "{block}"
        );
        assert!((warm(&case, "cache_efficiency") - 1.0).abs() < 1e-12);
        let note = format!("blocks of {block} tokens, as prompts asked twice have shown");
        assert!(case.notes.contains(&note), "{:?}", case.notes);
    }
}

#[test]
fn with_less_room_the_ideal_of_that_room_comes_within_two_percent() {
    for blocks in [80_u64, 110, 150] {
        let sim = format!("max_model_len: 1024, kv: {{ blocks: {blocks}, block_tokens: 16 }}");
        let plan = format!("cache: {{ capacity: {} }}", blocks * 16);
        let settings = format!("{plan}, {PROMPTS}, measure_only: true, repeats: 3");
        let (case, records) = cache(&sim, &settings);
        let sum = found(&records)
            .into_iter()
            .fold((0, 0), |(a, b), (c, i)| (a + c, b + i));
        let off = (sum.0 as f64 - sum.1 as f64).abs() / sum.1 as f64;
        assert!(
            off <= 0.02,
            "{blocks} blocks: {} found, {} ideal",
            sum.0,
            sum.1
        );
        assert!((warm(&case, "cache_efficiency") - 1.0).abs() <= 0.02);
        // It is a bound that matters: with room for all far more would be found.
        let free = cache("", &format!("{PROMPTS}, measure_only: true, repeats: 3")).0;
        assert!(warm(&free, "ideal_cache_hit_ratio") > 1.1 * warm(&case, "ideal_cache_hit_ratio"));
    }
}

#[test]
fn the_cold_phase_is_as_long_and_finds_nothing() {
    let (case, records) = cache("", &format!("{PROMPTS}, {EFFICIENT}"));
    let of = |phase: &str, key: &str| column(&records, phase, key);
    for key in ["input_tokens", "output_tokens", "labels"] {
        assert_eq!(of("cold", key), of("warm", key), "{key}");
    }
    assert!(of("cold", "cached_tokens").iter().all(|n| n == 0));
    assert_eq!(value(&case, "cold", "ideal_cache_hit_ratio"), None);
    // A token computed costs 25 µs there; what is not computed besides is read in the same step.
    let saved = case
        .answers
        .iter()
        .find(|a| a.name == "ttft_saved_per_cached_token")
        .unwrap();
    let us = saved.value.unwrap() * 1e3;
    assert!((us - 25.0).abs() < 1.0, "{us}");
}

#[test]
fn a_cache_that_is_off_fails_for_that_reason() {
    let (case, _) = cache(
        "kv: { prefix_cache: false }",
        &format!("{PROMPTS}, {EFFICIENT}"),
    );
    assert_eq!(case.verdict, Verdict::Fail);
    assert!(
        case.assertions[..2]
            .iter()
            .all(|a| a.verdict == Verdict::Fail)
    );
    assert_eq!(case.assertions[0].observed, Some(0.0));
    assert_eq!(warm(&case, "cache_efficiency"), 0.0);
}

#[test]
fn a_cache_with_room_for_half_of_what_is_shared_is_told_from_a_whole_one() {
    let sim = "max_model_len: 1024, kv: { blocks: 110, block_tokens: 16 }";
    let (case, _) = cache(sim, &format!("{PROMPTS}, {EFFICIENT}"));
    assert_eq!(case.verdict, Verdict::Fail, "{:?}", case.reason);
    let efficiency = warm(&case, "cache_efficiency");
    assert!((0.1..0.9).contains(&efficiency), "{efficiency}");
}

#[test]
fn a_cache_that_was_emptied_by_a_hook_or_a_restart_is_one_all_the_same() {
    for plan in [
        "cache: { flush: { post: /reset_prefix_cache }, block_size: 16 }",
        "cache: { flush: restart }",
    ] {
        let (case, records) = cache("", &format!("{plan}, {PROMPTS}, {EFFICIENT}"));
        assert_eq!(case.verdict, Verdict::Pass, "{:?}", case.reason);
        let sessions = |phase: &str| {
            let of = records.iter().filter(|r| r["phase"] == phase);
            of.map(|r| r["session"].as_u64().unwrap()).max().unwrap()
        };
        let expected = if plan.contains("restart") {
            (4, 5)
        } else {
            (0, 0)
        };
        assert_eq!((sessions("cold"), sessions("warm")), expected);
    }
}

/// Turns of conversations: each begins with all that was said before it.
const TALKS: &str = "prompts: { type: synthetic, conversation: { turns: 5, open: 6 }, input_tokens: { min: 20, max: 120 }, output_tokens: { min: 2, max: 9 } }";

#[test]
fn of_conversations_the_ideal_is_what_the_engine_finds_request_by_request() {
    for (load, prefix) in [
        ("load: { concurrency: 1 }", ""),
        ("load: { rate: 15/s }", ""),
        (
            "load: { concurrency: 3 }",
            "prefix: { tokens: 300, groups: 2, ratio: 50% }, ",
        ),
    ] {
        let prompts = TALKS.replace("conversation:", &format!("{prefix}conversation:"));
        let flush = "cache: { flush: { post: /reset_prefix_cache } }";
        let settings = format!(
            "{load}, {flush}, {prompts}, sla: [cache_efficiency >= 99%, \"warm.ttft{{shared=true}}.p50 < cold.ttft{{shared=true}}.p50\"], repeats: 3"
        );
        let (case, records) = cache("kv: { blocks: 90000, block_tokens: 16 }", &settings);
        assert_eq!(case.verdict, Verdict::Pass, "{load}: {:?}", case.reason);
        let found = found(&records);
        assert!(found.len() >= 180);
        for (cached, ideal) in &found {
            assert_eq!(cached, ideal, "{load}");
        }
        // First turns find nothing without a prefix, later ones most of what they hold.
        let ratio = warm(&case, "ideal_cache_hit_ratio");
        assert!((0.5..0.95).contains(&ratio), "{ratio}");
        let turns: std::collections::BTreeSet<&str> = records
            .iter()
            .filter(|r| r["phase"] == "warm")
            .filter_map(|r| r["labels"]["turn"].as_str())
            .collect();
        assert_eq!(turns.into_iter().collect::<String>(), "12345");
    }
}

#[test]
fn of_conversations_with_less_room_the_ideal_of_that_room_comes_within_two_percent() {
    for blocks in [70_u64, 100, 140] {
        let sim = format!("max_model_len: 1024, kv: {{ blocks: {blocks}, block_tokens: 16 }}");
        let plan = format!("cache: {{ capacity: {} }}", blocks * 16);
        let settings = format!("{plan}, {TALKS}, measure_only: true, repeats: 3");
        let (_, records) = cache(&sim, &settings);
        let (cached, ideal) = found(&records)
            .into_iter()
            .fold((0, 0), |(a, b), (c, i)| (a + c, b + i));
        let off = (cached as f64 - ideal as f64).abs() / ideal as f64;
        assert!(
            off <= 0.02,
            "{blocks} blocks: {cached} found, {ideal} ideal"
        );
    }
}

#[test]
fn conversations_without_a_cache_fail_for_that() {
    let settings = format!("{TALKS}, sla: [cache_efficiency >= 90%], repeats: 3");
    let (case, _) = cache(
        "kv: { blocks: 90000, block_tokens: 16, prefix_cache: false }",
        &settings,
    );
    assert_eq!(case.verdict, Verdict::Fail, "{:?}", case.reason);
    assert_eq!(case.assertions[0].text, "cache_efficiency >= 90%");
    assert_eq!(case.assertions[0].verdict, Verdict::Fail);
}
