use crate::metrics::PhaseSamples;
use crate::suite::assertion::{Expr, PhaseRef};

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
}

impl<'a> Prepared<'a> {
    pub(super) fn new(phase: &'a JudgePhase<'a>) -> Self {
        let samples = PhaseSamples::new(phase.runs, phase.interrupted);
        Prepared {
            blocks: Blocks::new(&samples),
            samples,
            open_loop: !phase.runs.is_empty() && phase.runs.iter().all(|r| r.open_loop),
            phase,
        }
    }
}

/// Which of `phases` the expressions are about, by index. An expression that measures nothing is about
/// none.
///
/// # Errors
/// A phase that was not measured, in words.
pub(super) fn phases_of(
    expressions: [&Expr; 2],
    phases: &[JudgePhase<'_>],
) -> Result<Vec<usize>, String> {
    let mut leaves: Vec<Measured> = Vec::new();
    for expr in expressions {
        compile(expr, &mut leaves);
    }
    let mut found = Vec::new();
    for leaf in &leaves {
        let index = match leaf.phase() {
            None if phases.len() == 1 => 0,
            None => return Err("the phase is not named, and the case has several".to_owned()),
            Some(PhaseRef::Named(name)) => phases
                .iter()
                .position(|p| p.name == name)
                .ok_or_else(|| format!("phase `{name}` was not measured"))?,
            Some(PhaseRef::At(_)) => return Err("levels of a sweep were not measured".to_owned()),
            Some(PhaseRef::Baseline(_)) => return Err("there is no baseline".to_owned()),
        };
        if !found.contains(&index) {
            found.push(index);
        }
    }
    Ok(found)
}
