use super::csv::RunsCsv;
use super::html::RunsHtml;
use super::json::RunsJson;
use super::markdown::RunsMarkdown;
use super::openmetrics::RunsOpenMetrics;
#[cfg(feature = "pdf")]
use crate::report::pdf::RunsPdf;
use crate::report::{ReportError, ReportInput};

/// A format that shows several runs side by side. One file and one line in [`SIDE_BY_SIDE`] each.
pub trait SideBySide: Sync {
    /// Name for `--format`.
    fn name(&self) -> &'static str;

    /// Name of the file in the first run's results folder.
    fn file_name(&self) -> &'static str;

    /// The file's content; changes are against the first of `runs`. Pure: no file, no clock.
    ///
    /// # Errors
    /// When a template is wrong or the format cannot carry the results.
    fn render(&self, runs: &[ReportInput<'_>]) -> Result<Vec<u8>, ReportError>;
}

/// Every format that shows several runs.
pub static SIDE_BY_SIDE: &[&dyn SideBySide] = &[
    &RunsHtml::EMBEDDED,
    &RunsMarkdown,
    &RunsCsv,
    &RunsJson,
    &RunsOpenMetrics,
    #[cfg(feature = "pdf")]
    &RunsPdf,
];
