//! How much measurements vary by themselves, and what can honestly be gated on therefore: from results
//! to tolerances. Pure; `prony calibrate` measures and prints.

mod ask;
mod design;
mod detect;
mod proposal;
#[cfg(test)]
mod tests;
mod verify;
mod words;

pub use ask::{Asked, calibrating};
pub use design::{Cost, Plan};
pub use detect::{Basis, Tells, detectable_changes, tells};
pub use proposal::{Calibrated, Proposal, noise_setting};
pub use verify::{PairChange, Verified};
pub use words::{baseline_line, table};
