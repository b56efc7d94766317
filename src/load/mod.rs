//! Drives one run: open and closed loops, warm-up, window, drain, cancellation, client health.
//! Knows time only through [`crate::driver::Driver`].

mod beside;
mod closed;
mod health;
mod open;
mod plan;
mod prepare;
mod request;
mod run;
mod signal;
mod state;
#[cfg(test)]
mod tests;

pub use beside::Beside;
pub use health::Tick;
pub use plan::RunPlan;
pub use run::{RunInputs, RunOutcome, drive};
pub use signal::{Reached, Signal};
pub use state::Progress;
