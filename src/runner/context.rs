use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::folder::ResultsFolder;
use super::interrupt::Interrupt;
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
    /// The user's wish to end.
    pub interrupt: Arc<Interrupt>,
    folder: OnceLock<ResultsFolder>,
    internal: Mutex<Vec<String>>,
}

impl Context {
    /// A context whose results folder does not exist yet.
    pub fn new(
        results: PathBuf,
        info: RunInfo,
        resolved: String,
        nonce: u64,
        interrupt: Arc<Interrupt>,
    ) -> Self {
        Context {
            results,
            info,
            resolved,
            nonce,
            interrupt,
            folder: OnceLock::new(),
            internal: Mutex::new(Vec::new()),
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

    /// The day on which the run began, in UTC: the same for all its cases.
    pub fn today(&self) -> jiff::civil::Date {
        let began = self.info.started_at.parse();
        began.map_or_else(|_| super::today(), super::day)
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
