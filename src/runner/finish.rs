use std::io;
use std::path::PathBuf;

use super::ci::Ci;
use super::context::Context;
use super::edge::REPORTS_OF_A_RUN;
use super::folder::{ResultsFolder, write_atomically};
use super::harness::Outcome;
use super::plots::write_plots;
use super::say::{print, tell};
use super::style::stdout_style;
use crate::exit;
use crate::report::console::Style;
use crate::report::{Html, Report, ReportInput, by_name, console};
use crate::result::RunResult;

/// What a finished run leaves besides its results folder.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Also write the JUnit report there.
    pub junit: Option<PathBuf>,
    /// Also write the HTML report there.
    pub html_file: Option<PathBuf>,
    /// The HTML report, with its templates.
    pub html: Html,
    /// Show what was measured, not only what was judged.
    pub metrics: bool,
    /// A table per case, behind libtest's lines.
    pub tables: bool,
    /// Behind libtest's events, a last one that says what the run came to.
    pub last_event: bool,
    /// The CI system around.
    pub ci: Ci,
}

/// Brings the results folder to its final state, as far as this process is concerned: totals and
/// reports. Says where they are, tells the CI system, and returns the exit code of the whole.
pub fn finish(outcome: &Outcome, context: &Context, wanted: &Wanted) -> i32 {
    let mut finished = None;
    if let Some(folder) = context.folder_if_made() {
        match write_totals(folder, context, wanted) {
            Ok(result) => {
                say(outcome, context, wanted, folder, &result);
                finished = Some((result, folder.path().display().to_string()));
            }
            Err(e) => context.note_internal(format!("cannot write results: {e}")),
        }
    }
    let problems = context.internal();
    for problem in &problems {
        tell(format_args!("error: {problem}"));
    }
    let hooks = context.hooks();
    for problem in &hooks {
        tell(format_args!("error: {problem}"));
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
    let code = [context.interrupt.code(), internal, after]
        .into_iter()
        .fold(outcome.code, exit::stronger);
    match finished.filter(|_| wanted.last_event) {
        Some((result, folder)) => {
            let printed = print(console::finished_line(&result, &folder, code));
            exit::stronger(code, printed)
        }
        None => code,
    }
}

/// Totals and reports of all cases that any process of the run has ended, under the folder's lock: the
/// process that comes last leaves them complete.
fn write_totals(
    folder: &ResultsFolder,
    context: &Context,
    wanted: &Wanted,
) -> io::Result<RunResult> {
    let locked = folder.lock()?;
    let (result, series) = locked.refresh(|run| {
        run.finished_at = Some(super::now());
        run.interrupted |= context.interrupt.raised() || context.broken_off();
    })?;
    let input = ReportInput {
        result: &result,
        series: &series,
    };
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
    let ended = context.ended();
    let own = result
        .cases
        .iter()
        .filter(|case| ended.iter().any(|e| e.slug == case.slug));
    let plots = folder.path().join("plots");
    if let Err(e) = write_plots(&plots, own, &result.configurations, &series) {
        context.note_internal(format!("cannot write the pictures: {e}"));
    }
    if let Err(e) = wanted.ci.summarize(&input) {
        tell(format_args!(
            "warning: cannot write the step's summary: {e}"
        ));
    }
    Ok(result)
}

fn say(
    outcome: &Outcome,
    context: &Context,
    wanted: &Wanted,
    folder: &ResultsFolder,
    result: &RunResult,
) {
    let ended = context.ended();
    let own = || {
        let cases = result.cases.iter();
        cases.filter(|case| ended.iter().any(|e| e.slug == case.slug))
    };
    let mut text = wanted.ci.annotate(own());
    if wanted.tables && !outcome.json && !outcome.quiet {
        text.push_str(&console::case_tables(own(), stdout_style()));
    }
    if wanted.metrics {
        text.push_str(&metrics_tables(result));
    }
    // Of a run that other processes make, too, this one knows a part.
    if ended.len() == result.cases.len() {
        let style = if outcome.json {
            Style::PLAIN
        } else {
            stdout_style()
        };
        text.push_str(&console::configurations(result, style));
        text.push_str(&console::summary_line(result, style));
        text.push('\n');
    }
    text.push_str(&console::proposals(own()));
    let report = folder.path().join("report.html");
    text.push_str(&format!("report: {}\n", report.display()));
    if outcome.json {
        tell(text.trim_end());
    } else {
        print(text);
    }
}

/// What was measured, phase by phase, for a person who asks rather than gates.
fn metrics_tables(result: &RunResult) -> String {
    let phases = result.cases.iter().flat_map(|case| &case.phases);
    let measured = phases.filter(|phase| !phase.metrics.is_empty());
    measured
        .map(|phase| console::metrics_table(phase, stdout_style()) + "\n")
        .collect()
}
