use serde_json::json;

use super::lab::{Lab, MS, request};
use crate::sim::model::hash_pair;

fn plain() -> serde_json::Value {
    json!({"base_ms": 10, "prefill_us": 100, "sequence_us": 1000, "context_ns": 0})
}

fn counts(lab: &mut Lab) -> Vec<u64> {
    lab.engine.stats().map(|s| s.finished_length).collect()
}

#[test]
fn round_robin_takes_turns() {
    let mut lab = Lab::new(&json!({"topology": {"replicas": 3}}), 1);
    for i in 0..9 {
        lab.submit(i, request(i, 10, if i % 3 == 0 { 100 } else { 1 }));
    }
    lab.run_out();
    assert_eq!(counts(&mut lab), [3, 3, 3]);
}

#[test]
fn least_outstanding_avoids_the_busy_replica() {
    let overrides = json!({"topology": {"replicas": 2, "router": "least_outstanding"}});
    let mut lab = Lab::new(&overrides, 1);
    // Three long ones one after the other find their places; the short ones go where there is room.
    for i in 0..3 {
        lab.submit(i, request(i, 10, 500));
    }
    for i in 0..20 {
        lab.submit(100 * MS + i * 50 * MS, request(100 + i, 10, 1));
    }
    lab.run_out();
    let finished = counts(&mut lab);
    assert_eq!(finished.iter().sum::<u64>(), 23);
    assert!(finished[1] == 21 || finished[0] == 21, "{finished:?}");
}

#[test]
fn a_prefix_aware_router_keeps_groups_together() {
    let hits = |router: &str| {
        let overrides = json!({"topology": {"replicas": 4, "router": router}});
        let mut lab = Lab::new(&overrides, 1);
        for i in 0..80 {
            // Eight groups in no order; within a group all prompts are equal.
            lab.submit(i * 100 * MS, request(hash_pair(i / 8, i) % 8, 161, 2));
        }
        lab.run_out();
        lab.engine.stats().map(|s| s.prefix_hits).sum::<u64>()
    };
    assert_eq!(hits("prefix_aware"), 72 * 160);
    assert!(hits("round_robin") < 60 * 160);
}

/// Prefill, transfer, then one decode step that gives the first token.
#[test]
fn a_split_pool_adds_the_transfer_to_the_first_token() {
    let overrides = json!({"cost": plain(), "topology": {
        "prefill_replicas": 1, "transfer_ms": 3, "transfer_gb_per_s": 1, "kv_kib_per_token": 100,
    }});
    let mut lab = Lab::new(&overrides, 1);
    let id = lab.submit(0, request(1, 200, 4));
    lab.run_out();
    // 200 · 100 KiB at a byte per nanosecond.
    let transfer = 3 * MS + 200 * 100 * 1024;
    assert_eq!(lab.seen[&id].ttft(), 30 * MS + transfer + 11 * MS);
    assert_eq!(lab.seen[&id].gaps(), [11 * MS; 3]);
    let stats: Vec<_> = lab.engine.stats().cloned().collect();
    assert_eq!(stats[1].prompt_tokens_transferred, 200);
    assert!(stats.iter().all(|s| s.kv_usage == 0.0));
}

#[test]
fn transfers_share_the_link() {
    let overrides = json!({"cost": plain(), "topology": {
        "prefill_replicas": 1, "transfer_ms": 0, "transfer_gb_per_s": 1, "kv_kib_per_token": 100,
    }});
    let mut lab = Lab::new(&overrides, 1);
    let ids = [1, 2].map(|salt| lab.submit(0, request(salt, 200, 1)));
    lab.run_out();
    let transfer = 200 * 100 * 1024;
    // Both prefills end with one step; their caches follow each other on the link.
    assert_eq!(lab.seen[&ids[0]].ttft(), 50 * MS + transfer + 11 * MS);
    assert_eq!(lab.seen[&ids[1]].ttft(), 50 * MS + 2 * transfer + 11 * MS);
}

#[test]
fn splitting_the_pools_takes_prefill_out_of_the_gaps() {
    let longest_gap = |prefill: u32, replicas: u32| {
        let overrides = json!({"cost": plain(), "scheduler": {"chunked_prefill": false},
            "topology": {"prefill_replicas": prefill, "replicas": replicas}});
        let mut lab = Lab::new(&overrides, 1);
        for i in 0..20 {
            lab.submit(i * 150 * MS, request(i, 500, 50));
        }
        lab.run_out();
        lab.seen
            .values()
            .flat_map(|seen| seen.gaps())
            .max()
            .unwrap()
    };
    assert!(longest_gap(0, 2) > 60 * MS);
    assert!(longest_gap(1, 1) < 20 * MS);
}

/// Gunther's universal scalability law: n / (1 + σ(n − 1) + κn(n − 1)).
#[test]
fn contention_follows_the_universal_scalability_law() {
    // Every replica has a full batch at all times.
    let throughput = |n: u64| {
        let overrides = json!({
            "cost": {"base_ms": 10, "prefill_us": 0, "sequence_us": 0, "context_ns": 0},
            "scheduler": {"max_num_seqs": 4},
            "topology": {
                "replicas": n, "contention": 0.05, "crosstalk": 0.01, "router": "least_outstanding",
            },
        });
        let mut lab = Lab::new(&overrides, 1);
        for i in 0..500 * n {
            lab.submit(0, request(i, 1, 10));
        }
        lab.run_to(10_000 * MS);
        lab.seen
            .values()
            .map(|seen| f64::from(seen.tokens()))
            .sum::<f64>()
    };
    let one = throughput(1);
    for n in [2u64, 4, 8] {
        let m = n as f64;
        let expected = m / (1.0 + 0.05 * (m - 1.0) + 0.01 * m * (m - 1.0));
        let speedup = throughput(n) / one;
        assert!(
            (speedup / expected - 1.0).abs() < 0.02,
            "{n}: {speedup} for {expected}"
        );
    }
}
