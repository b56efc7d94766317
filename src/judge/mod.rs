//! Assertions → verdicts. A verdict is a function of the plan and of this case's records.

mod assertion;
mod blocks;
mod case;
mod decide;
mod estimate;
mod expression;
mod input;
mod leaf;
mod overload;
mod prepared;
mod scheduled;
mod validity;
mod verdict;
mod words;

#[cfg(test)]
mod coverage_tests;
#[cfg(test)]
mod tests;

pub use case::judge_case;
pub use input::{JudgeInput, JudgePhase, Judged};
pub use verdict::Verdict;
