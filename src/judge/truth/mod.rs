//! Systems whose truth is known: requests and runs drawn from distributions, judged by prony's own judge.
//! How often it is right is counted in full by `examples/judge_power.rs` and in a reduced form by the tests.

mod draws;
mod requests;
mod runs;
#[cfg(test)]
mod tests;

pub use draws::Draws;
pub use requests::{Coverage, Stream, asserting, coverage, passes};
pub use runs::{Gate, Shares, TwoLooks};
