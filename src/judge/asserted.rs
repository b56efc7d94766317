//! What is asserted of a phase, seen from the client's error.

use crate::suite::assertion::{Assertion, Expr, ExprKind, Function};
use crate::suite::{ClientBounds, LengthTolerance};

use super::expression::{Measured, bounds_above, compile, flipped, scale};
use super::prepared::Prepared;
use super::rejudge::Rejudged;

/// What is asserted of a phase, as far as the client's error can bear on it.
pub(super) struct Asserted<'a> {
    /// From where on the client counts as the limit.
    pub bounds: ClientBounds,
    /// How far prompts may be from the length asked for.
    pub lengths: LengthTolerance,
    /// The tightest latency bound, in ms.
    pub tightest: Option<f64>,
    /// The tightest bound on a latency that late sending makes longer, in ms.
    pub from_due: Option<f64>,
    /// As many requests were to be under way throughout the window, in a closed loop.
    pub slots: Option<u32>,
    /// Something other than the share of errors is asserted.
    pub timed: bool,
    /// The least latency of the phase that an assertion compares with another phase, in ms.
    pub compared: &'a dyn Fn() -> Option<f64>,
    /// Judges the assertions about this phase, on it as given; those that compare it, with the others as
    /// they were measured.
    pub judged: &'a dyn Fn(&Prepared<'_>) -> Vec<Rejudged>,
}

/// Latencies that count from when a request was sent or due. Gaps between tokens do not: a request that
/// leaves late has them as one in time.
pub(super) fn counts_from_sending(metric: &str) -> bool {
    matches!(
        metric,
        "ttft" | "e2e_latency" | "ttft_scheduled" | "e2e_latency_scheduled"
    )
}

/// The tightest bound, in ms, that `assertion` puts from above on a latency whose name is `among` them;
/// bounds inside `goodput` count.
pub(super) fn tightest_bound(assertion: &Assertion, among: fn(&str) -> bool) -> Option<f64> {
    let mut bounds = Vec::new();
    for (this, other, op) in [
        (&assertion.lhs, &assertion.rhs, assertion.op),
        (&assertion.rhs, &assertion.lhs, flipped(assertion.op)),
    ] {
        inside_goodput(this, among, &mut bounds);
        let mut leaves = Vec::new();
        let measured = compile(this, &mut leaves);
        let limit = compile(other, &mut Vec::new());
        let (Some((a, b, Some(leaf))), Some((_, limit, None))) =
            (measured.affine(), limit.affine())
        else {
            continue;
        };
        let Measured::Metric(m) = &leaves[leaf] else {
            continue;
        };
        let above = bounds_above(op) == (a > 0.0);
        if a != 0.0 && above && among(m.metric.name) {
            bounds.push((limit - b) / a / scale(m.metric.unit));
        }
    }
    bounds
        .into_iter()
        .filter(|b| *b > 0.0)
        .min_by(f64::total_cmp)
}

fn inside_goodput(expr: &Expr, among: fn(&str) -> bool, found: &mut Vec<f64>) {
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::Metric(_) => {}
        ExprKind::Call { function, .. } => {
            if let Function::Goodput(bounds) | Function::GoodputRate(bounds) = function {
                found.extend(
                    bounds
                        .iter()
                        .filter(|b| bounds_above(b.op) && among(b.metric.metric.name))
                        .map(|b| b.limit),
                );
            }
        }
        ExprKind::Neg(x) => inside_goodput(x, among, found),
        ExprKind::Binary { lhs, rhs, .. } => {
            inside_goodput(lhs, among, found);
            inside_goodput(rhs, among, found);
        }
    }
}
