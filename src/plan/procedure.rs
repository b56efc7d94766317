use crate::result::RunPart;

use super::case::PhasePlan;

/// What to measure next, as a pure function of what was measured so far.
///
/// Search, sweeps, repeats, extension and ABBA are procedures; the runner has one loop for all.
pub trait Procedure: Send + Sync {
    /// The next step. Called with every finished run of the case, in order; must not depend on
    /// anything else.
    fn next(&self, so_far: &[MeasuredRun]) -> Step;
}

/// What a procedure asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Measure one run.
    Measure(Box<Measure>),
    /// Enough is known.
    Done(Evidence),
}

/// One run to measure.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// The phase it belongs to, with the load to apply.
    pub phase: PhasePlan,
    /// Index of the run within its phase, from 0.
    pub run: u32,
    /// Index of the session it wants, from 0; a new one asks for a restart.
    pub session: u32,
}

/// One measured run, as procedures see it.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredRun {
    /// What was asked.
    pub measure: Measure,
    /// What came of it.
    pub result: RunPart,
}

/// Which runs make up which phase, in the order of the report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The phases.
    pub phases: Vec<PhaseEvidence>,
}

/// A phase and its runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhaseEvidence {
    /// Name of the phase.
    pub name: String,
    /// Indices into the measured runs.
    pub runs: Vec<usize>,
}

impl Evidence {
    /// Every run so far, by phase: what is left to report when measuring ends before its time.
    pub fn everything(runs: &[MeasuredRun]) -> Self {
        let mut evidence = Evidence::default();
        for (i, run) in runs.iter().enumerate() {
            let name = &run.measure.phase.name;
            match evidence.phases.iter_mut().find(|p| p.name == *name) {
                Some(phase) => phase.runs.push(i),
                None => evidence.phases.push(PhaseEvidence {
                    name: name.clone(),
                    runs: vec![i],
                }),
            }
        }
        evidence
    }
}
