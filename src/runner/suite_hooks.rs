use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};

use super::case_result;
use super::context::Context;
use super::folder::ResultsFolder;
use super::harness::exit_code;
use super::hooks::{HookFailure, HookScope};
use super::measure::run_case;
use crate::load::Signal;
use crate::plan::Case;
use crate::result::{CaseResult, CaseSeries};
use crate::suite::Hook;
use crate::text::Redactor;

/// Runs `case` between the hooks of its suite.
pub fn run_in_suite(case: &Case, context: &Context) -> CaseResult {
    let Ok(folder) = context.folder() else {
        // It says itself that nothing can be written.
        return run_case(case, context);
    };
    let _leave = Leave(context, case);
    let interrupt = &context.interrupt.signal;
    let mut report = |failure: HookFailure| context.note_hook(in_words(&failure));
    let before = context
        .suites
        .enter(case, &hooks_log(folder), interrupt, &mut report);
    match before {
        Ok(()) => run_case(case, context),
        Err(failure) => {
            let mut result = case_result::not_measured(case, &failure.reason);
            result.notes.push(in_words(&failure));
            let result = case_result::redacted(result, &context.redactor(case));
            context.note_ended(&result, exit_code(&result));
            if let Err(e) = folder.end_case(&result, &CaseSeries::default()) {
                context.note_internal(format!("cannot write results: {e}"));
            }
            result
        }
    }
}

/// All cases have ended: what is left to do for the last suite.
pub fn finish(context: &Context) {
    if let Some(folder) = context.folder_if_made() {
        let mut report = |failure: HookFailure| context.note_hook(in_words(&failure));
        context.suites.finish(&hooks_log(folder), &mut report);
    }
}

fn hooks_log(folder: &ResultsFolder) -> PathBuf {
    folder.path().join("hooks.log")
}

fn in_words(failure: &HookFailure) -> String {
    let mut text = failure.reason.clone();
    for line in &failure.output {
        text.push_str("\n  ");
        text.push_str(line);
    }
    text
}

/// Leaves the gate, also when the case panics.
struct Leave<'a>(&'a Context, &'a Case);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.suites.leave(self.1);
    }
}

/// The hooks of whole suites: `before` runs with the first case of a suite, `after` when a case of
/// another suite begins, or at the end.
///
/// Suites keep apart: a case waits until those of another suite with hooks have ended.
#[derive(Debug, Default)]
pub struct SuiteGate {
    state: Mutex<State>,
    left: Condvar,
}

#[derive(Debug, Default)]
struct State {
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    /// A case of the suite, for its hooks and secrets.
    case: Case,
    /// What became of `before`.
    before: Result<(), HookFailure>,
    /// Cases of it under way.
    running: usize,
}

impl SuiteGate {
    /// A case begins: `before` of its suite is done first, where it is the first one. Pair it with
    /// [`SuiteGate::leave`], however it ends.
    ///
    /// # Errors
    /// When `before` failed, now or with an earlier case. Failures of another suite's `after` go to
    /// `report`.
    pub fn enter(
        &self,
        case: &Case,
        log: &Path,
        interrupt: &Signal,
        report: &mut dyn FnMut(HookFailure),
    ) -> Result<(), HookFailure> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match &mut state.current {
                Some(current) if current.case.suite == case.suite => {
                    current.running += 1;
                    return current.before.clone();
                }
                Some(current) if current.running > 0 => {
                    state = self
                        .left
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner);
                }
                Some(_) => {
                    if let Some(current) = state.current.take() {
                        after(&current, log, report);
                    }
                }
                None if case.suite_hooks.is_empty() => return Ok(()),
                None => {
                    let hooks = &case.suite_hooks.before;
                    let before = hooks
                        .iter()
                        .try_for_each(|hook| run(case, "before", hook, log, Some(interrupt)));
                    state.current = Some(Current {
                        case: case.clone(),
                        before: before.clone(),
                        running: 1,
                    });
                    return before;
                }
            }
        }
    }

    /// A case has ended.
    pub fn leave(&self, case: &Case) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(current) = &mut state.current
            && current.case.suite == case.suite
        {
            current.running = current.running.saturating_sub(1);
        }
        self.left.notify_all();
    }

    /// All cases have ended: `after` of the last suite is done.
    pub fn finish(&self, log: &Path, report: &mut dyn FnMut(HookFailure)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(current) = state.current.take() {
            after(&current, log, report);
        }
    }
}

/// All of `after`, also when one of them fails, and whatever the user wants.
fn after(current: &Current, log: &Path, report: &mut dyn FnMut(HookFailure)) {
    for hook in &current.case.suite_hooks.after {
        if let Err(failure) = run(&current.case, "after", hook, log, None) {
            report(failure);
        }
    }
}

fn run(
    case: &Case,
    when: &str,
    hook: &Hook,
    log: &Path,
    interrupt: Option<&Signal>,
) -> Result<(), HookFailure> {
    let what = format!("`{when}` of the suite {}", case.suite);
    let redactor = Redactor::new(&case.secrets);
    let scope = HookScope {
        what: &what,
        log,
        redactor: &redactor,
        interrupt,
        target: case.suite_hooks.target.as_deref(),
    };
    scope.run(hook)
}
