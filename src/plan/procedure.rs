use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use crate::result::RunPart;

use super::case::{PhasePlan, Role};
use super::found::{BoundSeen, Found};

/// What to measure next, as a pure function of what was measured so far and of what that shows.
///
/// Search, sweeps, repeats, extension and ABBA are procedures; the runner has one loop for all.
pub trait Procedure: Debug + Send + Sync {
    /// The next step. Called after every finished run of the case; must depend on nothing but
    /// `so_far`, so that the same measurements lead to the same next step.
    fn next(&self, so_far: &SoFar<'_>) -> Step;
}

/// All that a procedure may know.
#[derive(Clone, Copy)]
pub struct SoFar<'a> {
    /// Every finished run of the case, in order.
    pub runs: &'a [MeasuredRun],
    /// What the judge says of some of the runs. Computed when asked, which may take a while: ask once
    /// what is to be decided is measured.
    pub look: &'a dyn Fn(&Evidence) -> LookResult,
    /// How long the case has been measured.
    pub elapsed: Duration,
    /// How much longer it may take; absent: as long as it wants.
    pub left: Option<Duration>,
}

/// Which look at growing data a decision is. Every look of a plan may decide, so the error is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// From 0.
    pub index: u32,
    /// How many the plan allows.
    pub of: u32,
}

impl Default for Look {
    fn default() -> Self {
        Look::ONLY
    }
}

impl Look {
    /// There is no second one.
    pub const ONLY: Look = Look { index: 0, of: 1 };
}

/// What the judge says of evidence, as far as it matters for what is measured next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LookResult {
    /// Assertions that more data may still settle, or that are to be confirmed.
    pub open: Vec<Open>,
    /// Of the bounds of a search, at the load of the evidence.
    pub bounds: Vec<BoundSeen>,
    /// Why the evidence proves nothing: the client was the limit.
    pub invalid: Option<String>,
}

/// An assertion that is not settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// As written.
    pub text: String,
    /// It compares measured phases: further repeats settle it, rather than further requests.
    pub relative: bool,
    /// It fails already, and is confirmed before that is said.
    pub confirm: bool,
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
    /// Index of the run within its phase, from 0. Runs of several phases with one index are a repeat:
    /// they have the same arrivals and lengths.
    pub run: u32,
    /// Index of the session it wants, from 0; a new one asks for a restart of the phase's target.
    pub session: u32,
}

/// One measured run, as procedures see it.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredRun {
    /// What was asked.
    pub measure: Measure,
    /// What came of it.
    pub result: RunPart,
    /// How long it took in all: bringing the target to its place, warm-up, window and drain.
    pub took: Duration,
    /// It ended before its time.
    pub cut: bool,
    /// Why prony itself ended it before its time: more of it would have told nothing new.
    pub stopped: Option<String>,
}

/// Which runs make up which phase, in the order of the report, and how they are to be judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The phases.
    pub phases: Vec<PhaseEvidence>,
    /// Which look at the data this is.
    pub look: Look,
    /// More was measured than planned, or was to be.
    pub extended: Option<Extended>,
    /// What the procedure was looking for, and found.
    pub found: Option<Found>,
}

/// A phase and its runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhaseEvidence {
    /// Name of the phase.
    pub name: String,
    /// Indices into the measured runs.
    pub runs: Vec<usize>,
}

/// That, and why, more was measured than planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extended {
    /// Repeats that were measured on top of the planned ones.
    pub repeats: u32,
    /// What was open.
    pub why: Vec<Open>,
    /// Why it was less than what might have been, where it was.
    pub short: Option<String>,
}

impl Evidence {
    /// Every measured run, by phase, at the only look: what is left to report when measuring ends
    /// before its time, too. Runs that only prepare are in no phase.
    pub fn everything(runs: &[MeasuredRun]) -> Self {
        Self::of(runs, |_, _| true)
    }

    /// The runs that `wanted` (called with index and run) takes.
    pub fn of(runs: &[MeasuredRun], wanted: impl Fn(usize, &MeasuredRun) -> bool) -> Self {
        let mut phases: Vec<PhaseEvidence> = Vec::new();
        for (i, run) in runs.iter().enumerate() {
            let plan = &run.measure.phase;
            if plan.role == Role::Prepares || !wanted(i, run) {
                continue;
            }
            match phases.iter_mut().find(|p| p.name == plan.name) {
                Some(phase) => phase.runs.push(i),
                None => phases.push(PhaseEvidence {
                    name: plan.name.clone(),
                    runs: vec![i],
                }),
            }
        }
        Evidence {
            phases,
            look: Look::ONLY,
            extended: None,
            found: None,
        }
    }

    /// The same with its phases in the order of `plans`.
    #[must_use]
    pub fn in_order_of(mut self, plans: &[PhasePlan]) -> Self {
        let place = |name: &str| plans.iter().position(|p| p.name == name);
        self.phases
            .sort_by_key(|p| place(&p.name).unwrap_or(usize::MAX));
        self
    }

    /// The same as look `index` of `of`.
    #[must_use]
    pub fn at_look(mut self, index: u32, of: u32) -> Self {
        self.look = Look { index, of };
        self
    }

    /// Sessions of the runs of all phases.
    pub fn sessions(&self, runs: &[MeasuredRun]) -> BTreeSet<u32> {
        let all = self.phases.iter().flat_map(|p| &p.runs);
        all.filter_map(|&i| Some(runs.get(i)?.measure.session))
            .collect()
    }
}
