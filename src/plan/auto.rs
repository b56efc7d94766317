//! A sweep whose rates follow from what the target can do.

use std::time::Duration;

use super::answer::{GROWTH, rounded};
use super::case::{PhasePlan, Role};
use super::found::Found;
use super::kinds::Levels;
use super::procedure::{Evidence, Measure, MeasuredRun, Procedure, SoFar, Step};
use super::rounds::Rounds;
use super::sequential::Sequential;
use crate::result::MetricSummary;
use crate::stats::{saturation, stopped_growing};
use crate::suite::{Axis, Extend, SweepOrder};

/// Levels, as shares of the throughput that the target reaches.
pub const SHARES: [f64; 6] = [0.2, 0.4, 0.6, 0.7, 0.8, 0.9];
/// Most requests in flight that are tried.
const MOST: u32 = 1024;
/// Longest window of a probe.
const LONGEST: Duration = Duration::from_secs(10);
/// Throughput that counts as the highest, short of it by that share.
const NEAR: f64 = 0.1;

/// Doubles the requests in flight until throughput stops growing, which no closed loop can overload; then
/// measures rates that are shares of it, again and again as any sweep.
#[derive(Clone, Debug)]
pub struct AutoRates {
    /// A level, but for its load and its name.
    pub phase: PhasePlan,
    /// How requests are spaced, and how many may be in flight.
    pub axis: Axis,
    /// In which order levels are measured.
    pub order: SweepOrder,
    /// Fixes a random order.
    pub seed: u64,
    /// Every repeat is a session of its own, rather than all of one.
    pub session_each: bool,
    /// How many repeats are planned.
    pub repeats: u32,
    /// How much may be measured on top.
    pub extend: Extend,
    /// Measured phases are compared, so that a part of a repeat is of no use.
    pub whole_repeats: bool,
}

impl AutoRates {
    /// What is measured with `n` requests in flight, to find out how much the target can do.
    pub fn probe(level: &PhasePlan, n: u32) -> PhasePlan {
        PhasePlan {
            name: format!("probe({n})"),
            load: Axis::Concurrency.load(f64::from(n)),
            requests: None,
            duration: Some(level.duration.map_or(LONGEST, |d| d.min(LONGEST))),
            role: Role::Prepares,
            ..level.clone()
        }
    }

    fn levels(&self, most: f64) -> Vec<PhasePlan> {
        let mut levels: Vec<f64> = SHARES.iter().map(|share| rounded(share * most)).collect();
        levels.dedup();
        let at = |&level: &f64| PhasePlan {
            name: self.axis.phase(level),
            load: self.axis.load(level),
            labels: [("level".to_owned(), level.to_string())].into(),
            ..self.phase.clone()
        };
        levels.iter().map(at).collect()
    }
}

impl Procedure for AutoRates {
    fn next(&self, so_far: &SoFar<'_>) -> Step {
        let probes: Vec<&MeasuredRun> = so_far
            .runs
            .iter()
            .take_while(|run| run.measure.phase.role == Role::Prepares)
            .collect();
        if probes.last().is_some_and(|run| run.cut) {
            return Step::Done(Evidence::everything(so_far.runs));
        }
        let curve: Vec<(f64, f64)> = probes.iter().filter_map(|run| point(run)).collect();
        let last = probes.last().and_then(|run| in_flight(run)).unwrap_or(0);
        let enough = last >= MOST || stopped_growing(&curve, GROWTH);
        if so_far.runs.len() == probes.len() && !enough {
            return Step::Measure(Box::new(Measure {
                phase: Self::probe(&self.phase, (2 * last).max(1)),
                run: 0,
                session: 0,
            }));
        }
        let Some(most) = saturation(&curve, NEAR).map(|s| s.plateau) else {
            return Step::Done(Evidence::everything(so_far.runs));
        };
        let levels = Levels {
            phases: self.levels(most),
            order: self.order,
            seed: self.seed,
            session_each: self.session_each,
        };
        let then = Sequential {
            rounds: Box::new(AfterProbes {
                probes: probes.iter().map(|run| run.measure.clone()).collect(),
                levels,
            }),
            repeats: self.repeats,
            extend: self.extend,
            whole_repeats: self.whole_repeats,
        };
        match then.next(so_far) {
            Step::Done(evidence) => Step::Done(Evidence {
                found: Some(Found {
                    notes: vec![format!(
                        "the target does about {} requests a second, reached with {last} in flight or fewer; the levels are shares of that",
                        rounded(most)
                    )],
                    ..Found::default()
                }),
                ..evidence
            }),
            measure => measure,
        }
    }
}

