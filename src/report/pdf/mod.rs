//! The report of a run, or of several side by side, as PDF: the same verdicts, tables and pictures, paged, with a table of contents. Text is text:
//! it can be selected and searched.

mod content;
mod draw;
mod flow;
mod letters;
mod report;
mod runs;

pub use report::Pdf;
pub use runs::RunsPdf;
