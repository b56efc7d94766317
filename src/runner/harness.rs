use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::sync::Arc;

use libtest_mimic::{Completion, Conclusion, Failed, Trial};

use super::arguments::LibtestArgs;
use super::context::Context;
use super::{case_result, host, suite_hooks};
use crate::exit;
use crate::judge::Verdict;
use crate::plan::Case;
use crate::report::console::{self, Pointers, Style};
use crate::result::{CaseResult, CaseSeries, RunResult, SeriesFile};

/// What an invocation came to.
pub struct Outcome {
    /// What libtest counted.
    pub conclusion: Conclusion,
    /// The whole result; absent when no case ran, or when it could not be written.
    pub result: Option<(RunResult, SeriesFile)>,
    /// The exit code by the results alone (no interrupt, no failure of prony's own).
    pub code: i32,
    /// Standard output is libtest's JSON, a line an event: whatever else is said goes elsewhere.
    pub json: bool,
}

/// Runs `cases` as libtest would, each as one test; results are written as cases end. Results that
/// could not be written are noted in `context`.
pub fn run_cases(cases: Vec<Case>, context: &Arc<Context>, arguments: &LibtestArgs) -> Outcome {
    let names: Vec<String> = cases.iter().map(Case::full_name).collect();
    let mut for_mimic = arguments.for_tests(names.iter().map(String::as_str));
    // Two measurements at once would disturb each other.
    for_mimic.test_threads.get_or_insert(1);
    let trials = cases
        .into_iter()
        .map(|case| {
            let context = context.clone();
            Trial::ignorable_test(case.full_name(), move || run_one(&case, &context))
        })
        .collect();
    let conclusion = libtest_mimic::run(&for_mimic, trials);
    suite_hooks::finish(context);
    context.launched.stop_all();
    let code = match context.verdict_code() {
        Some(code) => code,
        None if arguments.lists() || !context.internal().is_empty() => exit::OK,
        None => exit::NOTHING_SELECTED,
    };
    let result = context.folder_if_made().and_then(|folder| {
        let whole = folder.refresh(|run| {
            run.finished_at = Some(super::now());
            run.interrupted |= context.interrupt.raised();
        });
        whole
            .inspect_err(|e| context.note_internal(format!("cannot write results: {e}")))
            .ok()
    });
    Outcome {
        conclusion,
        result,
        code,
        json: arguments.json(),
    }
}

fn run_one(case: &Case, context: &Context) -> Result<Completion, Failed> {
    if context.interrupt.raised() {
        let result = case_result::skipped(case, "interrupted before it began");
        context.note_verdict(result.verdict);
        if let Ok(folder) = context.folder()
            && let Err(e) = folder.end_case(&result, &CaseSeries::default())
        {
            context.note_internal(format!("cannot write results: {e}"));
        }
        return Ok(Completion::ignored_with(
            "skipped: interrupted before it began",
        ));
    }
    let result = suite_hooks::run_in_suite(case, context);
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

/// The exit code that a case of this verdict asks for.
pub fn exit_code(verdict: Verdict) -> i32 {
    match verdict {
        Verdict::Fail => exit::FAILED,
        Verdict::Error | Verdict::Invalid => exit::NOT_MEASURED,
        Verdict::Pass | Verdict::Undecided | Verdict::Skipped => exit::OK,
    }
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
