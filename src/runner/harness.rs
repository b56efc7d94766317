use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use libtest_mimic::{Completion, Failed};

use super::arguments::TestArguments;
use super::context::{Context, Skip};
use super::libtest::{Test, run_tests};
use super::lock::{MeasuringLock, Needs, acquire, lock_folder};
use super::say::tell;
use super::style::stdout_style;
use super::{case_result, host, suite_hooks};
use crate::exit;
use crate::judge::Verdict;
use crate::plan::Case;
use crate::report::console::{self, Pointers, Style};
use crate::result::{CaseResult, CaseSeries};

/// What an invocation came to.
pub struct Outcome {
    /// Whether standard output holds events for programs: what is said to people goes to standard
    /// error then.
    pub json: bool,
    /// Whether as little as possible is to be said.
    pub quiet: bool,
    /// The exit code by the cases of this process (no interrupt, no failure of prony's own).
    pub code: i32,
}

/// Runs `cases` as libtest would, each as one test; results are written as cases end.
///
/// # Errors
/// When `--logfile` cannot be written.
pub fn run_cases(
    cases: Vec<Case>,
    context: &Arc<Context>,
    arguments: &TestArguments,
) -> io::Result<Outcome> {
    let tests = cases
        .into_iter()
        .map(|case| test_of(case, context, arguments))
        .collect();
    run_as_tests(tests, context, arguments)
}

/// [`run_cases`] for tests that are cases or stand in for them.
pub(super) fn run_as_tests(
    tests: Vec<Test>,
    context: &Context,
    arguments: &TestArguments,
) -> io::Result<Outcome> {
    let lost = run_tests(tests, arguments)?;
    suite_hooks::finish(context);
    context.launched.stop_all();
    if let Some(e) = lost {
        context.note_internal(format!(
            "cannot write to standard output: {e}; the cases that were left were not run"
        ));
        context.note_broken_off();
    }
    let ended = context.ended();
    let none = if arguments.list || !context.internal().is_empty() {
        exit::OK
    } else {
        exit::NOTHING_SELECTED
    };
    let code = ended.iter().map(|e| e.code).reduce(exit::stronger);
    Ok(Outcome {
        json: arguments.json,
        quiet: arguments.terse,
        code: code.unwrap_or(none),
    })
}

/// A case as one of libtest's tests.
pub(super) fn test_of(case: Case, context: &Arc<Context>, arguments: &TestArguments) -> Test {
    let context = context.clone();
    let show = arguments.no_capture;
    let source = &case.scenario.location;
    Test {
        name: case.full_name(),
        source: Some((source.file.path.to_string(), source.line_column().0)),
        run: Box::new(move || run_one(&case, &context, show)),
    }
}

/// Measures `cases` one after the other without libtest's lines: each is named on standard error as it
/// begins. What was skipped, because the run ended before its time, is among the results.
pub fn run_quietly(cases: &[Case], context: &Context) -> Vec<CaseResult> {
    let mut results = Vec::new();
    for case in cases {
        if let Some(skip) = context.skip() {
            skip_case(case, context, &skip);
            results.push(case_result::skipped(case, &skip.reason));
            continue;
        }
        tell(format_args!("measuring {}", case.full_name()));
        match measure_locked(case, context) {
            Ok(Ok(result)) => results.push(result),
            Ok(Err(skip)) => {
                skip_case(case, context, &skip);
                results.push(case_result::skipped(case, &skip.reason));
            }
            Err(_) => {}
        }
    }
    suite_hooks::finish(context);
    context.launched.stop_all();
    results
}

/// Measures `case` while nobody else measures the same target; or why it is not begun any more.
///
/// # Errors
/// What happened, where prony panicked.
fn measure_locked(case: &Case, context: &Context) -> Result<Result<CaseResult, Skip>, String> {
    let lock = lock_for(case, context);
    // Waiting for it may have used up the time.
    if let Some(skip) = context.skip() {
        return Ok(Err(skip));
    }
    let claim = context
        .folder()
        .and_then(|folder| folder.claim_case(&case.slug));
    let measured = catch_unwind(AssertUnwindSafe(|| {
        suite_hooks::run_in_suite(case, context)
    }));
    drop(claim);
    drop(lock);
    measured.map(Ok).map_err(|_| {
        let what = format!("prony panicked while it measured {}", case.full_name());
        context.note_internal(format!("{what}; that is a bug of prony's"));
        what
    })
}

fn run_one(case: &Case, context: &Context, show: bool) -> Result<Completion, Failed> {
    if let Some(skip) = context.skip() {
        return Ok(skip_case(case, context, &skip));
    }
    let result = match measure_locked(case, context) {
        Ok(Ok(result)) => result,
        Ok(Err(skip)) => return Ok(skip_case(case, context, &skip)),
        Err(what) => return Err(Failed::from(what)),
    };
    if context.interrupt.raised() && result.verdict == Verdict::Error {
        return Ok(Completion::ignored_with("interrupted"));
    }
    if show {
        tell(format_args!("\n{}", shown(&result).trim_end()));
    }
    if let Some(reason) = console::ignored_reason(&result) {
        return Ok(Completion::ignored_with(reason));
    }
    match result.verdict {
        Verdict::Pass => Ok(Completion::Completed),
        _ => Err(Failed::from(failure_text(&result, context))),
    }
}

/// Waits until nobody else measures what `case` is about to measure.
fn lock_for(case: &Case, context: &Context) -> Option<MeasuringLock> {
    // Nothing can disturb what is computed.
    if context.is_virtual(case) {
        return None;
    }
    let mut say = |line: &str| tell(format_args!("{}: {line}", case.full_name()));
    let stop = || context.skip().is_some();
    acquire(&Needs::of(case), &lock_folder(), &stop, &mut say).unwrap_or_else(|e| {
        say(&format!(
            "warning: {e}; whoever else measures here now disturbs this case"
        ));
        None
    })
}

fn skip_case(case: &Case, context: &Context, skip: &Skip) -> Completion {
    let skipped = case_result::skipped(case, &skip.reason);
    let result = case_result::redacted(skipped, &context.redactor(case));
    let written = context
        .folder()
        .and_then(|folder| folder.end_case(&result, &CaseSeries::default()));
    if let Err(e) = written {
        context.note_internal(format!("cannot write results: {e}"));
    }
    context.note_ended(&result, skip.code);
    Completion::ignored_with(format!("skipped: {}", skip.reason))
}

/// What a case measured, for `--no-capture`.
fn shown(result: &CaseResult) -> String {
    let mut text = console::case_table(result, Style::PLAIN);
    for phase in &result.phases {
        text.push_str(&console::metrics_table(phase, Style::PLAIN));
    }
    text
}

/// The text of a case that did not pass.
pub(super) fn failure_text(result: &CaseResult, context: &Context) -> String {
    let report = context
        .folder_if_made()
        .map(|f| f.path().join("report.html").display().to_string());
    let pointers = Pointers {
        command: &context.info.command,
        report: report.as_deref(),
    };
    console::failure(result, pointers, stdout_style())
}

/// The exit code that a case of this verdict asks for. Why a case was skipped is not part of it: a
/// budget that was used up asks for [`exit::NOT_MEASURED`] when it happens.
pub fn exit_code(case: &CaseResult) -> i32 {
    match case.verdict {
        _ if case.excused() => exit::OK,
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
