use super::case::PhasePlan;
use super::procedure::{Evidence, Measure, MeasuredRun, PhaseEvidence, Procedure, Step};

/// Measures one phase a fixed number of times.
#[derive(Clone, Debug)]
pub struct FixedRepeats {
    /// The phase.
    pub phase: PhasePlan,
    /// How many runs.
    pub repeats: u32,
}

impl Procedure for FixedRepeats {
    fn next(&self, so_far: &[MeasuredRun]) -> Step {
        let run = u32::try_from(so_far.len()).unwrap_or(u32::MAX);
        if run < self.repeats {
            return Step::Measure(Box::new(Measure {
                phase: self.phase.clone(),
                run,
                session: 0,
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
    use crate::suite::{Load, LoadShape};

    #[test]
    fn measures_as_often_as_asked_and_then_is_done() {
        let procedure = FixedRepeats {
            phase: PhasePlan {
                name: "main".to_owned(),
                load: Load {
                    shape: LoadShape::Concurrency(1),
                    max_concurrency: None,
                },
                requests: Some(1),
                duration: None,
            },
            repeats: 3,
        };
        let mut done = Vec::new();
        let evidence = loop {
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
                Step::Done(evidence) => break evidence,
            }
        };
        assert_eq!(evidence.phases[0].runs, [0, 1, 2]);
    }
}
