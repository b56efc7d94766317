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
pub use seam::{SIDE_BY_SIDE, SideBySide};
