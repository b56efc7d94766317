//! Any number of runs side by side: what each measured, and what changed against the first. Changes are
//! shown here, never judged.

mod csv;
mod json;
mod markdown;
mod openmetrics;
mod seam;
mod table;
mod words;

pub use seam::{SIDE_BY_SIDE, SideBySide};
