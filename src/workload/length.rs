use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{LogNormal, Normal};

use crate::suite::Length;

impl Length {
    /// Draws one length.
    pub fn draw(&self, rng: &mut ChaCha8Rng) -> u32 {
        match *self {
            Length::Fixed(n) => n,
            Length::Uniform { min, max } => rng.random_range(min..=max),
            Length::Normal {
                mean,
                stddev,
                min,
                max,
            } => match Normal::new(mean, stddev) {
                Ok(normal) => bounded(rng.sample(normal), min, max),
                Err(_) => bounded(mean, min, max),
            },
            Length::LogNormal {
                mean,
                stddev,
                min,
                max,
            } => {
                // Parameters of the logarithm from mean and deviation of the length itself.
                let variance = (1.0 + (stddev / mean).powi(2)).ln();
                match LogNormal::new(mean.ln() - variance / 2.0, variance.sqrt()) {
                    Ok(log_normal) => bounded(rng.sample(log_normal), min, max),
                    Err(_) => bounded(mean, min, max),
                }
            }
        }
    }

    /// The mean length, bounds left out of account.
    pub fn mean(&self) -> f64 {
        match *self {
            Length::Fixed(n) => f64::from(n),
            Length::Uniform { min, max } => (f64::from(min) + f64::from(max)) / 2.0,
            Length::Normal { mean, .. } | Length::LogNormal { mean, .. } => mean,
        }
    }
}

fn bounded(x: f64, min: u32, max: u32) -> u32 {
    // The cast saturates, so that a draw below 0 becomes 0 before the bound applies.
    (x.round() as u32).clamp(min, max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::seed::stream;

    #[test]
    fn draws_have_the_mean_and_stay_inside() {
        for length in [
            Length::Fixed(300),
            Length::Uniform { min: 100, max: 500 },
            Length::Normal {
                mean: 300.0,
                stddev: 50.0,
                min: 1,
                max: 600,
            },
            Length::LogNormal {
                mean: 300.0,
                stddev: 60.0,
                min: 1,
                max: 4000,
            },
        ] {
            let mut rng = stream(0, "lengths", 0);
            let n = 20_000;
            let draws: Vec<_> = (0..n).map(|_| length.draw(&mut rng)).collect();
            let mean = draws.iter().map(|&d| f64::from(d)).sum::<f64>() / f64::from(n);
            assert!(
                (mean / length.mean() - 1.0).abs() < 0.02,
                "{length:?}: {mean}"
            );
        }
        let tight = Length::Normal {
            mean: 10.0,
            stddev: 100.0,
            min: 5,
            max: 20,
        };
        let mut rng = stream(0, "lengths", 1);
        assert!((0..1000).all(|_| (5..=20).contains(&tight.draw(&mut rng))));
    }
}
