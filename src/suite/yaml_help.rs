//! What a YAML syntax error most likely means in a suite.

use super::source::Span;

/// A syntax error in words for a person.
pub(super) struct Explained {
    pub message: String,
    pub span: Span,
    pub help: Option<String>,
}

/// Explains the parser's complaint `info` at byte `at` of `text`.
///
/// The parser names what it would have liked to see next, which seldom helps. What people really
/// stumble over are tabs, and characters that mean something inside `[…]` and `{…}`.
pub(super) fn explain(text: &str, at: usize, info: &str) -> Explained {
    let at = floor(text, at.min(text.len()));
    let start = text[..at].rfind('\n').map_or(0, |i| i + 1);
    // At the very start of a line the cause mostly stands on the line before.
    let lines = [line(text, start), line(text, start.saturating_sub(1))];
    for (offset, line) in lines {
        if let Some((at, len, what)) = flow_trap(line) {
            return Explained {
                message: format!("{what} inside `[…]` or `{{…}}` must be in quotes"),
                span: Span {
                    start: offset + at,
                    end: offset + at + len,
                },
                help: Some(format!("put it in quotes: \"{}\"", &line[at..at + len])),
            };
        }
        let indent = line.len() - line.trim_start().len();
        if let Some(tab) = line[..indent].find('\t') {
            return Explained {
                message: "a tab in the indentation".into(),
                span: Span {
                    start: offset + tab,
                    end: offset + tab + 1,
                },
                help: Some("indent with spaces: YAML does not allow tabs here".into()),
            };
        }
    }
    let end = text[at..]
        .chars()
        .next()
        .map_or(at, |c| at + c.len_utf8() * usize::from(c != '\n'));
    let (message, help) =
        if text[at..].starts_with(['"', '\'']) && !text[end..].contains(&text[at..end]) {
            reword("unclosed quote")
        } else if text[at..].trim().is_empty() {
            reword("unexpected eof")
        } else {
            reword(info)
        };
    Explained {
        message,
        span: Span { start: at, end },
        help: help.map(str::to_owned),
    }
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The line that holds byte `at`, and where it starts.
fn line(text: &str, at: usize) -> (usize, &str) {
    let start = text[..at].rfind('\n').map_or(0, |i| i + 1);
    let end = text[at..].find('\n').map_or(text.len(), |i| at + i);
    (start, &text[start..end])
}

/// An unquoted `${VAR}` or `metric{label=value}` inside a flow collection: where, how long, what.
fn flow_trap(line: &str) -> Option<(usize, usize, &'static str)> {
    let bytes = line.as_bytes();
    let mut depth = 0usize;
    let mut quote = None;
    let mut value_start = 0;
    let mut i = 0;
    while i < bytes.len() {
        let byte = bytes[i];
        if let Some(q) = quote {
            if byte == b'\\' && q == b'"' {
                i += 1;
            } else if byte == q {
                quote = None;
            }
            i += 1;
            continue;
        }
        let begins = i == 0 || !bytes[i - 1].is_ascii_alphanumeric();
        match byte {
            b'"' | b'\'' if begins => quote = Some(byte),
            b'#' if i > 0 && bytes[i - 1] == b' ' => return None,
            b'{' if depth > 0 && i > 0 => {
                let before = bytes[i - 1];
                if before == b'$' || before.is_ascii_alphanumeric() || before == b'_' {
                    let end = value_end(line, i);
                    let what = if before == b'$' {
                        "a variable"
                    } else {
                        "an assertion with labels"
                    };
                    return Some((value_start, end - value_start, what));
                }
                depth += 1;
                value_start = next_value(line, i);
            }
            b'{' | b'[' => {
                depth += 1;
                value_start = next_value(line, i);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => value_start = next_value(line, i),
            b':' if bytes.get(i + 1).is_none_or(|b| *b == b' ') => {
                value_start = next_value(line, i);
            }
            _ => {}
        }
        i += 1;
    }
    None
}

fn next_value(line: &str, after: usize) -> usize {
    let rest = &line[after + 1..];
    after + 1 + rest.len() - rest.trim_start().len()
}

/// Where the value ends whose first brace stands at `brace`: at the separator after its braces.
fn value_end(line: &str, brace: usize) -> usize {
    let mut depth = 0usize;
    for (i, c) in line[brace..].char_indices() {
        match c {
            '{' | '(' => depth += 1,
            '}' | ']' | ',' if depth == 0 => {
                return brace + line[brace..brace + i].trim_end().len();
            }
            '}' | ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    line.trim_end().len()
}

fn reword(info: &str) -> (String, Option<&'static str>) {
    let lower = info.to_lowercase();
    let has = |s: &str| lower.contains(s);
    if has("tab") {
        return (
            "a tab where YAML does not allow one".into(),
            Some("indent with spaces"),
        );
    }
    if has("mapping values are not allowed") {
        return (
            "a second `: ` on one line".into(),
            Some("put text that contains `: ` in quotes"),
        );
    }
    if has("unclosed quote") {
        return (
            "this quote is never closed".into(),
            Some("add the closing quote"),
        );
    }
    if has("unexpected end of") || has("unexpected eof") || has("unclosed") {
        return (
            "the file ends in the middle of something".into(),
            Some("close the quote or bracket that is still open"),
        );
    }
    if has("recursion limit") {
        return (
            "values lie too deep in each other".into(),
            Some("a suite needs six levels at most"),
        );
    }
    if has("indentation in quoted") {
        return (
            "this quote is not closed on its line".into(),
            Some("close it; text over several lines must be indented deeper than its key"),
        );
    }
    for (what, close) in [("sequence", ']'), ("mapping", '}')] {
        if has("flow") && has(what) && has("expected ','") {
            return (
                format!("a `,` or a `{close}` is missing before this"),
                Some("close what is open; put text with brackets, braces or commas in quotes"),
            );
        }
    }
    if has("indentation in flow") {
        return (
            "a `{` or `[` before this is not closed".into(),
            Some("close it; what goes on over several lines must be indented deeper than its key"),
        );
    }
    if has("block collection") || has("block mapping") || has("invalid indentation") {
        return (
            "this line is not indented like those it belongs to".into(),
            Some("give all keys of a mapping, and all `-` of a list, the same indentation"),
        );
    }
    if has("unexpected character") {
        return (
            "a value cannot begin with this character".into(),
            Some("put the value in quotes"),
        );
    }
    if has("escape") {
        return (
            "there is no such escape in YAML".into(),
            Some("write `\\` twice for a backslash, or use single quotes"),
        );
    }
    (
        format!("this is not valid YAML: {info}"),
        Some("look for indentation, quotes and brackets, here and on the line before"),
    )
}
