//! Closed forms of queueing theory through the whole path: load engine, protocol, embedded engine in virtual
//! time, metrics. The exit code says whether they hold.
//!
//! - M/D/1: one slot, a service of exactly D, Poisson arrivals at a load of ρ: the mean wait is
//!   ρD / 2(1 − ρ) (Pollaczek 1930, Khinchine 1932). Within 2 %.
//! - Little (1961): in a closed loop of N, throughput times the mean time in the system is N. Within 0.5 %.
//!
//!     cargo run --release --example queueing

use std::process::ExitCode;
use std::time::Duration;

use prony::metrics::summarize_phase;
use prony::record::RunRecords;
use prony::suite::{Arrivals, Length, LoadShape};
use serde_json::json;

#[path = "../tests/virtual/world.rs"]
mod world;

use world::{Run, World, rate};

/// The service time, in ms.
const D: f64 = 100.0;

fn main() -> ExitCode {
    let mut holds = true;
    for (load, requests) in [(0.3, 400_000), (0.6, 400_000), (0.8, 600_000)] {
        let seen = (0..3).map(|seed| wait(load, requests, seed)).sum::<f64>() / 3.0;
        let expected = D * load / (2.0 * (1.0 - load));
        let error = seen / expected - 1.0;
        println!(
            "M/D/1, load {load}: waits {seen:.3} ms for {expected:.3}, {:+.3} %",
            error * 100.0
        );
        holds &= error.abs() < 0.02;
    }
    for n in [1, 8, 100] {
        let seen = little(n);
        let error = seen / f64::from(n) - 1.0;
        println!("Little, N = {n}: {seen:.4}, {:+.4} %", error * 100.0);
        holds &= error.abs() < 0.005;
    }
    if holds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The mean wait of one seed, in ms.
fn wait(load: f64, requests: u64, seed: u64) -> f64 {
    let world = World::new(&json!({
        "overhead_ms": 0,
        "cost": {"base_ms": D, "prefill_us": 0, "sequence_us": 0, "context_ns": 0},
        "scheduler": {"max_num_seqs": 1},
    }));
    let run = world.run(Run {
        warmup: Duration::from_secs(1_000),
        requests: Some(requests),
        seed,
        ..Run::new(rate(load * 1e3 / D, Arrivals::Poisson))
    });
    value(&[run], "ttft") - D
}

fn little(n: u32) -> f64 {
    let world = World::new(&json!({"scheduler.max_num_seqs": 32}));
    let run = world.run(Run {
        warmup: Duration::from_secs(20),
        duration: Some(Duration::from_secs(1_000)),
        input_tokens: Length::uniform(10, 300),
        output_tokens: Length::uniform(4, 14),
        ..Run::new(LoadShape::Concurrency(n))
    });
    let runs = [run];
    value(&runs, "throughput") * value(&runs, "e2e_latency") / 1e3
}

fn value(runs: &[RunRecords], metric: &str) -> f64 {
    let metrics = serde_json::to_value(summarize_phase(runs, None, false)).unwrap_or_default();
    let found = &metrics[metric];
    found["mean"]
        .as_f64()
        .or(found["value"].as_f64())
        .unwrap_or(f64::NAN)
}
