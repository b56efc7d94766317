use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Exp1, LogNormal, Normal, Zipf};

use crate::suite::{Length, Shape};

impl Length {
    /// Draws one length.
    pub fn draw(&self, rng: &mut ChaCha8Rng) -> u32 {
        let (shape, min, max) = match self {
            Length::Fixed(n) => return *n,
            Length::Drawn { shape, min, max } => (shape, *min, *max),
        };
        let drawn = match shape {
            Shape::Uniform => return rng.random_range(min..=max),
            Shape::Normal { mean, stddev } => match Normal::new(*mean, *stddev) {
                Ok(normal) => rng.sample(normal),
                Err(_) => *mean,
            },
            Shape::LogNormal { mean, stddev } => {
                // Parameters of the logarithm from mean and deviation of the length itself.
                let variance = (1.0 + (stddev / mean).powi(2)).ln();
                match LogNormal::new(mean.ln() - variance / 2.0, variance.sqrt()) {
                    Ok(log_normal) => rng.sample(log_normal),
                    Err(_) => *mean,
                }
            }
            Shape::Exponential { mean } => mean * rng.sample::<f64, _>(Exp1),
            Shape::Zipf { s } => match Zipf::new(f64::from(max - min + 1), *s) {
                Ok(zipf) => f64::from(min) + rng.sample(zipf) - 1.0,
                Err(_) => f64::from(min),
            },
            Shape::Histogram { bins, .. } => f64::from(bins.quantile(rng.random())),
        };
        bounded(drawn, min, max)
    }

    /// The mean length. Of normal, log-normal and exponential lengths the mean as stated: the bounds
    /// are left out of account.
    pub fn mean(&self) -> f64 {
        let (shape, min, max) = match self {
            Length::Fixed(n) => return f64::from(*n),
            Length::Drawn { shape, min, max } => (shape, *min, *max),
        };
        match shape {
            Shape::Uniform => (f64::from(min) + f64::from(max)) / 2.0,
            Shape::Normal { mean, .. }
            | Shape::LogNormal { mean, .. }
            | Shape::Exponential { mean } => mean.clamp(f64::from(min), f64::from(max)),
            Shape::Zipf { s } => f64::from(min) - 1.0 + zipf_mean(max - min + 1, *s),
            Shape::Histogram { bins, .. } => bins.mean(),
        }
    }
}

/// Mean of a Zipf distribution over 1..=n: ΣK^(1−s) / ΣK^(−s).
fn zipf_mean(n: u32, s: f64) -> f64 {
    power_sum(n, 1.0 - s) / power_sum(n, -s)
}

/// Σ k^p over 1..=n; past the first thousand terms by the Euler-Maclaurin formula, whose next term is
/// below 1e-9 of the sum there.
fn power_sum(n: u32, p: f64) -> f64 {
    const EXACT: u32 = 1000;
    let head: f64 = (1..=n.min(EXACT)).map(|k| f64::from(k).powf(p)).sum();
    if n <= EXACT {
        return head;
    }
    let (a, b) = (f64::from(EXACT), f64::from(n));
    let integral = if (p + 1.0).abs() < 1e-9 {
        (b / a).ln()
    } else {
        (b.powf(p + 1.0) - a.powf(p + 1.0)) / (p + 1.0)
    };
    let ends = (b.powf(p) - a.powf(p)) / 2.0;
    let slopes = p * (b.powf(p - 1.0) - a.powf(p - 1.0)) / 12.0;
    head + integral + ends + slopes
}

fn bounded(x: f64, min: u32, max: u32) -> u32 {
    // The cast saturates, so that a draw below 0 becomes 0 before the bound applies.
    (x.round() as u32).clamp(min, max)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::suite::Histogram;
    use crate::workload::seed::stream;

    fn drawn(shape: Shape, min: u32, max: u32) -> Length {
        Length::Drawn { shape, min, max }
    }

    #[test]
    fn draws_have_the_mean_and_stay_inside() {
        let bins = Histogram::parse("100 1\n200-400 2\n1000 1", 1000).expect("a histogram");
        for length in [
            Length::Fixed(300),
            drawn(Shape::Uniform, 100, 500),
            drawn(
                Shape::Normal {
                    mean: 300.0,
                    stddev: 50.0,
                },
                1,
                600,
            ),
            drawn(
                Shape::LogNormal {
                    mean: 300.0,
                    stddev: 60.0,
                },
                1,
                4000,
            ),
            drawn(Shape::Exponential { mean: 300.0 }, 1, 6000),
            drawn(Shape::Zipf { s: 1.2 }, 50, 900),
            drawn(Shape::Zipf { s: 0.5 }, 1, 5000),
            drawn(
                Shape::Histogram {
                    path: "h.csv".into(),
                    bins: Arc::new(bins),
                },
                1,
                1000,
            ),
        ] {
            let mut rng = stream(0, "lengths", 0);
            let n = 20_000;
            let draws: Vec<_> = (0..n).map(|_| length.draw(&mut rng)).collect();
            let mean = draws.iter().map(|&d| f64::from(d)).sum::<f64>() / f64::from(n);
            assert!(
                (mean / length.mean() - 1.0).abs() < 0.02,
                "{length:?}: {mean} of {}",
                length.mean()
            );
        }
    }

    #[test]
    fn every_shape_is_bounded() {
        let bins = Histogram::parse("1-1000 1", 1000).expect("a histogram");
        for shape in [
            Shape::Uniform,
            Shape::Normal {
                mean: 10.0,
                stddev: 100.0,
            },
            Shape::LogNormal {
                mean: 10.0,
                stddev: 100.0,
            },
            Shape::Exponential { mean: 10.0 },
            Shape::Zipf { s: 1.0 },
            Shape::Histogram {
                path: "h.csv".into(),
                bins: Arc::new(bins.within(5, 20).expect("something")),
            },
        ] {
            let length = drawn(shape, 5, 20);
            let mut rng = stream(0, "lengths", 1);
            assert!((0..2000).all(|_| (5..=20).contains(&length.draw(&mut rng))));
        }
    }

    #[test]
    fn sums_of_powers_are_right_far_out() {
        for p in [-2.0, -1.0, -0.5, 0.0, 0.7] {
            let exact: f64 = (1..=50_000).map(|k| f64::from(k).powf(p)).sum();
            assert!((power_sum(50_000, p) / exact - 1.0).abs() < 1e-9, "{p}");
        }
    }
}
