use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1, Gamma};

use crate::driver::Nanos;
use crate::suite::{Arrivals, Stage, StageLevel};

/// Due times of an open loop, in nanoseconds since the run's start; ascending and endless (unless
/// the rate ends at 0).
///
/// The process is generated at rate 1 in operational time and mapped through the inverse of the
/// cumulative rate, so that ramps keep the spacing's character: a Poisson ramp is an inhomogeneous
/// Poisson process (Çinlar, *Introduction to Stochastic Processes*, 1975, §4.7).
#[derive(Clone, Debug)]
pub struct Schedule {
    segments: Vec<Segment>,
    segment: usize,
    /// Cumulative rate at the start of the current segment, and its start in seconds.
    before: f64,
    start: f64,
    /// Operational time of the last arrival.
    at: f64,
    gaps: Gaps,
    first: bool,
    /// The earliest that the next arrival may be: no two are due in the same nanosecond, so that who comes
    /// first is the same whatever thread looks.
    earliest: Nanos,
}

/// A stretch in which the rate goes linearly from `from` to `to`; `seconds` may be infinite.
#[derive(Clone, Copy, Debug)]
struct Segment {
    seconds: f64,
    from: f64,
    to: f64,
}

#[derive(Clone, Debug)]
enum Gaps {
    Constant,
    Poisson(ChaCha8Rng),
    Gamma(Gamma<f64>, ChaCha8Rng),
}

impl Gaps {
    fn new(arrivals: Arrivals, rng: ChaCha8Rng) -> Self {
        match arrivals {
            Arrivals::Constant => Gaps::Constant,
            Arrivals::Poisson => Gaps::Poisson(rng),
            // Shape and scale are checked by the suite; a mean of 1 needs scale = 1 / shape.
            Arrivals::Gamma(shape) => match Gamma::new(shape, 1.0 / shape) {
                Ok(gamma) => Gaps::Gamma(gamma, rng),
                Err(_) => Gaps::Poisson(rng),
            },
        }
    }

    fn draw(&mut self) -> f64 {
        match self {
            Gaps::Constant => 1.0,
            Gaps::Poisson(rng) => rng.sample(Exp1),
            Gaps::Gamma(gamma, rng) => gamma.sample(rng),
        }
    }
}

impl Schedule {
    /// A steady rate per second from the run's start on.
    pub fn steady(per_second: f64, arrivals: Arrivals, rng: ChaCha8Rng) -> Self {
        let segment = Segment {
            seconds: f64::INFINITY,
            from: per_second,
            to: per_second,
        };
        Self::new(vec![segment], arrivals, rng)
    }

    /// `warmup_s` at the first stage's starting rate, then the stages, then the last one's final rate
    /// without end.
    pub fn stages(warmup_s: f64, stages: &[Stage], arrivals: Arrivals, rng: ChaCha8Rng) -> Self {
        let rate = |level: StageLevel| match level {
            StageLevel::Rate(r) => r,
            StageLevel::Concurrency(_) => 0.0,
        };
        let mut segments = Vec::with_capacity(stages.len() + 2);
        if let (Some(first), Some(last)) = (stages.first(), stages.last()) {
            let level = |seconds, rate| Segment {
                seconds,
                from: rate,
                to: rate,
            };
            segments.push(level(warmup_s, rate(first.from)));
            segments.extend(stages.iter().map(|s| Segment {
                seconds: s.duration.as_secs_f64(),
                from: rate(s.from),
                to: rate(s.to),
            }));
            segments.push(level(f64::INFINITY, rate(last.to)));
        }
        Self::new(segments, arrivals, rng)
    }

    fn new(segments: Vec<Segment>, arrivals: Arrivals, rng: ChaCha8Rng) -> Self {
        Schedule {
            segments,
            segment: 0,
            before: 0.0,
            start: 0.0,
            at: 0.0,
            gaps: Gaps::new(arrivals, rng),
            first: true,
            earliest: 0,
        }
    }
}

impl Segment {
    /// Arrivals expected over the whole segment.
    fn total(&self) -> f64 {
        if self.seconds.is_infinite() && self.from == 0.0 {
            0.0
        } else {
            self.seconds * (self.from + self.to) / 2.0
        }
    }

