//! Assertions judged again on a phase as it may have been, had the client been prompt.

use crate::metrics::{Unit, counts_failures};
use crate::suite::assertion::{Assertion, BinaryOp, CmpOp};

use super::assertion::Outcome;
use super::expression::{Measured, Node, bounds_above, compile, scale};
use super::input::JudgePhase;
use super::leaf::Leaf;
use super::measure::measure;
use super::prepared::{Prepared, index_of};
use super::verdict::Verdict;

/// An assertion's outcome on a phase as it may have been.
pub(super) struct Rejudged {
    pub outcome: Outcome,
    /// A higher rate in the phase brings what is observed closer to holding.
    pub helped_by_rates: bool,
}

impl Rejudged {
    /// Whether it fails, and would not if the phase's rates were `could` times as high.
    pub(super) fn would_reach(&self, could: f64) -> bool {
        let Outcome {
            observed,
            limit,
            op,
            verdict,
            ..
        } = &self.outcome;
        let reaches = observed.zip(*limit).is_some_and(|(x, limit)| match op {
            CmpOp::Gt | CmpOp::Ge => x * could >= limit,
            CmpOp::Lt | CmpOp::Le => x / could <= limit,
        });
        self.helped_by_rates && *verdict == Verdict::Fail && reaches
    }
}

/// Whether higher rates in the phase at `index` bring a resolved assertion closer to holding. What is
/// measured is taken to be positive.
pub(super) fn helped_by_rates(
    assertion: &Assertion,
    phases: &[JudgePhase<'_>],
    index: usize,
) -> bool {
    let mut leaves = Vec::new();
    let lhs = compile(&assertion.lhs, &mut leaves);
    let rhs = compile(&assertion.rhs, &mut leaves);
    let of_phase = |i: usize| {
        let leaf: &Measured = &leaves[i];
        let per_second = matches!(leaf.unit(), Unit::PerSecond | Unit::TokensPerSecond);
        per_second && index_of(leaf, phases) == Some(index)
    };
    let above = bounds_above(assertion.op);
    helps(&lhs, !above, &of_phase) || helps(&rhs, above, &of_phase)
}

/// Whether a leaf that `which` selects, when it grows, moves `node` up (or down, where not `up`).
fn helps(node: &Node, up: bool, which: &dyn Fn(usize) -> bool) -> bool {
    match node {
        Node::Constant(_) => false,
        Node::Leaf(i) => up && which(*i),
        Node::Neg(x) => helps(x, !up, which),
        Node::Binary(op, a, b) => {
            let alike = matches!(op, BinaryOp::Add | BinaryOp::Mul);
            helps(a, up, which) || helps(b, up == alike, which)
        }
    }
}

/// The least latency of the phase at `index` among those that `assertion` measures, in ms.
pub(super) fn least_latency(
    assertion: &Assertion,
    phases: &[JudgePhase<'_>],
    prepared: &[Prepared<'_>],
    index: usize,
) -> Option<f64> {
    let mut leaves = Vec::new();
    compile(&assertion.lhs, &mut leaves);
    compile(&assertion.rhs, &mut leaves);
    leaves
        .iter()
        .filter(|leaf| index_of(leaf, phases) == Some(index))
        .filter(|leaf| matches!(leaf, Measured::Metric(m) if counts_failures(m.metric.name)))
        .filter_map(|leaf| {
            let value = measure(leaf, &prepared[index]).ok();
            let value = value.as_ref().and_then(Leaf::point)? * scale(leaf.unit()) * 1e3;
            (value.is_finite() && value > 0.0).then_some(value)
        })
        .min_by(f64::total_cmp)
}
