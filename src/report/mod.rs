//! `result` → JUnit, HTML, Markdown, CSV, console, plots.

mod seam;

pub use seam::{Report, ReportError, ReportInput};
