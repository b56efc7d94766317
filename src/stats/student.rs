use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use super::Bounds;
use super::moments::Moments;

/// An estimate whose error follows Student's t.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TEstimate {
    /// The estimate.
    pub value: f64,
    /// Its standard error; 0 where nothing varied.
    pub error: f64,
    /// Degrees of freedom of the error; infinite where the error is known.
    pub freedom: f64,
}

impl TEstimate {
    /// Two one-sided bounds, each at `confidence`.
    pub fn bounds(&self, confidence: f64) -> Bounds {
        let half = if self.error == 0.0 {
            0.0
        } else {
            student_t(confidence, self.freedom) * self.error
        };
        if half.is_nan() {
            return Bounds::UNKNOWN;
        }
        Bounds {
            lower: self.value - half,
            upper: self.value + half,
        }
    }

    /// One-sided p of "the true value is not above `x`": small where the estimate lies clearly above.
    pub fn p_above(&self, x: f64) -> f64 {
        let distance = self.value - x;
        if self.error == 0.0 {
            return match distance {
                d if d > 0.0 => 0.0,
                d if d < 0.0 => 1.0,
                _ => 0.5,
            };
        }
        student_upper(distance / self.error, self.freedom)
    }
}

/// The mean of `x` with the error that its spread gives. `None` under two values, or when one is not
/// finite.
pub fn one_sample_t(x: &[f64]) -> Option<TEstimate> {
    let (mean, variance) = mean_variance(x)?;
    let n = x.len() as f64;
    Some(TEstimate {
        value: mean,
        error: (variance / n).sqrt(),
        freedom: n - 1.0,
    })
}

/// The mean of `a[i] − b[i]`: the paired t. `None` under two pairs, when the lengths differ, or when
/// a value is not finite.
pub fn paired_t(a: &[f64], b: &[f64]) -> Option<TEstimate> {
    if a.len() != b.len() {
        return None;
    }
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    one_sample_t(&differences)
}

/// `mean(a) − mean(b)` of two samples that may differ in spread, with the degrees of freedom of
/// Welch (1947) and Satterthwaite (1946). `None` under two values a side, or when one is not finite.
pub fn welch_t(a: &[f64], b: &[f64]) -> Option<TEstimate> {
    let ((mean_a, var_a), (mean_b, var_b)) = (mean_variance(a)?, mean_variance(b)?);
    let (na, nb) = (a.len() as f64, b.len() as f64);
    let parts = [
        Part {
            variance: var_a / na,
            freedom: na - 1.0,
        },
        Part {
            variance: var_b / nb,
            freedom: nb - 1.0,
        },
    ];
    let (variance, freedom) = combined(&parts);
    Some(TEstimate {
        value: mean_a - mean_b,
        error: variance.sqrt(),
        freedom,
    })
}

/// A part of the variance of an estimate, and how well it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// Its contribution to the variance of the estimate.
    pub variance: f64,
    /// Degrees of freedom; infinite where it is known.
    pub freedom: f64,
}

/// The sum of independent parts of a variance, with Satterthwaite's degrees of freedom
/// `(Σ v)² / Σ (v² / f)` (*Biometrics Bulletin* 2, 1946).
pub fn combined(parts: &[Part]) -> (f64, f64) {
    let sum: f64 = parts.iter().map(|p| p.variance).sum();
    let denominator: f64 = parts
        .iter()
        .filter(|p| p.variance > 0.0)
        .map(|p| p.variance * p.variance / p.freedom)
        .sum();
    let freedom = if denominator > 0.0 {
        sum * sum / denominator
    } else if sum > 0.0 {
        f64::INFINITY
    } else {
        // Nothing varied: as free as the parts together.
        parts.iter().map(|p| p.freedom).sum()
    };
    (sum, freedom)
}

fn mean_variance(x: &[f64]) -> Option<(f64, f64)> {
    if x.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let moments = Moments::from_iter(x.iter().copied());
    Some((moments.mean()?, moments.stddev()?.powi(2)))
}

/// Past this many degrees of freedom, Student's t is the normal distribution to six digits.
const NORMAL_FROM: f64 = 1e7;

/// The `p`-quantile of Student's t with `freedom` degrees of freedom (the normal's where infinite).
pub fn student_t(p: f64, freedom: f64) -> f64 {
    if freedom >= NORMAL_FROM {
        return Normal::standard().inverse_cdf(p);
    }
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::INFINITY, |t| t.inverse_cdf(p))
}

/// `P(T > t)` of Student's t with `freedom` degrees of freedom.
pub fn student_upper(t: f64, freedom: f64) -> f64 {
    if freedom >= NORMAL_FROM {
        return Normal::standard().sf(t);
    }
    StudentsT::new(0.0, 1.0, freedom).map_or(1.0, |d| d.sf(t))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn without_spread_the_bounds_are_the_value() {
        let same = one_sample_t(&[2.0; 5]).unwrap();
        assert_eq!(
            same.bounds(0.95),
            Bounds {
                lower: 2.0,
                upper: 2.0
            }
        );
        assert_eq!((same.p_above(1.0), same.p_above(3.0)), (0.0, 1.0));
    }

    #[test]
    fn what_is_not_finite_gives_no_estimate() {
        assert_eq!(one_sample_t(&[1.0, f64::INFINITY, 2.0]), None);
        assert_eq!(welch_t(&[1.0, 2.0], &[f64::NAN, 2.0]), None);
        assert_eq!(one_sample_t(&[1.0]), None);
        assert_eq!(paired_t(&[1.0, 2.0], &[1.0]), None);
    }

    #[test]
    fn a_known_part_has_no_degrees_of_freedom_to_lose() {
        let known = Part {
            variance: 1.0,
            freedom: f64::INFINITY,
        };
        assert_eq!(combined(&[known]), (1.0, f64::INFINITY));
        let seen = Part {
            variance: 1.0,
            freedom: 4.0,
        };
        assert_eq!(combined(&[known, seen]), (2.0, 16.0));
    }

    proptest! {
        #[test]
        fn exchanging_the_sides_mirrors_the_estimate(
            a in prop::collection::vec(-1e3f64..1e3, 2..12),
            b in prop::collection::vec(-1e3f64..1e3, 2..12),
        ) {
            let (ab, ba) = (welch_t(&a, &b).unwrap(), welch_t(&b, &a).unwrap());
            prop_assert!((ab.value + ba.value).abs() < 1e-9);
            prop_assert!((ab.error - ba.error).abs() < 1e-9);
            let bounds = ab.bounds(0.95);
            prop_assert!(bounds.lower <= ab.value && ab.value <= bounds.upper);
        }
    }
}
