//! Accepted results: what a case came to when people said that this is how it should be, what a run
//! proposes to put in its place, and how a person decides.
//!
//! All of it is pure; the files are read and written in `runner`.

mod answers;
mod extract;
mod file;
mod format;
mod history;
mod identity;
mod review;
mod values;

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

pub use answers::{AcceptedAnswer, AnswersBaseline};
pub use extract::{ExtraValues, MOST_RUNS, MeasuredFor, baseline_of, is_kept};
pub use file::{
    BASELINE_SCHEMA, BaselineFile, History, Measurement, MetricRuns, PastSpread, PhaseBaseline,
    Proposal, ProposedChange, Why,
};
pub use format::{NotReadable, read, write};
pub use history::{HISTORY, accepted, spread_of};
pub use identity::{DEFINITIONS, Difference, differences, not_comparable};
pub use review::review;
pub use values::{PastNoise, Pooled, STATISTICS, key_of};
