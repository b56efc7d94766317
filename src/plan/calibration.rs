use std::time::Duration;

use super::procedure::{Evidence, Measure, Procedure, SoFar, Step};
use super::rounds::Rounds;

/// The same over and over, to learn how much it varies by itself: `sessions` starts of the target, in
/// each `repeats` repeats.
#[derive(Debug)]
pub struct Calibration {
    /// One repeat.
    pub rounds: Box<dyn Rounds>,
    /// Repeats in each session.
    pub repeats: u32,
    /// How many sessions.
    pub sessions: u32,
    /// How long it may take in all: a session (a repeat, where there is one session only) that would
    /// not end before that is not begun. The first [`LEAST`] are.
    pub budget: Option<Duration>,
}

/// Fewer tell nothing of how they differ.
pub const LEAST: u32 = 2;

impl Procedure for Calibration {
    fn next(&self, so_far: &SoFar<'_>) -> Step {
        let done = || {
            let phases = self.rounds.phases();
            Step::Done(Evidence::everything(so_far.runs).in_order_of(&phases))
        };
        let mut index = so_far.runs.len();
        for round in 0..self.repeats * self.sessions {
            let runs = self.rounds.round(round);
            if index >= runs.len() {
                index -= runs.len();
                continue;
            }
            let session = round / self.repeats;
            // What comes in one piece: a session, or a repeat of the only one.
            let (begun, begins) = if self.sessions > 1 {
                (session, round % self.repeats == 0)
            } else {
                (round, true)
            };
            if index == 0 && begins && begun >= LEAST && self.over(so_far, begun) {
                return done();
            }
            return match runs.into_iter().nth(index) {
                Some(run) => Step::Measure(Box::new(Measure { session, ..run })),
                None => done(),
            };
        }
        done()
    }
}

impl Calibration {
    /// Whether one more piece like the `pieces` so far would take longer than there is time.
    fn over(&self, so_far: &SoFar<'_>, pieces: u32) -> bool {
        let another = so_far.elapsed / pieces.max(1);
        let late = |limit: Duration| so_far.elapsed + another > limit;
        self.budget.is_some_and(late) || so_far.left.is_some_and(|left| another > left)
    }
}
