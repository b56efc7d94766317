//! Any number of runs side by side: what each measured, and what changed against the first. Changes are
//! shown here, never judged.

mod csv;
mod html;
mod json;
mod markdown;
mod openmetrics;
mod overlay;
mod seam;
mod table;
mod words;

pub use html::RunsHtml;
#[cfg(feature = "pdf")]
pub(in crate::report) use overlay::{DRAWN, overlays};
pub use seam::{SIDE_BY_SIDE, SideBySide};
#[cfg(feature = "pdf")]
pub(in crate::report) use table::{CaseRow, MetricRow, PhaseRow, Runs};
#[cfg(feature = "pdf")]
pub(in crate::report) use words::{NOT_JUDGED, change, value, verdicts};
