use crate::metrics::{Direction, Unit};
use crate::result::{ChangeKind, RatioResult};
use crate::suite::Undecided;
use crate::suite::assertion::{Assertion, CmpOp, Function};

use super::assertion::{Outcome, Policy, decided_by_schedule};
use super::compare::{
    Comparison, Noise, Pairing, Rule, RunValue, Scale, Side, assumed_session_sd, compare,
};
use super::estimate::relative_variance;
use super::expression::{Measured, Node, bounds_above, compile, flipped, scale};
use super::leaf::{Leaf, Missing};
use super::measure::measure;
use super::prepared::{Prepared, index_of};
use super::scheduled::scheduled_twin;
use super::verdict::Verdict;
use super::words::{number, percent, quantity, signed};
use crate::judge::input::JudgePhase;

/// What a relative assertion depends on besides its text and the data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting<'a> {
    pub policy: Policy,
    /// Relative assertions of the suite.
    pub m: u32,
    /// The phases stand on a server each.
    pub apart: bool,
    /// What the suite says of the noise.
    pub noise: Noise,
    pub phases: &'a [JudgePhase<'a>],
    pub prepared: &'a [&'a Prepared<'a>],
}

/// Judges a resolved assertion over two measured phases or more: once per repeat, the repeats paired.
pub(super) fn judge_relative(
    assertion: &Assertion,
    about: &[usize],
    setting: Setting<'_>,
) -> Outcome {
    let written = as_written(assertion, about, setting);
    let open_loop = about.iter().all(|&i| setting.prepared[i].open_loop);
    match scheduled_twin(assertion) {
        Some(twin) if open_loop && written.verdict != Verdict::Error => {
            decided_by_schedule(written, as_written(&twin, about, setting))
        }
        _ => written,
    }
}

/// Both sides of an assertion, repeat by repeat.
struct Repeats {
    /// Left and right as written, in the unit they are shown in. `+∞`: unbounded.
    sides: Vec<(f64, f64)>,
    /// Relative variance that each repeat's own requests leave either side (NaN: not known).
    sampling: Vec<(f64, f64)>,
    sessions: Vec<u32>,
    /// Values behind it, over all repeats.
    n: u64,
    unbounded: Option<String>,
}

/// An assertion taken apart: `factor · left` is held against `right`, both without constant factors.
struct Claim {
    lhs: Node,
    rhs: Node,
    op: CmpOp,
    /// `left / right` is held against it.
    line: f64,
    /// How much worse than equal is tolerated, where the line is a margin.
    tolerance: Option<f64>,
}

