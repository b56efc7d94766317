//! Every format, from results made up in `sample`.

mod console;
mod csv;
mod html;
mod json;
mod junit;
mod markdown;
mod openmetrics;
#[cfg(feature = "pdf")]
mod pdf;
mod plots;
mod runs;
mod sample;
mod templates;

use prony::report::{ReportInput, by_name};
use prony::result::{RunResult, SeriesFile};

/// The report called `name` of `result`.
fn render(name: &str, result: &RunResult) -> String {
    let series: SeriesFile = sample::series(result);
    let report = by_name(name).expect("a known report");
    let bytes = report
        .render(&ReportInput {
            result,
            series: &series,
        })
        .expect("renders");
    String::from_utf8(bytes).expect("UTF-8")
}
