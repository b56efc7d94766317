use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::folder::ResultsFolder;
use super::interrupt::Interrupt;
use super::launch::LaunchPool;
use super::suite_hooks::SuiteGate;
use crate::exit;
use crate::judge::Verdict;
use crate::plan::Case;
use crate::result::{CaseResult, RunInfo};
use crate::text::Redactor;

/// What all cases of one invocation share.
#[derive(Debug)]
pub struct Context {
    /// Folder that holds all results folders.
    pub results: PathBuf,
    /// The run's part of the summary.
    pub info: RunInfo,
    /// The resolved suites, for `suite.yaml`.
    pub resolved: String,
    /// Drawn fresh per invocation: sets its prompts apart from those of every other.
    pub nonce: u64,
    /// Cases against the embedded engine run in virtual time.
    pub virtual_time: bool,
    /// The user's wish to end.
    pub interrupt: Arc<Interrupt>,
    /// Targets that outlive a case.
    pub launched: LaunchPool,
    /// Hooks of whole suites.
    pub suites: SuiteGate,
    folder: OnceLock<ResultsFolder>,
    internal: Mutex<Vec<String>>,
    code: Mutex<Option<i32>>,
    hooks: Mutex<Vec<String>>,
}

impl Context {
    /// A context whose results folder does not exist yet.
    pub fn new(
        results: PathBuf,
        info: RunInfo,
        resolved: String,
        nonce: u64,
        virtual_time: bool,
        interrupt: Arc<Interrupt>,
    ) -> Self {
        Context {
            results,
            info,
            resolved,
            nonce,
            virtual_time,
            interrupt,
            launched: LaunchPool::default(),
            suites: SuiteGate::default(),
            folder: OnceLock::new(),
            internal: Mutex::new(Vec::new()),
            hooks: Mutex::new(Vec::new()),
            code: Mutex::new(None),
        }
    }

    /// Whether `case` runs in virtual time.
    pub fn is_virtual(&self, case: &Case) -> bool {
        self.virtual_time && case.is_simulated()
    }

    /// What sets the prompts of `case` apart from those of other invocations; nothing does in virtual
    /// time, where the same seed is to give the same bytes.
    pub fn nonce_of(&self, case: &Case) -> u64 {
        if self.is_virtual(case) {
            case.scenario.seed
        } else {
            self.nonce
        }
    }

    /// The results folder, made with the first case that needs it: listing and empty selections leave
    /// nothing behind.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn folder(&self) -> io::Result<&ResultsFolder> {
        if let Some(folder) = self.folder.get() {
            return Ok(folder);
        }
        let folder = ResultsFolder::create(&self.results, &self.info, &self.resolved)?;
        Ok(self.folder.get_or_init(|| folder))
    }

    /// The results folder, if a case has needed it.
    pub fn folder_if_made(&self) -> Option<&ResultsFolder> {
        self.folder.get()
    }

    /// Notes a failure of prony's own, such as results that could not be written; exit code 1.
    pub fn note_internal(&self, what: String) {
        let mut notes = self.internal.lock().unwrap_or_else(PoisonError::into_inner);
        if !notes.contains(&what) {
            notes.push(what);
        }
    }

    /// Failures of prony's own so far.
    pub fn internal(&self) -> Vec<String> {
        self.internal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Counts a case of this process that has a verdict; one that came to none, because results could
    /// not be written, does not count.
    pub fn note_verdict(&self, verdict: Verdict) {
        let mut code = self.code.lock().unwrap_or_else(PoisonError::into_inner);
        let of_case = super::harness::exit_code(verdict);
        *code = Some(code.map_or(of_case, |before| exit::stronger(before, of_case)));
    }

    /// The exit code by the verdicts so far; absent when there is none.
    pub fn verdict_code(&self) -> Option<i32> {
        *self.code.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that something after the cases of a suite went wrong; exit code 3.
    pub fn note_hook(&self, what: String) {
        let mut notes = self.hooks.lock().unwrap_or_else(PoisonError::into_inner);
        notes.push(what);
    }

    /// What went wrong after the cases of suites.
    pub fn hooks(&self) -> Vec<String> {
        self.hooks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Takes the case's secrets out of a text.
    pub fn redactor(&self, case: &Case) -> Redactor {
        Redactor::new(&case.secrets)
    }

    /// Takes the case's secrets out of everything its result says.
    pub fn redact(&self, case: &Case, result: &mut CaseResult) {
        if case.secrets.is_empty() {
            return;
        }
        let redacted = serde_json::to_value(&*result).and_then(|mut value| {
            self.redactor(case).apply_json(&mut value);
            serde_json::from_value(value)
        });
        match redacted {
            Ok(clean) => *result = clean,
            // A secret that is a word of the format itself ("pass", "ms") would break it.
            Err(e) => self.note_internal(format!(
                "cannot redact the result of {}: {e}",
                case.full_name()
            )),
        }
    }
}
