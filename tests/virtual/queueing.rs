//! Closed forms of queueing through the whole path: load engine, protocol, engine, metrics. The
//! reduced form of `examples/queueing.rs`, which takes a release build and more requests.

use std::time::Duration;

use prony::metrics::summarize_phase;
use prony::record::RunRecords;
use prony::suite::{Arrivals, Length, LoadShape};
use serde_json::json;

use crate::world::{Run, World, rate};

fn value(runs: &[RunRecords], metric: &str) -> f64 {
    let metrics = serde_json::to_value(summarize_phase(runs, None, false)).expect("metrics");
    let found = &metrics[metric];
    let value = found["mean"].as_f64().or(found["value"].as_f64());
    value.unwrap_or_else(|| panic!("no {metric} in {metrics}"))
}

/// Pollaczek and Khinchine: with Poisson arrivals and a fixed service D the mean wait is
/// ρD / 2(1 − ρ). One slot, a service of exactly 100 ms.
#[test]
fn the_mean_wait_is_that_of_an_m_d_1_queue() {
    let world = World::new(&json!({
        "overhead_ms": 0,
        "cost": {"base_ms": 100, "prefill_us": 0, "sequence_us": 0, "context_ns": 0},
        "scheduler": {"max_num_seqs": 1},
    }));
    let load = 0.4;
    let run = world.run(Run {
        warmup: Duration::from_secs(100),
        requests: Some(40_000),
        ..Run::new(rate(load * 10.0, Arrivals::Poisson))
    });
    let expected = 100.0 * (1.0 + load / (2.0 * (1.0 - load)));
    let seen = value(&[run], "ttft");
    let error = (seen - 100.0) / (expected - 100.0) - 1.0;
    assert!(
        error.abs() < 0.02,
        "waits {:.3} ms, {error:+.4}",
        seen - 100.0
    );
}

/// Little: with N in the system at all times, throughput times the mean time in it is N.
#[test]
fn a_closed_loop_obeys_littles_law() {
    for n in [1, 8, 48] {
        let world = World::new(&json!({"scheduler.max_num_seqs": 16}));
        let run = world.run(Run {
            warmup: Duration::from_secs(20),
            duration: Some(Duration::from_secs(if n == 1 { 400 } else { 150 })),
            input_tokens: Length::uniform(10, 300),
            output_tokens: Length::uniform(4, 14),
            ..Run::new(LoadShape::Concurrency(n))
        });
        let runs = [run];
        let little = value(&runs, "throughput") * value(&runs, "e2e_latency") / 1e3;
        let error = little / f64::from(n) - 1.0;
        assert!(error.abs() < 0.005, "{little} for {n}");
    }
}

/// Constant arrivals of a server that is never busy: every request is sent when it is due and served
/// in the stated time, to the microsecond.
#[test]
fn constant_arrivals_are_exact() {
    let world = World::new(&json!({
        "overhead_ms": 0,
        "cost": {"base_ms": 10, "prefill_us": 0, "sequence_us": 0, "context_ns": 0},
    }));
    let run = world.run(Run {
        duration: Some(Duration::from_secs(100)),
        output_tokens: Length::Fixed(3),
        ..Run::new(rate(8.0, Arrivals::Constant))
    });
    let mut window: Vec<_> = run.records.iter().filter(|r| r.ok()).collect();
    window.sort_by_key(|r| r.id);
    assert!(window.len() >= 800);
    for record in window {
        assert_eq!(record.sent_us, Some(record.id * 125_000));
        assert_eq!(record.first_us, Some(record.id * 125_000 + 10_000));
        assert_eq!(record.end_us, Some(record.id * 125_000 + 30_000));
    }
}
