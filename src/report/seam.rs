use crate::result::{RunResult, SeriesFile};

/// What every report is made from: a results folder's content, nothing else.
#[derive(Clone, Copy, Debug)]
pub struct ReportInput<'a> {
    /// `summary.json`
    pub result: &'a RunResult,
    /// `metrics.json`
    pub series: &'a SeriesFile,
}

/// A format that a finished run can be rendered to. One file and one line in the registry each.
pub trait Report: Sync {
    /// Name for `--format`.
    fn name(&self) -> &'static str;

    /// Name of the file in the results folder.
    fn file_name(&self) -> &'static str;

    /// The file's content. Pure: no file, no clock.
    ///
    /// # Errors
    /// When a template is wrong or the format cannot carry the result.
    fn render(&self, input: &ReportInput<'_>) -> Result<Vec<u8>, ReportError>;
}

/// A report could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportError {
    /// Which report.
    pub report: &'static str,
    /// What went wrong, a lower-case fragment.
    pub message: String,
}

impl std::fmt::Display for ReportError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} report: {}", self.report, self.message)
    }
}

impl std::error::Error for ReportError {}
