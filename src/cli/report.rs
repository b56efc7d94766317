use std::path::Path;

use super::args::ReportArgs;
use super::fail::fail;
use crate::exit;
use crate::report::{REPORTS, Report, ReportInput};
use crate::runner::{find_run, html_report, print, rebuild, write_atomically};

/// `prony report`: renders a report from a results folder alone.
pub fn report(args: &ReportArgs) -> i32 {
    let html = match html_report(args.templates.as_deref()) {
        Ok(html) => html,
        Err(e) => return fail(exit::USAGE, &e),
    };
    let reporter: &dyn Report = if args.format == html.name() {
        &html
    } else {
        match REPORTS.iter().find(|r| r.name() == args.format) {
            Some(found) => *found,
            None => {
                let names: Vec<_> = REPORTS.iter().map(|r| r.name()).collect();
                let text = format!(
                    "there is no format `{}`; there are {}",
                    args.format,
                    names.join(", ")
                );
                return fail(exit::USAGE, &text);
            }
        }
    };
    let Some(folder) = find_run(&args.run, &args.results) else {
        let text = format!(
            "no results folder {}; give its path, or its name under {}",
            args.run.display(),
            args.results.display()
        );
        return fail(exit::USAGE, &text);
    };
    let (result, series) = match rebuild(&folder) {
        Ok(both) => both,
        Err(e) => return fail(exit::USAGE, &e.to_string()),
    };
    let input = ReportInput {
        result: &result,
        series: &series,
    };
    let bytes = match reporter.render(&input) {
        Ok(bytes) => bytes,
        Err(e) => return fail(exit::INTERNAL, &e.to_string()),
    };
    let path = match &args.output {
        Some(path) if path == Path::new("-") => return print(&bytes),
        Some(path) => path.clone(),
        None => folder.join(reporter.file_name()),
    };
    match write_atomically(&path, &bytes) {
        Ok(()) => print(format!("{}\n", path.display())),
        Err(e) => fail(exit::INTERNAL, &format!("cannot write the report: {e}")),
    }
}
