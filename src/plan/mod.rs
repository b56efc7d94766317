//! Scenario → case → phases, and the procedures that decide what is measured next.

mod case;
mod procedure;

pub use case::{Case, PhasePlan};
pub use procedure::{Evidence, Measure, MeasuredRun, PhaseEvidence, Procedure, Step};
