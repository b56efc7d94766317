//! `result` → JUnit, HTML, Markdown, CSV, OpenMetrics, JSON, console, plots. Everything here is a pure function of a
//! results folder's content.

mod case_table;
mod change;
pub mod chart;
mod configurations;
pub mod console;
mod csv;
mod facts;
mod finished;
pub mod github;
mod headline;
mod html;
mod json;
mod junit;
mod lengths;
mod markdown;
mod noise;
mod openmetrics;
mod order;
#[cfg(feature = "pdf")]
mod pdf;
mod pictures;
mod plots;
mod registry;
mod rerun;
mod runs;
mod seam;
mod snippet;
mod table;

pub use csv::Csv;
pub use headline::{Group, Headline};
pub use html::{Html, TEMPLATES, Templates};
pub use json::Json;
pub use junit::Junit;
pub use markdown::Markdown;
pub use openmetrics::OpenMetrics;
#[cfg(feature = "pdf")]
pub use pdf::Pdf;
pub use plots::{Plot, configuration_plots, plots};
pub use registry::{REPORTS, by_name};
pub use rerun::rerun_command;
pub use runs::{RunsHtml, SIDE_BY_SIDE, SideBySide};
pub use seam::{Report, ReportError, ReportInput};
pub use snippet::snippet;
