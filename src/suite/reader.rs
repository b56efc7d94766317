//! Reads mappings key by key and gathers every problem on the way.

use serde::de::DeserializeOwned;

use super::de;
use super::diagnostic::Diagnostic;
use super::later;
use super::names::nearest;
use super::source::{Location, SourceFile, Span};
use super::yaml::{Entry, Node, NodeValue};

/// A value and the place it was read from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placed<T> {
    pub value: T,
    /// With its file: layers of settings come from several.
    pub location: Location,
}

impl<T> Placed<T> {
    pub fn span(&self) -> Span {
        self.location.span
    }
}

/// The problems of one file.
pub(super) struct Problems {
    file: SourceFile,
    /// Files whose nodes stand among those of `file`, each with what its spans are shifted by.
    others: Vec<(usize, SourceFile)>,
    found: Vec<Diagnostic>,
    /// There were more than are kept.
    more: bool,
}

/// How many problems of a file are kept.
const MOST_SHOWN: usize = 200;

impl Problems {
    pub fn new(file: SourceFile) -> Self {
        Problems {
            file,
            others: Vec::new(),
            found: Vec::new(),
            more: false,
        }
    }

    pub fn file(&self) -> &SourceFile {
        &self.file
    }

    /// Lets nodes of `other` stand among those of this file: their spans are to be shifted by what is
    /// returned, so that every span says which file it is of.
    pub fn also(&mut self, other: SourceFile) -> usize {
        let end = |at: usize, file: &SourceFile| at + file.text.len() + 1;
        let at = match self.others.last() {
            Some((at, file)) => end(*at, file),
            None => end(0, &self.file),
        };
        self.others.push((at, other));
        at
    }

    pub fn location(&self, span: Span) -> Location {
        let other = self.others.iter().rev().find(|(at, _)| span.start >= *at);
        match other {
            Some((at, file)) => Location {
                file: file.clone(),
                span: Span {
                    start: span.start - at,
                    end: span.end.saturating_sub(*at),
                },
            },
            None => Location {
                file: self.file.clone(),
                span,
            },
        }
    }

    /// `value`, read at `span` of this file.
    pub fn placed<T>(&self, value: T, span: Span) -> Placed<T> {
        Placed {
            value,
            location: self.location(span),
        }
    }

    /// The text at `span` as written.
    pub fn text(&self, span: Span) -> &str {
        let other = self.others.iter().rev().find(|(at, _)| span.start >= *at);
        let (at, file) = other.map_or((0, &self.file), |(at, file)| (*at, file));
        file.text
            .get(span.start - at..span.end.saturating_sub(at))
            .unwrap_or("")
    }

    pub fn add(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        let diagnostic = Diagnostic::new(message).at(self.location(span)).help(help);
        self.push(diagnostic);
    }

    /// Adds a problem at a place that may be in another file.
    pub fn add_at(
        &mut self,
        location: &Location,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(Diagnostic::new(message).at(location.clone()).help(help));
    }

    /// Adds a problem unless just this one is known: what stands under `defaults` is looked at once
    /// per scenario.
    pub fn push(&mut self, mut diagnostic: Diagnostic) {
        clip(&mut diagnostic.message);
        if let Some(help) = &mut diagnostic.help {
            clip(help);
        }
        if self.found.len() >= MOST_SHOWN {
            self.more = true;
        } else if !self.found.contains(&diagnostic) {
            self.found.push(diagnostic);
        }
    }

    /// All problems, in the order of the file; those of other files last.
    pub fn into_found(mut self) -> Vec<Diagnostic> {
        let own = self.file.path.clone();
        self.found.sort_by_key(|d| {
            d.location
                .as_ref()
                .map(|l| (l.file.path != own, l.span.start, l.span.end))
        });
        if self.more {
            let end = Span {
                start: self.file.text.len(),
                end: self.file.text.len(),
            };
            let last = Diagnostic::new("there are more problems than are shown")
                .at(self.location(end))
                .help("mend these first");
            self.found.push(last);
        }
        self.found
    }

    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// How many problems there are so far.
    pub fn known(&self) -> usize {
        self.found.len()
    }

    /// `node` as a `T`, or a problem.
    pub fn typed<T: DeserializeOwned>(&mut self, node: &Node) -> Option<Placed<T>> {
        if node.is_broken() {
            return None;
        }
        match de::typed(node) {
            Ok(value) => Some(self.placed(value, node.span)),
            Err(mismatch) => self.mismatch(mismatch),
        }
    }

    /// `node` as a `T`, where quotes make text.
    pub fn typed_exactly<T: DeserializeOwned>(&mut self, node: &Node) -> Option<Placed<T>> {
        if node.is_broken() {
            return None;
        }
        match de::typed_exactly(node) {
            Ok(value) => Some(self.placed(value, node.span)),
            Err(mismatch) => self.mismatch(mismatch),
        }
    }

    fn mismatch<T>(&mut self, mismatch: de::Mismatch) -> Option<T> {
        let mut diagnostic = Diagnostic::new(mismatch.message).at(self.location(mismatch.span));
        diagnostic.help = mismatch.help;
        self.push(diagnostic);
        None
    }

