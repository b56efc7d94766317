use crate::metrics::Unit;
use crate::result::{AssertionKind, AssertionResult, RatioResult, Source, Warning};
use crate::suite::assertion::{Assertion, BinaryOp, CmpOp};
use crate::suite::{Location, Snippet, Undecided};

use super::between_runs::{FEWEST as FEWEST_TO_DIFFER, OfRun, widened};
use super::compare::Look;
use super::decide::decide;
use super::estimate::{Estimate, Method, NoValue, REPLICATES, estimate, value_and_variance};
use super::expression::{Measured, Node, bounds_above, compile, flipped, scale};
use super::leaf::{Leaf, LeafData, Missing};
use super::measure::measure;
use super::prepared::Prepared;
use super::scheduled::scheduled_twin;
use super::verdict::Verdict;
use super::words::{number, quantity};

/// How an assertion is to be decided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    /// One-sided, at this look.
    pub confidence: f64,
    /// One-sided, of all looks together.
    pub overall: f64,
    pub look: Look,
    pub undecided: Undecided,
    pub seed: u64,
}

/// An assertion's outcome, before it is known whether the phase is valid.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub verdict: Verdict,
    pub reason: Option<String>,
    pub observed: Option<f64>,
    pub limit: Option<f64>,
    pub op: CmpOp,
    pub unit: Unit,
    pub interval: [Option<f64>; 2],
    pub borderline: bool,
    pub n: Option<u64>,
    /// More data could settle what the interval leaves open.
    pub open: bool,
    /// Of relative ones.
    pub repeats: Option<u32>,
    pub ratio: Option<RatioResult>,
    pub to_settle: Option<u32>,
    pub line: Option<String>,
    /// Samples too small for what is asserted.
    pub warning: Option<Warning>,
}

impl Outcome {
    /// Nothing is known, which is an error until it is.
    pub(super) fn blank(op: CmpOp, unit: Unit) -> Self {
        Outcome {
            verdict: Verdict::Error,
            reason: None,
            observed: None,
            limit: None,
            op,
            unit,
            interval: [None, None],
            borderline: false,
            n: None,
            open: false,
            repeats: None,
            ratio: None,
            to_settle: None,
            line: None,
            warning: None,
        }
    }
}

/// Judges `assertion` over one phase. In open loop the latencies counted from when requests were due
/// decide where they lead to another verdict.
pub(super) fn judge(assertion: &Assertion, phase: &Prepared<'_>, policy: Policy) -> Outcome {
    let written = judge_as_written(assertion, phase, policy);
    if !phase.open_loop || written.verdict == Verdict::Error {
        return written;
    }
    let Some(twin) = scheduled_twin(assertion) else {
        return written;
    };
    decided_by_schedule(written, judge_as_written(&twin, phase, policy))
}

/// Of an assertion as written and the same counted from when requests were due: the second where the two
/// lead to different verdicts.
pub(super) fn decided_by_schedule(written: Outcome, scheduled: Outcome) -> Outcome {
    if scheduled.verdict == written.verdict || scheduled.verdict == Verdict::Error {
        return written;
    }
    let shown = |o: &Outcome| match o.observed {
        Some(x) => quantity(x, o.unit),
        None => "unbounded".to_owned(),
    };
    let mut reason = format!(
        "counted from when requests were due it is {}, and that decides (from when they were sent: {}, {})",
        shown(&scheduled),
        shown(&written),
        written.verdict.name()
    );
    if let Some(more) = &scheduled.reason {
        reason = format!("{reason}; {more}");
    }
    Outcome {
        reason: Some(reason),
        ..scheduled
    }
}

