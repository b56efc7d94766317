use super::Bounds;
use super::beta::beta_cdf;

/// A probability that equals the confidence but for rounding reaches it.
const ROUNDING: f64 = 1e-12;

/// Ranks (from 1) of the order statistics that bound a quantile. Absent: the sample is too small for
/// that bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RankBounds {
    /// The quantile lies at or above the value of this rank.
    pub lower: Option<usize>,
    /// The quantile lies at or below the value of this rank.
    pub upper: Option<usize>,
}

/// Which of `n` ordered values bound the `q`-quantile, each one-sided at `confidence`.
///
/// The dual of Clopper-Pearson: the upper bound is the least rank `s` for which
/// `P(Bin(n, q) ≥ s) = I_q(s, n − s + 1) ≤ 1 − c`, so `t = n − s` values may lie above a limit that is
/// said to hold; the lower bound is the greatest rank `r` with `P(Bin(n, q) ≥ r) ≥ c`. David and
/// Nagaraja, *Order Statistics*, §7.1.
///
/// `effective` ≤ `n` is the number of independent observations that the `n` are worth. Both counts of
/// the binomial are then scaled by `effective / n`, which is the bound that Clopper-Pearson gives for
/// the scaled counts.
pub fn quantile_ranks(n: usize, effective: f64, q: f64, confidence: f64) -> RankBounds {
    if n == 0 {
        return RankBounds {
            lower: None,
            upper: None,
        };
    }
    let scale = (effective / n as f64).clamp(f64::MIN_POSITIVE, 1.0);
    let upper_holds = |s: usize| {
        beta_cdf(s as f64 * scale, (n - s) as f64 * scale + 1.0, q) <= 1.0 - confidence + ROUNDING
    };
    let lower_holds = |r: usize| {
        beta_cdf((r - 1) as f64 * scale + 1.0, (n - r + 1) as f64 * scale, q)
            >= confidence - ROUNDING
    };
    // Both conditions are monotone in the rank.
    let ranks = RankSearch { n };
    RankBounds {
        lower: ranks
            .first(|r| !lower_holds(r))
            .checked_sub(1)
            .filter(|&r| r > 0),
        upper: Some(ranks.first(upper_holds)).filter(|&s| s <= n),
    }
}

/// The two one-sided bounds of the `q`-quantile of `sorted`; see [`quantile_ranks`].
pub fn quantile_bounds(sorted: &[f64], effective: f64, q: f64, confidence: f64) -> Bounds {
    let ranks = quantile_ranks(sorted.len(), effective, q, confidence);
    Bounds {
        lower: ranks.lower.map_or(f64::NEG_INFINITY, |r| sorted[r - 1]),
        upper: ranks.upper.map_or(f64::INFINITY, |s| sorted[s - 1]),
    }
}

struct RankSearch {
    n: usize,
}

impl RankSearch {
    /// The least rank in `1..=n` for which `holds`, or `n + 1`; `holds` stays true once it is.
    fn first(&self, holds: impl Fn(usize) -> bool) -> usize {
        let (mut low, mut high) = (1, self.n + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            if holds(middle) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// How many values may lie above a limit that is said to hold at p99, 95 % one-sided.
    fn allowed(n: usize, q: f64, c: f64) -> Option<usize> {
        quantile_ranks(n, n as f64, q, c).upper.map(|s| n - s)
    }

    #[test]
    fn the_known_sample_sizes_for_a_p99_at_95_percent() {
        assert_eq!(allowed(298, 0.99, 0.95), None);
        assert_eq!(allowed(299, 0.99, 0.95), Some(0));
        assert_eq!(allowed(472, 0.99, 0.95), Some(0));
        assert_eq!(allowed(473, 0.99, 0.95), Some(1));
        assert_eq!(allowed(1000, 0.99, 0.95), Some(4));
        assert_eq!(allowed(2000, 0.99, 0.95), Some(12));
        assert_eq!(allowed(5000, 0.99, 0.95), Some(38));
    }

    #[test]
    fn the_known_sample_sizes_at_99_percent() {
        for (q, sizes) in [
            (0.90, [44, 64, 81]),
            (0.95, [90, 130, 165]),
            (0.99, [459, 662, 838]),
        ] {
            for (t, n) in sizes.into_iter().enumerate() {
                assert_eq!(allowed(n, q, 0.99), Some(t), "p{q} n={n}");
                assert_eq!(allowed(n - 1, q, 0.99), t.checked_sub(1), "p{q} n={n}");
            }
        }
    }

    #[test]
    fn fewer_effective_observations_widen_the_bounds() {
        let full = quantile_ranks(2000, 2000.0, 0.9, 0.95);
        let half = quantile_ranks(2000, 400.0, 0.9, 0.95);
        assert!(half.lower < full.lower && half.upper > full.upper);
        assert_eq!(quantile_ranks(2000, 200.0, 0.99, 0.95).upper, None);
    }

    proptest! {
        #[test]
        fn bounds_enclose_the_rank_of_the_quantile(
            n in 1usize..4000, q in 0.01f64..0.999, share in 0.05f64..=1.0,
        ) {
            let bounds = quantile_ranks(n, n as f64 * share, q, 0.95);
            let centre = n as f64 * q;
            if let Some(r) = bounds.lower {
                prop_assert!((r as f64) <= centre + 1.0);
            }
            if let Some(s) = bounds.upper {
                prop_assert!(s as f64 >= centre && s <= n);
            }
        }
    }
}
