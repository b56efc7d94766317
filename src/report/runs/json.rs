use super::seam::SideBySide;
use super::table::Runs;
use crate::report::{ReportError, ReportInput};

/// [`Runs`] as JSON.
#[derive(Clone, Copy, Debug)]
pub struct RunsJson;

impl SideBySide for RunsJson {
    fn name(&self) -> &'static str {
        "json"
    }

    fn file_name(&self) -> &'static str {
        "runs.json"
    }

    fn render(&self, runs: &[ReportInput<'_>]) -> Result<Vec<u8>, ReportError> {
        let mut out = serde_json::to_vec_pretty(&Runs::of(runs)).map_err(|e| ReportError {
            report: self.name(),
            message: e.to_string(),
        })?;
        out.push(b'\n');
        Ok(out)
    }
}
