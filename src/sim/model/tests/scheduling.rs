use serde_json::json;

use super::lab::{Lab, MS, request};
use crate::sim::model::{EngineEventKind, SubmitError};

/// Costs that are easy to add up: a step 10 ms, a prompt token 0.1 ms, a sequence 1 ms.
fn plain() -> serde_json::Value {
    json!({"base_ms": 10, "prefill_us": 100, "sequence_us": 1000, "context_ns": 0})
}

#[test]
fn a_lone_request_takes_the_stated_cost() {
    let mut lab = Lab::new(&json!({"cost": plain(), "overhead_ms": 2}), 1);
    let id = lab.submit(5 * MS, request(1, 100, 4));
    lab.run_out();
    let seen = &lab.seen[&id];
    assert_eq!(seen.ttft(), (2 + 10 + 10) * MS);
    assert_eq!(seen.gaps(), [11 * MS; 3]);
    assert!(seen.done);
}

#[test]
fn itl_grows_with_the_batch() {
    for n in [1, 4, 16] {
        let mut lab = Lab::new(&json!({"cost": plain()}), 1);
        let ids: Vec<_> = (0..n).map(|i| lab.submit(0, request(i, 10, 3))).collect();
        lab.run_out();
        for id in ids {
            assert_eq!(lab.seen[&id].gaps(), [(10 + n) * MS; 2]);
        }
    }
}

#[test]
fn slots_are_the_limit_of_the_batch() {
    let mut lab = Lab::new(
        &json!({"cost": plain(), "scheduler": {"max_num_seqs": 2}}),
        1,
    );
    let ids: Vec<_> = (0..3).map(|i| lab.submit(0, request(i, 10, 3))).collect();
    lab.run_out();
    // 10 + 2·1 of prefill, then two decode steps of 12; only then the third begins.
    assert_eq!(lab.seen[&ids[1]].end(), 36 * MS);
    assert_eq!(lab.seen[&ids[2]].ttft(), (36 + 11) * MS);
}

#[test]
fn chunked_prefill_bounds_the_gaps_of_others() {
    let overrides = json!({"cost": plain(), "scheduler": {"max_num_batched_tokens": 101}});
    let mut lab = Lab::new(&overrides, 1);
    let decoding = lab.submit(0, request(1, 10, 30));
    let long = lab.submit(50 * MS, request(2, 1000, 2));
    lab.run_out();
    // 100 prompt tokens beside one sequence: 10 + 10 + 1 ms a step, ten steps.
    let longest = lab.seen[&decoding].gaps().into_iter().max();
    assert_eq!(longest, Some(21 * MS));
    assert!(lab.seen[&long].ttft() >= 210 * MS);
}

#[test]
fn without_chunked_prefill_a_long_prompt_stalls_decoding() {
    let overrides = json!({"cost": plain(), "scheduler": {"chunked_prefill": false}});
    let mut lab = Lab::new(&overrides, 1);
    let decoding = lab.submit(0, request(1, 10, 30));
    let long = lab.submit(50 * MS, request(2, 1000, 2));
    lab.run_out();
    // One step for the prompt alone, then one for both to decode.
    let gaps = lab.seen[&decoding].gaps();
    assert_eq!(gaps.iter().max(), Some(&(110 * MS + 12 * MS)));
    assert_eq!(gaps.iter().filter(|gap| **gap > 12 * MS).count(), 1);
    // It waited for the step under way when it came, then had one of its own.
    let wait = lab.seen[&long].ttft() - 110 * MS;
    assert!(wait < 11 * MS);
}

#[test]
fn the_first_to_come_is_the_first_to_go_unless_priorities_say_otherwise() {
    for (policy, expected) in [("fcfs", [0, 1, 2]), ("priority", [0, 2, 1])] {
        let overrides =
            json!({"cost": plain(), "scheduler": {"max_num_seqs": 1, "policy": policy}});
        let mut lab = Lab::new(&overrides, 1);
        let ids: Vec<_> = [(0, 0), (1, 5), (2, -5)]
            .into_iter()
            .map(|(i, priority)| {
                let mut request = request(i, 10, 2);
                request.priority = priority;
                lab.submit(i, request)
            })
            .collect();
        lab.run_out();
        let mut order: Vec<usize> = vec![0, 1, 2];
        order.sort_by_key(|i| lab.seen[&ids[*i]].end());
        assert_eq!(order, expected, "{policy}");
    }
}

#[test]
fn preemption_loses_and_repeats_nothing() {
    for policy in ["fcfs", "priority"] {
        for chunked in [true, false] {
            let overrides = json!({
                "max_model_len": 640, "kv": {"blocks": 40},
                "scheduler": {"policy": policy, "chunked_prefill": chunked},
            });
            let mut lab = Lab::new(&overrides, 1);
            for i in 0..60 {
                let mut request = request(i, 20 + (i * 7 % 90) as u32, 100 + (i % 13) as u32);
                request.priority = (i % 3) as i32;
                lab.submit(i * MS, request);
            }
            lab.run_out();
            // Every token exactly once and in order is what `Lab` checks.
            assert!(lab.seen.values().all(|seen| seen.done));
            let stats = lab.engine.stats().next().unwrap().clone();
            assert!(stats.preemptions > 0, "{policy} {chunked}: blocks ran out");
            assert_eq!((stats.running, stats.waiting), (0, 0));
            assert_eq!(stats.kv_usage, 0.0, "every block came back");
            assert_eq!(
                stats.generation_tokens,
                lab.seen
                    .values()
                    .map(|s| u64::from(s.tokens()))
                    .sum::<u64>()
            );
            assert_eq!(stats.finished_length, 60);
            assert!(lab.engine.reset_prefix_cache());
        }
    }
}

