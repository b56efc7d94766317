//! `sla:`: assertions and their places.

use super::assertion::{self, Assertion, AssertionContext, AssertionError, TextSpan};
use super::diagnostic::Diagnostic;
use super::model::SlaAssertion;
use super::reader::{Problems, Spanned};
use super::source::{Location, Span};
use super::yaml::{Node, NodeValue};

/// An assertion as read; whether the scenario can answer it is not known yet.
#[derive(Clone, Debug)]
pub(super) struct Written(pub SlaAssertion);

pub(super) fn read(node: &Node, problems: &mut Problems) -> Option<Spanned<Vec<Written>>> {
    let NodeValue::Sequence(items) = &node.value else {
        let what = node.describe();
        problems.add(
            node.span,
            format!("expected a list of assertions, found {what}"),
            "write each on a line of its own, after a `-`: `- ttft.p99 < 500ms`",
        );
        return None;
    };
    let read: Vec<_> = items.iter().map(|item| one(item, problems)).collect();
    Some(Spanned {
        value: read.into_iter().collect::<Option<_>>()?,
        span: node.span,
    })
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
        Err(mut error) => {
            // `[goodput(ttft < 1s, tpot < 40ms) > 99%]` ends at its first comma.
            if scalar.plain && scalar.in_flow && unbalanced(&scalar.text) {
                error.message = "this assertion is cut in two at its comma".into();
                error.help = Some(
                    "inside `[…]` put it in quotes: \"goodput(ttft < 500ms, tpot < 40ms) >= 99%\""
                        .into(),
                );
                error.span = 0..scalar.text.len();
            }
            let diagnostic = place(&error, node, problems);
            problems.push(diagnostic);
            None
        }
    }
}

fn unbalanced(text: &str) -> bool {
    text.matches('(').count() != text.matches(')').count()
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
