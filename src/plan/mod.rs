//! Scenario → case → phases, and the procedures that decide what is measured next.

mod calibration;
mod case;
mod describe;
mod estimate;
mod expand;
mod procedure;
#[cfg(test)]
mod procedure_tests;
mod rounds;
mod sequential;

pub use calibration::{Calibration, PAIR, PairRestart, Pairs, SIDE};
pub use case::{Case, NamedTarget, PhasePlan, Role};
pub use estimate::Estimate;
pub use expand::expand;
pub use procedure::{
    Evidence, Extended, Look, LookResult, Measure, MeasuredRun, Open, PhaseEvidence, Procedure,
    SoFar, Step,
};
pub use rounds::{Abba, FixedRepeats, OnePhase, Rounds};
pub use sequential::Sequential;
