//! Pictures of a place in a file: the line, a caret below it, remarks. For suite errors and for
//! failed assertions alike.
//!
//! Drawn by annotate-snippets, the crate behind rustc's own messages, which gets right what is
//! easily got wrong: tabs, wide and invisible characters, lines too long for a terminal.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet as Drawn};

use super::source::Location;

/// A place in a file, by itself: it can be drawn without the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// The file as the user named it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Length of the marked stretch in characters; it ends with the line at the latest.
    pub length: usize,
    /// The line's text, without its line break.
    pub text: String,
}

impl Snippet {
    /// The place `location`, or the part of it that stands on its first line.
    pub fn of(location: &Location) -> Self {
        let (line, column) = location.line_column();
        let text = location.line_text().to_owned();
        let stretch = &location.file.text[location.span.start.min(location.file.text.len())
            ..location.span.end.min(location.file.text.len())];
        let first = stretch.lines().next().unwrap_or("");
        Snippet {
            file: location.file.path.to_string(),
            line,
            column,
            length: first.chars().count(),
            text,
        }
    }
}

/// Draws `message` with the place it is about and `notes` as `(name, text)` below, without a line
/// break at the end; with ANSI colours where `colour` says so.
///
/// `level` is the word before the message: `error` and `warning` have colours of their own.
pub fn render_snippet(
    level: &str,
    message: &str,
    snippet: Option<&Snippet>,
    notes: &[(&str, String)],
    colour: bool,
) -> String {
    let message = visible(message);
    let named = match level {
        "error" => Level::ERROR,
        "warning" => Level::WARNING,
        other => Level::NOTE.with_name(Some(other.to_owned())),
    };
    let mut group = if let Some(snippet) = snippet {
        let text = visible_line(&snippet.text);
        let start = byte_of(&text, snippet.column.saturating_sub(1));
        let end = byte_of(
            &text,
            snippet.column.saturating_sub(1) + snippet.length.max(1),
        );
        named.primary_title(message).element(
            Drawn::source(text)
                .path(visible(&snippet.file))
                .line_start(snippet.line)
                .annotation(AnnotationKind::Primary.span(start..end.max(start))),
        )
    } else {
        Group::with_title(named.primary_title(message))
    };
    for (name, text) in notes {
        let level = match *name {
            "help" => Level::HELP,
            other => Level::NOTE.with_name(Some(other.to_owned())),
        };
        group = group.element(level.message(visible(text)));
    }
    let renderer = if colour {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    renderer.render(&[group])
}

/// Byte position of the character with number `index`, or the end.
fn byte_of(text: &str, index: usize) -> usize {
    text.char_indices()
        .nth(index)
        .map_or(text.len(), |(at, _)| at)
}

/// `text` without characters that could steer a terminal; line breaks stay.
fn visible(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\n' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// One line, its tabs kept: the renderer sets them to four columns.
fn visible_line(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}
