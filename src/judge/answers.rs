use crate::metrics::{Availability, metric};
use crate::plan::{Answer, Found};
use crate::result::AnswerResult;
use crate::suite::Undecided;
use crate::suite::assertion::{Assertion, Operand};

use super::assertion::{Outcome, Policy};
use super::expression::bounds_above;
use super::verdict::Verdict;
use super::words::quantity;

/// Whether `assertion` is about answers of the whole case.
pub(super) fn is_about_answers(assertion: &Assertion) -> bool {
    assertion.operands().iter().any(is_answer)
}

/// Whether it is an answer of the whole case.
pub(super) fn is_answer(operand: &Operand<'_>) -> bool {
    matches!(operand, Operand::Metric(m) if matches!(m.metric.availability, Availability::Answer(_)))
}

/// An answer as results keep it, its bounds at `confidence`.
pub fn answer_result(answer: &Answer, confidence: f64) -> Option<AnswerResult> {
    let finite = |x: f64| Some(x).filter(|x| x.is_finite());
    Some(AnswerResult {
        name: answer.name.to_owned(),
        unit: metric(answer.name)?.unit,
        value: finite(answer.value),
        interval: [finite(answer.bounds.lower), finite(answer.bounds.upper)],
        confidence: Some(confidence),
    })
}

/// Which value of an answer stands for it.
#[derive(Clone, Copy)]
enum End {
    Value,
    Lower,
    Upper,
}

/// Judges an assertion over answers of the whole case, from the bounds of the answers: the outermost
/// that the expression has with each answer at one of its ends.
pub(super) fn judge_answers(
    assertion: &Assertion,
    found: Option<&Found>,
    policy: Policy,
) -> Outcome {
    let unit = assertion.unit();
    let blank = Outcome::blank(assertion.op, unit);
    let error = |reason: String| Outcome {
        reason: Some(reason),
        ..blank.clone()
    };
    let Some(found) = found else {
        return error("the case has no answers".to_owned());
    };
    if let Some(why) = &found.invalid {
        return Outcome {
            verdict: Verdict::Invalid,
            ..error(why.clone())
        };
    }
    let operands = assertion.operands();
    if operands.iter().any(|o| !is_answer(o)) {
        return error("an answer of the whole case is held against numbers only".to_owned());
    }
    let mut names: Vec<&str> = Vec::new();
    for operand in &operands {
        if let Operand::Metric(m) = operand
            && !names.contains(&m.metric.name)
        {
            names.push(m.metric.name);
        }
    }
    let answers: Result<Vec<&Answer>, &str> = names
        .iter()
        .map(|&name| found.answer(name).ok_or(name))
        .collect();
    let answers = match answers {
        Ok(answers) => answers,
        Err(name) => {
            let notes = match found.notes.as_slice() {
                [] => String::new(),
                notes => format!(": {}", notes.join("; ")),
            };
            return error(format!("`{name}` was not found{notes}"));
        }
    };
    // Each side, and their difference, with every answer at one of its ends.
    let at = |ends: &[End]| {
        let mut value = |operand: Operand<'_>| -> Result<f64, ()> {
            let Operand::Metric(m) = operand else {
                return Err(());
            };
            let (answer, end) = answers
                .iter()
                .zip(ends)
                .find(|(a, _)| a.name == m.metric.name)
                .ok_or(())?;
            Ok(match end {
                End::Value => answer.value,
                End::Lower => answer.bounds.lower,
                End::Upper => answer.bounds.upper,
            })
        };
        let sides = (
            assertion.lhs.evaluate(&mut value),
            assertion.rhs.evaluate(&mut value),
        );
        (sides.0.unwrap_or(f64::NAN), sides.1.unwrap_or(f64::NAN))
    };
    let (left, right) = at(&vec![End::Value; answers.len()]);
    let constant_left = assertion.lhs.kind.is_constant();
    let (observed, limit, op) = if constant_left {
        (right, left, super::expression::flipped(assertion.op))
    } else {
        (left, right, assertion.op)
    };
    let (mut lower, mut upper) = (observed, observed);
    for corner in 0..1_u32 << answers.len().min(16) {
        let ends: Vec<End> = (0..answers.len())
            .map(|i| {
                if corner >> i & 1 == 0 {
                    End::Lower
                } else {
                    End::Upper
                }
            })
            .collect();
        let (l, r) = at(&ends);
        let (one, other) = if constant_left { (r, l) } else { (l, r) };
        // Where both sides are found, what counts is how far apart they are.
        let value = limit + (one - other);
        lower = lower.min(value);
        upper = upper.max(value);
    }
    let holds = op.holds(observed, limit);
    let (far, near) = if bounds_above(op) {
        (upper, lower)
    } else {
        (lower, upper)
    };
    let clear = if holds {
        op.holds(far, limit)
    } else {
        !op.holds(near, limit)
    };
    let reason = (!clear).then(|| {
        format!(
            "the search cannot decide: the limit lies inside the interval {} to {}",
            quantity(lower, unit),
            quantity(upper, unit)
        )
    });
    let (verdict, borderline) = match (clear, policy.undecided, holds) {
        (true, _, true) => (Verdict::Pass, false),
        (true, _, false) | (false, Undecided::Fail, _) => (Verdict::Fail, false),
        (false, Undecided::Lean, true) => (Verdict::Pass, true),
        (false, Undecided::Lean, false) => (Verdict::Fail, true),
        (false, Undecided::Warn, _) => (Verdict::Undecided, false),
    };
    let finite = |x: f64| Some(x).filter(|x| x.is_finite());
    Outcome {
        verdict,
        borderline,
        reason,
        observed: finite(observed),
        limit: finite(limit),
        op,
        interval: [finite(lower), finite(upper)],
        ..blank
    }
}
