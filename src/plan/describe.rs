use std::fmt::{self, Write};
use std::time::Duration;

use super::case::PhasePlan;
use crate::suite::{Arrivals, Axis, Goal, Load, LoadShape, Search, Stage, StageLevel, Start};
use crate::text::seconds;

impl Search {
    /// What is looked for, in words, without how far and how exactly:
    /// `the highest rate, poisson, at which ttft.p99 < 500ms`.
    pub fn asked(&self) -> String {
        let axis = match &self.axis {
            Axis::Rate {
                arrivals,
                max_concurrency,
            } => {
                let most = max_concurrency.map(|n| format!(", at most {n} in flight"));
                format!("rate, {arrivals}{}", most.unwrap_or_default())
            }
            Axis::Concurrency => "concurrency".to_owned(),
        };
        match &self.goal {
            Goal::Capacity { subject_to } => {
                let bounds = subject_to.iter().map(|b| b.assertion.text.trim());
                let bounds: Vec<&str> = bounds.collect();
                format!("the highest {axis}, at which {}", bounds.join(", "))
            }
            Goal::Saturation => format!("the {axis}, past which throughput stops growing"),
        }
    }
}

impl fmt::Display for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Arrivals::Constant => f.write_str("constant"),
            Arrivals::Poisson => f.write_str("poisson"),
            Arrivals::Gamma(shape) => write!(f, "gamma({shape})"),
        }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.shape {
            LoadShape::Concurrency(n) => write!(f, "concurrency {n}")?,
            LoadShape::Rate {
                per_second,
                arrivals,
            } => write!(f, "{per_second}/s {arrivals}")?,
            LoadShape::Stages { stages, arrivals } => {
                let course: Vec<String> = stages.iter().map(stage).collect();
                f.write_str(&course.join(", then "))?;
                if matches!(stages.first(), Some(s) if matches!(s.from, StageLevel::Rate(_))) {
                    write!(f, " ({arrivals})")?;
                }
            }
        }
        if let Some(n) = self.max_concurrency {
            write!(f, ", at most {n} in flight")?;
        }
        match self.start {
            Start::Together => f.write_str(", all started at once"),
            Start::Spread => Ok(()),
        }
    }
}

fn stage(s: &Stage) -> String {
    let level = |l: StageLevel| match l {
        StageLevel::Rate(r) => format!("{r}/s"),
        StageLevel::Concurrency(n) => format!("concurrency {n}"),
    };
    let length = span(s.duration);
    if s.from == s.to {
        format!("{} for {length}", level(s.from))
    } else {
        format!("{} to {} in {length}", level(s.from), level(s.to))
    }
}

/// A planned duration, as short as it can be said.
fn span(d: Duration) -> String {
    seconds(Some(d.as_secs_f64()))
}

impl PhasePlan {
    /// The load and what ends the window, in words: `20/s poisson, 1000 requests`.
    pub fn describe(&self) -> String {
        let mut text = self.load.to_string();
        let end = match (self.requests, self.duration) {
            (Some(n), None) => format!("{n} requests"),
            (None, Some(d)) => span(d),
            (Some(n), Some(d)) => format!("{n} requests or {}", span(d)),
            (None, None) => return text,
        };
        // Writing to a string cannot fail.
        let _ = write!(text, ", {end}");
        text
    }

    /// The mean rate asked for over the window, in an open loop.
    pub fn mean_rate(&self) -> Option<f64> {
        match &self.load.shape {
            LoadShape::Concurrency(_) => None,
            LoadShape::Rate { per_second, .. } => Some(*per_second),
            LoadShape::Stages { stages, .. } => {
                let (mut area, mut length) = (0.0, 0.0);
                for s in stages {
                    let (StageLevel::Rate(from), StageLevel::Rate(to)) = (s.from, s.to) else {
                        return None;
                    };
                    area += (from + to) / 2.0 * s.duration.as_secs_f64();
                    length += s.duration.as_secs_f64();
                }
                (length > 0.0).then(|| area / length)
            }
        }
    }

    /// The highest number of requests in flight that the load can ask for; absent where nothing
    /// bounds it.
    pub fn max_in_flight(&self) -> Option<u32> {
        match &self.load.shape {
            LoadShape::Concurrency(n) => Some(*n),
            LoadShape::Stages { stages, .. } => stages
                .iter()
                .map(|s| match (s.from, s.to) {
                    (StageLevel::Concurrency(a), StageLevel::Concurrency(b)) => Some(a.max(b)),
                    _ => None,
                })
                .collect::<Option<Vec<u32>>>()
                .and_then(|levels| levels.into_iter().max())
                .or(self.load.max_concurrency),
            LoadShape::Rate { .. } => self.load.max_concurrency,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(shape: LoadShape) -> PhasePlan {
        let load = Load {
            shape,
            max_concurrency: Some(7),
            start: Start::Spread,
        };
        PhasePlan {
            requests: Some(100),
            ..PhasePlan::new("main", load)
        }
    }

    #[test]
    fn loads_in_words() {
        let rate = phase(LoadShape::Rate {
            per_second: 2.5,
            arrivals: Arrivals::Gamma(0.5),
        });
        assert_eq!(
            rate.describe(),
            "2.5/s gamma(0.5), at most 7 in flight, 100 requests"
        );
        assert_eq!(rate.max_in_flight(), Some(7));
        let step = |from, to, s| Stage {
            duration: Duration::from_secs(s),
            from: StageLevel::Rate(from),
            to: StageLevel::Rate(to),
        };
        let ramp = phase(LoadShape::Stages {
            stages: vec![step(0.0, 10.0, 10), step(10.0, 10.0, 30)],
            arrivals: Arrivals::Poisson,
        });
        assert_eq!(
            ramp.describe(),
            "0/s to 10/s in 10.0 s, then 10/s for 30.0 s (poisson), at most 7 in flight, 100 requests"
        );
        assert_eq!(ramp.mean_rate(), Some(8.75));
    }
}
