use super::seam::{Report, ReportError, ReportInput};

/// `summary.json` again, from a run that was read back.
#[derive(Clone, Copy, Debug)]
pub struct Json;

impl Report for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn file_name(&self) -> &'static str {
        "summary.json"
    }

    fn render(&self, input: &ReportInput<'_>) -> Result<Vec<u8>, ReportError> {
        let mut out = serde_json::to_vec_pretty(input.result).map_err(|e| ReportError {
            report: self.name(),
            message: e.to_string(),
        })?;
        out.push(b'\n');
        Ok(out)
    }
}
