//! Units: what may be added, compared and multiplied, and what comes out.

use super::ast::{
    Assertion, BinaryOp, Expr, ExprKind, Function, MetricRef, PhaseRef, Quantity, TextSpan,
};
use super::lexical::{AssertionError, error};
use crate::metrics::{Dimension, Unit};

/// What a value without time and tokens is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flavour {
    /// A number as written, or several combined.
    Bare,
    /// A share from 0 to 1, written with `%`.
    Share,
    /// A count of things.
    Count,
    /// A quotient of two values of one unit.
    Quotient,
}

#[derive(Clone, Copy, Debug)]
struct Type {
    dimension: Dimension,
    /// Of use where the dimension is none.
    flavour: Flavour,
    /// Some metric has part in it.
    measured: bool,
}

impl Type {
    fn is_bare(self) -> bool {
        self.dimension == Dimension::default() && self.flavour == Flavour::Bare
    }

    fn name(self) -> String {
        match unit_of(self.dimension) {
            Some(Unit::Milliseconds) => "a time".into(),
            Some(Unit::PerSecond) => "a rate per second".into(),
            Some(Unit::TokensPerSecond) => "tokens per second".into(),
            Some(Unit::Tokens) => "a number of tokens".into(),
            Some(Unit::Ratio | Unit::Count) => match self.flavour {
                Flavour::Bare => "a plain number".into(),
                Flavour::Share => "a share".into(),
                Flavour::Count => "a count".into(),
                Flavour::Quotient => "a ratio".into(),
            },
            None => "in no unit that prony knows".into(),
        }
    }

    /// How a bare `number` is written in this type's unit.
    fn written(self, number: &str) -> Option<String> {
        Some(match unit_of(self.dimension)? {
            Unit::Milliseconds => format!("write `{number}ms` or `{number}s`"),
            Unit::PerSecond => format!("write `{number}/s`"),
            Unit::TokensPerSecond => format!("write `{number}tok/s`"),
            Unit::Ratio if self.flavour == Flavour::Share => {
                let value: f64 = number.parse().ok()?;
                let percent = shift_decimal(value, 2);
                if value <= 1.0 {
                    format!("write `{percent}%` (a share is written as a percentage)")
                } else if value < 2.0 {
                    // Of a skew, or of an efficiency over one, rather than of errors.
                    format!("write `{percent}%`, or `{number}%` if that is meant")
                } else {
                    format!("write `{number}%`")
                }
            }
            _ => return None,
        })
    }
}

/// The unit with that dimension.
fn unit_of(dimension: Dimension) -> Option<Unit> {
    match (dimension.time, dimension.tokens) {
        (1, 0) => Some(Unit::Milliseconds),
        (0, 0) => Some(Unit::Ratio),
        (-1, 0) => Some(Unit::PerSecond),
        (-1, 1) => Some(Unit::TokensPerSecond),
        (0, 1) => Some(Unit::Tokens),
        _ => None,
    }
}

fn of_unit(unit: Unit) -> Type {
    Type {
        dimension: unit.dimension(),
        flavour: if unit == Unit::Count {
            Flavour::Count
        } else {
            Flavour::Share
        },
        measured: true,
    }
}

/// Checks that both sides agree, and every sum inside them.
pub(super) fn check_units(assertion: &Assertion) -> Result<(), AssertionError> {
    let (lhs, rhs) = (&assertion.lhs, &assertion.rhs);
    let (left, right) = (infer(lhs, assertion)?, infer(rhs, assertion)?);
    if !left.measured && !right.measured {
        return Err(error(
            lhs.span.start..rhs.span.end,
            "nothing measured stands in this assertion",
            "compare a metric with a limit, as in `ttft.p99 < 500ms`",
        ));
    }
    for (expr, ty) in [(lhs, left), (rhs, right)] {
        if unit_of(ty.dimension).is_none() {
            return Err(error(
                expr.span.clone(),
                format!(
                    "`{}` is in no unit that prony knows",
                    source(&expr.span, assertion)
                ),
                "compare times, shares, rates, tokens or tokens per second",
            ));
        }
    }
    agree("compared with", (lhs, left), (rhs, right), assertion)?;
    if left.is_bare() && right.flavour == Flavour::Share
        || right.is_bare() && left.flavour == Flavour::Share
    {
        let (bare, share, expr) = if left.is_bare() {
            (lhs, right, rhs)
        } else {
            (rhs, left, lhs)
        };
        if share.dimension == Dimension::default() {
            return Err(no_unit(bare, share, expr, assertion));
        }
    }
    Ok(())
}

