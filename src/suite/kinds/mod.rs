//! What the kinds of scenario have of their own: `search`, `sweep`, `cache`, `targets` and
//! `interference`.

mod build;
mod cache;
mod interference;
mod levels;
mod model;
mod search;
mod sweep;
mod targets;
#[cfg(test)]
mod tests;
mod written;

pub(super) use build::{Planned, check_kind_keys, context, plan};
pub(super) use cache::{CacheLayer, read as read_cache};
pub(super) use interference::read as read_interference;
pub use model::{
    Axis, Budget, CachePlan, Disaggregation, Flush, Goal, Interference, KindPlan, Replicas, Scale,
    Scaling, Search, Sweep, SweepLevels, SweepOrder,
};
pub(super) use search::read as read_search;
pub(super) use sweep::{SweepLayer, read as read_sweep};
pub(super) use targets::{TargetsLayer, read as read_targets};
pub(super) use written::put;

/// Names and bounds that the schema says, too.
pub(super) mod limits {
    pub(in crate::suite) use super::cache::MOST_BLOCK;
    pub(in crate::suite) use super::interference::OUTPUT_TOKENS;
    pub(in crate::suite) use super::levels::MOST_LEVELS;
    pub(in crate::suite) use super::model::AXES;
    pub(in crate::suite) use super::search::{LARGEST_PRECISION, LEAST_PRECISION, PRECISION};
    pub(in crate::suite) use super::sweep::{IDLE, MODES, ORDERS, SCALE_TIMEOUT};
}
