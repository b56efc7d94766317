use std::time::Duration;

use crate::suite::{Load, Timeouts};

/// How one run is driven.
#[derive(Clone, Debug, PartialEq)]
pub struct RunPlan {
    /// Full name of the case, for the records.
    pub case: String,
    /// Phase, for the records.
    pub phase: String,
    /// Index of the run within its phase.
    pub run: u32,
    /// Index of the session within the case.
    pub session: u32,
    /// What load.
    pub load: Load,
    /// Measured requests that end the window.
    pub requests: Option<u64>,
    /// Measured time that ends the window.
    pub duration: Option<Duration>,
    /// Unmeasured load before the window.
    pub warmup: Duration,
    /// How long the window's requests may take to end after the window has.
    pub drain: Duration,
    /// The same after an interrupt.
    pub brief_drain: Duration,
    /// Timeouts of one request.
    pub timeouts: Timeouts,
    /// Fixes arrivals.
    pub seed: u64,
}