    /// `node` as text, whatever type its text suggests.
    pub fn text_of(&mut self, node: &Node) -> Option<Placed<String>> {
        if node.is_broken() {
            return None;
        }
        match node.scalar() {
            Some(scalar) if !node.is_null() && !scalar.text.is_empty() => {
                Some(self.placed(scalar.text.clone(), node.span))
            }
            Some(_) => {
                self.add(
                    node.span,
                    "nothing stands here",
                    "write a value, or leave the key out",
                );
                None
            }
            None => {
                let what = node.describe();
                self.add(
                    node.span,
                    format!("expected text, found {what}"),
                    "if this was meant as text, put it in quotes",
                );
                None
            }
        }
    }

    /// `node` as one of `choices`, each of which is `what`.
    pub fn one_of<T: Copy>(
        &mut self,
        node: &Node,
        what: &str,
        choices: &[(&str, T)],
    ) -> Option<Placed<T>> {
        let text = self.text_of(node)?;
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text.value) {
            return Some(self.placed(*value, text.span()));
        }
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        let help = nearest(&text.value, names.iter().copied()).map_or_else(
            || format!("one of {}", list(&names)),
            |name| format!("did you mean `{name}`?"),
        );
        let shown = node.scalar().map_or("", |s| s.shown.as_str());
        self.add(node.span, format!("`{shown}` is not {what}"), help);
        None
    }
}

/// Longest message or help, in characters: they quote what stands in the file, which may be long.
const LONGEST_TEXT: usize = 600;

fn clip(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(LONGEST_TEXT) {
        text.truncate(end);
        text.push('…');
    }
}

/// Names in a row, each in back quotes.
pub(super) fn list(names: &[&str]) -> String {
    names
        .iter()
        .map(|n| format!("`{n}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

impl Node {
    /// Whether a variable inside could not be replaced; that is a problem already.
    pub fn is_broken(&self) -> bool {
        match &self.value {
            NodeValue::Scalar(scalar) => scalar.unset,
            NodeValue::Sequence(items) => items.iter().any(Node::is_broken),
            NodeValue::Mapping(entries) => entries.iter().any(|e| e.value.is_broken()),
        }
    }
}

/// A mapping that is read key by key.
pub(super) struct Fields<'n> {
    entries: &'n [Entry],
    span: Span,
    known: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// The entries of `node`; a problem when it is no mapping.
    pub fn of(node: &'n Node, example: &str, problems: &mut Problems) -> Option<Self> {
        if let Some(entries) = node.entries() {
            return Some(Fields {
                entries,
                span: node.span,
                known: Vec::new(),
            });
        }
        if !node.is_broken() {
            let what = node.describe();
            problems.add(
                node.span,
                format!("expected a mapping, found {what}"),
                format!("write it like `{example}`"),
            );
        }
        None
    }

    /// The place of the whole mapping.
    pub fn span(&self) -> Span {
        self.span
    }

    /// The value of `key`.
    pub fn take(&mut self, key: &'static str) -> Option<&'n Node> {
        self.entry(key).map(|e| &e.value)
    }

    /// `key` with its value.
    pub fn entry(&mut self, key: &'static str) -> Option<&'n Entry> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.entries.iter().find(|e| e.key == key)
    }

    /// `key` where it does not belong, which the caller says better than [`Self::finish`] could; it
    /// is not named among the keys that are known.
    pub fn misplaced(&mut self, key: &'static str) -> Option<&'n Entry> {
        let entry = self.entries.iter().find(|e| e.key == key)?;
        self.known.push(key);
        Some(entry)
    }

    /// The value of `key` as a `T`.
    pub fn typed<T: DeserializeOwned>(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<Placed<T>> {
        self.take(key).and_then(|node| problems.typed(node))
    }

    /// The value of `key` as text.
    pub fn text(&mut self, key: &'static str, problems: &mut Problems) -> Option<Placed<String>> {
        self.take(key).and_then(|node| problems.text_of(node))
    }

    /// Complains about every key that was not asked for. `place` is where later keys are looked up.
    ///
    /// Returns the keys that were most likely meant, or that a later key stands for: that they are
    /// missing is no further problem.
    pub fn finish(self, place: later::Place, problems: &mut Problems) -> Vec<&'static str> {
        let mut meant = Vec::new();
        for entry in self.entries {
            let key = entry.key.as_str();
            if self.known.contains(&key) {
                continue;
            }
            if let Some(with) = later::key(place, key) {
                meant.extend(later::stands_for(key));
                problems.add(
                    entry.key_span,
                    format!("`{key}` comes in a later version, with {with}"),
                    "leave it out until then",
                );
                continue;
            }
            let near = nearest(key, self.known.iter().copied());
            let help = match near.filter(|_| !later::only_in_projects(key)) {
                Some(name) => {
                    meant.push(name);
                    format!("did you mean `{name}`?")
                }
                None => match (later::belongs(key), &self.known[..]) {
                    (Some(place), _) => format!("`{key}` belongs {place}"),
                    (None, []) => "leave it out".to_owned(),
                    (None, [only]) => format!("the only key here is `{only}`"),
                    (None, known) => format!("the keys here are {}", list(known)),
                },
            };
            problems.add(
                entry.key_span,
                format!("the key `{key}` is not known here"),
                help,
            );
        }
        meant
    }
}
