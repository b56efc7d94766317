use std::fmt::Debug;

use super::case::PhasePlan;
use super::procedure::{Evidence, Measure, Procedure, SoFar, Step};

/// What one repeat of a case consists of.
///
/// Everything that is measured a number of times over is one of these: a phase, two targets by turns,
/// cold and warm, the levels of a sweep.
pub trait Rounds: Debug + Send + Sync {
    /// The runs of repeat `round`, from 0, in the order in which they are measured.
    fn round(&self, round: u32) -> Vec<Measure>;

    /// The phases in the order of the report.
    fn phases(&self) -> Vec<PhasePlan>;
}

/// One phase over and over.
#[derive(Clone, Debug)]
pub struct OnePhase {
    /// The phase.
    pub phase: PhasePlan,
    /// Every run is a session of its own, rather than all of one.
    pub session_each: bool,
}

impl Rounds for OnePhase {
    fn round(&self, round: u32) -> Vec<Measure> {
        vec![Measure {
            phase: self.phase.clone(),
            run: round,
            session: if self.session_each { round } else { 0 },
        }]
    }

    fn phases(&self) -> Vec<PhasePlan> {
        vec![self.phase.clone()]
    }
}

/// Two phases by turns, `AB BA AB BA …`, so that a drift of the machine hits both alike. A target that
/// is restarted is so once a repeat.
#[derive(Clone, Debug)]
pub struct Abba {
    /// The two.
    pub sides: [PhasePlan; 2],
    /// Which one begins.
    pub first: usize,
    /// Every repeat is a session of its own at both targets, rather than all of one.
    pub session_each: bool,
}

impl Rounds for Abba {
    fn round(&self, round: u32) -> Vec<Measure> {
        let first = (self.first + round as usize) % 2;
        [first, 1 - first]
            .map(|side| Measure {
                phase: self.sides[side].clone(),
                run: round,
                session: if self.session_each { round } else { 0 },
            })
            .into()
    }

    fn phases(&self) -> Vec<PhasePlan> {
        self.sides.to_vec()
    }
}

/// Repeats a fixed number of times, and asks the judge nothing.
#[derive(Debug)]
pub struct FixedRepeats {
    /// One repeat.
    pub rounds: Box<dyn Rounds>,
    /// How many.
    pub repeats: u32,
}

impl Procedure for FixedRepeats {
    fn next(&self, so_far: &SoFar<'_>) -> Step {
        match measure_at(&*self.rounds, self.repeats, so_far.runs.len()) {
            Some(measure) => Step::Measure(Box::new(measure)),
            None => {
                Step::Done(Evidence::everything(so_far.runs).in_order_of(&self.rounds.phases()))
            }
        }
    }
}

/// The run at `index` among those of the first `repeats` rounds.
pub(super) fn measure_at(rounds: &dyn Rounds, repeats: u32, index: usize) -> Option<Measure> {
    (0..repeats)
        .flat_map(|round| rounds.round(round))
        .nth(index)
}