fn as_written(assertion: &Assertion, about: &[usize], setting: Setting<'_>) -> Outcome {
    let mut leaves = Vec::new();
    let lhs = compile(&assertion.lhs, &mut leaves);
    let rhs = compile(&assertion.rhs, &mut leaves);
    let unit = assertion.unit();
    let claim = Claim::new(lhs, rhs, assertion.op, &leaves);
    let blank = Outcome::blank(claim.op, unit);
    let repeats = match repeats(&claim, &leaves, about, unit, setting) {
        Ok(repeats) => repeats,
        Err(reason) => {
            return Outcome {
                reason: Some(reason),
                ..blank
            };
        }
    };
    let differences = claim.lhs.subtracts() || claim.rhs.subtracts() || shares(&leaves);
    let above = bounds_above(claim.op);
    let values = |of: &dyn Fn(&(f64, f64)) -> f64, by: f64| -> Vec<RunValue> {
        let runs = repeats.sides.iter().zip(&repeats.sampling);
        runs.zip(&repeats.sessions)
            .map(|((sides, sampling), &session)| RunValue {
                session,
                value: of(sides) / by,
                sampling_var: of(sampling),
            })
            .collect()
    };
    let positive = repeats.sides.iter().all(|(l, r)| *l > 0.0 && *r > 0.0);
    let on_ratio = !differences && positive;
    // A margin is what is tolerated of a change from equal; any other line is held against directly.
    let margin = claim.tolerance.filter(|_| on_ratio);
    let operands = assertion.lhs.operands();
    let times = operands.iter().any(|o| o.unit() == Unit::Milliseconds);
    let rule = Rule {
        direction: if above {
            Direction::LowerIsBetter
        } else {
            Direction::HigherIsBetter
        },
        tolerance: margin.unwrap_or(0.0),
        absolute_floor: None,
        scale: if on_ratio {
            Scale::Ratio
        } else {
            Scale::Difference
        },
        pairing: if setting.apart {
            Pairing::TwoServers
        } else {
            Pairing::OneServer
        },
        m: setting.m,
        confidence: setting.policy.overall,
        look: setting.policy.look,
        assumed: assumed_session_sd(if times { Unit::Milliseconds } else { unit }),
    };
    let by = if margin.is_some() { claim.line } else { 1.0 };
    let left = values(&|s| s.0, 1.0);
    let right = values(&|s| s.1, by);
    let side = |runs| Side {
        runs,
        noise: setting.noise,
    };
    let found = compare(&side(&right), &side(&left), &rule);
    let observed = found.candidate;
    let limit = found.base.map(|x| x * by);
    let interval = found.interval.map(|end| {
        let end = end?;
        Some(match found.scale {
            Scale::Ratio => end * found.base?,
            Scale::Difference => end + limit?,
        })
    });
    let ratio = found.ratio.map(|r| {
        let bare = if margin.is_some() { 1.0 } else { claim.line };
        RatioResult {
            value: r * bare,
            interval: found.interval.map(|x| x.map(|x| x * bare)),
            limit: Some(claim.line),
        }
    });
    let mut outcome = Outcome {
        observed,
        limit,
        interval,
        ratio,
        n: Some(repeats.n),
        repeats: Some(u32::try_from(repeats.sides.len()).unwrap_or(u32::MAX)),
        open: found.open,
        to_settle: found.runs_to_settle,
        ..blank
    };
    let holds = observed
        .zip(limit)
        .is_some_and(|(o, l)| claim.op.holds(o, l));
    let all_unbounded = repeats.sides.len() >= 3
        && repeats
            .sides
            .iter()
            .all(|(l, r)| !l.is_finite() || !r.is_finite());
    let verdict = match found.change {
        // Nothing holds of what never came.
        _ if all_unbounded => Verdict::Fail,
        ChangeKind::Regressed => Verdict::Fail,
        ChangeKind::Improved | ChangeKind::WithinTolerance if holds => Verdict::Pass,
        // Exactly on the line, which `<` does not allow.
        ChangeKind::Improved | ChangeKind::WithinTolerance => Verdict::Fail,
        ChangeKind::Undecided | ChangeKind::NotComparable => Verdict::Undecided,
    };
    outcome.verdict = verdict;
    outcome.open &= !all_unbounded;
    let line = line(&outcome, &claim, &found, setting);
    if verdict != Verdict::Pass {
        let why = [found.reason.clone(), repeats.unbounded];
        let why: Vec<String> = why.into_iter().flatten().chain([line.clone()]).collect();
        outcome.reason = Some(why.join("; "));
    }
    outcome.line = Some(line);
    if verdict == Verdict::Undecided && setting.policy.undecided == Undecided::Fail {
        outcome.verdict = Verdict::Fail;
        if let Some(reason) = &mut outcome.reason {
            reason.push_str("; the suite says `undecided: fail`");
        }
    }
    outcome
}

/// How much worse than equal `assertion` tolerates, as a share, where its line is a margin.
pub(super) fn margin(assertion: &Assertion) -> Option<f64> {
    let mut leaves = Vec::new();
    let lhs = compile(&assertion.lhs, &mut leaves);
    let rhs = compile(&assertion.rhs, &mut leaves);
    Claim::new(lhs, rhs, assertion.op, &leaves).tolerance
}

