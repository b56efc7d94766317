//! Scenario → case → phases, and the procedures that decide what is measured next.

mod answer;
mod auto;
mod calibration;
mod case;
mod describe;
mod estimate;
mod expand;
mod found;
mod kinds;
mod procedure;
#[cfg(test)]
mod procedure_tests;
mod rounds;
mod search;
#[cfg(test)]
mod search_tests;
mod sequential;
mod side_by_side;

pub use auto::AutoRates;
pub use calibration::{Calibration, PAIR, PairRestart, Pairs, SIDE};
pub use case::{Asks, Case, NamedTarget, PhasePlan, Role};
pub use estimate::Estimate;
pub use expand::expand;
pub use found::{Answer, BoundSeen, Found, Held, Probe};
pub use kinds::{COLD, ColdWarm, Levels, PRIMING, WARM};
pub use procedure::{
    Evidence, Extended, Look, LookResult, Measure, MeasuredRun, Open, PhaseEvidence, Procedure,
    SoFar, Step,
};
pub use rounds::{Abba, FixedRepeats, OnePhase, Rounds};
pub use search::LoadSearch;
pub use sequential::Sequential;
pub use side_by_side::{SIDES, side_by_side};
