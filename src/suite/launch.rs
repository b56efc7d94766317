use std::path::PathBuf;
use std::time::Duration;

/// How prony starts a target itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Launch {
    /// The program; it must stay in the foreground.
    pub command: CommandLine,
    /// Variables on top of prony's own, in the order of the file. Values may be secrets.
    pub env: Vec<(String, String)>,
    /// Working directory, as resolved against the suite's folder; `None`: prony's own.
    pub cwd: Option<PathBuf>,
    /// How long it may take to end after SIGTERM.
    pub stop_timeout: Duration,
}

impl std::fmt::Debug for Launch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.env.iter().map(|(name, _)| name).collect();
        f.debug_struct("Launch")
            .field("command", &self.command)
            .field("env", &names)
            .field("cwd", &self.cwd)
            .field("stop_timeout", &self.stop_timeout)
            .finish()
    }
}

/// A program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandLine {
    /// Run by `sh -c`.
    Shell(String),
    /// Run as it is; the first item is the program.
    Program(Vec<String>),
}

impl CommandLine {
    /// For people: as a shell would take it. Secrets are still in it.
    pub fn shown(&self) -> String {
        match self {
            CommandLine::Shell(text) => text.trim().to_owned(),
            CommandLine::Program(words) => words
                .iter()
                .map(|w| crate::text::quote(w))
                .collect::<Vec<_>>()
                .join(" "),
        }
    }
}

/// When a target counts as ready, and how long prony waits for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// What is asked.
    pub probe: Probe,
    /// The longest wait.
    pub timeout: Duration,
    /// Pause between two probes.
    pub interval: Duration,
}

/// What makes a target ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// It lists its models, and `/health`, where there is one, does not say that it is loading. Where
    /// it has no such list, `/health` alone decides.
    Auto,
    /// It lists its models.
    Models,
    /// A good status for a GET of this path below the server's root.
    Path(String),
    /// It answers a request with a token.
    Token,
}

/// When a target is started anew: what a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// One start serves all cases of an invocation that have the same `launch`.
    Never,
    /// Every case has a start of its own.
    Case,
    /// Every run has a start of its own.
    Repeat,
}

impl Restart {
    /// All values with their names in suites.
    pub const ALL: [(&str, Restart); 3] = [
        ("never", Restart::Never),
        ("case", Restart::Case),
        ("repeat", Restart::Repeat),
    ];

    /// The name in suites.
    pub fn name(self) -> &'static str {
        match self {
            Restart::Never => "never",
            Restart::Case => "case",
            Restart::Repeat => "repeat",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_debug_text_nor_names_show_values() {
        let launch = Launch {
            command: CommandLine::Program(vec!["serve".into(), "a b".into()]),
            env: vec![("TOKEN".into(), "s3cret".into())],
            cwd: None,
            stop_timeout: Duration::from_secs(10),
        };
        assert!(!format!("{launch:?}").contains("s3cret"));
        assert_eq!(launch.command.shown(), "serve 'a b'");
    }
}
