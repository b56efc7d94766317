use super::Bounds;
use super::beta::beta_quantile;

/// One-sided Clopper-Pearson bounds (1934), each at `confidence`, of a share of which `hits` of `n`
/// were seen. Both may be fractional: `n` is the *effective* number of observations where they are
/// not independent, and `hits` is scaled with it.
///
/// `lower = BetaInv(1 − c; k, n − k + 1)`, `upper = BetaInv(c; k + 1, n − k)`.
pub fn clopper_pearson(hits: f64, n: f64, confidence: f64) -> Bounds {
    if n <= 0.0 {
        return Bounds {
            lower: 0.0,
            upper: 1.0,
        };
    }
    let hits = hits.clamp(0.0, n);
    let misses = n - hits;
    Bounds {
        lower: if hits > 0.0 {
            beta_quantile(hits, misses + 1.0, 1.0 - confidence)
        } else {
            0.0
        },
        upper: if misses > 0.0 {
            beta_quantile(hits + 1.0, misses, confidence)
        } else {
            1.0
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn without_a_hit_the_rule_of_three_holds() {
        let b = clopper_pearson(0.0, 300.0, 0.95);
        assert_eq!(b.lower, 0.0);
        assert!((b.upper - (1.0 - 0.05f64.powf(1.0 / 300.0))).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn contains_the_observed_share_and_mirrors(n in 1u32..3000, k in 0u32..3000, c in 0.6f64..0.999) {
            let (n, k) = (f64::from(n), f64::from(k.min(n)));
            let b = clopper_pearson(k, n, c);
            prop_assert!(b.lower <= k / n && k / n <= b.upper);
            let mirrored = clopper_pearson(n - k, n, c);
            prop_assert!((b.lower - (1.0 - mirrored.upper)).abs() < 1e-6);
        }
    }
}
