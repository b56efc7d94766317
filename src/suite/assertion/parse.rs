//! The grammar: text → [`Assertion`], with an error that points at the first thing that is wrong.

use winnow::combinator::{eof, opt, peek};
use winnow::error::ErrMode;
use winnow::token::{any, take_while};
use winnow::{Parser, stream::LocatingSlice};

use super::ast::{Assertion, BinaryOp, CmpOp, Expr, ExprKind, Quantity};
use super::lexical::{
    AssertionError, Input, Parsed, eat, error, fail, here, next_word, quantity, white,
};
use super::{reference, types};

/// Longest assertion, in bytes; it bounds how deep expressions can lie in each other.
const MAX_LENGTH: usize = 2000;
/// How deep parentheses may lie in each other.
const MAX_DEPTH: usize = 50;

const EXAMPLE: &str = "write a comparison such as `ttft.p99 < 500ms`";

impl Assertion {
    /// Reads an assertion. Names, statistics and units are checked; whether a scenario can answer
    /// it is a question for [`check`](super::check).
    ///
    /// # Errors
    /// The first thing that is wrong, with its place in `text`.
    pub fn parse(text: &str) -> Result<Assertion, AssertionError> {
        if text.len() > MAX_LENGTH {
            return Err(error(
                0..0,
                format!("this assertion is longer than {MAX_LENGTH} bytes"),
                "split it into several",
            ));
        }
        let mut input = LocatingSlice::new(text);
        let assertion = assertion(&mut input, text).map_err(|e| match e {
            ErrMode::Cut(e) | ErrMode::Backtrack(e) => e,
            ErrMode::Incomplete(_) => error(0..text.len(), "this is no assertion", EXAMPLE),
        })?;
        types::check_units(&assertion)?;
        Ok(assertion)
    }
}

/// Reads a metric or a function by itself, such as `ttft.p99` or `goodput(ttft < 1s)`.
///
/// # Errors
/// The first thing that is wrong, with its place in `text`.
pub(in crate::suite) fn parse_value(text: &str) -> Result<Expr, AssertionError> {
    const EXAMPLE: &str = "write a metric such as `ttft.p99`";
    if text.len() > MAX_LENGTH {
        return Err(error(0..0, "this is too long for a metric", EXAMPLE));
    }
    let mut input = LocatingSlice::new(text);
    let mut read = || {
        white(&mut input)?;
        let start = here(&input);
        let kind = reference::reference(&mut input)?;
        let end = here(&input);
        white(&mut input)?;
        let (word, span) = next_word(&mut input)?;
        if word.is_empty() {
            Ok(Expr {
                kind,
                span: start..end,
            })
        } else {
            fail(
                span.start..text.len(),
                "more than one metric stands here",
                EXAMPLE,
            )
        }
    };
    read().map_err(|e| match e {
        ErrMode::Cut(e) | ErrMode::Backtrack(e) => e,
        ErrMode::Incomplete(_) => error(0..text.len(), "this is no metric", EXAMPLE),
    })
}

/// A number with its unit, and nothing else.
pub(in crate::suite) fn parse_quantity(text: &str) -> Option<Quantity> {
    let mut input = LocatingSlice::new(text);
    let read = quantity(&mut input).ok()?;
    white(&mut input).ok()?;
    input.is_empty().then_some(read)
}

fn assertion(input: &mut Input<'_>, text: &str) -> Parsed<Assertion> {
    white(input)?;
    if eof::<_, AssertionError>.parse_next(input).is_ok() {
        return fail(0..text.len(), "this assertion is empty", EXAMPLE);
    }
    let lhs = sum(input, 0)?;
    white(input)?;
    let op = comparison(input)?;
    white(input)?;
    let rhs = sum(input, 0)?;
    white(input)?;
    the_end(input)?;
    Ok(Assertion {
        text: text.to_owned(),
        lhs,
        op,
        rhs,
    })
}

/// Comparisons that people write and the language lacks, with what to write.
const NO_COMPARISONS: [(&str, &str, &str); 10] = [
    (
        "==",
        "measured values are never exactly equal",
        "bound it: `<=` or `>=`",
    ),
    (
        "!=",
        "measured values are always unequal",
        "bound it: `<` or `>`",
    ),
    (
        "<>",
        "measured values are always unequal",
        "bound it: `<` or `>`",
    ),
    ("=<", "`=<` is written the other way round", "write `<=`"),
    ("=>", "`=>` is written the other way round", "write `>=`"),
    ("≤", "`≤` is written with two characters", "write `<=`"),
    ("≥", "`≥` is written with two characters", "write `>=`"),
    (
        "=",
        "measured values are never exactly equal",
        "bound it: `<=` or `>=`",
    ),
    (
        "&&",
        "an assertion is one comparison",
        "write two assertions",
    ),
    (
        "||",
        "an assertion is one comparison",
        "write two assertions",
    ),
];

