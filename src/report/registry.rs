use super::csv::Csv;
use super::html::Html;
use super::json::Json;
use super::junit::Junit;
use super::markdown::Markdown;
use super::openmetrics::OpenMetrics;
#[cfg(feature = "pdf")]
use super::pdf::Pdf;
use super::seam::Report;

/// Every format a finished run can be rendered to.
pub static REPORTS: &[&dyn Report] = &[
    &Junit,
    &Html::EMBEDDED,
    &Json,
    &Markdown,
    &Csv,
    &OpenMetrics,
    #[cfg(feature = "pdf")]
    &Pdf,
];

/// The report called `name`.
pub fn by_name(name: &str) -> Option<&'static dyn Report> {
    REPORTS.iter().copied().find(|r| r.name() == name)
}

#[cfg(test)]
mod tests {
    use super::{REPORTS, by_name};

    #[test]
    fn names_and_files_are_unique() {
        for (i, a) in REPORTS.iter().enumerate() {
            assert!(by_name(a.name()).is_some());
            for b in &REPORTS[i + 1..] {
                assert_ne!(a.name(), b.name());
                assert_ne!(a.file_name(), b.file_name());
            }
        }
        assert!(by_name("docx").is_none());
    }
}
