//! The pictures of a run as files: each an SVG document that needs nothing around it, and, with the feature
//! `plots`, a PNG of it.

mod files;
#[cfg(any(feature = "plots", feature = "pdf"))]
mod fonts;
#[cfg(feature = "plots")]
mod png;
mod whole;

pub use files::{Plot, configuration_plots, plots};
#[cfg(feature = "pdf")]
pub(in crate::report) use fonts::{BOLD, REGULAR, tree};
#[cfg(feature = "pdf")]
pub(in crate::report) use whole::whole;
