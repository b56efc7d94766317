//! Pure functions on numbers: quantiles, intervals, resampling. No records, no units, no clock.

mod autocorrelation;
mod batch;
mod beta;
mod bootstrap;
mod bounds;
mod isotonic;
mod knee;
mod moments;
mod order;
mod proportion;
mod quantile;
mod saturation;
mod usl;
mod values;
mod weighted;

#[cfg(test)]
mod curves_scipy_tests;
#[cfg(test)]
mod scipy_tests;

pub use autocorrelation::{autocorrelations, effective_sample_size};
pub use batch::{Batch, MIN_BATCHES, ratio_interval};
pub use bootstrap::{BlockWeights, block_bootstrap};
pub use bounds::Bounds;
pub use isotonic::{first_reaching, isotonic};
pub use knee::knee;
pub use moments::Moments;
pub use order::{RankBounds, quantile_bounds, quantile_ranks};
pub use proportion::clopper_pearson;
pub use quantile::{beyond, quantile};
pub use saturation::{Saturation, saturation, stopped_growing};
pub use usl::{Usl, UslFit};
pub use values::{EXACT_VALUES, RELATIVE_ERROR, SortedValues, ValueStore};
pub use weighted::{BlockedBuilder, BlockedValues};
