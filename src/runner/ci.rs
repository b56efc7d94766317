use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use crate::report::github::{SUMMARY_LIMIT, annotations, commands, problems, with_section};
use crate::report::{Markdown, Report, ReportInput};
use crate::result::CaseResult;
use crate::suite::Diagnostic;

/// What the CI system around this process wants to be told, beyond files and the exit code.
#[derive(Clone, Debug, Default)]
pub struct Ci {
    github: Option<Github>,
}

#[derive(Clone, Debug)]
struct Github {
    /// The file that becomes the step's summary.
    summary: Option<PathBuf>,
    /// Top of the repository.
    workspace: Option<PathBuf>,
    /// Working directory.
    here: PathBuf,
}

impl Ci {
    /// As the environment says.
    pub fn from_env() -> Self {
        if std::env::var_os("GITHUB_ACTIONS").is_none_or(|v| v != "true") {
            return Ci::default();
        }
        let path = |name| {
            std::env::var_os(name)
                .filter(|v| !v.is_empty())
                .map(PathBuf::from)
        };
        Ci {
            github: Some(Github {
                summary: path("GITHUB_STEP_SUMMARY"),
                workspace: path("GITHUB_WORKSPACE"),
                here: std::env::current_dir().unwrap_or_default(),
            }),
        }
    }

    /// Annotations of `cases`, as lines for the step's log; empty where nobody reads them.
    pub fn annotate<'a>(&self, cases: impl IntoIterator<Item = &'a CaseResult>) -> String {
        match &self.github {
            Some(github) => commands(annotations(cases), &|file| github.path_of(file)),
            None => String::new(),
        }
    }

    /// Annotations of suites that cannot be read.
    pub fn annotate_problems(&self, diagnostics: &[Diagnostic]) -> String {
        match &self.github {
            Some(github) => commands(problems(diagnostics), &|file| github.path_of(file)),
            None => String::new(),
        }
    }

    /// Brings the run's section of the step's summary up to date. Call it under the results folder's
    /// lock.
    ///
    /// # Errors
    /// When the summary cannot be read or written.
    pub fn summarize(&self, input: &ReportInput<'_>) -> io::Result<()> {
        let Some(path) = self.github.as_ref().and_then(|g| g.summary.as_ref()) else {
            return Ok(());
        };
        let there = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
            Err(e) => return Err(e),
        };
        let bytes = Markdown
            .render(input)
            .map_err(|e| io::Error::other(e.to_string()))?;
        let report = String::from_utf8_lossy(&bytes);
        let text = with_section(&there, &input.result.run.id, &report, SUMMARY_LIMIT);
        match text.strip_prefix(&there) {
            // What others write meanwhile stays.
            Some(new) => std::fs::OpenOptions::new()
                .append(true)
                .create(true)
                .open(path)?
                .write_all(new.as_bytes()),
            None => std::fs::write(path, text),
        }
    }
}

impl Github {
    /// A file's path as seen from the top of the repository, with slashes.
    fn path_of(&self, file: &str) -> String {
        let whole = tidy(&self.here.join(file));
        match self
            .workspace
            .as_ref()
            .and_then(|top| whole.strip_prefix(tidy(top)).ok())
        {
            Some(inside) => inside.to_string_lossy().replace('\\', "/"),
            None => file.to_owned(),
        }
    }
}

/// The path without `.` and `..`, by its text alone.
fn tidy(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_from_the_top_of_the_repository() {
        let github = Github {
            summary: None,
            workspace: Some("/checkout/app".into()),
            here: "/checkout/app/perf/./".into(),
        };
        assert_eq!(github.path_of("suites/chat.yaml"), "perf/suites/chat.yaml");
        assert_eq!(github.path_of("../suites/chat.yaml"), "suites/chat.yaml");
        assert_eq!(github.path_of("/etc/chat.yaml"), "/etc/chat.yaml");
        let whole = "/checkout/app/a.yaml";
        assert_eq!(github.path_of(whole), "a.yaml");
    }

    #[test]
    fn nobody_is_told_anything_outside_of_ci() {
        let problem = [Diagnostic::new("x")];
        assert_eq!(Ci::default().annotate_problems(&problem), "");
    }
}
