//! The pictures of a case and of its phases, one per question. The page shows them, and files under
//! `plots/` hold them: whoever shows a picture draws nothing of his own.

mod cache;
mod case;
mod client;
mod configurations;
mod distribution;
mod errors;
mod heat;
mod interference;
mod lengths;
mod over_time;
mod percentiles;
mod phase;
mod picture;
mod search;
mod server;
mod split;
mod sweep;

pub(in crate::report) use case::of_case;
pub(in crate::report) use configurations::of_configurations;
pub(in crate::report) use percentiles::{Curve, by_percentile};
pub(in crate::report) use phase::of_phase;
pub(in crate::report) use picture::Picture;