fn judge_as_written(assertion: &Assertion, phase: &Prepared<'_>, policy: Policy) -> Outcome {
    let mut leaves = Vec::new();
    let mut lhs = compile(&assertion.lhs, &mut leaves);
    let mut rhs = compile(&assertion.rhs, &mut leaves);
    let unit = assertion.unit();
    let mut op = assertion.op;
    // What is measured stands on the left: `500ms > ttft.p99` is `ttft.p99 < 500ms`.
    if matches!(lhs.affine(), Some((_, _, None))) && !matches!(rhs.affine(), Some((_, _, None))) {
        std::mem::swap(&mut lhs, &mut rhs);
        op = flipped(op);
    }
    let blank = Outcome {
        limit: constant(&rhs, unit),
        ..Outcome::blank(op, unit)
    };
    let mut measured = Vec::with_capacity(leaves.len());
    for leaf in &leaves {
        match measure(leaf, phase) {
            Ok(leaf) => measured.push(leaf),
            Err(Missing::NotMeasured(reason)) => {
                return Outcome {
                    reason: Some(reason),
                    ..blank
                };
            }
            Err(Missing::AllFailed(reason)) => {
                return Outcome {
                    verdict: Verdict::Fail,
                    reason: Some(reason),
                    n: Some(phase.samples.len() as u64),
                    ..blank
                };
            }
        }
    }
    let method = Method {
        confidence: policy.confidence,
        seed: policy.seed ^ fingerprint(&assertion.text),
        blocks: phase.blocks.len(),
        replicates: REPLICATES,
    };
    let spread = |estimated: Result<Estimate, NoValue>, node: &Node| {
        let values = of_runs(node, &leaves, phase, unit, method.seed);
        estimated.map(|e| match values {
            Some(values) => widened(e, &values, policy.confidence),
            None => e,
        })
    };
    // Against a constant the left side is estimated; where both sides are measured, their difference,
    // since they come from the same requests.
    let (estimated, limit) = match constant(&rhs, unit) {
        Some(limit) => (spread(estimate(&lhs, &measured, unit, method), &lhs), limit),
        None => {
            let right = estimate(
                &rhs,
                &measured,
                unit,
                Method {
                    blocks: 0,
                    ..method
                },
            );
            let difference = Node::Binary(BinaryOp::Sub, Box::new(lhs.clone()), Box::new(rhs));
            let estimated = spread(estimate(&difference, &measured, unit, method), &difference);
            match (right, estimated) {
                (Ok(right), Ok(difference)) if right.point.is_finite() => {
                    (Ok(shifted(difference, right.point)), right.point)
                }
                (Err(e), _) | (_, Err(e)) => (Err(e), f64::NAN),
                (Ok(_), Ok(_)) => (Err(unbounded(&measured)), f64::NAN),
            }
        }
    };
    let estimated = match estimated {
        Ok(e) if e.point.is_infinite() => Err(unbounded(&measured)),
        other => other,
    };
    match estimated {
        Err(NoValue::Undefined) => Outcome {
            reason: Some("the expression has no value here (a division by zero)".to_owned()),
            ..blank
        },
        // Nothing holds of what never came.
        Err(NoValue::Unbounded(why)) => Outcome {
            verdict: Verdict::Fail,
            reason: Some(why),
            n: measured.iter().map(|l| l.n).min(),
            interval: lower_of(&lhs, &measured, unit, method),
            ..blank
        },
        Ok(estimate) => {
            let decision = decide(&estimate, op, limit, unit, policy.undecided);
            let too_few = too_few(assertion, &measured, &leaves, op, policy.confidence);
            let holds = op.holds(estimate.point, limit);
            Outcome {
                // What even twice the sample could not prove stays as it is.
                open: decision.open && !too_few.as_ref().is_some_and(|t| holds && t.by_far),
                verdict: decision.verdict,
                reason: decision.reason,
                observed: Some(estimate.point),
                limit: Some(limit),
                interval: [
                    Some(estimate.bounds.lower).filter(|x| x.is_finite()),
                    Some(estimate.bounds.upper).filter(|x| x.is_finite()),
                ],
                borderline: decision.borderline,
                n: (estimate.n > 0).then_some(estimate.n),
                warning: too_few.map(|t| t.warning),
                ..blank
            }
        }
    }
}

/// The value of every run by itself. `None`: there are too few runs, or one has no value.
fn of_runs(
    node: &Node,
    leaves: &[Measured],
    phase: &Prepared<'_>,
    unit: Unit,
    seed: u64,
) -> Option<Vec<OfRun>> {
    if phase.each.len() < FEWEST_TO_DIFFER {
        return None;
    }
    phase
        .each
        .iter()
        .map(|run| {
            let measured: Vec<Leaf> = leaves
                .iter()
                .map(|leaf| measure(leaf, run).ok())
                .collect::<Option<_>>()?;
            let (value, sampling) =
                value_and_variance(node, &measured, unit, run.blocks.len(), seed)?;
            Some(OfRun { value, sampling })
        })
        .collect()
}

