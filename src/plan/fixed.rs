use super::case::PhasePlan;
use super::procedure::{Evidence, Measure, MeasuredRun, PhaseEvidence, Procedure, Step};

/// Measures one phase a fixed number of times.
#[derive(Clone, Debug)]
pub struct FixedRepeats {
    /// The phase.
    pub phase: PhasePlan,
    /// How many runs.
    pub repeats: u32,
    /// Every run is a session of its own, rather than all of one.
    pub session_each: bool,
}

impl Procedure for FixedRepeats {
    fn next(&self, so_far: &[MeasuredRun]) -> Step {
        let run = u32::try_from(so_far.len()).unwrap_or(u32::MAX);
        if run < self.repeats {
            return Step::Measure(Box::new(Measure {
                phase: self.phase.clone(),
                run,
                session: if self.session_each { run } else { 0 },
            }));
        }
        Step::Done(Evidence {
            phases: vec![PhaseEvidence {
                name: self.phase.name.clone(),
                runs: (0..so_far.len()).collect(),
            }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::{Metrics, RequestCounts, RunPart};
    use crate::suite::{Load, LoadShape, Start};

    fn procedure(session_each: bool) -> FixedRepeats {
        FixedRepeats {
            phase: PhasePlan {
                name: "main".to_owned(),
                load: Load {
                    shape: LoadShape::Concurrency(1),
                    max_concurrency: None,
                    start: Start::Spread,
                },
                requests: Some(1),
                duration: None,
            },
            repeats: 3,
            session_each,
        }
    }

    /// Sessions of the runs, and the runs of the evidence.
    fn carried_out(procedure: &FixedRepeats) -> (Vec<u32>, Vec<usize>) {
        let mut done = Vec::new();
        loop {
            match procedure.next(&done) {
                Step::Measure(measure) => {
                    assert_eq!(measure.run as usize, done.len());
                    done.push(MeasuredRun {
                        measure: *measure,
                        result: RunPart {
                            session: 0,
                            salt: None,
                            window_s: 1.0,
                            requests: RequestCounts::default(),
                            metrics: Metrics::new(),
                        },
                    });
                }
                Step::Done(evidence) => {
                    let sessions = done.iter().map(|run| run.measure.session).collect();
                    return (sessions, evidence.phases[0].runs.clone());
                }
            }
        }
    }

    #[test]
    fn measures_as_often_as_asked_and_then_is_done() {
        let (sessions, runs) = carried_out(&procedure(false));
        assert_eq!(sessions, [0, 0, 0]);
        assert_eq!(runs, [0, 1, 2]);
    }

    #[test]
    fn every_run_is_a_session_where_that_is_asked_for() {
        assert_eq!(carried_out(&procedure(true)).0, [0, 1, 2]);
    }
}
