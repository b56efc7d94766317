use std::sync::Arc;

use crate::metrics::Unit;
use crate::plan::{BoundSeen, Case, Held};
use crate::result::AssertionResult;
use crate::suite::{KindPlan, SlaAssertion, Undecided};

use super::case::judge_at;
use super::compare::Look;
use super::input::{JudgeInput, JudgePhase};
use super::verdict::Verdict;

/// The one-sided 95 % quantile of the normal distribution: what an interval is taken to be of.
const Z: f64 = 1.645;
/// Standard error of a distance where there is no interval.
const UNKNOWN_ERROR: f64 = 0.5;
/// What a bound says that stands for a queue without end.
const QUEUE: &str = "a queue that does not grow";

/// How the bounds of a search stand at one load, whose runs are those of `phases`; or why they tell
/// nothing. The bound of errors and a queue that must not grow are two of them.
///
/// # Errors
/// Why the runs prove nothing: the client was the limit, or what is bounded was not measured.
pub fn bounds_at(
    case: &Case,
    subject_to: &[SlaAssertion],
    phases: &[JudgePhase<'_>],
    look: Look,
) -> Result<Vec<BoundSeen>, String> {
    let mut scenario = (*case.scenario).clone();
    scenario.sla = subject_to.to_vec();
    scenario.plan = KindPlan::One;
    // What the data cannot decide is what is asked for here.
    scenario.undecided = Undecided::Lean;
    let probe = Case {
        scenario: Arc::new(scenario),
        ..case.clone()
    };
    let judged = judge_at(JudgeInput::new(&probe, phases), look);
    let mut seen = Vec::new();
    let stopped = phases
        .iter()
        .any(|p| p.runs.iter().any(|run| run.stopped.is_some()));
    for assertion in &judged.assertions {
        if matches!(assertion.verdict, Verdict::Error | Verdict::Invalid) {
            if stopped {
                // The load is too high whatever there would have been to measure.
                seen.push(unknown(assertion));
                continue;
            }
            let why = assertion.reason.clone().unwrap_or_default();
            return Err(format!("`{}`: {why}", assertion.text));
        }
        seen.push(bound(assertion));
    }
    let grows = judged
        .reason
        .as_ref()
        .is_some_and(|why| why.starts_with("overloaded"));
    let grows = grows || stopped;
    seen.push(BoundSeen {
        text: QUEUE.to_owned(),
        held: if grows { Held::No } else { Held::Yes },
        // Only which side of its limit it lies on is known of a queue.
        distance: if grows { 0.1 } else { -5.0 },
        error: 0.0,
    });
    Ok(seen)
}

fn unknown(a: &AssertionResult) -> BoundSeen {
    BoundSeen {
        text: a.text.clone(),
        held: Held::Rather,
        distance: 0.0,
        error: UNKNOWN_ERROR,
    }
}

fn bound(a: &AssertionResult) -> BoundSeen {
    let above = a.op.starts_with('<');
    let observed = a.observed.unwrap_or(f64::INFINITY);
    let limit = a.limit.unwrap_or(f64::NAN);
    let distance = |x: f64| {
        let sign = if above { 1.0 } else { -1.0 };
        if a.unit != Unit::Ratio && x > 0.0 && limit > 0.0 {
            sign * (x / limit).ln()
        } else {
            // Of shares what counts is how many are on the wrong side.
            let scale = if above { limit } else { 1.0 - limit };
            sign * (x - limit) / scale.abs().max(1e-3)
        }
    };
    let at = distance(observed);
    let ends = a
        .interval
        .map(|end| end.map(distance).filter(|d| d.is_finite()));
    let error = match ends {
        [Some(lower), Some(upper)] => (upper - lower).abs() / (2.0 * Z),
        [Some(end), None] | [None, Some(end)] if at.is_finite() => (end - at).abs() / Z,
        _ => UNKNOWN_ERROR,
    };
    let beyond = at > 0.0;
    // Nobody wrote the error bound as a claim to be proven at every load: what was observed decides it.
    let open = (a.borderline || a.open) && !a.implicit;
    let held = match (a.verdict, open) {
        (Verdict::Pass, false) => Held::Yes,
        (Verdict::Fail, false) => Held::No,
        _ if beyond => Held::RatherNot,
        _ => Held::Rather,
    };
    BoundSeen {
        text: a.text.clone(),
        held,
        distance: at,
        error,
    }
}
