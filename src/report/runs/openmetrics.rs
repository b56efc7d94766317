use super::seam::SideBySide;
use crate::report::openmetrics::exposition;
use crate::report::{ReportError, ReportInput};

/// One exposition of all runs: every sample bears a label `run`.
#[derive(Clone, Copy, Debug)]
pub struct RunsOpenMetrics;

impl SideBySide for RunsOpenMetrics {
    fn name(&self) -> &'static str {
        "openmetrics"
    }

    fn file_name(&self) -> &'static str {
        "runs.prom"
    }

    fn render(&self, runs: &[ReportInput<'_>]) -> Result<Vec<u8>, ReportError> {
        Ok(exposition(runs).into_bytes())
    }
}
