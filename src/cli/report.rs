use std::path::{Path, PathBuf};

use super::args::ReportArgs;
use super::fail::fail;
use crate::exit;
use crate::report::{REPORTS, Report, ReportError, ReportInput, SIDE_BY_SIDE, SideBySide};
use crate::result::{RunResult, SeriesFile};
use crate::runner::{find_run, html_report, print, rebuild, write_atomically};

/// `prony report`: renders a report from results folders alone; several runs stand side by side.
pub fn report(args: &ReportArgs) -> i32 {
    let done = match args.runs.as_slice() {
        [] => one(args, Path::new("latest")),
        [run] => one(args, run),
        runs => several(args, runs),
    };
    done.unwrap_or_else(|code| code)
}

fn one(args: &ReportArgs, run: &Path) -> Result<i32, i32> {
    let html = html_report(args.templates.as_deref()).map_err(|e| fail(exit::USAGE, &e))?;
    let known = REPORTS.iter().find(|r| r.name() == args.format).copied();
    let reporter: &dyn Report = match known {
        Some(report) if report.name() == html.name() => &html,
        Some(report) => report,
        None => return Err(no_format(&args.format, REPORTS.iter().map(|r| r.name()))),
    };
    let (folder, result, series) = open(run, &args.results)?;
    let input = ReportInput {
        result: &result,
        series: &series,
    };
    let bytes = reporter.render(&input);
    deliver(args, &folder, reporter.file_name(), bytes)
}

fn several(args: &ReportArgs, runs: &[PathBuf]) -> Result<i32, i32> {
    let known = SIDE_BY_SIDE.iter().find(|r| r.name() == args.format);
    let reporter: &dyn SideBySide = match known {
        Some(report) => *report,
        None if REPORTS.iter().any(|r| r.name() == args.format) => {
            let names: Vec<_> = SIDE_BY_SIDE.iter().map(|r| r.name()).collect();
            let text = format!(
                "`{}` shows one run; several stand side by side in {}",
                args.format,
                names.join(", ")
            );
            return Err(fail(exit::USAGE, &text));
        }
        None => return Err(no_format(&args.format, REPORTS.iter().map(|r| r.name()))),
    };
    let mut opened = Vec::new();
    for run in runs {
        opened.push(open(run, &args.results)?);
    }
    let inputs: Vec<ReportInput<'_>> = opened
        .iter()
        .map(|(_, result, series)| ReportInput { result, series })
        .collect();
    let folder = opened.first().map(|(folder, _, _)| folder.as_path());
    deliver(
        args,
        folder.unwrap_or(&args.results),
        reporter.file_name(),
        reporter.render(&inputs),
    )
}

/// A run's folder and what is in it.
fn open(run: &Path, results: &Path) -> Result<(PathBuf, RunResult, SeriesFile), i32> {
    let Some(folder) = find_run(run, results) else {
        let text = format!(
            "no results folder {}; give its path, or its name under {}",
            run.display(),
            results.display()
        );
        return Err(fail(exit::USAGE, &text));
    };
    let (result, series) = rebuild(&folder).map_err(|e| fail(exit::USAGE, &e.to_string()))?;
    Ok((folder, result, series))
}

/// Writes the report where it is wanted, and says where that is.
fn deliver(
    args: &ReportArgs,
    folder: &Path,
    name: &str,
    bytes: Result<Vec<u8>, ReportError>,
) -> Result<i32, i32> {
    let bytes = bytes.map_err(|e| fail(exit::INTERNAL, &e.to_string()))?;
    let path = match &args.output {
        Some(path) if path == Path::new("-") => return Ok(print(&bytes)),
        Some(path) => path.clone(),
        None => folder.join(name),
    };
    write_atomically(&path, &bytes)
        .map_err(|e| fail(exit::INTERNAL, &format!("cannot write the report: {e}")))?;
    Ok(print(format!("{}\n", path.display())))
}

fn no_format(format: &str, names: impl Iterator<Item = &'static str>) -> i32 {
    let names: Vec<_> = names.collect();
    let text = format!(
        "there is no format `{format}`; there are {}",
        names.join(", ")
    );
    fail(exit::USAGE, &text)
}
