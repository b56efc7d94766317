use std::path::PathBuf;
use std::time::Duration;

use super::launch::CommandLine;
use super::model::Secret;

/// What is done around a case and between its runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// Before the first run.
    pub before: Vec<Hook>,
    /// After the last run, whatever became of it.
    pub after: Vec<Hook>,
    /// Between two runs.
    pub between: Vec<Hook>,
}

impl Hooks {
    /// Whether a hook between the runs starts the target anew, which makes every run a session.
    pub fn restart_between(&self) -> bool {
        self.between.iter().any(|h| h.restarts)
    }
}

/// What is done around all cases of a suite.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SuiteHooks {
    /// Before the first case of the suite.
    pub before: Vec<Hook>,
    /// After its last case.
    pub after: Vec<Hook>,
    /// The target that paths of these hooks start from: the suite's own.
    pub target: Option<Box<HookTarget>>,
}

impl SuiteHooks {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.before.is_empty() && self.after.is_empty()
    }
}

/// What an HTTP hook needs to know of the target that its path belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookTarget {
    /// Base URL of the API.
    pub url: url::Url,
    /// The target's headers.
    pub headers: Vec<(String, Secret)>,
    /// PEM file of a certificate authority to trust besides the system's.
    pub ca: Option<PathBuf>,
    /// Accept any certificate.
    pub insecure_tls: bool,
}

/// One thing to do. It has failed when the program ends with another status than 0, when HTTP
/// answers with another status than 2xx, or when it takes too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// What.
    pub action: HookAction,
    /// How long it may take.
    pub timeout: Duration,
    /// It starts the target anew: what comes after it is another session.
    pub restarts: bool,
}

/// What a hook does.
#[derive(Clone, PartialEq, Eq)]
pub enum HookAction {
    /// Runs a program.
    Command {
        /// The program.
        command: CommandLine,
        /// Variables on top of prony's own.
        env: Vec<(String, String)>,
        /// Working directory; `None`: prony's own.
        cwd: Option<PathBuf>,
    },
    /// Sends an HTTP request.
    Http {
        /// `GET` or `POST`.
        method: HookMethod,
        /// Where to.
        url: HookUrl,
        /// Headers; values are secrets.
        headers: Vec<(String, Secret)>,
        /// JSON to send.
        body: Option<serde_json::Value>,
    },
}

impl std::fmt::Debug for HookAction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown())
    }
}

impl HookAction {
    /// For people: `POST /reset_prefix_cache`, or the command. Secrets are still in it.
    pub fn shown(&self) -> String {
        match self {
            HookAction::Command { command, .. } => command.shown(),
            HookAction::Http { method, url, .. } => format!("{} {}", method.name(), url.shown()),
        }
    }

    /// Whether it can only be done while the target is up.
    pub fn needs_target(&self) -> bool {
        matches!(
            self,
            HookAction::Http {
                url: HookUrl::Path(_),
                ..
            }
        )
    }
}

/// Where an HTTP hook goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookUrl {
    /// A path below the root of the target's server, with the target's own headers.
    Path(String),
    /// Another server; the target's headers do not go there.
    Absolute(url::Url),
}

impl HookUrl {
    /// As written.
    pub fn shown(&self) -> &str {
        match self {
            HookUrl::Path(path) => path,
            HookUrl::Absolute(url) => url.as_str(),
        }
    }
}

/// HTTP methods of hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookMethod {
    /// `GET`
    Get,
    /// `POST`
    Post,
}

impl HookMethod {
    /// As HTTP writes it.
    pub fn name(self) -> &'static str {
        match self {
            HookMethod::Get => "GET",
            HookMethod::Post => "POST",
        }
    }
}