/// What is known of an unbounded value from below.
fn lower_of(node: &Node, leaves: &[Leaf], unit: Unit, method: Method) -> [Option<f64>; 2] {
    let lower = match (node, estimate(node, leaves, unit, method)) {
        (Node::Leaf(_), Ok(e)) => Some(e.bounds.lower).filter(|x| x.is_finite()),
        _ => None,
    };
    [lower, None]
}

fn unbounded(leaves: &[Leaf]) -> NoValue {
    let why = leaves.iter().find_map(Leaf::unbounded_reason);
    NoValue::Unbounded(why.unwrap_or_else(|| "the value is unbounded".to_owned()))
}

fn constant(node: &Node, unit: Unit) -> Option<f64> {
    match node.affine() {
        // Times went into seconds and come back: what was typed is meant, not its last bit.
        Some((_, value, None)) => {
            let back = value / scale(unit);
            let rounded = (back * 1e9).round() / 1e9;
            Some(if (rounded - back).abs() <= back.abs() * 1e-14 {
                rounded
            } else {
                back
            })
        }
        _ => None,
    }
}

fn shifted(mut e: Estimate, by: f64) -> Estimate {
    e.point += by;
    e.bounds.lower += by;
    e.bounds.upper += by;
    e
}

/// A sample that is too small for what is asserted.
struct TooFew {
    warning: Warning,
    /// Twice as many would be too few, too.
    by_far: bool,
}

/// A quantile that no sample of this size could prove.
fn too_few(
    assertion: &Assertion,
    measured: &[Leaf],
    leaves: &[Measured],
    op: CmpOp,
    confidence: f64,
) -> Option<TooFew> {
    leaves.iter().zip(measured).find_map(|(what, leaf)| {
        let LeafData::Quantile {
            q,
            independent: Some(own),
            ..
        } = &leaf.data
        else {
            return None;
        };
        let share = if bounds_above(op) { *q } else { 1.0 - *q };
        let needed = ((1.0 - confidence).ln() / share.ln()).ceil();
        let Measured::Metric(m) = what else {
            return None;
        };
        let warning = || Warning {
            text: format!(
                "`{}` cannot be proven: {} of {} requests, worth {} independent ones, are here, and p{} takes {} at least",
                assertion.text,
                m.metric.name,
                leaf.n,
                number(own.effective.floor()),
                number(q * 100.0),
                number(needed)
            ),
            remedy: "raise `requests` or `duration`, or assert a quantile further from the end"
                .to_owned(),
        };
        (own.effective < needed).then(|| TooFew {
            warning: warning(),
            by_far: 2.0 * own.effective < needed,
        })
    })
}

/// FNV-1a: gives every assertion resamples of its own, whichever others there are.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl Outcome {
    /// For `summary.json`.
    pub(super) fn into_result(
        self,
        text: &str,
        location: &Location,
        implicit: bool,
        confidence: f64,
    ) -> AssertionResult {
        let margin = match (self.observed, self.limit) {
            (Some(observed), Some(limit)) if limit != 0.0 => {
                let below = (limit - observed) / limit.abs();
                Some(if bounds_above(self.op) { below } else { -below })
            }
            _ => None,
        };
        AssertionResult {
            text: text.to_owned(),
            source: source_of(location),
            implicit,
            verdict: self.verdict,
            reason: self.reason,
            observed: self.observed,
            limit: self.limit,
            op: self.op.symbol().to_owned(),
            unit: self.unit,
            margin,
            interval: self.interval,
            confidence,
            borderline: self.borderline,
            kind: AssertionKind::Absolute,
            n: self.n,
            open: self.open && !implicit,
            repeats: self.repeats,
            ratio: self.ratio,
            tells: None,
            repeats_to_settle: self.to_settle,
            line: self.line,
        }
    }
}

/// A place in a suite, as reports need it.
pub fn source_of(location: &Location) -> Source {
    let place = Snippet::of(location);
    Source {
        file: place.file,
        line: place.line,
        column: Some(place.column),
        length: (place.length > 0).then_some(place.length),
        text: Some(place.text),
    }
}
