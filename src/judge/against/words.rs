use crate::baseline::AnswersBaseline;
use crate::judge::compare::{Basis, Comparison, RunValue, Scale};
use crate::judge::words::{number, quantity};
use crate::metrics::Unit;
use crate::result::ChangeKind;

use super::claims::Claim;

/// A change in one line: how much, how sure, against what, what is tolerated, on how much data, and what
/// would settle it.
pub(super) fn line(
    claim: &Claim,
    found: &Comparison,
    base: &[RunValue],
    candidate: &[RunValue],
) -> String {
    let sample = format!("{} against {}", sample(candidate), sample(base));
    put_together(claim, found, sample)
}

/// The same of an answer of the whole case.
pub(super) fn line_of_answer(
    claim: &Claim,
    found: &Comparison,
    now: &AnswersBaseline,
    then: &AnswersBaseline,
) -> String {
    let sample = format!("{} against {}", now.sample(), then.sample());
    put_together(claim, found, sample)
}

fn put_together(claim: &Claim, found: &Comparison, sample: String) -> String {
    let mut parts = Vec::new();
    if let Some(change) = change(found, claim.unit) {
        parts.push(change);
    }
    let tolerated = match (claim.tolerance, claim.floor) {
        (t, Some(floor)) if t > 0.0 => format!("{} and {}", share(t), amount(floor, claim.unit)),
        (t, None) if t > 0.0 => share(t),
        (_, Some(floor)) => amount(floor, claim.unit),
        _ => "nothing".to_owned(),
    };
    parts.push(format!("tolerated is {tolerated}"));
    parts.push(sample);
    match found.session {
        Basis::Assumed(sd) => parts.push(format!(
            "server starts are assumed to differ by {} (`noise:`, `prony calibrate`)",
            share(sd)
        )),
        Basis::Known(sd) => parts.push(format!("server starts differ by {}", share(sd))),
        Basis::Measured | Basis::Cancels => {}
    }
    if let Some(reason) = &found.reason {
        parts.push(reason.clone());
    }
    if let Some(settle) = to_settle(found) {
        parts.push(settle);
    }
    parts.join("; ")
}

/// What is expected to settle what is open: `about 4 more runs would settle it`.
pub(super) fn to_settle(found: &Comparison) -> Option<String> {
    if found.change != ChangeKind::Undecided {
        return None;
    }
    let s = |n: u32| if n == 1 { "" } else { "s" };
    match (found.runs_to_settle, found.sessions_to_settle) {
        (Some(n), _) => Some(format!("about {n} more run{} would settle it", s(n))),
        (None, Some(n)) => Some(format!(
            "about {n} more server start{} would settle it",
            s(n)
        )),
        (None, None) => None,
    }
}

fn change(found: &Comparison, unit: Unit) -> Option<String> {
    let base = found.base?;
    let of = |x: f64| match found.scale {
        Scale::Ratio => signed((x - 1.0) * 100.0, " %"),
        Scale::Difference => difference(x, unit),
    };
    let value = match found.scale {
        Scale::Ratio => found.ratio?,
        Scale::Difference => found.candidate? - base,
    };
    let interval = match found.interval {
        [Some(lo), Some(hi)] => format!(" ({} to {})", of(lo), of(hi)),
        _ => String::new(),
    };
    Some(format!(
        "{}{interval} against {} accepted",
        of(value),
        quantity(base, unit)
    ))
}

fn difference(x: f64, unit: Unit) -> String {
    match unit {
        Unit::Ratio => signed(x * 100.0, " points"),
        unit => {
            let sign = if x < 0.0 { "−" } else { "+" };
            format!("{sign}{}", quantity(x.abs(), unit))
        }
    }
}

fn signed(x: f64, unit: &str) -> String {
    let sign = if x < 0.0 { "−" } else { "+" };
    format!("{sign}{}{unit}", number(x.abs()))
}

fn share(x: f64) -> String {
    format!("{} %", number(x * 100.0))
}

fn amount(x: f64, unit: Unit) -> String {
    match unit {
        Unit::Ratio => format!("{} points", number(x * 100.0)),
        unit => quantity(x, unit),
    }
}

fn sample(runs: &[RunValue]) -> String {
    let mut sessions: Vec<u32> = runs.iter().map(|r| r.session).collect();
    sessions.sort_unstable();
    sessions.dedup();
    let s = |n: usize| if n == 1 { "" } else { "s" };
    format!(
        "{} run{} in {} session{}",
        runs.len(),
        s(runs.len()),
        sessions.len(),
        s(sessions.len())
    )
}
