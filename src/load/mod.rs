//! Drives one run: open and closed loops, warm-up, window, drain, cancellation, client health.
//! Knows time only through [`crate::driver::Driver`].

mod beside;
mod closed;
mod common;
mod crew;
#[cfg(test)]
mod crew_tests;
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
mod threads;
mod window;

pub use beside::Beside;
pub use crew::{Member, Report, Seat};
pub use health::Tick;
pub use plan::RunPlan;
pub use run::{RunInputs, RunOutcome, assist, drive};
pub use signal::{Reached, Signal};
pub use state::Progress;
pub use threads::threads_for;