fn source<'a>(span: &TextSpan, assertion: &'a Assertion) -> &'a str {
    assertion.text.get(span.clone()).unwrap_or("").trim()
}

fn no_unit(bare: &Expr, other: Type, of: &Expr, assertion: &Assertion) -> AssertionError {
    let number = source(&bare.span, assertion);
    let help = other
        .written(number)
        .unwrap_or_else(|| "give it a unit: ms, s, us, %, /s or tok/s".into());
    error(
        bare.span.clone(),
        format!(
            "`{number}` has no unit, and `{}` is {}",
            source(&of.span, assertion),
            other.name()
        ),
        help,
    )
}

/// Checks that two operands may stand on the two sides of `+`, `-` or a comparison.
fn agree(
    verb: &str,
    (lhs, left): (&Expr, Type),
    (rhs, right): (&Expr, Type),
    assertion: &Assertion,
) -> Result<(), AssertionError> {
    if left.dimension == right.dimension {
        let mixed = [left.flavour, right.flavour];
        if left.dimension == Dimension::default()
            && mixed.contains(&Flavour::Count)
            && mixed.contains(&Flavour::Share)
        {
            return Err(clash(verb, (lhs, left), (rhs, right), assertion));
        }
        return Ok(());
    }
    // Tokens have no unit of their own to write.
    let tokens = Unit::Tokens.dimension();
    if left.is_bare() && right.dimension == tokens || right.is_bare() && left.dimension == tokens {
        return Ok(());
    }
    if right.is_bare() {
        return Err(no_unit(rhs, left, lhs, assertion));
    }
    if left.is_bare() {
        return Err(no_unit(lhs, right, rhs, assertion));
    }
    Err(clash(verb, (lhs, left), (rhs, right), assertion))
}

fn clash(
    verb: &str,
    (lhs, left): (&Expr, Type),
    (rhs, right): (&Expr, Type),
    assertion: &Assertion,
) -> AssertionError {
    error(
        rhs.span.clone(),
        format!(
            "`{}` is {} and cannot be {verb} `{}`, which is {}",
            source(&lhs.span, assertion),
            left.name(),
            source(&rhs.span, assertion),
            right.name()
        ),
        "both sides must have one unit: ms, s, us are times; % a share; /s a rate; tok/s tokens per second",
    )
}

fn infer(expr: &Expr, assertion: &Assertion) -> Result<Type, AssertionError> {
    Ok(match &expr.kind {
        ExprKind::Number(quantity) => match quantity.unit {
            Some(unit) => Type {
                measured: false,
                ..of_unit(unit)
            },
            None => Type {
                dimension: Dimension::default(),
                flavour: Flavour::Bare,
                measured: false,
            },
        },
        ExprKind::Metric(reference) => of_unit(reference.metric.unit),
        ExprKind::Call { function, .. } => Type {
            flavour: if matches!(function, Function::Speedup(_)) {
                Flavour::Quotient
            } else {
                Flavour::Share
            },
            ..of_unit(function.unit())
        },
        ExprKind::Neg(inner) => infer(inner, assertion)?,
        ExprKind::Binary { op, lhs, rhs } => {
            let (left, right) = (infer(lhs, assertion)?, infer(rhs, assertion)?);
            let measured = left.measured || right.measured;
            match op {
                BinaryOp::Add | BinaryOp::Sub => {
                    agree("combined with", (lhs, left), (rhs, right), assertion)?;
                    let dimension = if left.is_bare() { right } else { left }.dimension;
                    Type {
                        dimension,
                        flavour: sum_flavour(left.flavour, right.flavour),
                        measured,
                    }
                }
                BinaryOp::Mul | BinaryOp::Div => {
                    if *op == BinaryOp::Div
                        && matches!(&rhs.kind, ExprKind::Number(q) if q.value == 0.0)
                    {
                        return Err(error(
                            rhs.span.clone(),
                            "this divides by zero",
                            "divide by another number",
                        ));
                    }
                    Type {
                        dimension: combine(*op, left.dimension, right.dimension).ok_or_else(
                            || {
                                error(
                                    expr.span.clone(),
                                    "this multiplies too many units",
                                    "write it in a simpler way",
                                )
                            },
                        )?,
                        flavour: product_flavour(*op, left, right),
                        measured,
                    }
                }
            }
        }
    })
}