/// Requests in flight and what they brought; nothing where nothing was completed.
fn point(run: &MeasuredRun) -> Option<(f64, f64)> {
    match run.result.metrics.get("throughput") {
        Some(MetricSummary::Value(v)) if v.value > 0.0 => {
            Some((f64::from(in_flight(run)?), v.value))
        }
        _ => None,
    }
}

fn in_flight(run: &MeasuredRun) -> Option<u32> {
    run.measure.phase.max_in_flight()
}

/// Levels, before the first repeat of which the probes were that led to them.
#[derive(Clone, Debug)]
struct AfterProbes {
    probes: Vec<Measure>,
    levels: Levels,
}

impl Rounds for AfterProbes {
    fn round(&self, round: u32) -> Vec<Measure> {
        let probes = if round == 0 {
            self.probes.as_slice()
        } else {
            &[]
        };
        let mut all = probes.to_vec();
        all.extend(self.levels.round(round));
        all
    }

    fn phases(&self) -> Vec<PhasePlan> {
        self.levels.phases()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Unit;
    use crate::plan::LookResult;
    use crate::result::{Metrics, RequestCounts, RunPart, Value};
    use crate::suite::Arrivals;

    fn auto(repeats: u32) -> AutoRates {
        let axis = Axis::Rate {
            arrivals: Arrivals::Poisson,
            max_concurrency: None,
        };
        AutoRates {
            phase: PhasePlan {
                duration: Some(Duration::from_secs(30)),
                ..PhasePlan::new("", axis.load(1.0))
            },
            axis,
            order: SweepOrder::Ascending,
            seed: 0,
            session_each: false,
            repeats,
            extend: Extend::Off,
            whole_repeats: true,
        }
    }

    /// The runs of a sweep of a target that does `most` requests a second, 10 with each in flight.
    fn carried_out(sweep: &AutoRates, most: f64) -> (Vec<MeasuredRun>, Evidence) {
        let mut runs: Vec<MeasuredRun> = Vec::new();
        loop {
            assert!(runs.len() < 100, "no end");
            let step = sweep.next(&SoFar {
                runs: &runs,
                look: &|_| LookResult::default(),
                elapsed: Duration::ZERO,
                left: None,
            });
            let measure = match step {
                Step::Measure(measure) => *measure,
                Step::Done(evidence) => return (runs, evidence),
            };
            let value = match measure.phase.max_in_flight() {
                Some(n) => (10.0 * f64::from(n)).min(most),
                // What levels bring moves none of them.
                None => 1.0,
            };
            let unit = Unit::PerSecond;
            let throughput = MetricSummary::Value(Value { unit, value });
            runs.push(MeasuredRun {
                result: RunPart {
                    run: measure.run,
                    session: measure.session,
                    salt: None,
                    window_s: 10.0,
                    requests: RequestCounts::default(),
                    metrics: Metrics::from([("throughput".to_owned(), throughput)]),
                },
                measure,
                took: Duration::from_secs(12),
                cut: false,
                stopped: None,
            });
        }
    }

    fn names(runs: &[MeasuredRun]) -> Vec<&str> {
        runs.iter().map(|r| r.measure.phase.name.as_str()).collect()
    }

    #[test]
    fn levels_are_shares_of_the_throughput_where_it_stops_growing() {
        let (runs, evidence) = carried_out(&auto(2), 70.0);
        let probes = [
            "probe(1)",
            "probe(2)",
            "probe(4)",
            "probe(8)",
            "probe(16)",
            "probe(32)",
        ];
        let levels = [
            "at(14/s)", "at(28/s)", "at(42/s)", "at(49/s)", "at(56/s)", "at(63/s)",
        ];
        assert_eq!(names(&runs), [&probes[..], &levels, &levels].concat());
        let phases: Vec<&str> = evidence.phases.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(phases, levels);
        assert!(evidence.phases.iter().all(|p| p.runs.len() == 2));
        assert_eq!(runs[0].measure.phase.duration, Some(LONGEST));
        assert!(evidence.found.unwrap().notes[0].contains("about 70 requests a second"));
    }

    #[test]
    fn a_target_that_completes_nothing_is_not_swept() {
        let (runs, evidence) = carried_out(&auto(1), 0.0);
        assert_eq!(names(&runs).len(), 11);
        assert!(evidence.phases.is_empty());
    }
}
