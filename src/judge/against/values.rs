use crate::baseline::{BaselineFile, ExtraValues, PastNoise, STATISTICS, is_kept, key_of};
use crate::judge::answers::is_answer;
use crate::judge::compare::{Known, Noise, RunValue};
use crate::judge::estimate::relative_variance;
use crate::judge::expression::Measured;
use crate::judge::input::{JudgeInput, JudgePhase};
use crate::judge::leaf::Missing;
use crate::judge::measure::measure;
use crate::judge::prepared::Prepared;
use crate::plan::Case;
use crate::suite::AssumedNoise;
use crate::suite::assertion::{Expr, ExprKind, Operand};

use super::claims::{Claim, claims, phase_name};

/// Runs of the phases that were measured, each by itself.
pub(super) struct Now<'a> {
    phases: &'a [JudgePhase<'a>],
}

impl<'a> Now<'a> {
    pub fn new(phases: &'a [JudgePhase<'a>]) -> Self {
        Now { phases }
    }

    /// The phase that `operand` is of.
    ///
    /// # Errors
    /// When it was not measured.
    fn phase(&self, operand: &Operand<'_>) -> Result<&'a JudgePhase<'a>, String> {
        match (phase_name(operand), self.phases) {
            (None, [only]) => Ok(only),
            (None, _) => Err("the phase is not named, and the case has several".to_owned()),
            (Some(name), phases) => phases
                .iter()
                .find(|p| p.name == name)
                .ok_or_else(|| format!("phase `{name}` was not measured")),
        }
    }

    /// Phases of `expr`, each once.
    pub fn phases_of(&self, expr: &Expr) -> Result<Vec<&'a JudgePhase<'a>>, String> {
        let mut found: Vec<&JudgePhase<'_>> = Vec::new();
        for operand in expr.operands() {
            let phase = self.phase(&operand)?;
            if !found.iter().any(|f| f.name == phase.name) {
                found.push(phase);
            }
        }
        Ok(found)
    }

    /// The value of `expr`, run by run.
    ///
    /// # Errors
    /// What was not measured.
    pub fn values(&self, expr: &Expr) -> Result<Vec<RunValue>, String> {
        let phases = self.phases_of(expr)?;
        let runs = phases.iter().map(|p| p.runs.len()).min().unwrap_or(0);
        let first = phases.first().ok_or("the assertion measures nothing")?;
        (0..runs)
            .map(|i| {
                let mut open = Vec::new();
                let value = expr.evaluate::<String>(&mut |operand| {
                    let (value, left_open) = self.of_run(&operand, i)?;
                    open.push(left_open);
                    Ok(value)
                })?;
                Ok(RunValue {
                    session: first.runs[i].session,
                    value: or_missing(value),
                    // Of what is made of several values it is not known.
                    sampling_var: match open.as_slice() {
                        [one]
                            if matches!(expr.kind, ExprKind::Metric(_) | ExprKind::Call { .. }) =>
                        {
                            *one
                        }
                        _ => f64::NAN,
                    },
                })
            })
            .collect()
    }

    /// The value in one run, and the relative variance that the run's own requests leave it (NaN: not known).
    fn of_run(&self, operand: &Operand<'_>, run: usize) -> Result<(f64, f64), String> {
        let phase = self.phase(operand)?;
        let one = JudgePhase {
            runs: &phase.runs[run..=run],
            ..*phase
        };
        let measured = match operand {
            Operand::Metric(m) => Measured::Metric((*m).clone()),
            Operand::Call { phase, function } => {
                Measured::Call(phase.cloned(), (*function).clone())
            }
        };
        let prepared = Prepared::new(&one);
        match measure(&measured, &prepared) {
            Ok(leaf) => {
                let value = leaf.point().unwrap_or(f64::NAN);
                let known = relative_variance(&leaf, prepared.blocks.len());
                Ok((value, known.map_or(f64::NAN, |(_, variance)| variance)))
            }
            // Slower than everything.
            Err(Missing::AllFailed(_)) => Ok((f64::INFINITY, f64::NAN)),
            Err(Missing::NotMeasured(why)) => Err(format!("run {}: {why}", run + 1)),
        }
    }
}

/// Infinities that expressions make of unbounded values, whatever their sign, are unbounded; what is no
/// number is missing.
fn or_missing(value: f64) -> f64 {
    if value.is_infinite() {
        f64::INFINITY
    } else {
        value
    }
}

/// Why the accepted baseline has no such value.
pub(super) enum NotThere {
    /// The suite asserts something that was not kept when it was accepted.
    NotKept(String),
}

