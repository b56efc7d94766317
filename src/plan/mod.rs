//! Scenario → case → phases, and the procedures that decide what is measured next.

mod case;
mod fixed;
mod procedure;

pub use case::{Case, PhasePlan};
pub use fixed::FixedRepeats;
pub use procedure::{Evidence, Measure, MeasuredRun, PhaseEvidence, Procedure, Step};
