//! `result` → JUnit, HTML, Markdown, JSON, console, plots. Everything here is a pure function of a
//! results folder's content.

pub mod chart;
mod configurations;
pub mod console;
mod facts;
pub mod github;
mod headline;
mod html;
mod json;
mod junit;
mod lengths;
mod markdown;
mod noise;
mod order;
mod registry;
mod rerun;
mod seam;
mod snippet;
mod table;

pub use headline::{Group, Headline};
pub use html::{Html, TEMPLATES, Templates};
pub use json::Json;
pub use junit::Junit;
pub use markdown::Markdown;
pub use registry::{REPORTS, by_name};
pub use rerun::rerun_command;
pub use seam::{Report, ReportError, ReportInput};
pub use snippet::snippet;
