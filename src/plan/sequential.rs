use std::time::Duration;

use super::case::{PhasePlan, Role};
use super::procedure::{Evidence, Extended, Measure, Procedure, SoFar, Step};
use super::rounds::{Rounds, measure_at};
use crate::suite::{Extend, LoadShape};

/// A part of a repeat below which measuring on is not worth its warm-up.
const LEAST_PART: f64 = 0.05;
/// Most repeats on top of the planned ones.
const MOST_FURTHER: f64 = 1000.0;

/// The planned repeats; then, where something is still open or is to be confirmed before it fails,
/// further ones: the second look of one plan with two, decided on all that was measured.
///
/// Never more than two looks and never only the new data: measuring until something holds would make
/// everything hold in the end.
#[derive(Debug)]
pub struct Sequential {
    /// One repeat.
    pub rounds: Box<dyn Rounds>,
    /// How many are planned.
    pub repeats: u32,
    /// How much may be measured on top.
    pub extend: Extend,
    /// Repeats are what counts, because measured phases are compared: a part of one is of no use.
    pub whole_repeats: bool,
}

/// What may be measured on top of the plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Further {
    /// Whole repeats.
    pub whole: u32,
    /// A part of another one, as a share of it.
    pub part: Option<f64>,
}

impl Further {
    /// What `amount` repeats come to. `scalable`: parts of repeats are possible.
    pub(super) fn of(amount: f64, scalable: bool) -> Further {
        let amount = amount.clamp(0.0, MOST_FURTHER);
        // What is whole but for rounding is whole.
        let whole = (amount + 1e-9).floor();
        let part = amount - whole;
        Further {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "clamped to 0 to 1000"
            )]
            whole: whole as u32,
            part: Some(part).filter(|&part| scalable && part >= LEAST_PART),
        }
    }

    fn is_none(self) -> bool {
        self.whole == 0 && self.part.is_none()
    }
}

impl Procedure for Sequential {
    fn next(&self, so_far: &SoFar<'_>) -> Step {
        let runs = so_far.runs;
        if let Some(measure) = measure_at(&*self.rounds, self.repeats, runs.len()) {
            return Step::Measure(Box::new(measure));
        }
        let planned = self.length(self.repeats);
        let phases = self.rounds.phases();
        let first = Evidence::of(runs, |i, _| i < planned).in_order_of(&phases);
        if self.extend == Extend::Off {
            return Step::Done(first);
        }
        let first = first.at_look(0, 2);
        let open = (so_far.look)(&first).open;
        if open.is_empty() {
            return Step::Done(first);
        }
        let further = self.further(so_far, planned);
        let mut short = further
            .is_none()
            .then(|| "`extend` allows less than one more repeat".to_owned());
        let cut = runs.iter().skip(planned).any(|run| run.cut);
        if cut {
            short = Some("it was cut short".to_owned());
        } else if short.is_none()
            && let Some(measure) = self.measure_further(further, runs.len() - planned)
        {
            let begins = measure.1;
            match so_far.left {
                Some(left) if begins && left < self.repeat_takes(so_far, planned) => {
                    short = Some("the time that is left does not suffice for more".to_owned());
                }
                _ => return Step::Measure(Box::new(measure.0)),
            }
        }
        // Runs of a repeat that was not measured to its end are left out.
        let whole = runs.iter().take_while(|run| !run.cut).count();
        let done = self.repeats + self.rounds_within(whole.saturating_sub(planned));
        let kept = self.length(done).min(runs.len());
        let extended = Extended {
            repeats: done - self.repeats,
            why: open,
            short,
        };
        let evidence = if done > self.repeats {
            Evidence::of(runs, |i, _| i < kept)
                .in_order_of(&phases)
                .at_look(1, 2)
        } else {
            first
        };
        Step::Done(Evidence {
            extended: Some(extended),
            ..evidence
        })
    }
}

impl Sequential {
    /// Runs of the first `repeats` repeats.
    fn length(&self, repeats: u32) -> usize {
        (0..repeats).map(|r| self.rounds.round(r).len()).sum()
    }

    /// How many whole rounds past the planned ones `runs` runs are.
    fn rounds_within(&self, runs: usize) -> u32 {
        let (mut rounds, mut left) = (0, runs);
        loop {
            let next = self.rounds.round(self.repeats + rounds).len();
            if next == 0 || next > left {
                return rounds;
            }
            left -= next;
            rounds += 1;
        }
    }

    fn further(&self, so_far: &SoFar<'_>, planned: usize) -> Further {
        let repeats = f64::from(self.repeats);
        let amount = match self.extend {
            Extend::Off => 0.0,
            Extend::Factor(factor) => (factor - 1.0) * repeats,
            Extend::Time(time) => {
                let measured = so_far.runs.iter().take(planned);
                let windows: f64 = measured
                    .filter(|run| run.measure.phase.role == Role::Measured)
                    .map(|run| run.result.window_s)
                    .sum();
                if windows > 0.0 {
                    time.as_secs_f64() * repeats / windows
                } else {
                    0.0
                }
            }
        };
        let phases = self.rounds.phases();
        let stages = phases
            .iter()
            .any(|p| matches!(p.load.shape, LoadShape::Stages { .. }));
        Further::of(amount, !self.whole_repeats && !stages)
    }

    /// The run at `index` past the planned ones, and whether a repeat begins with it.
    fn measure_further(&self, further: Further, index: usize) -> Option<(Measure, bool)> {
        let last = further.whole + u32::from(further.part.is_some());
        let mut all = (0..last).flat_map(|i| {
            let part = further.part.filter(|_| i == further.whole);
            let round = self.rounds.round(self.repeats + i);
            round
                .into_iter()
                .enumerate()
                .map(move |(nth, mut measure)| {
                    if let Some(part) = part {
                        measure.phase = measure.phase.shortened(part);
                    }
                    (measure, nth == 0)
                })
        });
        all.nth(index)
    }

    /// How long a repeat has taken on average.
    fn repeat_takes(&self, so_far: &SoFar<'_>, planned: usize) -> Duration {
        let took: Duration = so_far.runs.iter().take(planned).map(|run| run.took).sum();
        took / self.repeats.max(1)
    }
}

impl PhasePlan {
    /// The phase with `part` of its window; as it is, where its runs only prepare.
    pub(super) fn shortened(&self, part: f64) -> PhasePlan {
        if self.role == Role::Prepares {
            return self.clone();
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a count that is at most 10⁸"
        )]
        let requests = self.requests.map(|n| ((n as f64 * part) as u64).max(1));
        PhasePlan {
            requests,
            duration: self.duration.map(|d| d.mul_f64(part)),
            ..self.clone()
        }
    }
}
