//! Two sides, run by run → what changed. Pure: numbers in, a value out; the same for phases of a case,
//! for accepted results and for two live targets.

mod answers;
mod core;
mod input;
mod settle;
mod spread;

#[cfg(test)]
mod tests;

pub use answers::{AnswerSide, compare_answers};
pub(super) use core::FEWEST_RUNS;
pub use core::compare;
pub use input::{
    Basis, Comparison, Known, KnownMeans, Look, Noise, Pairing, Rule, RunValue, Scale, Side,
    assumed_session_sd,
};
pub(super) use settle::to_settle;
pub(super) use spread::mean_of_session;