fn sum_flavour(left: Flavour, right: Flavour) -> Flavour {
    match (left, right) {
        (Flavour::Bare, other) | (other, Flavour::Bare) => other,
        (l, r) if l == r => l,
        _ => Flavour::Quotient,
    }
}

fn product_flavour(op: BinaryOp, left: Type, right: Type) -> Flavour {
    let none = Dimension::default();
    if left.dimension != none || right.dimension != none {
        return Flavour::Quotient;
    }
    match (op, left.flavour, right.flavour) {
        (BinaryOp::Mul, Flavour::Bare, other) | (_, other, Flavour::Bare) => other,
        (BinaryOp::Mul, Flavour::Count, Flavour::Share)
        | (_, Flavour::Count, Flavour::Share)
        | (BinaryOp::Mul, Flavour::Share, Flavour::Count) => Flavour::Count,
        (BinaryOp::Mul, Flavour::Share, Flavour::Share) => Flavour::Share,
        _ => Flavour::Quotient,
    }
}

fn combine(op: BinaryOp, left: Dimension, right: Dimension) -> Option<Dimension> {
    let apply = |a: i8, b: i8| match op {
        BinaryOp::Mul => a.checked_add(b),
        BinaryOp::Div => a.checked_sub(b),
        BinaryOp::Add | BinaryOp::Sub => Some(a),
    };
    Some(Dimension {
        time: apply(left.time, right.time)?,
        tokens: apply(left.tokens, right.tokens)?,
    })
}

/// Power of ten from the base unit of a time exponent into seconds: times are kept in
/// milliseconds, rates per second.
fn to_seconds(time: i8) -> i32 {
    -3 * i32::from(time.max(0))
}

/// A value that an expression takes from a measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operand<'a> {
    /// A metric of a phase.
    Metric(&'a MetricRef),
    /// A function of a phase.
    Call {
        /// The phase before the dot, if any.
        phase: Option<&'a PhaseRef>,
        /// The function.
        function: &'a Function,
    },
}

impl Operand<'_> {
    /// The unit of its value.
    pub fn unit(&self) -> Unit {
        match self {
            Operand::Metric(reference) => reference.metric.unit,
            Operand::Call { function, .. } => function.unit(),
        }
    }

    /// The phase it names.
    pub fn phase(&self) -> Option<&PhaseRef> {
        match self {
            Operand::Metric(reference) => reference.phase.as_ref(),
            Operand::Call { phase, .. } => *phase,
        }
    }
}

impl Function {
    /// The unit of its value.
    pub fn unit(&self) -> Unit {
        match self {
            Function::GoodputRate(_) => Unit::PerSecond,
            Function::Goodput(_)
            | Function::Efficiency(_)
            | Function::Speedup(_)
            | Function::Check(_) => Unit::Ratio,
        }
    }
}

impl Expr {
    /// The exponents of time and tokens of its value. Expressions of a checked assertion have one.
    pub fn dimension(&self) -> Dimension {
        match &self.kind {
            ExprKind::Number(Quantity { unit, .. }) => {
                unit.map_or(Dimension::default(), Unit::dimension)
            }
            ExprKind::Metric(reference) => reference.metric.unit.dimension(),
            ExprKind::Call { function, .. } => function.unit().dimension(),
            ExprKind::Neg(inner) => inner.dimension(),
            ExprKind::Binary { op, lhs, rhs } => {
                let (left, right) = (lhs.dimension(), rhs.dimension());
                match op {
                    // A bare number beside tokens takes their dimension.
                    BinaryOp::Add | BinaryOp::Sub if left == Dimension::default() => right,
                    _ => combine(*op, left, right).unwrap_or_default(),
                }
            }
        }
    }