#[test]
fn a_preempted_request_pays_for_its_prompt_again() {
    let overrides = json!({
        "cost": plain(), "max_model_len": 320, "kv": {"blocks": 20, "prefix_cache": false},
    });
    let mut lab = Lab::new(&overrides, 1);
    // Ten blocks each at the begin: the first needs more as it grows, and the later one gives way.
    let first = lab.submit(0, request(1, 159, 40));
    let second = lab.submit(1, request(2, 159, 40));
    lab.run_out();
    let stats = lab.engine.stats().next().unwrap().clone();
    assert_eq!(stats.preemptions, 1);
    assert!(lab.seen[&first].gaps().iter().max() < lab.seen[&second].gaps().iter().max());
    assert!(lab.seen[&second].done);
}

#[test]
fn cancelling_at_any_time_frees_everything() {
    for (prefill, decode) in [(0, 1), (1, 1)] {
        for cancel_at in [0, MS, 9 * MS, 25 * MS, 60 * MS, 200 * MS] {
            let overrides = json!({
                "cost": plain(), "overhead_ms": 1, "topology": {"prefill_replicas": prefill, "replicas": decode, "transfer_ms": 30},
                "scheduler": {"max_num_seqs": 2},
            });
            let mut lab = Lab::new(&overrides, 1);
            let ids: Vec<_> = (0..4).map(|i| lab.submit(0, request(i, 100, 20))).collect();
            lab.run_to(cancel_at);
            lab.engine.cancel(cancel_at, ids[0]);
            lab.engine.cancel(cancel_at, ids[2]);
            lab.engine.cancel(cancel_at, ids[2]);
            lab.run_out();
            assert!(lab.seen[&ids[1]].done && lab.seen[&ids[3]].done);
            assert!(
                lab.engine
                    .stats()
                    .all(|s| s.kv_usage == 0.0 && s.running + s.waiting == 0)
            );
        }
    }
}

#[test]
fn what_can_never_fit_is_refused() {
    let mut lab = Lab::new(&json!({"max_model_len": 100}), 1);
    let mut submit = |prompt, output| lab.engine.submit(0, request(1, prompt, output)).err();
    assert_eq!(submit(60, 41), Some(SubmitError::TooLong));
    assert_eq!(submit(0, 1), Some(SubmitError::Empty));
    assert_eq!(submit(1, 0), Some(SubmitError::Empty));
    assert_eq!(submit(60, 40), None);
}

/// A draft of k tokens, each accepted with probability a after the one before: a step yields
/// (1 − a^(k+1)) / (1 − a) tokens in the mean (Leviathan et al., "Fast inference from transformers
/// via speculative decoding", 2023, equation 1).
#[test]
fn speculative_decoding_gives_several_tokens_a_chunk() {
    let overrides = json!({"speculative": {"tokens": 3, "acceptance": 0.6, "draft_us": 0}});
    let mut lab = Lab::new(&overrides, 1);
    for i in 0..20 {
        lab.submit(0, request(i, 10, 1000));
    }
    lab.run_out();
    let chunks: usize = lab.seen.values().map(|seen| seen.chunks.len() - 1).sum();
    let tokens: u32 = lab.seen.values().map(|seen| seen.tokens() - 1).sum();
    assert_eq!(tokens, 20 * 999);
    let mean = f64::from(tokens) / chunks as f64;
    let expected = (1.0 - 0.6f64.powi(4)) / 0.4;
    assert!(
        (mean / expected - 1.0).abs() < 0.02,
        "{mean} for {expected}"
    );
}

#[test]
fn the_same_seed_gives_the_same_events() {
    let overrides = json!({
        "scheduler": {"max_num_seqs": 8, "policy": "priority"},
        "max_model_len": 1024, "kv": {"blocks": 80},
        "speculative": {"tokens": 2},
        "topology": {"replicas": 3, "prefill_replicas": 2, "router": "prefix_aware", "contention": 0.1},
        "variation": {"step": 0.1, "run": 0.1, "session": 0.1, "stall_rate": 0.01, "wave": 0.1, "drift_per_hour": 1, "burst_every_s": 1},
        "regression": {"ttft": 0.1, "tail": 0.4, "tail_share": 0.1},
    });
    let run = |seed| {
        let mut lab = Lab::new(&overrides, seed);
        for i in 0..300 {
            let mut request = request(i / 4, 64 + (i % 50) as u32, 1 + (i % 40) as u32);
            request.priority = (i % 2) as i32;
            let id = lab.submit(i * 3 * MS, request);
            if i % 17 == 0 {
                lab.engine.cancel(i * 3 * MS, id);
                lab.seen.remove(&id);
            }
        }
        lab.run_out();
        lab.log
    };
    let first = run(7);
    assert!(first.is_sorted_by_key(|event| event.at));
    assert_eq!(first, run(7));
    assert_ne!(first, run(8));
}

#[test]
fn how_often_the_model_is_advanced_changes_nothing() {
    let run = |every| {
        let mut lab = Lab::new(&json!({"variation": {"step": 0.1}}), 3);
        for i in 0..50 {
            lab.submit(i * 20 * MS, request(i, 100, 20));
        }
        let mut now = 1000 * MS;
        while lab.engine.next_event().is_some() {
            now += every;
            lab.run_to(now);
        }
        lab.log
    };
    assert_eq!(run(MS / 10), run(500 * MS));
}

#[test]
fn a_request_is_queued_before_it_has_tokens() {
    let mut lab = Lab::new(&json!({"overhead_ms": 3}), 1);
    let id = lab.submit(0, request(1, 10, 1));
    lab.run_out();
    assert_eq!((lab.log[0].at, lab.log[0].id), (3 * MS, id));
    assert_eq!(lab.log[0].kind, EngineEventKind::Queued);
}
