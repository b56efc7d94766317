//! A case against its accepted baseline: values run by run on both sides → changes → verdicts.

mod accepted;
mod answered;
mod claims;
mod input;
mod judging;
mod results;
mod values;
mod words;

#[cfg(test)]
mod tests;

pub use answered::answers_of;
pub(super) use claims::{Claim as BaselineClaim, claims as baseline_claims};
pub use input::{AcceptedInput, NoBaseline};
pub use judging::{JudgedAgainst, judge_against};
pub use results::{ResultsRule, compare_results, compare_sides};
pub use values::asserted_values;