/// The value of `expr` in the accepted runs.
pub(super) fn accepted_values(expr: &Expr, file: &BaselineFile) -> Result<Vec<RunValue>, NotThere> {
    let of = |operand: &Operand<'_>| {
        let phase = match phase_name(operand) {
            Some(name) => file.phase(&name),
            None => file.phases.first(),
        };
        let (metric, statistic) = key_of(operand);
        let values = phase.and_then(|p| p.accepted.values(&metric, &statistic));
        values.zip(phase).ok_or_else(|| {
            NotThere::NotKept(format!("the accepted baseline has no `{}`", shown(operand)))
        })
    };
    let operands = expr.operands();
    let first = operands
        .first()
        .ok_or_else(|| NotThere::NotKept(String::new()))?;
    let (_, phase) = of(first)?;
    let mut runs = phase.accepted.runs();
    for operand in &operands {
        runs = runs.min(of(operand)?.0.len());
    }
    (0..runs)
        .map(|i| {
            let value = expr.evaluate(&mut |operand| {
                of(&operand).map(|(values, _)| values[i].unwrap_or(f64::NAN))
            })?;
            Ok(RunValue {
                session: phase.accepted.sessions.get(i).copied().unwrap_or(0),
                value: or_missing(value),
                sampling_var: f64::NAN,
            })
        })
        .collect()
}

pub(super) fn shown(operand: &Operand<'_>) -> String {
    match operand {
        Operand::Metric(m) => m.to_string(),
        Operand::Call { function, .. } => function.to_string(),
    }
}

/// What is known of the noise of `expr` beside its runs: what the suite says, else what earlier accepted
/// measurements show (sessions from three on). Of expressions over several values nothing is known.
pub(super) fn noise(expr: &Expr, file: &BaselineFile, said: &AssumedNoise) -> Noise {
    let operands = expr.operands();
    let [operand] = operands.as_slice() else {
        return Noise {
            session: said.session.map(given),
            ..Noise::default()
        };
    };
    let (metric, statistic) = key_of(operand);
    let phase = match phase_name(operand) {
        Some(name) => file.phase(&name),
        None => file.phases.first(),
    };
    let past = phase.map_or_else(PastNoise::default, |p| p.past_noise(&metric, &statistic));
    let said = said.of(&shown(operand));
    let learned = |pooled: crate::baseline::Pooled| {
        pooled.sd().map(|sd| Known {
            sd,
            freedom: pooled.freedom() as f64,
        })
    };
    Noise {
        run: said.run.map(given).or_else(|| learned(past.runs)),
        session: said
            .session
            .map(given)
            .or_else(|| learned(past.sessions).filter(|k| k.freedom >= 2.0)),
        means: None,
    }
}

fn given(sd: f64) -> Known {
    Known {
        sd,
        freedom: f64::INFINITY,
    }
}

/// Values of the phase called `phase` that the case compares with its baseline and that not every
/// baseline has, run by run.
pub fn asserted_values(case: &Case, phases: &[JudgePhase<'_>], phase: &str) -> Vec<ExtraValues> {
    let now = Now::new(phases);
    let mut found: Vec<ExtraValues> = Vec::new();
    let input = JudgeInput::new(case, phases);
    let named = |claim: Claim| claim.named(&input).ok();
    for claim in claims(&case.scenario).into_iter().filter_map(named) {
        for operand in claim.then.operands() {
            if is_answer(&operand) {
                continue;
            }
            let (metric, statistic) = key_of(&operand);
            let of_phase = now.phase(&operand).is_ok_and(|p| p.name == phase);
            let kept = matches!(&operand, Operand::Metric(m) if m.labels.is_empty() && is_kept(m.metric))
                && (statistic == "value" || STATISTICS.contains(&statistic.as_str()));
            let known = found
                .iter()
                .any(|f| f.metric == metric && f.statistic == statistic);
            if !of_phase || kept || known {
                continue;
            }
            let unit = match &operand {
                Operand::Metric(m) => m.metric.unit,
                Operand::Call { function, .. } => function.unit(),
            };
            let runs = phases
                .iter()
                .find(|p| p.name == phase)
                .map_or(0, |p| p.runs.len());
            let values = (0..runs).map(|i| {
                let value = now.of_run(&operand, i).ok().map(|(value, _)| value);
                value.filter(|v| v.is_finite())
            });
            found.push(ExtraValues {
                metric,
                statistic,
                unit,
                values: values.collect(),
            });
        }
    }
    found
}
