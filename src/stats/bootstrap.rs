use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use statrs::distribution::{ContinuousCDF, Normal};

use super::Bounds;
use super::batch::MIN_BATCHES;
use super::quantile::quantile;
use super::student::student_t;

/// How often each block stands in a resample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockWeights {
    counts: Vec<u32>,
}

impl BlockWeights {
    /// Every one of `blocks` blocks once: the sample itself.
    pub fn once(blocks: usize) -> Self {
        BlockWeights {
            counts: vec![1; blocks],
        }
    }

    /// As given.
    pub fn from_counts(counts: Vec<u32>) -> Self {
        BlockWeights { counts }
    }

    /// How often `block` stands in the resample.
    pub fn of(&self, block: usize) -> u32 {
        self.counts[block]
    }

    /// Blocks and how often each stands in the resample.
    pub fn iter(&self) -> impl Iterator<Item = (usize, u32)> + '_ {
        self.counts.iter().copied().enumerate()
    }

    /// Sum of `per_block`, each as often as its block stands in the resample.
    pub fn total(&self, per_block: &[u32]) -> u64 {
        self.counts
            .iter()
            .zip(per_block)
            .map(|(&w, &n)| u64::from(w) * u64::from(n))
            .sum()
    }
}

/// Two one-sided bounds, each at `confidence`, of a statistic of data that come in `blocks` blocks of
/// wall time, by resampling whole blocks (Efron and Tibshirani, *An Introduction to the Bootstrap*,
/// §8.5). What is correlated inside a block stays together.
///
/// The percentile interval is too narrow with few blocks; its level is widened to
/// `Φ(−√(B/(B−1)) · t_{c, B−1})` (Hesterberg, *What Teachers Should Know About the Bootstrap*, 2015).
/// A replicate for which the statistic does not exist (`None`) counts on both sides as unbounded.
/// Deterministic: the same `seed` gives the same bounds. Under 20 blocks nothing is known.
pub fn block_bootstrap(
    blocks: usize,
    replicates: usize,
    confidence: f64,
    seed: u64,
    mut statistic: impl FnMut(&BlockWeights) -> Option<f64>,
) -> Bounds {
    if blocks < MIN_BATCHES || replicates == 0 {
        return Bounds::UNKNOWN;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut low = Vec::with_capacity(replicates);
    let mut high = Vec::with_capacity(replicates);
    let mut weights = BlockWeights {
        counts: vec![0; blocks],
    };
    for _ in 0..replicates {
        weights.counts.fill(0);
        for _ in 0..blocks {
            weights.counts[rng.random_range(0..blocks)] += 1;
        }
        let value = statistic(&weights).filter(|v| !v.is_nan());
        low.push(value.unwrap_or(f64::NEG_INFINITY));
        high.push(value.unwrap_or(f64::INFINITY));
    }
    low.sort_by(f64::total_cmp);
    high.sort_by(f64::total_cmp);
    let b = blocks as f64;
    let z = (b / (b - 1.0)).sqrt() * student_t(confidence, b - 1.0);
    let tail = Normal::standard().cdf(-z);
    Bounds {
        // A quantile of values with −∞ among them is −∞ where it needs one of those.
        lower: -quantile(
            &low.iter().rev().map(|x| -x).collect::<Vec<_>>(),
            1.0 - tail,
        )
        .unwrap_or(f64::INFINITY),
        upper: quantile(&high, 1.0 - tail).unwrap_or(f64::INFINITY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_deterministic_and_encloses_the_mean() {
        let x: Vec<f64> = (0..40).map(|i| f64::from(i * 17 % 23)).collect();
        let mean =
            |w: &BlockWeights| Some(w.iter().map(|(b, k)| f64::from(k) * x[b]).sum::<f64>() / 40.0);
        let a = block_bootstrap(40, 500, 0.95, 7, mean);
        assert_eq!(a, block_bootstrap(40, 500, 0.95, 7, mean));
        assert_ne!(a, block_bootstrap(40, 500, 0.95, 8, mean));
        let point = x.iter().sum::<f64>() / 40.0;
        assert!(a.lower < point && point < a.upper);
    }

    #[test]
    fn what_cannot_be_computed_is_unbounded_on_both_sides() {
        assert_eq!(block_bootstrap(30, 100, 0.95, 1, |_| None), Bounds::UNKNOWN);
        assert_eq!(
            block_bootstrap(19, 100, 0.95, 1, |_| Some(1.0)),
            Bounds::UNKNOWN
        );
    }
}
