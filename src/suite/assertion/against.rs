//! Assertions against the accepted baseline: `ttft.p99 <= 1.15 * baseline.ttft.p99`.

use super::ast::{Assertion, CmpOp, Expr, PhaseRef, TextSpan};
use super::lexical::{AssertionError, error};
use super::types::Operand;

/// An assertion that compares what is measured now with what was accepted, now on the left.
#[derive(Clone, Debug, PartialEq)]
pub struct AgainstBaseline {
    /// What is measured now.
    pub now: Expr,
    /// Comparison.
    pub op: CmpOp,
    /// What it is compared with; every operand is one of the baseline.
    pub baseline: Expr,
    /// `now` is one value, and `baseline` the same one times this: `ttft.p99 <= 1.15 * baseline.ttft.p99`
    /// has 1.15.
    pub factor: Option<f64>,
}

impl Operand<'_> {
    /// Whether it is one of the accepted baseline.
    pub fn is_baseline(&self) -> bool {
        matches!(self.phase(), Some(PhaseRef::Baseline(_)))
    }

    /// The phase that it is one of, of the baseline or not; `None`: the case's only one.
    pub fn inner_phase(&self) -> Option<&PhaseRef> {
        match self.phase() {
            Some(PhaseRef::Baseline(inner)) => inner.as_deref(),
            phase => phase,
        }
    }

    /// The operand without its phase, as text.
    fn bare(&self) -> String {
        match self {
            Operand::Metric(m) => {
                let mut m = (*m).clone();
                m.phase = None;
                m.to_string()
            }
            Operand::Call { function, .. } => function.to_string(),
        }
    }
}

/// What `assertion` says against the baseline; `None` where it does not speak of one.
///
/// # Errors
/// When measured and accepted values stand on one side, with the place: runs of today and of then belong
/// to no pairs, so that there is nothing to compute with both.
pub fn against_baseline(assertion: &Assertion) -> Option<Result<AgainstBaseline, AssertionError>> {
    let sides = [&assertion.lhs, &assertion.rhs];
    let [left, right] = sides.map(|side| {
        let operands = side.operands();
        let accepted = operands.iter().filter(|o| o.is_baseline()).count();
        (accepted, operands.len() - accepted)
    });
    if left.0 + right.0 == 0 {
        return None;
    }
    let (now, op, baseline) = match (left, right) {
        ((0, 1..), (1.., 0)) => (&assertion.lhs, assertion.op, &assertion.rhs),
        ((1.., 0), (0, 1..)) => (&assertion.rhs, flipped(assertion.op), &assertion.lhs),
        _ if left.1 + right.1 == 0 => {
            let whole = assertion.lhs.span.start..assertion.rhs.span.end;
            return Some(Err(error(
                whole,
                "nothing that is measured now stands in this assertion",
                "compare something measured with the baseline: `ttft.p99 <= 1.15 * baseline.ttft.p99`",
            )));
        }
        _ => {
            let mixed = if left.0 > 0 {
                &assertion.lhs
            } else {
                &assertion.rhs
            };
            return Some(Err(mixed_sides(mixed.span.clone())));
        }
    };
    Some(Ok(AgainstBaseline {
        factor: factor(now, baseline),
        now: now.clone(),
        op,
        baseline: baseline.clone(),
    }))
}

fn mixed_sides(span: TextSpan) -> AssertionError {
    error(
        span,
        "measured and accepted values are mixed here",
        "put what is measured on one side and the baseline on the other: `ttft.p99 <= 1.15 * baseline.ttft.p99`",
    )
}

/// `f` where the one side is `a · x` and the other `b · baseline.x` with `f = b / a > 0`.
fn factor(now: &Expr, baseline: &Expr) -> Option<f64> {
    let one = |side: &Expr| match side.operands().as_slice() {
        [operand] => Some((operand.bare(), operand.inner_phase().cloned())),
        _ => None,
    };
    if one(now)? != one(baseline)? {
        return None;
    }
    let (a, b) = (slope(now)?, slope(baseline)?);
    let factor = b / a;
    (a > 0.0 && factor > 0.0 && factor.is_finite()).then_some(factor)
}

/// `a` where the expression is `a · x` in its one operand `x`.
fn slope(side: &Expr) -> Option<f64> {
    let at = |x: f64| side.evaluate::<()>(&mut |_| Ok(x)).ok();
    let (zero, one, two) = (at(0.0)?, at(1.0)?, at(2.0)?);
    let straight = zero.abs() <= 1e-12 && (two - 2.0 * one).abs() <= 1e-9 * one.abs();
    straight.then_some(one)
}

fn flipped(op: CmpOp) -> CmpOp {
    match op {
        CmpOp::Lt => CmpOp::Gt,
        CmpOp::Le => CmpOp::Ge,
        CmpOp::Gt => CmpOp::Lt,
        CmpOp::Ge => CmpOp::Le,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Result<AgainstBaseline, AssertionError>> {
        against_baseline(&Assertion::parse(text).unwrap())
    }

    #[test]
    fn what_is_measured_now_stands_on_the_left() {
        for text in [
            "ttft.p99 <= 1.15 * baseline.ttft.p99",
            "1.15 * baseline.ttft.p99 >= ttft.p99",
            "2 * ttft.p99 <= baseline.ttft.p99 * 2.3",
            "ttft.p99 / 1.15 <= baseline.ttft.p99",
        ] {
            let found = read(text).unwrap().unwrap();
            assert_eq!(found.op, CmpOp::Le, "{text}");
            assert!((found.factor.unwrap() - 1.15).abs() < 1e-9, "{text}");
        }
    }

    #[test]
    fn other_expressions_have_no_factor() {
        for text in [
            "ttft.p99 <= baseline.ttft.p99 + 5ms",
            "ttft.p99 <= 1.15 * baseline.ttft.p95",
            "ttft.p99 <= 2 * baseline.ttft.p50 + baseline.tpot.p50",
            "e2e_latency.p50 / ttft.p50 <= baseline.e2e_latency.p50 / baseline.ttft.p50",
        ] {
            assert_eq!(read(text).unwrap().unwrap().factor, None, "{text}");
        }
        assert_eq!(read("ttft.p99 < 500ms"), None);
    }

    #[test]
    fn the_two_are_not_mixed_on_one_side() {
        let refused = read("ttft.p99 - baseline.ttft.p99 <= 5ms")
            .unwrap()
            .unwrap_err();
        assert_eq!(refused.span, 0..28);
        assert!(read("baseline.ttft.p99 < 500ms").unwrap().is_err());
    }
}
