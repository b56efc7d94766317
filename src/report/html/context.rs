use super::page::{Html, page_view};
use crate::report::seam::{Report as _, ReportError, ReportInput};

impl Html {
    /// All that `report.html` sees as `page`: `docs/templates.md` lists it.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn context(input: &ReportInput<'_>) -> Result<serde_json::Value, ReportError> {
        serde_json::to_value(page_view(input)).map_err(|e| ReportError {
            report: Html::EMBEDDED.name(),
            message: e.to_string(),
        })
    }
}
