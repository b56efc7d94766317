//! Pure functions on numbers: quantiles, intervals, resampling. No records, no units, no clock.

mod autocorrelation;
mod batch;
mod beta;
mod bootstrap;
mod moments;
mod order;
mod proportion;
mod quantile;
mod values;
mod weighted;

#[cfg(test)]
mod scipy_tests;

pub use autocorrelation::{autocorrelations, effective_sample_size};
pub use batch::{Batch, MIN_BATCHES, ratio_interval};
pub use bootstrap::{BlockWeights, block_bootstrap};
pub use moments::Moments;
pub use order::{RankBounds, quantile_bounds, quantile_ranks};
pub use proportion::clopper_pearson;
pub use quantile::{beyond, quantile};
pub use values::{EXACT_VALUES, RELATIVE_ERROR, SortedValues, ValueStore};
pub use weighted::{BlockedBuilder, BlockedValues};

/// Two one-sided confidence bounds. An end that is not known is infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// The value lies above, with the stated confidence.
    pub lower: f64,
    /// The value lies below, with the stated confidence.
    pub upper: f64,
}

impl Bounds {
    /// Nothing is known.
    pub const UNKNOWN: Bounds = Bounds {
        lower: f64::NEG_INFINITY,
        upper: f64::INFINITY,
    };
}
