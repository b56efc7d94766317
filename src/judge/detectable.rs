use super::compare::{FEWEST_RUNS, Known, Look, mean_of_session, to_settle};
use super::noise::MetricNoise;
use crate::stats::{Part, combined, student_t};

/// How often a plan should succeed in what it is said to be able to.
const POWER: f64 = 0.8;

/// Nothing smaller is said to be told: noise of virtual time can be next to nothing.
const LEAST_SHOWN: f64 = 0.001;

/// How two sides are to be measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Design {
    /// Runs of the candidate, over all its sessions.
    pub repeats: u32,
    /// Sessions of the candidate.
    pub sessions: u32,
    /// Runs and sessions of the other side.
    pub against: Against,
    /// One-sided confidence.
    pub confidence: f64,
    /// Looks that the plan allows.
    pub look: Look,
}

/// What a plan is measured against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// As many runs and sessions, each side on its own: what grows grows on both.
    Same,
    /// A stored baseline: it does not grow.
    Baseline {
        /// Its runs.
        repeats: u32,
        /// Its sessions.
        sessions: u32,
    },
    /// Phases of one case on one server, run by run: sessions cancel.
    Paired,
    /// A constant: nothing varies but this side, over the server starts that are measured.
    Limit,
}

/// What a plan can tell of a metric, and what it would take to tell the tolerance.
#[derive(Clone, Debug, PartialEq)]
pub struct Detectable {
    /// As written in suites: `ttft.p99`.
    pub metric: String,
    /// What it is measured against.
    pub against: Against,
    /// The plan's runs.
    pub repeats: u32,
    /// The smallest change, as a share, that is told from none four times out of five: also the smallest
    /// tolerance under which an unchanged system is found to be within it as often. `None`: the plan
    /// has too few runs for anything relative.
    pub smallest_change: Option<f64>,
    /// The tolerance asked about.
    pub tolerance: Option<f64>,
    /// Runs (in sessions as planned) from which on it can be told. `None`: no sane number does it.
    pub repeats_for_tolerance: Option<u32>,
    /// Sessions (of as many runs each as planned) from which on it can be told.
    pub sessions_for_tolerance: Option<u32>,
    /// The spread between sessions that was assumed, where it is not known.
    pub assumed: Option<f64>,
}

/// What `design` can tell of a metric with `noise`, and what it would cost to tell `tolerance`.
///
/// With `SE² = σ_s² (1/S_c + 1/S_b) + σ_r² (1/k_c + 1/k_b)` the smallest change is
/// `exp(SE · (t_c + t_0.8)) − 1`: the one-sided bound lies past it four times out of five. Absent where the
/// noise between runs is not known.
pub fn detectable(
    noise: &MetricNoise,
    design: &Design,
    tolerance: Option<f64>,
) -> Option<Detectable> {
    let spread = Spread::of(noise)?;
    let of = |repeats: u32, sessions: u32| spread.smallest(design, repeats, sessions);
    let (k, s) = (design.repeats, design.sessions.max(1));
    let enough = |change: Option<f64>| change.zip(tolerance).is_some_and(|(c, t)| c <= t);
    let least = |settled: &dyn Fn(u32) -> bool| {
        if settled(0) {
            Some(0)
        } else {
            to_settle(settled)
        }
    };
    let smallest_change = of(k, s);
    let per_session = (k / s).max(1);
    let (more_runs, more_sessions) = match tolerance {
        None => (None, None),
        Some(_) => (
            least(&|n| enough(of(k + n, if s == k { s + n } else { s }))),
            if design.against == Against::Limit {
                None
            } else {
                least(&|n| enough(of((s + n) * per_session, s + n)))
            },
        ),
    };
    Some(Detectable {
        metric: noise.name(),
        against: design.against,
        repeats: k,
        smallest_change,
        tolerance,
        repeats_for_tolerance: more_runs.map(|n| k + n),
        sessions_for_tolerance: more_sessions.map(|n| s + n),
        assumed: spread
            .assumed
            .then(|| noise.assumed())
            .filter(|_| !matches!(design.against, Against::Paired | Against::Limit)),
    })
}

/// What is known of the spread, as the judge will use it.
#[derive(Clone, Copy, Debug)]
struct Spread {
    within: Part,
    /// Variance of sessions' means, and how much of a run's variance is in it.
    means: Part,
    share: f64,
    assumed: bool,
}

