use crate::metrics::PhaseSamples;
use crate::suite::assertion::{Assertion, PhaseRef};

use super::blocks::Blocks;
use super::expression::{Measured, compile};
use super::input::JudgePhase;

/// A phase made ready for judging: what all its assertions need, computed once.
#[derive(Debug)]
pub(super) struct Prepared<'a> {
    pub phase: &'a JudgePhase<'a>,
    pub samples: PhaseSamples<'a>,
    pub blocks: Blocks,
    pub open_loop: bool,
    /// Its runs one by one, in order.
    pub each: Vec<Prepared<'a>>,
}

impl<'a> Prepared<'a> {
    pub(super) fn new(phase: &'a JudgePhase<'a>) -> Self {
        let samples = PhaseSamples::new(phase.runs, phase.interrupted);
        Prepared {
            blocks: Blocks::new(&samples),
            samples,
            open_loop: !phase.runs.is_empty() && phase.runs.iter().all(|r| r.open_loop),
            each: Vec::new(),
            phase,
        }
    }

    /// The same with its runs one by one: `singles` are phases of one run each.
    pub(super) fn with_runs(phase: &'a JudgePhase<'a>, singles: &'a [JudgePhase<'a>]) -> Self {
        Prepared {
            each: singles.iter().map(Prepared::new).collect(),
            ..Prepared::new(phase)
        }
    }
}

/// Which of `phases` the expressions of a resolved assertion are about, by index. One that measures
/// nothing is about none.
pub(super) fn phases_of(assertion: &Assertion, phases: &[JudgePhase<'_>]) -> Vec<usize> {
    let mut leaves: Vec<Measured> = Vec::new();
    compile(&assertion.lhs, &mut leaves);
    compile(&assertion.rhs, &mut leaves);
    let mut found = Vec::new();
    for index in leaves.iter().filter_map(|leaf| index_of(leaf, phases)) {
        if !found.contains(&index) {
            found.push(index);
        }
    }
    found
}

/// The phase that a leaf of a resolved assertion is about.
pub(super) fn index_of(leaf: &Measured, phases: &[JudgePhase<'_>]) -> Option<usize> {
    match leaf.phase() {
        None => (phases.len() == 1).then_some(0),
        Some(PhaseRef::Named(name)) => phases.iter().position(|p| p.name == name),
        Some(PhaseRef::At(_) | PhaseRef::Baseline(_)) => None,
    }
}
