//! Assertions → verdicts. A verdict is a function of the plan and of this case's records.

mod assertion;
mod blocks;
mod case;
mod decide;
mod estimate;
mod expression;
mod input;
mod lateness;
mod leaf;
mod measure;
mod outlook;
mod overload;
mod prepared;
mod scheduled;
mod validity;
mod verdict;
mod words;

#[cfg(test)]
mod absolute_tests;
#[cfg(test)]
mod case_tests;
#[cfg(test)]
mod coverage_tests;
#[cfg(test)]
mod test_support;
#[cfg(test)]
mod validity_tests;

pub use assertion::source_of;
pub use case::judge_case;
pub use input::{JudgeInput, JudgePhase, Judged};
pub use outlook::{Outlook, Prospect, outlook, remedy};
pub use verdict::Verdict;
