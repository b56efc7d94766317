use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use super::baselines::BaselineSettings;
use super::folder::ResultsFolder;
use super::interrupt::Interrupt;
use super::launch::LaunchPool;
use super::suite_hooks::SuiteGate;
use crate::exit;
use crate::plan::Case;
use crate::result::{CaseResult, RunInfo};
use crate::text::Redactor;

/// When an invocation starts no more cases.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// A time it may take, as written, and when that is over. A case under way is not cut.
    pub max_time: Option<(String, Instant)>,
    /// A case did not pass.
    pub fail_fast: bool,
}

/// What a case of this process came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its slug, the folder under `cases/`.
    pub slug: String,
    /// Its full name.
    pub name: String,
    /// The exit code that it asks for by itself.
    pub code: i32,
}

/// Why a case is not started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    /// For the result and for libtest's line.
    pub reason: String,
    /// The exit code that it asks for.
    pub code: i32,
}

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
    /// When cases are no longer started.
    pub limits: Limits,
    /// How accepted results are dealt with.
    pub baselines: BaselineSettings,
    /// Targets that outlive a case.
    pub launched: LaunchPool,
    /// Hooks of whole suites.
    pub suites: SuiteGate,
    ended: Mutex<Vec<Ended>>,
    folder: OnceLock<ResultsFolder>,
    internal: Mutex<Vec<String>>,
    hooks: Mutex<Vec<String>>,
    broken_off: AtomicBool,
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
            limits: Limits::default(),
            baselines: BaselineSettings::default(),
            launched: LaunchPool::default(),
            suites: SuiteGate::default(),
            ended: Mutex::new(Vec::new()),
            folder: OnceLock::new(),
            internal: Mutex::new(Vec::new()),
            hooks: Mutex::new(Vec::new()),
            broken_off: AtomicBool::new(false),
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

    /// Why no further case is started, if so.
    pub fn skip(&self) -> Option<Skip> {
        if self.interrupt.raised() {
            return Some(Skip {
                reason: "interrupted before it began".to_owned(),
                // The interrupt has a code of its own.
                code: exit::OK,
            });
        }
        if self.limits.fail_fast
            && let Some(first) = self.ended().into_iter().find(|e| e.code != exit::OK)
        {
            return Some(Skip {
                reason: format!("not started: {} did not pass (`--fail-fast`)", first.name),
                code: exit::OK,
            });
        }
        match &self.limits.max_time {
            Some((written, end)) if Instant::now() >= *end => Some(Skip {
                reason: format!("not started: the {written} of `--max-time` were used up"),
                code: exit::NOT_MEASURED,
            }),
            _ => None,
        }
    }

    /// Notes what a case came to. One that came to nothing, because results could not be written, does
    /// not count.
    pub fn note_ended(&self, case: &CaseResult, code: i32) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.push(Ended {
            slug: case.slug.clone(),
            name: case.full_name(),
            code,
        });
    }

    /// The cases of this process so far. Another process of the same run has others.
    pub fn ended(&self) -> Vec<Ended> {
        self.ended
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Notes that the run ends before its time, for a reason of prony's own.
    pub fn note_broken_off(&self) {
        self.broken_off.store(true, Ordering::Relaxed);
    }

    /// Whether the run ended before its time, for a reason of prony's own.
    pub fn broken_off(&self) -> bool {
        self.broken_off.load(Ordering::Relaxed)
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
}