    /// The time at which `amount` arrivals are expected since the segment's start; `amount` is at
    /// most [`Segment::total`].
    fn inverse(&self, amount: f64) -> f64 {
        let slope = (self.to - self.from) / self.seconds;
        if slope.is_nan() || slope == 0.0 || self.seconds.is_infinite() {
            return amount / self.from;
        }
        // Root of slope/2·t² + from·t − amount, in the form that does not cancel.
        let root = (self.from * self.from + 2.0 * slope * amount)
            .max(0.0)
            .sqrt();
        2.0 * amount / (self.from + root)
    }
}

impl Iterator for Schedule {
    type Item = Nanos;

    fn next(&mut self) -> Option<Nanos> {
        // Evenly spaced arrivals start with the run; the others with their first gap.
        let gap = match (&mut self.gaps, self.first) {
            (Gaps::Constant, true) => 0.0,
            (gaps, _) => gaps.draw(),
        };
        self.first = false;
        self.at += gap;
        loop {
            let segment = self.segments.get(self.segment)?;
            let inside = self.at - self.before;
            let total = segment.total();
            if inside < total || (segment.seconds.is_infinite() && segment.from > 0.0) {
                let seconds = if inside <= 0.0 {
                    0.0
                } else {
                    segment.inverse(inside)
                };
                let due = ((self.start + seconds) * 1e9).round() as Nanos;
                let due = due.max(self.earliest);
                self.earliest = due.saturating_add(1);
                return Some(due);
            }
            self.before += total;
            self.start += segment.seconds;
            self.segment += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::seed::stream;
    use std::time::Duration;

    fn rng(index: u64) -> ChaCha8Rng {
        stream(0, "arrivals", index)
    }

    #[test]
    fn constant_is_exact() {
        let due: Vec<_> = Schedule::steady(8.0, Arrivals::Constant, rng(0))
            .take(5)
            .collect();
        assert_eq!(due, [0, 125_000_000, 250_000_000, 375_000_000, 500_000_000]);
    }

    #[test]
    fn a_constant_rate_does_not_drift() {
        let last = Schedule::steady(3.0, Arrivals::Constant, rng(0)).nth(3_000_000);
        assert_eq!(last, Some(1_000_000 * 1_000_000_000));
    }

    /// The dispersion of gaps: variance over squared mean is 1 for Poisson, 1/shape for gamma.
    #[test]
    fn gaps_have_the_rate_and_dispersion_asked_for() {
        for (arrivals, dispersion) in [
            (Arrivals::Poisson, 1.0_f64),
            (Arrivals::Gamma(0.25), 4.0),
            (Arrivals::Gamma(4.0), 0.25),
        ] {
            let n = 200_000;
            let due: Vec<_> = Schedule::steady(50.0, arrivals, rng(7)).take(n).collect();
            let gaps: Vec<f64> = due.windows(2).map(|w| (w[1] - w[0]) as f64 / 1e9).collect();
            let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
            let var = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
            // Three standard errors of the mean: dispersion^½ / √n relative.
            assert!((mean * 50.0 - 1.0).abs() < 3.0 * dispersion.sqrt() / (n as f64).sqrt());
            assert!((var / mean.powi(2) / dispersion - 1.0).abs() < 0.05);
        }
    }

    #[test]
    fn a_ramp_brings_the_arrivals_that_its_area_says() {
        let stages = [Stage {
            duration: Duration::from_secs(10),
            from: StageLevel::Rate(0.0),
            to: StageLevel::Rate(100.0),
        }];
        let due: Vec<_> = Schedule::stages(2.0, &stages, Arrivals::Constant, rng(0))
            .take_while(|&t| t < 13_000_000_000)
            .collect();
        let upto = |s: f64| due.iter().filter(|&&t| (t as f64) < s * 1e9).count();
        // Nothing in a warm-up at rate 0 but the arrival at operational time 0; then t²·5 arrivals.
        assert_eq!(upto(7.0), 125);
        assert_eq!(upto(12.0), 500);
        assert_eq!(upto(13.0), 600);
    }

    #[test]
    fn a_rate_that_ends_at_zero_ends_the_schedule() {
        let stages = [
            Stage {
                duration: Duration::from_secs(1),
                from: StageLevel::Rate(10.0),
                to: StageLevel::Rate(10.0),
            },
            Stage {
                duration: Duration::from_secs(1),
                from: StageLevel::Rate(0.0),
                to: StageLevel::Rate(0.0),
            },
        ];
        let due: Vec<_> = Schedule::stages(0.0, &stages, Arrivals::Constant, rng(0)).collect();
        assert_eq!(due.len(), 10);
    }
}