impl Spread {
    fn of(noise: &MetricNoise) -> Option<Self> {
        let known = noise.known();
        let part = |known: Known| Part {
            variance: known.sd * known.sd,
            freedom: known.freedom,
        };
        let assumed = Known {
            sd: noise.assumed(),
            freedom: f64::INFINITY,
        };
        let nothing = Part {
            variance: 0.0,
            freedom: f64::INFINITY,
        };
        let (means, share) = match (known.means, known.session) {
            (Some(means), _) => (means.known, means.share),
            (None, session) => (session.unwrap_or(assumed), 0.0),
        };
        // Where every run was a session, what is seen between sessions has both.
        let within = match (known.run, known.means.is_some() || known.session.is_some()) {
            (Some(run), _) => part(run),
            (None, true) => nothing,
            (None, false) => return None,
        };
        Some(Spread {
            within,
            means: part(means),
            share,
            assumed: known.session.is_none() && known.means.is_none(),
        })
    }

    fn smallest(&self, design: &Design, repeats: u32, sessions: u32) -> Option<f64> {
        if design.against != Against::Limit && (repeats as usize) < FEWEST_RUNS {
            return None;
        }
        let (k, s) = (f64::from(repeats), f64::from(sessions.min(repeats).max(1)));
        let parts = match design.against {
            Against::Same => self.of_sides(&[(k, s), (k, s)]),
            Against::Baseline { repeats, sessions } => {
                let base = (f64::from(repeats.max(1)), f64::from(sessions.max(1)));
                self.of_sides(&[(k, s), base])
            }
            Against::Paired => vec![Part {
                variance: 2.0 * self.within.variance / k,
                freedom: k - 1.0,
            }],
            Against::Limit => {
                let of_runs = self.share * self.within.variance;
                let apart = if s > 1.0 && !self.assumed {
                    (self.means.variance - of_runs).max(0.0)
                } else {
                    0.0
                };
                let given = self.within.freedom.is_infinite() && self.means.freedom.is_infinite();
                vec![Part {
                    variance: (self.within.variance + apart) / k,
                    freedom: if given { f64::INFINITY } else { k - 1.0 },
                }]
            }
        };
        let (variance, freedom) = combined(&parts);
        if freedom <= 0.0 || variance.is_nan() {
            return None;
        }
        let confidence = design.look.confidence(design.confidence);
        let factor = student_t(confidence, freedom) + student_t(POWER, freedom);
        Some((variance.sqrt() * factor).exp_m1())
    }

    /// What the variance of a difference of `sides` (runs and sessions of each) is made of. What is taken as
    /// given costs no degrees of freedom; else those of the sides themselves are what there is.
    fn of_sides(&self, sides: &[(f64, f64)]) -> Vec<Part> {
        let given = |known: Part, seen: f64| {
            if known.freedom.is_infinite() && !self.assumed {
                known.freedom
            } else {
                seen
            }
        };
        let mut parts = Vec::new();
        let (mut session, mut within, mut runs) = (0.0, 0.0, 0.0);
        for &(k, s) in sides {
            let mean = mean_of_session(self.means, self.share, self.within, s / k).variance;
            if s >= FEWEST_RUNS as f64 {
                // The sessions' own means are what varies.
                parts.push(Part {
                    variance: mean / s,
                    freedom: given(self.means, s - 1.0),
                });
            } else {
                let of_runs = self.within.variance * s / k;
                session += (mean - of_runs) / s;
                within += of_runs / s;
                runs += k - s;
            }
        }
        parts.push(Part {
            variance: session,
            freedom: self.means.freedom,
        });
        parts.push(Part {
            variance: within,
            freedom: match self.within.freedom {
                known if known.is_infinite() => known,
                _ => f64::max(runs, 1.0),
            },
        });
        parts.retain(|part| part.variance > 0.0);
        parts
    }
}

