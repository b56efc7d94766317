use crate::metrics::{Availability, PhaseSamples, Unit, metric};
use crate::plan::WARM;
use crate::suite::assertion::{
    Assertion, BinaryOp, Expr, ExprKind, Function, Level, LevelName, MetricRef, PhaseRef, Quantity,
};

use super::input::{JudgeInput, JudgePhase};

/// `assertion` with every phase by its name as measured: levels found (`at(first)` and the like),
/// `speedup(n)` and `efficiency(n)` written out. A case of one phase needs no names.
///
/// # Errors
/// A phase that was not measured, in words.
pub(super) fn resolved(assertion: &Assertion, input: &JudgeInput<'_>) -> Result<Assertion, String> {
    let mut resolved = assertion.clone();
    rewrite(&mut resolved.lhs, input)?;
    rewrite(&mut resolved.rhs, input)?;
    Ok(resolved)
}

/// The same of one expression.
///
/// # Errors
/// As [`resolved`].
pub(super) fn rewrite(expr: &mut Expr, input: &JudgeInput<'_>) -> Result<(), String> {
    let written_out = match &mut expr.kind {
        ExprKind::Number(_) => return Ok(()),
        // It is of no phase.
        ExprKind::Metric(m) if matches!(m.metric.availability, Availability::Answer(_)) => {
            return Ok(());
        }
        ExprKind::Metric(m) => {
            if m.phase.is_none() && matches!(m.metric.availability, Availability::OfKind(_)) {
                m.phase = Some(PhaseRef::Named(WARM.to_owned()));
            }
            return place(&mut m.phase, input);
        }
        ExprKind::Neg(x) => return rewrite(x, input),
        ExprKind::Binary { lhs, rhs, .. } => {
            rewrite(lhs, input)?;
            return rewrite(rhs, input);
        }
        ExprKind::Call { phase, function } => match function {
            Function::Speedup(n) => over_first(*n, false, input)?,
            Function::Efficiency(n) => over_first(*n, true, input)?,
            _ => return place(phase, input),
        },
    };
    expr.kind = written_out;
    Ok(())
}

fn place(phase: &mut Option<PhaseRef>, input: &JudgeInput<'_>) -> Result<(), String> {
    let Some(reference) = phase else {
        return match input.phases.len() {
            0 => Err("nothing was measured".to_owned()),
            1 => Ok(()),
            _ => Err("the phase is not named, and the case has several".to_owned()),
        };
    };
    *phase = Some(PhaseRef::Named(name_of(reference, input)?));
    Ok(())
}

fn name_of(reference: &PhaseRef, input: &JudgeInput<'_>) -> Result<String, String> {
    let phases = input.phases;
    let found = match reference {
        PhaseRef::Named(name) => phases.iter().find(|p| p.name == name),
        PhaseRef::Baseline(_) => return Err("there is no baseline".to_owned()),
        PhaseRef::At(Level::Count(n)) => at(phases, *n as f64, Some(false)),
        PhaseRef::At(Level::Rate(rate)) => at(phases, *rate, Some(true)),
        PhaseRef::At(Level::Name(LevelName::First)) => levels(phases).first().map(|l| l.1),
        PhaseRef::At(Level::Name(LevelName::Last)) => levels(phases).last().map(|l| l.1),
        PhaseRef::At(Level::Name(LevelName::Knee)) => match input.knee {
            Some(knee) => phases.iter().find(|p| p.name == knee),
            None => return Err("no knee was found: more load kept bringing more".to_owned()),
        },
    };
    found
        .map(|p| p.name.to_owned())
        .ok_or_else(|| match reference {
            PhaseRef::Named(name) => format!("phase `{name}` was not measured"),
            _ if levels(phases).is_empty() => "levels of a sweep were not measured".to_owned(),
            _ => format!("level `{reference}` was not measured"),
        })
}

/// `at(8)` → 8, `at(2.5/s)` → 2.5: the level that a phase is named after, and whether it is a rate.
pub(super) fn level_of(name: &str) -> Option<(f64, bool)> {
    let inside = name.strip_prefix("at(")?.strip_suffix(')')?;
    let (number, rate) = match inside.strip_suffix("/s") {
        Some(number) => (number, true),
        None => (inside, false),
    };
    let level: f64 = number.parse().ok()?;
    level.is_finite().then_some((level, rate))
}

/// Levels with their phases, the lowest first.
fn levels<'a, 'b>(phases: &'b [JudgePhase<'a>]) -> Vec<(f64, &'b JudgePhase<'a>)> {
    let mut levels: Vec<_> = phases
        .iter()
        .filter_map(|p| Some((level_of(p.name)?.0, p)))
        .collect();
    levels.sort_by(|a, b| a.0.total_cmp(&b.0));
    levels
}

fn at<'a, 'b>(
    phases: &'b [JudgePhase<'a>],
    level: f64,
    rate: Option<bool>,
) -> Option<&'b JudgePhase<'a>> {
    let close = |x: f64| (x - level).abs() <= 1e-9 * level.abs();
    phases.iter().find(|p| {
        level_of(p.name).is_some_and(|(x, is_rate)| close(x) && rate.is_none_or(|r| r == is_rate))
    })
}

/// `X(n) / X(first)`, for the efficiency also divided by `n / first`. `X` is the output tokens per second,
/// or the answers per second where nobody knows the tokens of some level.
fn over_first(n: f64, efficiency: bool, input: &JudgeInput<'_>) -> Result<ExprKind, String> {
    let levels = levels(input.phases);
    let (Some(&(first, lowest)), Some(level)) = (levels.first(), at(input.phases, n, None)) else {
        return Err(format!("level `at({n})` was not measured"));
    };
    let tokens = levels.iter().all(|(_, p)| has_tokens(p));
    let name = if tokens {
        "tokens_per_second"
    } else {
        "throughput"
    };
    let of = |phase: &JudgePhase<'_>| -> Result<Box<Expr>, String> {
        Ok(made(ExprKind::Metric(MetricRef {
            phase: Some(PhaseRef::Named(phase.name.to_owned())),
            metric: metric(name).ok_or_else(|| format!("there is no metric `{name}`"))?,
            labels: Vec::new(),
            statistic: None,
        })))
    };
    let speedup = ExprKind::Binary {
        op: BinaryOp::Div,
        lhs: of(level)?,
        rhs: of(lowest)?,
    };
    if !efficiency {
        return Ok(speedup);
    }
    Ok(ExprKind::Binary {
        op: BinaryOp::Div,
        lhs: made(speedup),
        rhs: made(ExprKind::Number(Quantity {
            value: n / first,
            unit: Some(Unit::Ratio),
        })),
    })
}

fn made(kind: ExprKind) -> Box<Expr> {
    Box::new(Expr { kind, span: 0..0 })
}

fn has_tokens(phase: &JudgePhase<'_>) -> bool {
    let samples = PhaseSamples::new(phase.runs, phase.interrupted);
    samples
        .runs
        .iter()
        .all(|run| run.output_tokens(&[]).is_some_and(|t| !t.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_of_a_sweep_are_named_after_their_level() {
        assert_eq!(level_of("at(8)"), Some((8.0, false)));
        assert_eq!(level_of("at(2.5/s)"), Some((2.5, true)));
        for name in ["main", "at(knee)", "at(8", "8", "at(inf)"] {
            assert_eq!(level_of(name), None, "{name}");
        }
    }
}
