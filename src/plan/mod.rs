//! Scenario → case → phases, and the procedures that decide what is measured next.

mod case;
mod describe;
mod estimate;
mod expand;
mod fixed;
mod procedure;

pub use case::{Case, PhasePlan};
pub use estimate::Estimate;
pub use expand::expand;
pub use fixed::FixedRepeats;
pub use procedure::{Evidence, Measure, MeasuredRun, PhaseEvidence, Procedure, Step};
