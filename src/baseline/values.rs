//! Where a value that a suite names stands in a baseline.

use super::file::{Measurement, PhaseBaseline};
use crate::suite::assertion::{Operand, Statistic};

/// Statistics of distributions that every baseline has.
pub const STATISTICS: [&str; 5] = ["mean", "p50", "p90", "p95", "p99"];

/// The statistic of metrics that are one number.
pub(super) const VALUE: &str = "value";

/// Where the value of `operand` stands: its metric (or expression) without phase and statistic, and
/// the statistic.
pub fn key_of(operand: &Operand<'_>) -> (String, String) {
    match operand {
        Operand::Metric(m) => {
            let mut bare = (*m).clone();
            bare.phase = None;
            bare.statistic = None;
            let statistic = match m.statistic {
                None => VALUE.to_owned(),
                // `median` is another word for it.
                Some(Statistic::Quantile(0.5)) => "p50".to_owned(),
                Some(statistic) => statistic.to_string(),
            };
            (bare.to_string(), statistic)
        }
        Operand::Call { function, .. } => (function.to_string(), VALUE.to_owned()),
    }
}

/// `metric.statistic`, as histories and people name it; metrics that are one number have no statistic.
pub(super) fn joined(metric: &str, statistic: &str) -> String {
    if statistic == VALUE {
        metric.to_owned()
    } else {
        format!("{metric}.{statistic}")
    }
}

impl Measurement {
    /// The value `metric.statistic` in every run; `None` where it was not measured.
    pub fn values(&self, metric: &str, statistic: &str) -> Option<&[Option<f64>]> {
        let list = self.metrics.get(metric)?.statistics.get(statistic)?;
        Some(list)
    }
}

impl PhaseBaseline {
    /// What earlier measurements say of `metric.statistic`: standard deviations of the logarithm and
    /// the degrees of freedom behind them, pooled.
    pub fn past_noise(&self, metric: &str, statistic: &str) -> PastNoise {
        let mut noise = PastNoise::default();
        let Some(spread) = self.history.spread.get(&joined(metric, statistic)) else {
            return noise;
        };
        let counts = self.history.runs.iter().zip(&self.history.sessions);
        let spreads = spread.runs.iter().zip(&spread.sessions);
        for ((runs, sessions), (between_runs, between_sessions)) in counts.zip(spreads) {
            if let Some(sd) = between_runs {
                noise.runs.add(*sd, runs.saturating_sub(*sessions));
            }
            if let Some(sd) = between_sessions {
                noise.sessions.add(*sd, sessions.saturating_sub(1));
            }
        }
        noise
    }
}

/// Noise that earlier measurements show.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PastNoise {
    /// Between runs of one session.
    pub runs: Pooled,
    /// Between sessions.
    pub sessions: Pooled,
}

/// A pooled variance.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pooled {
    sum: f64,
    freedom: usize,
}

impl Pooled {
    fn add(&mut self, sd: f64, freedom: usize) {
        self.sum += sd * sd * freedom as f64;
        self.freedom += freedom;
    }

    /// The standard deviation; `None` where nothing is known.
    pub fn sd(&self) -> Option<f64> {
        (self.freedom > 0).then(|| (self.sum / self.freedom as f64).sqrt())
    }

    /// Degrees of freedom.
    pub fn freedom(&self) -> usize {
        self.freedom
    }
}
