//! Pure functions on numbers: quantiles, intervals, resampling. No records, no units, no clock.

mod autocorrelation;
mod batch;
mod beta;
mod bootstrap;
mod bounds;
mod components;
mod delays;
mod isotonic;
mod knee;
mod kolmogorov;
mod looks;
mod moments;
mod mser;
mod order;
mod proportion;
mod quantile;
mod ranks;
mod saturation;
mod student;
mod usl;
mod values;
mod weighted;

#[cfg(test)]
mod curves_scipy_tests;
#[cfg(test)]
mod scipy_tests;

pub use autocorrelation::{autocorrelations, effective_sample_size};
pub use batch::{Batch, MIN_BATCHES, rate_interval, ratio_interval};
pub use bootstrap::{BlockWeights, block_bootstrap};
pub use bounds::Bounds;
pub use components::{Component, Components, Measured, variance_components};
pub use delays::Delays;
pub use isotonic::{first_reaching, isotonic};
pub use knee::knee;
pub use kolmogorov::{Kolmogorov, ks_one_sample, ks_two_sample};
pub use looks::level_per_look;
pub use moments::Moments;
pub use mser::{Settling, mser5};
pub use order::{RankBounds, quantile_bounds, quantile_ranks};
pub use proportion::clopper_pearson;
pub use quantile::{beyond, quantile};
pub use ranks::{MannWhitney, mann_whitney};
pub use saturation::{Saturation, saturation, stopped_growing};
pub use student::{
    Part, TEstimate, combined, one_sample_t, paired_t, student_t, student_upper, welch_t,
};
pub use usl::{Usl, UslFit};
pub use values::{EXACT_VALUES, RELATIVE_ERROR, SortedValues, ValueStore};
pub use weighted::{BlockedBuilder, BlockedValues};
