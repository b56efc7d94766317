use super::Draws;
use crate::judge::{Known, Look, Noise, Pairing, Rule, RunValue, Scale, Side, compare};
use crate::metrics::Direction;
use crate::result::ChangeKind;

/// What server starts, runs, and the samples of p50, p95 and p99 vary by: standard deviations of logs.
const SESSION: f64 = 0.03;
const RUN: f64 = 0.01;
const SAMPLING: [f64; 3] = [0.02, 0.04, 0.09];

/// A gate on p50, p95 and p99 together: 10 % tolerance, 30 relative assertions in the suite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    /// Runs a side.
    pub runs: u32,
    /// Each is a session of its own, rather than all of one.
    pub sessions: bool,
    /// The spread between sessions (with runs and samples) is known beforehand.
    pub variance_known: bool,
    /// What each run's own sample leaves open is known.
    pub sampling_known: bool,
}

/// How often a gate came out how, in percent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// Cases in which some quantile regressed.
    pub regressed: f64,
    /// Assertions that stayed undecided: p50, p95, p99.
    pub undecided: [f64; 3],
}

fn rule() -> Rule {
    Rule {
        direction: Direction::LowerIsBetter,
        tolerance: 0.1,
        absolute_floor: None,
        scale: Scale::Ratio,
        pairing: Pairing::None,
        m: 30,
        confidence: 0.95,
        look: Look::default(),
        assumed: 0.03,
    }
}

impl Gate {
    /// Five runs a side that are sessions, nothing known beforehand.
    pub const FIVE: Gate = Gate {
        runs: 5,
        sessions: true,
        variance_known: false,
        sampling_known: false,
    };

    /// The values of the three quantiles in the runs of a side whose logs are `shift` from what they were.
    fn side(&self, draws: &mut Draws, shift: [f64; 3]) -> [Vec<RunValue>; 3] {
        let mut of_session = SESSION * draws.normal();
        let mut side = [const { Vec::new() }; 3];
        for i in 0..self.runs {
            if self.sessions && i > 0 {
                of_session = SESSION * draws.normal();
            }
            let of_run = of_session + RUN * draws.normal();
            for ((values, sampling), shift) in side.iter_mut().zip(SAMPLING).zip(shift) {
                values.push(RunValue {
                    session: if self.sessions { i } else { 0 },
                    value: (of_run + sampling * draws.normal() + shift).exp(),
                    sampling_var: if self.sampling_known {
                        sampling * sampling
                    } else {
                        f64::NAN
                    },
                });
            }
        }
        side
    }

    /// What comes of it where the candidate's quantiles are `factors` times the base's.
    pub fn shares(&self, factors: [f64; 3], replications: u64) -> Shares {
        let shift = factors.map(f64::ln);
        let (mut regressed, mut undecided) = (0u64, [0u64; 3]);
        for seed in 0..replications {
            let mut draws = Draws::new(seed);
            let base = self.side(&mut draws, [0.0; 3]);
            let candidate = self.side(&mut draws, shift);
            let mut any = false;
            for i in 0..3 {
                let sd = (SESSION * SESSION + RUN * RUN + SAMPLING[i] * SAMPLING[i]).sqrt();
                let known = Known {
                    sd,
                    freedom: f64::INFINITY,
                };
                let noise = Noise {
                    session: self.variance_known.then_some(known),
                    ..Noise::default()
                };
                let of = |runs| Side { runs, noise };
                let change = compare(&of(&base[i]), &of(&candidate[i]), &rule()).change;
                any |= change == ChangeKind::Regressed;
                undecided[i] += u64::from(change == ChangeKind::Undecided);
            }
            regressed += u64::from(any);
        }
        let percent = |n: u64| 100.0 * n as f64 / replications as f64;
        Shares {
            regressed: percent(regressed),
            undecided: undecided.map(percent),
        }
    }
}

/// What comes of two looks at growing data: five runs a side that are sessions, then ten where the first
/// look is undecided. Of p95, in percent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TwoLooks {
    /// Within tolerance at either look.
    pub within: f64,
    /// Regressed at either look.
    pub regressed: f64,
    /// Mean runs a side.
    pub runs: f64,
}

impl TwoLooks {
    /// With `rule_at` the two one-sided levels (0: no decision at that look) or `None` for prony's own, where
    /// the candidate's p95 is `factor` times the base's.
    pub fn of(levels: Option<[f64; 2]>, factor: f64, replications: u64) -> TwoLooks {
        let (mut within, mut regressed, mut runs) = (0u64, 0u64, 0u64);
        let ten = Gate {
            runs: 10,
            ..Gate::FIVE
        };
        for seed in 0..replications {
            let mut draws = Draws::new(seed);
            let base = ten.side(&mut draws, [0.0; 3]);
            let candidate = ten.side(&mut draws, [factor.ln(); 3]);
            for (index, k) in [(0, 5), (1, 10)] {
                let of = |runs| Side {
                    runs,
                    noise: Noise::default(),
                };
                let rule = match levels {
                    Some(levels) => Rule {
                        m: 1,
                        confidence: 1.0 - levels[index as usize],
                        ..rule()
                    },
                    None => Rule {
                        m: 1,
                        look: Look { index, of: 2 },
                        ..rule()
                    },
                };
                let found = if rule.confidence < 1.0 {
                    compare(&of(&base[1][..k]), &of(&candidate[1][..k]), &rule).change
                } else {
                    ChangeKind::Undecided
                };
                within += u64::from(found == ChangeKind::WithinTolerance);
                regressed += u64::from(found == ChangeKind::Regressed);
                if found != ChangeKind::Undecided || index == 1 {
                    runs += k as u64;
                    break;
                }
            }
        }
        let share = |count: u64| 100.0 * count as f64 / replications as f64;
        TwoLooks {
            within: share(within),
            regressed: share(regressed),
            runs: runs as f64 / replications as f64,
        }
    }
}
