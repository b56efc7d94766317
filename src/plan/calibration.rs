use std::time::Duration;

use super::case::{PhasePlan, Role};
use super::procedure::{Evidence, Measure, Procedure, SoFar, Step};
use super::rounds::Rounds;

/// The same over and over, to learn how much it varies by itself: `sessions` starts of the target, in
/// each `repeats` repeats; then, where that is asked for, pairs of sides that are the same, to be judged
/// as if one were the other's baseline.
#[derive(Debug)]
pub struct Calibration {
    /// One repeat.
    pub rounds: Box<dyn Rounds>,
    /// Repeats in each session.
    pub repeats: u32,
    /// How many sessions.
    pub sessions: u32,
    /// How long all may take: a session (a repeat, where there is one session only) that would not leave
    /// the time for the pairs is not begun, but for the first two; nor is a pair that would not end in time.
    pub budget: Option<Duration>,
    /// What is measured after them.
    pub pairs: Option<Pairs>,
}

/// Pairs of sides that are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pairs {
    /// How many pairs.
    pub number: u32,
    /// Repeats of each side.
    pub repeats: u32,
    /// When a side has a session of its own.
    pub restart: PairRestart,
}

/// When a pair's sides have sessions of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairRestart {
    /// Never: the target cannot be started anew.
    Never,
    /// Every side.
    Side,
    /// Every repeat.
    Repeat,
}

/// Which pair a phase belongs to, from 1: a label.
pub const PAIR: &str = "pair";
/// Which side of its pair it is, `base` or `candidate`: a label.
pub const SIDE: &str = "side";

/// Fewer tell nothing of how they differ.
const LEAST: u32 = 2;

impl Procedure for Calibration {
    fn next(&self, so_far: &SoFar<'_>) -> Step {
        let runs = so_far.runs;
        let is_own = |phase: &PhasePlan| !phase.labels.contains_key(PAIR);
        let own = runs.iter().take_while(|r| is_own(&r.measure.phase)).count();
        let step = if own == runs.len() {
            self.next_own(so_far)
        } else {
            None
        };
        let step = step.or_else(|| {
            let first = runs.iter().take(own).map(|r| r.measure.session).max();
            let rounds = runs.iter().take(own).map(|r| r.measure.run + 1).max();
            let pairs = self.pairs?;
            let done = runs.len() - own;
            if self.no_time_for(pairs, so_far, done) {
                return None;
            }
            let mut all = pairs.runs(&*self.rounds, first.unwrap_or(0), rounds.unwrap_or(0));
            all.nth(done)
        });
        match step {
            Some(measure) => Step::Measure(Box::new(measure)),
            None => {
                let phases = self.rounds.phases();
                Step::Done(Evidence::everything(runs).in_order_of(&phases))
            }
        }
    }
}

impl Calibration {
    /// The next run of the sessions.
    fn next_own(&self, so_far: &SoFar<'_>) -> Option<Measure> {
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
                return None;
            }
            let run = runs.into_iter().nth(index)?;
            return Some(Measure { session, ..run });
        }
        None
    }

    /// Whether a pair begins after `done` runs of pairs, and would not end in time. A pair that is begun is
    /// measured to its end: half of one says nothing.
    fn no_time_for(&self, pairs: Pairs, so_far: &SoFar<'_>, done: usize) -> bool {
        let a_pair = self.runs_of(1, pairs);
        done.is_multiple_of(a_pair.max(1)) && self.late(so_far, expected(so_far, a_pair))
    }

    /// Whether one more piece like the `pieces` so far, and the pairs after it, would take longer than there
    /// is time.
    fn over(&self, so_far: &SoFar<'_>, pieces: u32) -> bool {
        let another = so_far.elapsed / pieces.max(1);
        let pairs = self.pairs.map_or(Duration::ZERO, |pairs| {
            expected(so_far, self.runs_of(pairs.number as usize, pairs))
        });
        self.late(so_far, another + pairs)
    }

    fn late(&self, so_far: &SoFar<'_>, more: Duration) -> bool {
        let over = |limit: Duration| so_far.elapsed + more > limit;
        self.budget.is_some_and(over) || so_far.left.is_some_and(|left| more > left)
    }

    /// Runs of so many pairs.
    fn runs_of(&self, number: usize, pairs: Pairs) -> usize {
        number * 2 * pairs.repeats as usize * self.rounds.round(0).len()
    }
}

/// How long `runs` take, if they take as long as those so far.
fn expected(so_far: &SoFar<'_>, runs: usize) -> Duration {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    so_far.elapsed / count(so_far.runs.len()).max(1) * count(runs)
}

impl Pairs {
    /// The runs of all pairs, after a calibration that has used sessions up to `session` and `rounds`
    /// repeats. Which side comes first alternates.
    fn runs<'a>(
        self,
        rounds: &'a dyn Rounds,
        session: u32,
        done: u32,
    ) -> impl Iterator<Item = Measure> + 'a {
        let sides = (0..self.number).flat_map(|pair| {
            let order = if pair % 2 == 0 {
                ["base", "candidate"]
            } else {
                ["candidate", "base"]
            };
            order.map(|side| (pair, side))
        });
        sides.enumerate().flat_map(move |(nth, (pair, side))| {
            let nth = u32::try_from(nth).unwrap_or(u32::MAX);
            (0..self.repeats).flat_map(move |repeat| {
                let index = nth.saturating_mul(self.repeats).saturating_add(repeat);
                let session = match self.restart {
                    PairRestart::Never => session,
                    PairRestart::Side => session + 1 + nth,
                    PairRestart::Repeat => session + 1 + index,
                };
                let round = rounds.round(done.saturating_add(index)).into_iter();
                round.map(move |run| Measure {
                    session,
                    phase: of_side(run.phase, pair + 1, side),
                    run: run.run,
                })
            })
        })
    }
}

/// `phase` as a side of a pair.
fn of_side(mut phase: PhasePlan, pair: u32, side: &str) -> PhasePlan {
    if phase.role == Role::Measured {
        phase.name = format!("{}.{side}{pair}", phase.name);
    }
    phase.labels.insert(PAIR.to_owned(), pair.to_string());
    phase.labels.insert(SIDE.to_owned(), side.to_owned());
    phase
}
