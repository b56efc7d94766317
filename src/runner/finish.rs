use std::path::PathBuf;

use super::context::Context;
use super::edge::REPORTS_OF_A_RUN;
use super::folder::write_atomically;
use super::harness::{Outcome, stdout_style};
use crate::exit;
use crate::report::console::Style;
use crate::report::{Html, Report, ReportInput, by_name, console};

/// What a finished run leaves besides its results folder.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Also write the JUnit report there.
    pub junit: Option<PathBuf>,
    /// Also write the HTML report there.
    pub html_file: Option<PathBuf>,
    /// The HTML report, with its templates.
    pub html: Html,
}

/// Writes the reports of a run, says where they are, and returns the exit code of the whole.
pub fn finish(outcome: &Outcome, context: &Context, wanted: &Wanted) -> i32 {
    if let (Some((result, series)), Some(folder)) = (&outcome.result, context.folder_if_made()) {
        let input = ReportInput { result, series };
        for name in REPORTS_OF_A_RUN {
            let (report, copy): (&dyn Report, _) = match by_name(name) {
                Some(report) if name != wanted.html.name() => (report, &wanted.junit),
                _ => (&wanted.html, &wanted.html_file),
            };
            match report.render(&input) {
                Ok(bytes) => {
                    let in_folder = folder.write(report.file_name(), &bytes);
                    let copied = copy
                        .as_deref()
                        .map_or(Ok(()), |path| write_atomically(path, &bytes));
                    for e in [in_folder, copied].into_iter().filter_map(Result::err) {
                        context.note_internal(format!("cannot write the report: {e}"));
                    }
                }
                Err(e) => context.note_internal(e.to_string()),
            }
        }
        let report = folder.path().join("report.html");
        if outcome.json {
            eprintln!("{}", console::summary_line(result, Style::PLAIN));
            eprintln!("report: {}", report.display());
        } else {
            println!("{}", console::summary_line(result, stdout_style()));
            println!("report: {}", report.display());
        }
    }
    let problems = context.internal();
    for problem in &problems {
        eprintln!("error: {problem}");
    }
    let hooks = context.hooks();
    for problem in &hooks {
        eprintln!("error: {problem}");
    }
    let after = if hooks.is_empty() {
        exit::OK
    } else {
        exit::NOT_MEASURED
    };
    let internal = if problems.is_empty() {
        exit::OK
    } else {
        exit::INTERNAL
    };
    [context.interrupt.code(), internal, after]
        .into_iter()
        .fold(outcome.code, exit::stronger)
}