/// Whether a share of requests that can well be 0 is compared.
fn shares(leaves: &[Measured]) -> bool {
    leaves.iter().any(|leaf| match leaf {
        Measured::Metric(m) => m.metric.unit == Unit::Ratio,
        Measured::Call(_, function) => {
            matches!(function, Function::Goodput(_) | Function::Check(_))
        }
    })
}

impl Claim {
    fn new(mut lhs: Node, mut rhs: Node, mut op: CmpOp, leaves: &[Measured]) -> Self {
        let constant = |node: &Node| matches!(node.affine(), Some((_, _, None)));
        if constant(&lhs) && !constant(&rhs) {
            std::mem::swap(&mut lhs, &mut rhs);
            op = flipped(op);
        }
        let ((by, left), (line, right)) = (lhs.factored(), rhs.factored());
        // `a / b <= 1.1` is `a <= 1.1 * b`.
        let (left, right, line) = match (&left, rhs.affine()) {
            (Node::Binary(crate::suite::assertion::BinaryOp::Div, a, b), Some((_, c, None)))
                if by > 0.0 =>
            {
                ((**a).clone(), (**b).clone(), c / by)
            }
            _ => (left, right, line / by),
        };
        let alike = match (&left, &right) {
            (Node::Leaf(a), Node::Leaf(b)) => same_but_phase(&leaves[*a], &leaves[*b]),
            _ => false,
        };
        let worse = if bounds_above(op) { line } else { 1.0 / line };
        Claim {
            lhs,
            rhs,
            op,
            line,
            tolerance: (alike && worse.is_finite() && worse > 1.0).then_some(worse - 1.0),
        }
    }
}

/// The same thing measured of two phases: that they are equal is what no change means.
fn same_but_phase(a: &Measured, b: &Measured) -> bool {
    match (a, b) {
        (Measured::Metric(a), Measured::Metric(b)) => {
            a.metric.name == b.metric.name && a.labels == b.labels && a.statistic == b.statistic
        }
        (Measured::Call(_, a), Measured::Call(_, b)) => a == b,
        _ => false,
    }
}

/// # Errors
/// What was not measured in some repeat, in words.
fn repeats(
    claim: &Claim,
    leaves: &[Measured],
    about: &[usize],
    unit: Unit,
    setting: Setting<'_>,
) -> Result<Repeats, String> {
    let runs = about.iter().map(|&i| setting.prepared[i].each.len());
    let k = runs.min().unwrap_or(0);
    let mut found = Repeats {
        sides: Vec::with_capacity(k),
        sampling: Vec::with_capacity(k),
        sessions: Vec::with_capacity(k),
        n: 0,
        unbounded: None,
    };
    for repeat in 0..k {
        let mut measured: Vec<Option<Leaf>> = Vec::with_capacity(leaves.len());
        let mut session = 0;
        for leaf in leaves {
            let phase = index_of(leaf, setting.phases).ok_or("a phase was not measured")?;
            let run = &setting.prepared[phase].each[repeat];
            session = run.phase.runs.first().map_or(0, |r| r.session);
            match measure(leaf, run) {
                Ok(leaf) => {
                    if leaf.point().is_some_and(f64::is_infinite) && found.unbounded.is_none() {
                        found.unbounded = leaf.unbounded_reason();
                    }
                    measured.push(Some(leaf));
                }
                Err(Missing::AllFailed(why)) => {
                    found.unbounded.get_or_insert(why);
                    measured.push(None);
                }
                Err(Missing::NotMeasured(why)) => {
                    let name = setting.phases[phase].name;
                    return Err(format!("{name}, repeat {}: {why}", repeat + 1));
                }
            }
        }
        let side = |node: &Node| {
            let mut unbounded = false;
            let coherent = node.value(&mut |i| {
                let leaf = measured[i].as_ref();
                let point = leaf.map_or(Some(f64::INFINITY), Leaf::point)?;
                unbounded |= point.is_infinite();
                Some(point * leaf.map_or(1.0, |l| scale(l.unit)))
            });
            match coherent {
                // Whatever is made of it: nothing is known of it.
                _ if unbounded => Ok(f64::INFINITY),
                Some(x) => Ok(x / scale(unit)),
                None => Err(format!(
                    "the expression has no value in repeat {} (a division by zero)",
                    repeat + 1
                )),
            }
        };
        found.sides.push((side(&claim.lhs)?, side(&claim.rhs)?));
        let sampling = |node: &Node| left_open(node, &measured, leaves, repeat, setting);
        let sampling = (sampling(&claim.lhs), sampling(&claim.rhs));
        found.sampling.push(sampling);
        found.sessions.push(session);
        found.n += measured.iter().flatten().map(|l| l.n).min().unwrap_or(0);
    }
    Ok(found)
}

