use std::collections::BTreeMap;
use std::time::Duration;

/// How much may be measured on top of the plan where the data cannot decide.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Extend {
    /// Nothing.
    Off,
    /// As much as that many times the plan, in all: above 1.
    Factor(f64),
    /// Windows of that length, in all.
    Time(Duration),
}

/// How much measurements vary by themselves, as far as the suite says. As shares: 0.03 is 3 %.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AssumedNoise {
    /// Between sessions, of every metric that has no entry of its own.
    pub session: Option<f64>,
    /// By metric with statistic, such as `ttft.p99`.
    pub metrics: BTreeMap<String, NoiseOf>,
}

/// How much one metric varies by itself. As shares.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NoiseOf {
    /// Between runs of one session.
    pub run: Option<f64>,
    /// Between sessions, that is starts of the server.
    pub session: Option<f64>,
}

impl AssumedNoise {
    /// What is said of `metric`, written as in assertions.
    pub fn of(&self, metric: &str) -> NoiseOf {
        let own = self.metrics.get(metric).copied().unwrap_or_default();
        NoiseOf {
            run: own.run,
            session: own.session.or(self.session),
        }
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.session.is_none() && self.metrics.is_empty()
    }
}
