//! A sharded run: several load engines on one virtual clock against one engine.

use std::time::Duration;

use futures_util::future::join_all;
use prony::record::{Part, RequestRecord, RunRecords};
use prony::suite::{Arrivals, Length};
use serde_json::json;

use crate::arrivals::figures::{Extent, account};
use crate::world::{Run, World, rate};

const SHARDS: u64 = 3;

/// Every shard takes its part of the global rate, and a seed of its own.
fn sharded(world: &World, global: f64, run: &Run) -> Vec<RunRecords> {
    let shards = (0..SHARDS).map(|shard| {
        let arrivals = match &run.shape {
            prony::suite::LoadShape::Rate { arrivals, .. } => *arrivals,
            _ => Arrivals::Poisson,
        };
        world.begin(Run {
            shape: rate(global / SHARDS as f64, arrivals),
            seed: shard,
            ..run.clone()
        })
    });
    world.driver.block_on(join_all(shards))
}

fn merged(runs: &[RunRecords]) -> Vec<&RequestRecord> {
    let mut all: Vec<_> = runs.iter().flat_map(|run| &run.records).collect();
    all.sort_by_key(|r| (r.due_us, r.end_us));
    all
}

fn windowed(runs: &[RunRecords]) -> usize {
    let all = merged(runs);
    all.iter().filter(|r| r.part == Part::Window).count()
}

fn poisson(seconds: u64) -> Run {
    Run {
        duration: Some(Duration::from_secs(seconds)),
        output_tokens: Length::Fixed(2),
        ..Run::new(rate(0.0, Arrivals::Poisson))
    }
}

/// A value of the engine's own `/metrics`, summed over its labels.
fn engine_counts(world: &World, metric: &str) -> f64 {
    let (status, body) = world.transport.ask("GET", "/metrics");
    assert_eq!(status, 200);
    let text = String::from_utf8(body).expect("text");
    let lines = text.lines().filter(|line| {
        let rest = line.strip_prefix(metric);
        rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
    });
    let values = lines.map(|line| {
        let value = line.rsplit(' ').next().and_then(|v| v.parse::<f64>().ok());
        value.expect("a line ends with its value")
    });
    values.sum()
}

#[test]
fn the_shards_together_hold_the_global_rate_and_the_engine_saw_them_all() {
    let world = World::new(&json!({}));
    let constant = Run {
        shape: rate(0.0, Arrivals::Constant),
        ..poisson(20)
    };
    let runs = sharded(&world, 30.0, &constant);
    assert_eq!(windowed(&runs), 600);
    // One clock: the k-th request of every shard is due, and sent, at the same microsecond.
    for run in &runs {
        let mut sent: Vec<_> = run.records.iter().filter_map(|r| r.sent_us).collect();
        sent.sort_unstable();
        assert!(
            sent.iter()
                .enumerate()
                .all(|(k, &t)| t == k as u64 * 100_000)
        );
    }
    let ok = merged(&runs).iter().filter(|r| r.ok()).count();
    assert_eq!(
        engine_counts(&world, "vllm:request_success_total"),
        ok as f64
    );
    let prompt: u64 = merged(&runs).iter().filter_map(|r| r.input_tokens).sum();
    assert!(engine_counts(&world, "vllm:prompt_tokens_total") >= prompt as f64);
}

/// Independent Poisson streams merge into one of the summed rate.
#[test]
fn merged_poisson_arrivals_are_poisson() {
    let extent = Extent {
        seeds: 1,
        arrivals: 6_000,
        per_interval: 50.0,
    };
    let global = 60.0;
    let world = World::new(&json!({}));
    let runs = sharded(&world, global, &poisson(102));
    let seen = account(extent, 1.0, |_| {
        let due = merged(&runs).into_iter().filter_map(|r| r.due_us);
        // As if at one a second, in nanoseconds.
        due.map(|t| (t as f64 * global * 1e3) as u64)
            .take(extent.arrivals)
            .collect()
    });
    assert!(seen.pooled.iter().all(|f| f.inside()), "{:?}", seen.pooled);
}

/// The shards share the engine's slots: what one sends makes the others wait.
#[test]
fn shards_queue_behind_each_other() {
    let slow = json!({
        "overhead_ms": 0,
        "cost": {"base_ms": 20, "prefill_us": 0, "sequence_us": 0, "context_ns": 0},
        "scheduler": {"max_num_seqs": 1},
    });
    let load = Run {
        output_tokens: Length::Fixed(1),
        ..poisson(60)
    };
    let ttft = |runs: &[RunRecords]| {
        let all: Vec<f64> = merged(runs)
            .iter()
            .filter(|r| r.part == Part::Window)
            .filter_map(|r| Some((r.first_us? - r.sent_us?) as f64 / 1e3))
            .collect();
        all.iter().sum::<f64>() / all.len() as f64
    };
    let alone = World::new(&slow).run(Run {
        shape: rate(10.0, Arrivals::Poisson),
        ..load.clone()
    });
    let together = sharded(&World::new(&slow), 30.0, &load);
    // M/D/1: 20 ms + 2.5 ms at a load of 0.2, 20 ms + 15 ms at 0.6.
    assert!((20.0..24.0).contains(&ttft(&[alone])));
    assert!(
        (30.0..42.0).contains(&ttft(&together)),
        "{}",
        ttft(&together)
    );
}

#[test]
fn a_sharded_run_is_the_same_every_time() {
    let once = || {
        sharded(
            &World::new(&json!({"variation.step": 0.1})),
            45.0,
            &poisson(10),
        )
    };
    assert_eq!(once(), once());
}
