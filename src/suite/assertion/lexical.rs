//! The smallest pieces: white space, names, numbers with units, and the error they share.

use winnow::Parser;
use winnow::combinator::{opt, peek};
use winnow::error::{ErrMode, ParserError};
use winnow::stream::{LocatingSlice, Location};
use winnow::token::{any, rest, take_while};

use super::ast::{Quantity, TextSpan};
use crate::metrics::Unit;

/// Why a text is no assertion, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssertionError {
    /// The offending stretch of the text, in bytes; empty at its end.
    pub span: TextSpan,
    /// What is wrong: a lower-case fragment.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl std::fmt::Display for AssertionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for AssertionError {}

pub(super) type Input<'t> = LocatingSlice<&'t str>;
pub(super) type Parsed<T> = Result<T, ErrMode<AssertionError>>;

impl ParserError<Input<'_>> for AssertionError {
    type Inner = Self;

    fn from_input(input: &Input<'_>) -> Self {
        let at = input.current_token_start();
        AssertionError {
            span: at..at,
            message: "this is no assertion".into(),
            help: None,
        }
    }

    fn into_inner(self) -> Result<Self::Inner, Self> {
        Ok(self)
    }
}

/// An error that no alternative can mend.
pub(super) fn fail<T>(
    span: TextSpan,
    message: impl Into<String>,
    help: impl Into<String>,
) -> Parsed<T> {
    Err(ErrMode::Cut(error(span, message, help)))
}

pub(super) fn error(
    span: TextSpan,
    message: impl Into<String>,
    help: impl Into<String>,
) -> AssertionError {
    AssertionError {
        span,
        message: message.into(),
        help: Some(help.into()),
    }
}

pub(super) fn here(input: &Input<'_>) -> usize {
    input.current_token_start()
}

pub(super) fn white(input: &mut Input<'_>) -> Parsed<()> {
    take_while(0.., char::is_whitespace)
        .void()
        .parse_next(input)
}

/// What comes next, up to white space or punctuation, for a message.
pub(super) fn next_word(input: &mut Input<'_>) -> Parsed<(String, TextSpan)> {
    let start = here(input);
    let text: &str = peek(rest).parse_next(input)?;
    let end = text
        .char_indices()
        .find(|(i, c)| *i > 0 && !(c.is_alphanumeric() || *c == '_'))
        .map_or(text.len(), |(i, _)| i);
    Ok((text[..end].to_owned(), start..start + end))
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// `[A-Za-z_][A-Za-z0-9_]*`
pub(super) fn name<'t>(input: &mut Input<'t>) -> Parsed<&'t str> {
    (
        take_while(1, |c: char| c.is_ascii_alphabetic() || c == '_'),
        take_while(0.., is_name),
    )
        .take()
        .parse_next(input)
}

/// Takes `token` when it comes next.
pub(super) fn eat(input: &mut Input<'_>, token: &'static str) -> Parsed<bool> {
    Ok(opt(token).parse_next(input)?.is_some())
}

/// Digits with an optional decimal point, as text.
pub(super) fn digits<'t>(input: &mut Input<'t>) -> Parsed<&'t str> {
    (
        take_while(1.., |c: char| c.is_ascii_digit()),
        opt((".", take_while(1.., |c: char| c.is_ascii_digit()))),
    )
        .take()
        .parse_next(input)
}

/// Units, longest first where one begins another: name, base unit, power of ten into it.
const UNITS: [(&str, Unit, i32); 6] = [
    ("tok/s", Unit::TokensPerSecond, 0),
    ("/s", Unit::PerSecond, 0),
    ("ms", Unit::Milliseconds, 0),
    ("us", Unit::Milliseconds, -3),
    ("s", Unit::Milliseconds, 3),
    ("%", Unit::Ratio, -2),
];

const UNIT_NAMES: &str = "the units are ms, s, us, %, /s and tok/s";

/// A number with or without a unit. White space may stand between the two.
pub(super) fn quantity(input: &mut Input<'_>) -> Parsed<Quantity> {
    let start = here(input);
    let text = digits.parse_next(input)?;
    let after_number = *input;
    white(input)?;
    for (unit, base, shift) in UNITS {
        let before = *input;
        if eat(input, unit)? {
            let next: Option<char> = opt(peek(any)).parse_next(input)?;
            if unit == "%" || next.is_none_or(|c| !is_name(c) && c != '/') {
                return Ok(Quantity {
                    // The decimal point is shifted in the text: exact, as multiplying is not.
                    value: finite(&format!("{text}e{shift}"), start..here(input))?,
                    unit: Some(base),
                });
            }
            *input = before;
        }
    }
    // A word after white space may be a unit written another way; `and` is none, say.
    let (word, span) = next_word(input)?;
    if alias(&word).is_some() || word == "min" {
        return fail(
            span,
            format!("`{word}` is not a unit"),
            unit_help(&word, text),
        );
    }
    *input = after_number;
    let at = here(input);
    let (word, span) = next_word(input)?;
    if word.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return fail(
            span,
            format!("`{word}` is not a unit"),
            unit_help(&word, text),
        );
    }
    if word.starts_with('/') {
        let tail: &str = peek(rest).parse_next(input)?;
        for (wrong, factor) in [("/sec", 1.0), ("/min", 60.0), ("/hour", 3600.0)] {
            if tail.starts_with(wrong) {
                let value: f64 = text.parse().unwrap_or(0.0);
                return fail(
                    at..at + wrong.len(),
                    format!("`{wrong}` is not a unit"),
                    format!("write `{}/s`", value / factor),
                );
            }
        }
    }
    Ok(Quantity {
        value: finite(text, start..at)?,
        unit: None,
    })
}

fn finite(text: &str, span: TextSpan) -> Parsed<f64> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => fail(span, "this number is too large", "write a smaller one"),
    }
}

/// The unit that `word` most likely means.
fn alias(word: &str) -> Option<&'static str> {
    Some(match word.to_lowercase().as_str() {
        "sec" | "secs" | "second" | "seconds" => "s",
        "msec" | "msecs" | "millis" | "milliseconds" | "ms" => "ms",
        "µs" | "μs" | "usec" | "micros" | "microseconds" | "us" => "us",
        "percent" | "pct" => "%",
        "rps" | "qps" | "req" | "hz" => "/s",
        "tps" | "tok" | "toks" | "token" | "tokens" | "t" => "tok/s",
        _ => return None,
    })
}

fn unit_help(word: &str, number: &str) -> String {
    if let Some(right) = alias(word) {
        return format!("write `{number}{right}`; {UNIT_NAMES}");
    }
    if matches!(
        word.to_lowercase().as_str(),
        "m" | "min" | "mins" | "minutes"
    ) {
        let value: f64 = number.parse().unwrap_or(0.0);
        return format!("write `{}s`; {UNIT_NAMES}", value * 60.0);
    }
    UNIT_NAMES.to_owned()
}