fn comparison(input: &mut Input<'_>) -> Parsed<CmpOp> {
    let start = here(input);
    for (wrong, message, help) in NO_COMPARISONS {
        if eat(input, wrong)? {
            return fail(start..start + wrong.len(), message, help);
        }
    }
    if let Some(op) = comparison_operator(input)? {
        return Ok(op);
    }
    if at_end(input)? {
        return fail(
            start..start,
            "there is no comparison",
            "go on with `<`, `<=`, `>` or `>=` and a limit, as in `ttft.p99 < 500ms`",
        );
    }
    let (word, span) = next_word(input)?;
    fail(
        span,
        format!("`{word}` stands where a comparison is expected"),
        "one of `<`, `<=`, `>`, `>=`, or `+ - * /` to go on",
    )
}

/// `<`, `<=`, `>` or `>=`, when one comes next.
pub(super) fn comparison_operator(input: &mut Input<'_>) -> Parsed<Option<CmpOp>> {
    for (text, op) in [
        ("<=", CmpOp::Le),
        (">=", CmpOp::Ge),
        ("<", CmpOp::Lt),
        (">", CmpOp::Gt),
    ] {
        if eat(input, text)? {
            return Ok(Some(op));
        }
    }
    Ok(None)
}

fn at_end(input: &mut Input<'_>) -> Parsed<bool> {
    Ok(opt(peek(any)).parse_next(input)?.is_none())
}

fn the_end(input: &mut Input<'_>) -> Parsed<()> {
    if at_end(input)? {
        return Ok(());
    }
    let start = here(input);
    let operator: &str = peek(take_while(0.., ['<', '>', '=', '!', '≤', '≥'])).parse_next(input)?;
    if !operator.is_empty() {
        return fail(
            start..start + operator.len(),
            "an assertion is one comparison, this is a second one",
            "write two assertions: `a < b < c` is `a < b` and `b < c`",
        );
    }
    let (word, span) = next_word(input)?;
    match word.as_str() {
        "and" | "or" | "&" | "|" | "," | ";" => fail(
            span,
            "an assertion is one comparison",
            "write two assertions; all of them have to hold",
        ),
        ")" => fail(
            span,
            "this parenthesis closes nothing",
            "take it away, or open one before",
        ),
        _ => fail(
            span,
            format!("`{word}` stands where the assertion could end"),
            "go on with `+ - * /`, or end here",
        ),
    }
}

fn sum(input: &mut Input<'_>, depth: usize) -> Parsed<Expr> {
    let mut lhs = product(input, depth)?;
    loop {
        let before = *input;
        white(input)?;
        let op = if eat(input, "+")? {
            BinaryOp::Add
        } else if eat(input, "-")? {
            BinaryOp::Sub
        } else {
            *input = before;
            return Ok(lhs);
        };
        white(input)?;
        let rhs = product(input, depth)?;
        lhs = binary(op, lhs, rhs);
    }
}

fn product(input: &mut Input<'_>, depth: usize) -> Parsed<Expr> {
    let mut lhs = factor(input, depth)?;
    loop {
        let before = *input;
        white(input)?;
        let op = if eat(input, "*")? {
            BinaryOp::Mul
        } else if eat(input, "/")? {
            BinaryOp::Div
        } else {
            *input = before;
            return Ok(lhs);
        };
        white(input)?;
        let rhs = factor(input, depth)?;
        lhs = binary(op, lhs, rhs);
    }
}

fn binary(op: BinaryOp, lhs: Expr, rhs: Expr) -> Expr {
    Expr {
        span: lhs.span.start..rhs.span.end,
        kind: ExprKind::Binary {
            op,
            lhs: Box::new(lhs),
            rhs: Box::new(rhs),
        },
    }
}

fn factor(input: &mut Input<'_>, depth: usize) -> Parsed<Expr> {
    let start = here(input);
    if depth > MAX_DEPTH {
        return fail(
            start..start + 1,
            "parentheses lie too deep in each other",
            "write it in a simpler way",
        );
    }
    if eat(input, "-")? {
        white(input)?;
        let inner = factor(input, depth + 1)?;
        return Ok(Expr {
            span: start..inner.span.end,
            kind: ExprKind::Neg(Box::new(inner)),
        });
    }
    if eat(input, "(")? {
        white(input)?;
        let inner = sum(input, depth + 1)?;
        white(input)?;
        if !eat(input, ")")? {
            return fail(
                start..start + 1,
                "this parenthesis is never closed",
                "add a `)`; in flow style (`[…]`) put the whole assertion in quotes",
            );
        }
        return Ok(Expr {
            span: start..here(input),
            kind: inner.kind,
        });
    }
    let next: Option<char> = opt(peek(any)).parse_next(input)?;
    let kind = match next {
        Some(c) if c.is_ascii_digit() => ExprKind::Number(quantity(input)?),
        Some(c) if c.is_ascii_alphabetic() || c == '_' => reference::reference(input)?,
        Some('.') => {
            return fail(
                start..start + 1,
                "a number begins with a digit",
                "write `0.5` for `.5`",
            );
        }
        Some(_) => {
            let (word, span) = next_word(input)?;
            return fail(
                span,
                format!("`{word}` stands where a metric or a number is expected"),
                EXAMPLE,
            );
        }
        None => {
            return fail(
                start..start,
                "the assertion ends where a metric or a number is expected",
                EXAMPLE,
            );
        }
    };
    Ok(Expr {
        kind,
        span: start..here(input),
    })
}
