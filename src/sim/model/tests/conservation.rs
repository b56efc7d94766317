use proptest::prelude::*;
use serde_json::{Value, json};

use super::lab::{Lab, MS, request};

/// Any configuration that makes things collide: few slots, few blocks, small budgets.
fn configurations() -> impl Strategy<Value = Value> {
    let scheduler = (1u32..6, 1u32..200, any::<bool>(), any::<bool>());
    let rest = (
        20u32..60,
        any::<bool>(),
        0u32..4,
        1u32..4,
        0u32..3,
        0usize..3,
    );
    (scheduler, rest).prop_map(|((seqs, budget, chunked, priority), rest)| {
        let (blocks, cache, drafts, replicas, prefill, router) = rest;
        let router = ["round_robin", "least_outstanding", "prefix_aware"][router];
        json!({
            "max_model_len": 320,
            "scheduler": {
                "max_num_seqs": seqs, "max_num_batched_tokens": budget, "chunked_prefill": chunked,
                "policy": if priority { "priority" } else { "fcfs" },
            },
            "kv": {"blocks": blocks, "prefix_cache": cache},
            "speculative": {"tokens": drafts},
            "topology": {
                "replicas": replicas, "prefill_replicas": prefill,
                "router": router,
            },
            "variation": {"step": 0.3},
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever collides, and whoever leaves: every request that stays gets each of its tokens once
    /// and in order (which `Lab` checks), and in the end nothing is held.
    #[test]
    fn nothing_is_lost_and_nothing_is_stuck(
        configuration in configurations(),
        requests in prop::collection::vec(
            (0u64..100, 1u32..200, 1u32..120, -2i32..3, 0u64..6, prop::option::of(0u64..500)),
            1..40,
        ),
    ) {
        let mut lab = Lab::new(&configuration, 1);
        let mut now = 0;
        let mut stay = Vec::new();
        let mut leave = Vec::new();
        for (gap, prompt, output, priority, salt, leaves) in requests {
            now += gap * MS;
            let asked = super::super::EngineRequest { priority, ..request(salt, prompt, output) };
            let id = lab.submit(now, asked);
            match leaves {
                Some(after) => leave.push((now + after * MS, id)),
                None => stay.push((id, output)),
            }
        }
        leave.sort();
        for (at, id) in leave {
            lab.run_to(at.max(now));
            lab.engine.cancel(at.max(now), id);
        }
        lab.run_out();
        for (id, output) in stay {
            prop_assert!(lab.seen[&id].done);
            prop_assert_eq!(lab.seen[&id].tokens(), output);
        }
        for stats in lab.engine.stats() {
            prop_assert_eq!((stats.running, stats.waiting, stats.kv_usage), (0, 0, 0.0));
        }
        prop_assert!(lab.engine.reset_prefix_cache());
    }
}
