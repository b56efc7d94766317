use std::sync::Arc;

/// A suite file as read: its path as the user would type it, and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Path for messages, relative to the working directory where possible.
    pub path: Arc<str>,
    /// The whole text.
    pub text: Arc<str>,
}

/// A stretch of a [`SourceFile`], in bytes, end exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// A place in a suite, kept for run time: a failed assertion points here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file.
    pub file: SourceFile,
    /// The stretch.
    pub span: Span,
}

impl Location {
    /// Line and column, from 1; the column counts characters.
    pub fn line_column(&self) -> (usize, usize) {
        let before = &self.file.text[..self.span.start.min(self.file.text.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    }

    /// The text of the line the location starts in, without its line break.
    pub fn line_text(&self) -> &str {
        let text = &self.file.text;
        let at = self.span.start.min(text.len());
        let start = text[..at].rfind('\n').map_or(0, |i| i + 1);
        let end = text[at..].find('\n').map_or(text.len(), |i| at + i);
        text[start..end].trim_end_matches('\r')
    }
}
