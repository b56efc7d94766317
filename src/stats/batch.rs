use super::Bounds;
use super::autocorrelation::autocorrelations;
use super::student::student_t;

/// Fewer batches than this give no interval.
pub const MIN_BATCHES: usize = 20;

/// One stretch of a measurement: what came of it, and by what it is divided (requests for a mean,
/// seconds for a rate).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Batch {
    /// Sum over the stretch.
    pub sum: f64,
    /// Size of the stretch.
    pub size: f64,
}

/// `Σ sum / Σ size` and its two one-sided t bounds from batches of wall time, each at `confidence`.
///
/// A mean whose batches hold different numbers of requests is a ratio of two sums, so the spread is
/// that of the residuals `sum − R·size` (Cochran, *Sampling Techniques*, §6.4), with B − 1 degrees of
/// freedom; for batches of one size it is the classical t on batch means. What correlation is left
/// between neighbouring batches widens the interval: the variance is multiplied by
/// `(1 + ρ₁) / (1 − ρ₁)`, `ρ₁` from the residuals where it is positive.
///
/// The bounds are [`Bounds::UNKNOWN`] under [`MIN_BATCHES`] batches. `None` when all sizes are 0.
pub fn ratio_interval(batches: &[Batch], confidence: f64) -> Option<(f64, Bounds)> {
    // Noise alone gives about 1/√B; what is past that is taken in full, up to a bound.
    interval(batches, confidence, |rho, count| {
        if rho > 1.0 / count.sqrt() {
            rho.min(MOST_ALIKE)
        } else {
            0.0
        }
    })
}

/// The same of a rate: what ends just after the edge of a batch is missing in it and counted in the next
/// one, so neighbours are as often too unlike as too alike, and the edges between them say more about
/// where they were cut than about the rate. `ρ₁` is taken with its sign, and `1/B` is added to it, by which
/// a sample's is too small on average (Kendall, *Biometrika* 41, 1954).
pub fn rate_interval(batches: &[Batch], confidence: f64) -> Option<(f64, Bounds)> {
    interval(batches, confidence, |rho, count| {
        (rho + 1.0 / count).clamp(MOST_UNLIKE, MOST_ALIKE)
    })
}

/// `ρ₁` beyond which batches are too short to say anything.
const MOST_ALIKE: f64 = 0.9;
/// What moves over one edge only makes neighbours no more unlike than this.
const MOST_UNLIKE: f64 = -0.5;

fn interval(
    batches: &[Batch],
    confidence: f64,
    alike: impl Fn(f64, f64) -> f64,
) -> Option<(f64, Bounds)> {
    let size: f64 = batches.iter().map(|b| b.size).sum();
    if size <= 0.0 {
        return None;
    }
    let ratio = batches.iter().map(|b| b.sum).sum::<f64>() / size;
    let n = batches.len();
    if n < MIN_BATCHES {
        return Some((ratio, Bounds::UNKNOWN));
    }
    let residuals: Vec<f64> = batches.iter().map(|b| b.sum - ratio * b.size).collect();
    let squares: f64 = residuals.iter().map(|r| r * r).sum();
    let count = n as f64;
    let rho = autocorrelations(&[&residuals], 1).first().copied();
    let rho = rho.map_or(0.0, |rho| alike(rho, count));
    let variance = squares / (count - 1.0) * (1.0 + rho) / (1.0 - rho);
    let error = (variance * count).sqrt() / size;
    let half = student_t(confidence, count - 1.0) * error;
    Some((
        ratio,
        Bounds {
            lower: ratio - half,
            upper: ratio + half,
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constant(n: usize, sum: f64, size: f64) -> Vec<Batch> {
        vec![Batch { sum, size }; n]
    }

    #[test]
    fn without_spread_the_interval_is_the_point() {
        let (mean, bounds) = ratio_interval(&constant(20, 6.0, 2.0), 0.95).unwrap();
        assert_eq!((mean, bounds.lower, bounds.upper), (3.0, 3.0, 3.0));
    }

    #[test]
    fn under_twenty_batches_nothing_is_known() {
        let (mean, bounds) = ratio_interval(&constant(19, 6.0, 2.0), 0.95).unwrap();
        assert_eq!((mean, bounds), (3.0, Bounds::UNKNOWN));
        assert_eq!(ratio_interval(&constant(30, 0.0, 0.0), 0.95), None);
    }

    #[test]
    fn what_moves_from_batch_to_batch_widens_no_rate() {
        // Each batch lends the next one what it got from the one before: the sum knows nothing of it.
        let loans: Vec<f64> = (0..25).map(|i| f64::from(i * 7 % 11)).collect();
        let lent = |i: usize| 100.0 + loans[(i + 24) % 25] - loans[i];
        let batches: Vec<Batch> = (0..25)
            .map(|i| Batch {
                sum: lent(i),
                size: 1.0,
            })
            .collect();
        let half = |(rate, bounds): (f64, Bounds)| bounds.upper - rate;
        let mean = half(ratio_interval(&batches, 0.95).unwrap());
        let rate = half(rate_interval(&batches, 0.95).unwrap());
        assert!(rate < 0.75 * mean, "{rate} {mean}");
    }

    #[test]
    fn batches_of_one_size_give_the_classical_t_interval() {
        let x: Vec<f64> = (0..25).map(|i| f64::from(i * 7 % 11)).collect();
        let batches: Vec<Batch> = x.iter().map(|&sum| Batch { sum, size: 1.0 }).collect();
        let (mean, bounds) = ratio_interval(&batches, 0.95).unwrap();
        let m = x.iter().sum::<f64>() / 25.0;
        let sd = (x.iter().map(|v| (v - m).powi(2)).sum::<f64>() / 24.0).sqrt();
        // t quantile 0.95 at 24 degrees of freedom.
        let half = 1.710_882_079_909_43 * sd / 5.0;
        assert!((mean - m).abs() < 1e-12);
        assert!((bounds.upper - (m + half)).abs() < 1e-9, "{bounds:?}");
        assert!((bounds.lower - (m - half)).abs() < 1e-9);
    }
}