/// Relative variance that the requests of repeat `repeat` leave the value of `node` (NaN: not known, as of
/// whatever is more than a multiple of one value).
fn left_open(
    node: &Node,
    measured: &[Option<Leaf>],
    leaves: &[Measured],
    repeat: usize,
    setting: Setting<'_>,
) -> f64 {
    let Some((_, 0.0, Some(i))) = node.affine() else {
        return f64::NAN;
    };
    let blocks = index_of(&leaves[i], setting.phases)
        .map(|phase| setting.prepared[phase].each[repeat].blocks.len());
    measured[i]
        .as_ref()
        .zip(blocks)
        .and_then(|(leaf, blocks)| relative_variance(leaf, blocks))
        .map_or(f64::NAN, |(_, variance)| variance)
}

/// Observed, other side, change with interval, tolerance, sample, verdict, and what would settle it.
fn line(outcome: &Outcome, claim: &Claim, found: &Comparison, setting: Setting<'_>) -> String {
    let shown =
        |x: Option<f64>| x.map_or_else(|| "unbounded".to_owned(), |x| quantity(x, outcome.unit));
    let mut parts = vec![format!(
        "observed {}, other side {}",
        shown(outcome.observed),
        shown(outcome.limit)
    )];
    let confidence = number(setting.policy.confidence * 100.0);
    match outcome.ratio {
        Some(r) => {
            let ends = match r.interval {
                [Some(lo), Some(hi)] => {
                    format!(" ({} to {} at {confidence} %)", number(lo), number(hi))
                }
                _ => String::new(),
            };
            parts.push(format!("ratio {}{ends}", number(r.value)));
            parts.push(match claim.tolerance {
                Some(t) => format!("tolerance {}", percent(rounded(t))),
                None => format!("to be {} {}", claim.op.symbol(), number(claim.line)),
            });
        }
        None => {
            if let [Some(lo), Some(hi)] = found.interval {
                parts.push(format!(
                    "difference {} to {} at {confidence} %",
                    signed(lo, outcome.unit),
                    signed(hi, outcome.unit)
                ));
            }
        }
    }
    let k = outcome.repeats.unwrap_or(0);
    parts.push(format!("{k} repeat{}", if k == 1 { "" } else { "s" }));
    if let super::compare::Basis::Assumed(sd) = found.session {
        parts.push(format!(
            "server starts assumed to differ by {}",
            percent(rounded(sd))
        ));
    }
    let mut text = format!("{}: {}", parts.join(", "), outcome.verdict.name());
    if outcome.verdict == Verdict::Undecided && outcome.open {
        match (found.runs_to_settle, found.sessions_to_settle) {
            (Some(n), _) => text.push_str(&format!(
                "; about {n} more repeat{} would settle it",
                if n == 1 { "" } else { "s" }
            )),
            (None, Some(n)) => text.push_str(&format!(
                "; more repeats would not settle it, about {n} more server start{} would",
                if n == 1 { "" } else { "s" }
            )),
            (None, None) => text.push_str("; no sane number of repeats would settle it"),
        }
    }
    text
}

fn rounded(share: f64) -> f64 {
    (share * 1e4).round() / 1e4
}
