//! Assertions → verdicts. A verdict is a function of the plan and of this case's records.

mod verdict;

pub use verdict::Verdict;
