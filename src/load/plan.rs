use std::time::Duration;

use rand_chacha::ChaCha8Rng;

use crate::suite::{Load, LoadShape, StageLevel, Timeouts};
use crate::workload::{Schedule, stream};

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

/// Most connections opened ahead for an open loop, where nobody knows how many there will be.
const AHEAD: u32 = 256;

impl RunPlan {
    /// When the requests of the run are due, where they are at a constant rate.
    pub fn steady_schedule(&self) -> Option<Schedule> {
        let LoadShape::Rate {
            per_second,
            arrivals,
        } = self.load.shape
        else {
            return None;
        };
        Some(Schedule::steady(per_second, arrivals, self.arrivals_rng()))
    }

    /// What arrivals are drawn from.
    pub(super) fn arrivals_rng(&self) -> ChaCha8Rng {
        stream(self.seed, "arrivals", u64::from(self.run))
    }

    /// How many connections the run needs at its beginning: all slots of a closed loop; of an open one
    /// what a second's arrivals would hold, if no answer came before.
    pub fn first_connections(&self) -> usize {
        let n = match self.first_level() {
            None => 0,
            Some(StageLevel::Concurrency(n)) => n,
            Some(StageLevel::Rate(per_second)) => {
                // A rate is finite and not negative; the cast saturates.
                let n = (per_second.ceil() as u32).min(AHEAD);
                n.min(self.load.max_concurrency.unwrap_or(n))
            }
        };
        n as usize
    }

    /// Whether requests are due by a schedule.
    pub fn is_open(&self) -> bool {
        matches!(self.first_level(), Some(StageLevel::Rate(_)))
    }

    /// Slots of a closed loop at its beginning.
    pub(super) fn first_slots(&self) -> u32 {
        match self.first_level() {
            Some(StageLevel::Concurrency(n)) => n,
            Some(StageLevel::Rate(_)) | None => 0,
        }
    }

    fn first_level(&self) -> Option<StageLevel> {
        match &self.load.shape {
            LoadShape::Concurrency(n) => Some(StageLevel::Concurrency(*n)),
            LoadShape::Rate { per_second, .. } => Some(StageLevel::Rate(*per_second)),
            LoadShape::Stages { stages, .. } => stages.first().map(|stage| stage.from),
        }
    }
}
