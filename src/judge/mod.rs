//! Assertions → verdicts. A verdict is a function of the plan and of this case's records.

mod against;
mod answers;
mod asked;
mod asserted;
mod assertion;
mod between_runs;
mod blocks;
mod bounds;
mod cached;
mod case;
mod compare;
mod decide;
mod detectable;
mod estimate;
mod expression;
mod idle;
mod input;
mod lateness;
mod leaf;
mod levels;
mod measure;
mod noise;
mod outlook;
mod overload;
mod prepared;
mod rejudge;
mod relative;
mod scheduled;
mod server;
mod steady;
mod swept;
pub mod truth;
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
mod rejudge_tests;
#[cfg(test)]
mod relative_tests;
#[cfg(test)]
mod server_tests;
#[cfg(test)]
mod test_support;
#[cfg(test)]
mod validity_tests;

pub use against::{
    AcceptedInput, JudgedAgainst, NoBaseline, ResultsRule, answers_of, asserted_values,
    compare_results, compare_sides, judge_against,
};
pub use answers::answer_result;
pub use asked::{Asked, HeldAgainst, asked};
pub use assertion::source_of;
pub use bounds::bounds_at;
pub use case::{judge_at, judge_case};
pub use compare::{
    Basis, Comparison, Known, KnownMeans, Look, Noise, Pairing, Rule, RunValue, Scale, Side,
    assumed_session_sd, compare,
};
pub use detectable::{Against, Design, Detectable, detectable};
pub use input::{JudgeInput, JudgePhase, Judged};
pub use noise::{MetricNoise, variance, variance_with};
pub use outlook::{Outlook, Prospect, outlook, remedy};
pub use overload::piles_up;
pub use swept::{Swept, swept};
pub use verdict::Verdict;
