use std::fmt;

use super::snippet::{Snippet, render_snippet};
use super::source::Location;

/// One problem of a suite, for a person: what, where, and what to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// What is wrong: a lower-case fragment.
    pub message: String,
    /// Where; absent only when the problem has no place in a file (an empty folder, say).
    pub location: Option<Location>,
    /// What to do about it, such as the nearest valid name.
    pub help: Option<String>,
    /// Other places that have to do with it, each with a remark.
    pub related: Vec<(Location, String)>,
}

impl Diagnostic {
    /// A problem without a place and without help as yet.
    pub fn new(message: impl Into<String>) -> Self {
        Diagnostic {
            message: message.into(),
            location: None,
            help: None,
            related: Vec::new(),
        }
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds a place that has to do with it.
    #[must_use]
    pub fn related(mut self, location: Location, remark: impl Into<String>) -> Self {
        self.related.push((location, remark.into()));
        self
    }

    /// A folder in which no suite was found.
    pub fn folder_without_suites(path: &str) -> Self {
        Diagnostic::new(format!("there is no suite in `{path}`"))
            .help("suites are files that end in `.yaml` or `.yml`; name another file or folder")
    }

    /// The problem as a person sees it, several lines without a line break at the end; with ANSI
    /// colours where `colour` says so.
    pub fn render(&self, colour: bool) -> String {
        let mut notes: Vec<(&str, String)> = Vec::new();
        for (location, remark) in &self.related {
            let (line, column) = location.line_column();
            let path = &location.file.path;
            notes.push(("note", format!("{remark}: {path}:{line}:{column}")));
        }
        if let Some(help) = &self.help {
            notes.push(("help", help.clone()));
        }
        let snippet = self.location.as_ref().map(Snippet::of);
        render_snippet("error", &self.message, snippet.as_ref(), &notes, colour)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

/// All of `diagnostics` as a person sees them, an empty line between each two.
pub fn render_all(diagnostics: &[Diagnostic], colour: bool) -> String {
    let rendered: Vec<_> = diagnostics.iter().map(|d| d.render(colour)).collect();
    rendered.join("\n\n")
}