impl std::fmt::Display for Detectable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = |n: u32, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let Some(smallest) = self.smallest_change else {
            return match self.against {
                Against::Limit => write!(f, "{}: one run shows no spread", self.metric),
                _ => write!(
                    f,
                    "{}: nothing relative is decided under {FEWEST_RUNS} repeats",
                    self.metric
                ),
            };
        };
        let from = match self.against {
            Against::Limit => " from its limit",
            _ => "",
        };
        write!(
            f,
            "{}: ≥ {}{from} at {}",
            self.metric,
            percent(smallest.max(LEAST_SHOWN)),
            count(self.repeats, "repeat")
        )?;
        if let Some(tolerance) = self.tolerance {
            let (runs, sessions) = (self.repeats_for_tolerance, self.sessions_for_tolerance);
            let needs = match (runs, sessions) {
                _ if smallest <= tolerance => "no more".to_owned(),
                (Some(k), Some(s)) => format!("{} or {}", count(k, "repeat"), count(s, "session")),
                (Some(k), None) => count(k, "repeat"),
                (None, Some(s)) => count(s, "session"),
                (None, None) if self.against == Against::Limit => {
                    "more than any sane number of repeats".to_owned()
                }
                (None, None) => "more than any sane number of sessions".to_owned(),
            };
            let off = match self.against {
                Against::Limit => " off",
                _ => "",
            };
            write!(f, "; {}{off} needs {needs}", percent(tolerance))?;
        }
        if let Some(assumed) = self.assumed {
            write!(
                f,
                " (server starts assumed to differ by {})",
                percent(assumed)
            )?;
        }
        Ok(())
    }
}

/// A share for a sentence: two digits.
fn percent(share: f64) -> String {
    let value = share * 100.0;
    let decimals = usize::from(value < 10.0 && (value - value.round()).abs() > 0.05);
    format!("{value:.decimals$} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(within: f64, session: Option<f64>) -> MetricNoise {
        let known = |sd| Known {
            sd,
            freedom: f64::INFINITY,
        };
        MetricNoise {
            phase: "main".to_owned(),
            metric: "ttft",
            statistic: Some("p99".to_owned()),
            runs: 5,
            sessions: 1,
            typical: 100.0,
            sampling: None,
            run: None,
            within: Some(known(within)),
            session: session.map(known),
            between: None,
        }
    }

    fn design(repeats: u32, sessions: u32) -> Design {
        Design {
            repeats,
            sessions,
            against: Against::Same,
            confidence: 0.95,
            look: Look::default(),
        }
    }

    #[test]
    fn more_runs_tell_less_of_a_change() {
        let quiet = noise(0.05, Some(0.0));
        let of = |k| detectable(&quiet, &design(k, 1), Some(0.05)).unwrap();
        let (few, many) = (of(5), of(40));
        assert!(few.smallest_change > many.smallest_change);
        let needed = few.repeats_for_tolerance.unwrap();
        assert!(of(needed).smallest_change.unwrap() <= 0.05);
        assert!(of(needed - 1).smallest_change.unwrap() > 0.05);
        assert_eq!(
            few.to_string(),
            format!("ttft.p99: ≥ 8.2 % at 5 repeats; 5 % needs {needed} repeats or 3 sessions")
        );
    }

    #[test]
    fn what_sessions_differ_by_no_number_of_runs_averages_out() {
        let d = detectable(&noise(0.01, None), &design(5, 1), Some(0.05)).unwrap();
        assert_eq!((d.repeats_for_tolerance, d.assumed), (None, Some(0.05)));
        assert!(d.sessions_for_tolerance.is_some());
        assert!(
            d.to_string()
                .ends_with("(server starts assumed to differ by 5 %)"),
            "{d}"
        );
        // On one server they cancel.
        let paired = Design {
            against: Against::Paired,
            ..design(5, 1)
        };
        let d = detectable(&noise(0.01, None), &paired, Some(0.05)).unwrap();
        assert!(d.smallest_change.unwrap() < 0.05 && d.assumed.is_none());
    }

    #[test]
    fn a_limit_is_told_from_one_run_on_and_starts_count_only_where_they_are_known() {
        let limit = |k, s| Design {
            against: Against::Limit,
            ..design(k, s)
        };
        let of = |session, k, s| {
            let told = detectable(&noise(0.02, session), &limit(k, s), Some(0.05));
            told.unwrap().smallest_change.unwrap()
        };
        // Nothing is assumed of starts: the limit is about the server that was measured.
        assert!((of(None, 5, 5) - of(None, 5, 1)).abs() < 1e-9);
        assert!(of(Some(0.05), 5, 5) > of(Some(0.0), 5, 5));
        let text = detectable(&noise(1e-6, None), &limit(5, 1), Some(1.9)).unwrap();
        assert_eq!(
            text.to_string(),
            "ttft.p99: ≥ 0.1 % from its limit at 5 repeats; 190 % off needs no more"
        );
    }

    #[test]
    fn under_three_repeats_there_is_nothing_to_tell() {
        let d = detectable(&noise(0.01, None), &design(2, 1), None).unwrap();
        assert_eq!(d.smallest_change, None);
        assert_eq!(
            d.to_string(),
            "ttft.p99: nothing relative is decided under 3 repeats"
        );
    }
}
