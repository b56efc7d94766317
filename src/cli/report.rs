use std::path::{Path, PathBuf};

use super::args::ReportArgs;
use super::fail::fail;
use crate::exit;
use crate::report::{
    REPORTS, Report, ReportError, ReportInput, RunsHtml, SIDE_BY_SIDE, SideBySide,
};
use crate::result::{RunResult, SeriesFile};
use crate::runner::{
    find_run, html_report, print, rebuild, templates, write_atomically, write_plots,
};

/// The format that is a folder.
const PLOTS: &str = "plots";

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
    if args.format == PLOTS {
        return pictures(args, run);
    }
    let html = html_report(args.templates.as_deref()).map_err(|e| fail(exit::USAGE, &e))?;
    let known = REPORTS.iter().find(|r| r.name() == args.format).copied();
    let reporter: &dyn Report = match known {
        Some(report) if report.name() == html.name() => &html,
        Some(report) => report,
        None => return Err(no_format(&args.format)),
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
    let templates = templates(args.templates.as_deref()).map_err(|e| fail(exit::USAGE, &e))?;
    let html = RunsHtml::new(templates);
    let known = SIDE_BY_SIDE.iter().find(|r| r.name() == args.format);
    let reporter: &dyn SideBySide = match known {
        Some(report) if report.name() == html.name() => &html,
        Some(report) => *report,
        None if args.format == PLOTS || REPORTS.iter().any(|r| r.name() == args.format) => {
            let names: Vec<_> = SIDE_BY_SIDE.iter().map(|r| r.name()).collect();
            let text = format!(
                "`{}` shows one run; several stand side by side in {}",
                args.format,
                names.join(", ")
            );
            return Err(fail(exit::USAGE, &text));
        }
        None => return Err(no_format(&args.format)),
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

/// The pictures of a run, a file each.
fn pictures(args: &ReportArgs, run: &Path) -> Result<i32, i32> {
    let (folder, result, series) = open(run, &args.results)?;
    let folder = match &args.output {
        Some(path) if path == Path::new("-") => {
            let text = "pictures are many files; `-o` takes the folder that receives them";
            return Err(fail(exit::USAGE, text));
        }
        Some(path) => path.clone(),
        None => folder.join("plots"),
    };
    let written = write_plots(&folder, &result.cases, &result.configurations, &series)
        .map_err(|e| fail(exit::INTERNAL, &format!("cannot write the pictures: {e}")))?;
    Ok(print(format!("{} ({written} files)\n", folder.display())))
}

fn no_format(format: &str) -> i32 {
    let mut names: Vec<_> = REPORTS.iter().map(|r| r.name()).collect();
    names.push(PLOTS);
    let hint = if format == "pdf" {
        "; this prony was built without the feature `pdf` (`cargo install prony --features pdf`)"
    } else {
        ""
    };
    let text = format!(
        "there is no format `{format}`; there are {}{hint}",
        names.join(", ")
    );
    fail(exit::USAGE, &text)
}
