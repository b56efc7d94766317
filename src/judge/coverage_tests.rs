//! How often the one-sided 95 % bounds hold on data whose truth is known.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, StandardNormal};

use super::estimate::{Estimate, Method, REPLICATES, estimate};
use super::expression::{Measured, Node};
use super::input::JudgePhase;
use super::measure::measure;
use super::prepared::Prepared;
use crate::metrics::metric;
use crate::metrics::synthetic::*;
use crate::record::RunRecords;
use crate::result::ClientHealth;
use crate::suite::assertion::{MetricRef, Statistic};

const REPLICATIONS: u64 = 200;
/// Median and spread of the log-normal times to first token, in µs.
const MEDIAN: f64 = 100_000.0;
const SIGMA: f64 = 0.4;

/// `n` requests 10 ms apart (or Poisson) whose log times follow an AR(1) of correlation `rho`.
fn ar1(seed: u64, n: u64, rho: f64, poisson: bool) -> RunRecords {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut z: f64 = StandardNormal.sample(&mut rng);
    let mut at = 0.0;
    let records = (0..n)
        .map(|i| {
            let e: f64 = StandardNormal.sample(&mut rng);
            z = rho * z + (1.0 - rho * rho).sqrt() * e;
            at += if poisson {
                -10_000.0 * (1.0 - rng.random::<f64>()).ln()
            } else {
                10_000.0
            };
            request(i, at as u64, (MEDIAN * (SIGMA * z).exp()) as u64, 0, 0)
        })
        .collect();
    let end = if poisson { n * 10 * MS } else { at as u64 + 1 };
    let mut run = run(0, end.max(at as u64 + 1), records);
    // What a Poisson stream brings after the window is not measured.
    if poisson {
        run.window.end_us = n * 9 * MS;
        for r in &mut run.records {
            if r.due_us >= Some(run.window.end_us) {
                r.part = crate::record::Part::Tail;
            }
        }
    }
    run
}

fn observe(run: RunRecords, name: &str, statistic: Option<Statistic>) -> Estimate {
    let health = ClientHealth::default();
    let runs = [run];
    let phase = JudgePhase {
        name: "main",
        runs: &runs,
        health: &health,
        gpus: None,
        interrupted: false,
    };
    let prepared = Prepared::new(&phase);
    let measured = Measured::Metric(MetricRef {
        phase: None,
        metric: metric(name).unwrap(),
        labels: vec![],
        statistic,
    });
    let unit = metric(name).unwrap().unit;
    let leaf = measure(&measured, &prepared).unwrap();
    let method = Method {
        confidence: 0.95,
        seed: 1,
        blocks: prepared.blocks.len(),
        replicates: REPLICATES,
    };
    estimate(&Node::Leaf(0), &[leaf], unit, method).unwrap()
}

/// Shares of replications in which the truth lay above the lower and below the upper bound.
fn coverage(truth: f64, mut one: impl FnMut(u64) -> Estimate) -> [f64; 2] {
    let mut held = [0.0; 2];
    for seed in 0..REPLICATIONS {
        let bounds = one(seed).bounds;
        held[0] += f64::from(u8::from(bounds.lower <= truth));
        held[1] += f64::from(u8::from(truth <= bounds.upper));
    }
    held.map(|h| h / REPLICATIONS as f64)
}

fn assert_covers(what: &str, held: [f64; 2]) {
    // 95 % less what 200 replications leave open; far more would be a waste of data.
    for share in held {
        assert!((0.91..=0.995).contains(&share), "{what}: {held:?}");
    }
}

/// The `p`-quantile of the log-normal times, in ms, by its normal score.
fn truth(score: f64) -> f64 {
    MEDIAN * (SIGMA * score).exp() / 1e3
}

#[test]
fn quantiles_of_independent_requests() {
    for (q, score) in [(0.5, 0.0), (0.95, 1.644_853_627)] {
        let held = coverage(truth(score), |seed| {
            observe(
                ar1(seed, 600, 0.0, false),
                "ttft",
                Some(Statistic::Quantile(q)),
            )
        });
        assert_covers(&format!("iid p{q}"), held);
    }
}

#[test]
fn quantiles_of_requests_that_resemble_their_neighbours() {
    for (q, score) in [(0.5, 0.0), (0.95, 1.644_853_627)] {
        let held = coverage(truth(score), |seed| {
            observe(
                ar1(seed, 1000, 0.7, false),
                "ttft",
                Some(Statistic::Quantile(q)),
            )
        });
        assert_covers(&format!("AR(1) p{q}"), held);
    }
}

#[test]
fn means() {
    let mean = truth(0.0) * (SIGMA * SIGMA / 2.0).exp();
    for rho in [0.0, 0.7] {
        let held = coverage(mean, |seed| {
            observe(ar1(seed, 1000, rho, false), "ttft", Some(Statistic::Mean))
        });
        assert_covers(&format!("mean, rho {rho}"), held);
    }
}

#[test]
fn rates() {
    // 100 arrivals a second, each answered within a fraction of one.
    let held = coverage(100.0, |seed| {
        let mut run = ar1(seed, 1000, 0.3, true);
        run.window.start_us = S;
        observe(run, "throughput", None)
    });
    assert_covers("throughput", held);
}

#[test]
fn quantiles_of_gaps() {
    // Each request has a pace of its own, so its gaps are anything but independent.
    let held = coverage(5.0 * (0.3f64 * 1.281_551_566).exp(), |seed| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let records = (0..400)
            .map(|i| {
                let z: f64 = StandardNormal.sample(&mut rng);
                let gap = 5_000.0 * (0.3 * z).exp();
                request(i, i * 25 * MS, 20 * MS, 8, gap as u64)
            })
            .collect();
        observe(
            run(0, 10 * S, records),
            "itl",
            Some(Statistic::Quantile(0.9)),
        )
    });
    assert_covers("itl p90", held);
}
