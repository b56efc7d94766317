//! `sla:`: assertions and their places.

use super::assertion::{self, Assertion, AssertionContext, AssertionError, TextSpan};
use super::diagnostic::Diagnostic;
use super::model::SlaAssertion;
use super::reader::{Placed, Problems};
use super::source::{Location, Span};
use super::yaml::{Node, NodeValue};

/// An assertion as read; whether the scenario can answer it is not known yet.
#[derive(Clone, Debug)]
pub(super) struct Written(pub SlaAssertion);

/// The assertions of `node` as far as they can be read, and whether some cannot.
pub(super) fn read(node: &Node, problems: &mut Problems) -> (Option<Placed<Vec<Written>>>, bool) {
    let NodeValue::Sequence(items) = &node.value else {
        let what = node.describe();
        problems.add(
            node.span,
            format!("expected a list of assertions, found {what}"),
            "write each on a line of its own, after a `-`: `- ttft.p99 < 500ms`",
        );
        return (None, true);
    };
    let mut written = Vec::new();
    let mut broken = false;
    let mut rest = &items[..];
    while let [first, ..] = rest {
        let pieces = pieces(rest);
        if pieces > 1 {
            cut_in_pieces(&rest[..pieces], problems);
            broken = true;
        } else if let Some(assertion) = one(first, problems) {
            written.push(assertion);
        } else {
            broken = true;
        }
        rest = &rest[pieces..];
    }
    let sla = problems.placed(written, node.span);
    (Some(sla), broken)
}

/// How many of `items` are one assertion that was cut at its commas, as
/// `[goodput(ttft < 1s, tpot < 40ms) > 99%]` is.
fn pieces(items: &[Node]) -> usize {
    let mut open = 0isize;
    for (i, item) in items.iter().enumerate() {
        let Some(scalar) = item.scalar().filter(|s| s.plain && s.in_flow) else {
            return 1;
        };
        for c in scalar.text.chars() {
            open += isize::from(c == '(') - isize::from(c == ')');
        }
        if open <= 0 {
            return i + 1;
        }
    }
    1
}

fn cut_in_pieces(items: &[Node], problems: &mut Problems) {
    let span = Span {
        start: items.first().map_or(0, |n| n.span.start),
        end: items.last().map_or(0, |n| n.span.end),
    };
    let whole = problems.text(span).to_owned();
    problems.add(
        span,
        "a comma inside `[…]` cuts this assertion in pieces",
        format!("put it in quotes: \"{whole}\""),
    );
}

fn one(node: &Node, problems: &mut Problems) -> Option<Written> {
    let Some(scalar) = node.scalar() else {
        let what = node.describe();
        problems.add(
            node.span,
            format!("an assertion is text, and this is {what}"),
            "write it like `- ttft.p99 < 500ms`; put one with braces in quotes",
        );
        return None;
    };
    if node.is_broken() {
        return None;
    }
    match Assertion::parse(&scalar.text) {
        Ok(assertion) => Some(Written(SlaAssertion {
            assertion,
            location: problems.location(content(node, problems).unwrap_or(node.span)),
        })),
        Err(error) => {
            let diagnostic = place(&error, node, problems);
            problems.push(diagnostic);
            None
        }
    }
}

/// Where the scalar's content stands, when it is written there as it reads.
fn content(node: &Node, problems: &Problems) -> Option<Span> {
    let text = &node.scalar()?.text;
    [0, 1].into_iter().find_map(|quote| {
        let span = Span {
            start: node.span.start + quote,
            end: node.span.end.checked_sub(quote)?,
        };
        (problems.text(span) == text).then_some(span)
    })
}

fn place(error: &AssertionError, node: &Node, problems: &Problems) -> Diagnostic {
    let scalar = node.scalar();
    let mut diagnostic = match content(node, problems) {
        Some(content) => Diagnostic::new(&error.message).at(problems.location(Span {
            start: (content.start + error.span.start).min(content.end),
            end: (content.start + error.span.end).min(content.end),
        })),
        None => {
            let shown = scalar.map_or("", |s| s.shown.trim());
            Diagnostic::new(format!("{} (the assertion reads `{shown}`)", error.message))
                .at(problems.location(node.span))
        }
    };
    diagnostic.help.clone_from(&error.help);
    diagnostic
}

/// Adds a problem for everything in `written` that the scenario cannot answer.
pub(super) fn check(written: &SlaAssertion, context: &AssertionContext, problems: &mut Problems) {
    for error in assertion::check(&written.assertion, context) {
        let mut diagnostic = Diagnostic::new(error.message).at(written.place(&error.span));
        diagnostic.help = error.help;
        problems.push(diagnostic);
    }
}

impl SlaAssertion {
    /// Where `span` of the assertion's text stands in the file; the whole assertion, where it is
    /// written with escapes, over several lines or with variables.
    pub fn place(&self, span: &TextSpan) -> Location {
        let at = self.location.span;
        let written = self.location.file.text.get(at.start..at.end);
        let span = if written == Some(self.assertion.text.as_str()) {
            Span {
                start: at.start + span.start.min(self.assertion.text.len()),
                end: at.start + span.end.min(self.assertion.text.len()),
            }
        } else {
            at
        };
        Location {
            file: self.location.file.clone(),
            span,
        }
    }
}
