//! How often the one-sided 95 % bounds of gaps hold, of which a request has many. Whatever has one value a
//! request is counted in `truth`.

use rand::SeedableRng;
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
