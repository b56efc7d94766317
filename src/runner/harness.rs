use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::sync::Arc;

use libtest_mimic::{Arguments, Completion, Conclusion, Failed, Trial};

use super::context::Context;
use super::measure::run_case;
use super::{case_result, host};
use crate::exit;
use crate::judge::Verdict;
use crate::plan::Case;
use crate::report::console::{self, Pointers, Style};
use crate::result::{CaseResult, CaseSeries, RunResult, SeriesFile};

/// What an invocation came to.
pub struct Outcome {
    /// What libtest counted.
    pub conclusion: Conclusion,
    /// The whole result; absent when no case ran.
    pub result: Option<(RunResult, SeriesFile)>,
    /// The exit code by the results alone (no interrupt, no failure of prony's own).
    pub code: i32,
}

/// Runs `cases` as libtest would, each as one test; results are written as cases end.
///
/// # Errors
/// When the results folder cannot be brought to its final state.
pub fn run_cases(
    cases: Vec<Case>,
    context: &Arc<Context>,
    mut arguments: Arguments,
) -> io::Result<Outcome> {
    // Two measurements at once would disturb each other.
    arguments.test_threads.get_or_insert(1);
    let trials = cases
        .into_iter()
        .map(|case| {
            let context = context.clone();
            Trial::ignorable_test(case.full_name(), move || run_one(&case, &context))
        })
        .collect();
    let listing = arguments.list;
    let conclusion = libtest_mimic::run(&arguments, trials);
    let Some(folder) = context.folder_if_made() else {
        let code = if listing {
            exit::OK
        } else {
            exit::NOTHING_SELECTED
        };
        return Ok(Outcome {
            conclusion,
            result: None,
            code,
        });
    };
    let (result, series) = folder.refresh(|run| {
        run.finished_at = Some(super::now());
        run.interrupted |= context.interrupt.raised();
    })?;
    let code = exit_code(&result);
    Ok(Outcome {
        conclusion,
        result: Some((result, series)),
        code,
    })
}

fn run_one(case: &Case, context: &Context) -> Result<Completion, Failed> {
    if context.interrupt.raised() {
        let result = case_result::skipped(case, "interrupted before it began");
        if let Ok(folder) = context.folder()
            && let Err(e) = folder.end_case(&result, &CaseSeries::default())
        {
            context.note_internal(format!("cannot write results: {e}"));
        }
        return Ok(Completion::ignored_with(
            "skipped: interrupted before it began",
        ));
    }
    let result = run_case(case, context);
    if context.interrupt.raised() && result.verdict == Verdict::Error {
        return Ok(Completion::ignored_with("interrupted"));
    }
    if let Some(reason) = console::ignored_reason(&result) {
        return Ok(Completion::ignored_with(reason));
    }
    match result.verdict {
        Verdict::Pass => Ok(Completion::Completed),
        _ => Err(Failed::from(failure_text(&result, context))),
    }
}

fn failure_text(result: &CaseResult, context: &Context) -> String {
    let report = context
        .folder_if_made()
        .map(|f| f.path().join("report.html").display().to_string());
    let pointers = Pointers {
        command: &context.info.command,
        report: report.as_deref(),
    };
    console::failure(result, pointers, stdout_style())
}

/// How standard output wants its text: colours on a terminal unless `NO_COLOR` is set.
pub fn stdout_style() -> Style {
    let terminal = io::stdout().is_terminal();
    let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    Style {
        color: terminal && !plain,
        ..Style::PLAIN
    }
}

/// The exit code of a result, by the verdicts of its cases.
pub fn exit_code(result: &RunResult) -> i32 {
    result
        .cases
        .iter()
        .map(|case| match case.verdict {
            _ if case.excused() => exit::OK,
            Verdict::Fail => exit::FAILED,
            Verdict::Error | Verdict::Invalid => exit::NOT_MEASURED,
            Verdict::Pass | Verdict::Undecided | Verdict::Skipped => exit::OK,
        })
        .fold(
            if result.cases.is_empty() {
                exit::NOTHING_SELECTED
            } else {
                exit::OK
            },
            exit::stronger,
        )
}

/// The run's part of the summary as an invocation begins.
pub fn run_info(
    command: Vec<String>,
    seed: Option<u64>,
    labels: BTreeMap<String, String>,
) -> crate::result::RunInfo {
    let now = jiff::Timestamp::now();
    crate::result::RunInfo {
        id: super::folder::new_run_id(now),
        started_at: now.to_string(),
        finished_at: None,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        seed,
        interrupted: false,
        host: host::host(),
        command,
        labels,
    }
}