    /// The value in the base unit of its dimension: milliseconds, shares, per second, tokens,
    /// tokens per second. `value` gives each operand in its metric's unit.
    ///
    /// # Errors
    /// The first error of `value`, from left to right.
    pub fn evaluate<E>(
        &self,
        value: &mut dyn FnMut(Operand<'_>) -> Result<f64, E>,
    ) -> Result<f64, E> {
        Ok(match &self.kind {
            ExprKind::Number(quantity) => quantity.value,
            ExprKind::Metric(reference) => value(Operand::Metric(reference))?,
            ExprKind::Call { phase, function } => value(Operand::Call {
                phase: phase.as_ref(),
                function,
            })?,
            ExprKind::Neg(inner) => -inner.evaluate(value)?,
            ExprKind::Binary { op, lhs, rhs } => {
                let (left, right) = (lhs.evaluate(value)?, rhs.evaluate(value)?);
                match op {
                    BinaryOp::Add => left + right,
                    BinaryOp::Sub => left - right,
                    BinaryOp::Mul | BinaryOp::Div => {
                        let (l, r) = (lhs.dimension().time, rhs.dimension().time);
                        // Times are in milliseconds and rates per second: where the two meet, the
                        // thousand between them must not get lost.
                        let (raw, power) = if *op == BinaryOp::Mul {
                            (left * right, to_seconds(l) + to_seconds(r))
                        } else {
                            (left / right, to_seconds(l) - to_seconds(r))
                        };
                        let power = power - to_seconds(self.dimension().time);
                        match power {
                            0 => raw,
                            p if p > 0 => raw * 10f64.powi(p),
                            p => raw / 10f64.powi(-p),
                        }
                    }
                }
            }
        })
    }

    /// Every operand, from left to right.
    pub fn operands(&self) -> Vec<Operand<'_>> {
        self.operands_with_spans()
            .into_iter()
            .map(|(operand, _)| operand)
            .collect()
    }

    /// Every operand and its place in the assertion's text, from left to right.
    pub fn operands_with_spans(&self) -> Vec<(Operand<'_>, TextSpan)> {
        let mut found = Vec::new();
        self.collect(&mut found);
        found
    }

    fn collect<'a>(&'a self, found: &mut Vec<(Operand<'a>, TextSpan)>) {
        match &self.kind {
            ExprKind::Number(_) => {}
            ExprKind::Metric(reference) => {
                found.push((Operand::Metric(reference), self.span.clone()));
            }
            ExprKind::Call { phase, function } => found.push((
                Operand::Call {
                    phase: phase.as_ref(),
                    function,
                },
                self.span.clone(),
            )),
            ExprKind::Neg(inner) => inner.collect(found),
            ExprKind::Binary { lhs, rhs, .. } => {
                lhs.collect(found);
                rhs.collect(found);
            }
        }
    }
}

impl Assertion {
    /// Every operand of both sides, from left to right.
    pub fn operands(&self) -> Vec<Operand<'_>> {
        let mut operands = self.lhs.operands();
        operands.extend(self.rhs.operands());
        operands
    }

    /// Whether it compares measured phases, or levels, or a phase with its baseline: one that is about
    /// a single measured phase is absolute.
    pub fn is_relative(&self) -> bool {
        let operands = self.operands();
        let derived = |o: &Operand<'_>| {
            matches!(o.phase(), Some(PhaseRef::Baseline(_)))
                || matches!(
                    o,
                    Operand::Call {
                        function: Function::Efficiency(_) | Function::Speedup(_),
                        ..
                    }
                )
        };
        let first = operands.first().and_then(Operand::phase);
        operands.iter().any(|o| derived(o) || o.phase() != first)
    }

    /// The unit of both sides.
    pub fn unit(&self) -> Unit {
        let dimension = self.lhs.dimension();
        let dimension = if dimension == Dimension::default() {
            self.rhs.dimension()
        } else {
            dimension
        };
        match unit_of(dimension) {
            Some(Unit::Ratio) | None => {
                let is_count =
                    |side: &Expr| infer(side, self).is_ok_and(|t| t.flavour == Flavour::Count);
                if is_count(&self.lhs) || is_count(&self.rhs) {
                    Unit::Count
                } else {
                    Unit::Ratio
                }
            }
            Some(unit) => unit,
        }
    }
}

/// `value` times ten to the power of `places`, as decimal text, without rounding.
pub(crate) fn shift_decimal(value: f64, places: usize) -> String {
    let text = format!("{}", value.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut fraction = fraction.to_owned();
    while fraction.len() < places {
        fraction.push('0');
    }
    let (moved, left) = fraction.split_at(places);
    let whole = format!("{whole}{moved}");
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let left = left.trim_end_matches('0');
    let sign = if value < 0.0 { "-" } else { "" };
    if left.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{left}")
    }
}
