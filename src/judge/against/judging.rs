use crate::baseline::{BaselineFile, differences, not_comparable};
use crate::judge::answers::is_answer;
use crate::judge::compare::{
    AnswerSide, Comparison, Known, Look, Pairing, Rule, Scale, Side, assumed_session_sd, compare,
    compare_answers,
};
use crate::judge::input::{JudgeInput, Judged};
use crate::judge::verdict::Verdict;
use crate::judge::{judge_at, source_of};
use crate::metrics::{Direction, Unit};
use crate::result::{
    AssertionKind, AssertionResult, BaselineResult, BaselineStanding, Change, ChangeKind,
    RatioResult,
};
use crate::suite::assertion::Operand;
use crate::suite::{KindPlan, Undecided};

use super::accepted::accepted_latencies;
use super::answered::{answered_now, side_of, valued};
use super::claims::{Claim, claims};
use super::input::{AcceptedInput, NoBaseline};
use super::values::{NotThere, Now, accepted_values, noise};
use super::words::{line, line_of_answer};

/// What became of a case, its baseline included.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgedAgainst {
    /// Verdicts, assertions over baselines in their places among the others.
    pub judged: Judged,
    /// What changed.
    pub baseline: BaselineResult,
}

/// The verdict of a case that is compared with accepted results: [`judge_at`], and every comparison with
/// the baseline beside it.
///
/// Pure: a function of the plan, of the accepted baseline and of this case's records.
pub fn judge_against(
    input: JudgeInput<'_>,
    look: Look,
    accepted: AcceptedInput<'_>,
) -> JudgedAgainst {
    let mut judged = judge_at(input, look);
    let mut baseline = BaselineResult {
        identity: identity(
            &accepted,
            matches!(input.case.scenario.plan, KindPlan::Search(_)),
        ),
        changes: Vec::new(),
        standing: BaselineStanding::Compared,
        reason: None,
        file: None,
        candidate: None,
        accepted: accepted_latencies(&accepted),
    };
    match accepted.accepted {
        Err(NoBaseline::Missing(reason)) => {
            baseline.standing = BaselineStanding::Missing;
            baseline.reason = Some(reason.clone());
        }
        Err(NoBaseline::NotComparable(reason)) => {
            baseline.standing = BaselineStanding::NotComparable;
            baseline.reason = Some(reason.clone());
        }
        Ok(_) => {}
    }
    let invalid = judged
        .assertions
        .iter()
        .find(|a| a.verdict == Verdict::Invalid)
        .map(|a| a.reason.clone().unwrap_or_default());
    let interrupted = input.phases.iter().any(|p| p.interrupted);
    let judging = Judging {
        input,
        look,
        accepted,
    };
    let (mut in_sla, mut rules) = (Vec::new(), Vec::new());
    for claim in claims(&input.case.scenario) {
        let (mut result, change) = judging.judge(&claim);
        if let Some(why) = &invalid {
            result.verdict = Verdict::Invalid;
            result.open = false;
            result.reason = Some(why.clone());
        } else if interrupted && result.verdict == Verdict::Pass {
            result.verdict = Verdict::Undecided;
            result.reason = Some("the run was interrupted before its window was full".to_owned());
        }
        if change.change == ChangeKind::NotComparable
            && baseline.standing == BaselineStanding::Compared
        {
            baseline.standing = BaselineStanding::NotComparable;
            baseline.reason.clone_from(&change.reason);
        }
        baseline.changes.push(change);
        match claim.sla {
            Some(index) => in_sla.push((index, result)),
            None => rules.push(result),
        }
    }
    merge(&mut judged, in_sla, rules);
    JudgedAgainst { judged, baseline }
}

/// The assertions in the order of the suite: those of `sla:`, those of `baseline:`, prony's own.
fn merge(judged: &mut Judged, in_sla: Vec<(usize, AssertionResult)>, rules: Vec<AssertionResult>) {
    let before = judged.verdict;
    for (index, result) in in_sla {
        // Whatever stands there could not judge it.
        match judged.assertions.get_mut(index) {
            Some(place) if !place.implicit && place.text == result.text => *place = result,
            _ => judged
                .assertions
                .insert(index.min(judged.assertions.len()), result),
        }
    }
    let own = judged.assertions.iter().position(|a| a.implicit);
    let at = own.unwrap_or(judged.assertions.len());
    judged.assertions.splice(at..at, rules);
    let overloaded = before == Verdict::Fail
        && judged
            .reason
            .as_deref()
            .is_some_and(|r| r.starts_with("overloaded"));
    if overloaded {
        return;
    }
    let verdict = judged
        .assertions
        .iter()
        .map(|a| a.verdict)
        .reduce(Verdict::and)
        .unwrap_or(Verdict::Error);
    if verdict == before && !of_baseline(judged, verdict) {
        return;
    }
    judged.verdict = verdict;
    let mut decisive = judged.assertions.iter().filter(|a| a.verdict == verdict);
    judged.reason = decisive
        .next()
        .filter(|_| verdict != Verdict::Pass)
        .map(|first| {
            let more = match decisive.count() {
                0 => String::new(),
                n => format!(" (and {n} more)"),
            };
            match &first.reason {
                // One condition of the phase makes them all invalid.
                Some(reason) if verdict == Verdict::Invalid => reason.clone(),
                Some(reason) => format!("{}: {reason}{more}", first.text),
                None => format!("{}{more}", first.text),
            }
        });
}

/// Whether the first assertion of that verdict is one over a baseline.
fn of_baseline(judged: &Judged, verdict: Verdict) -> bool {
    let first = judged.assertions.iter().find(|a| a.verdict == verdict);
    first.is_some_and(|a| a.kind == AssertionKind::Relative)
}

fn identity(
    accepted: &AcceptedInput<'_>,
    searched: bool,
) -> std::collections::BTreeMap<String, String> {
    let several = accepted.identities.len() > 1;
    // The loads of a search are no part of what was asked.
    if searched {
        return accepted.answers.clone();
    }
    let all = accepted.identities.iter().flat_map(|(phase, identity)| {
        identity.iter().map(move |(key, value)| {
            let key = if several {
                format!("{phase}.{key}")
            } else {
                key.clone()
            };
            (key, value.clone())
        })
    });
    all.collect()
}

struct Judging<'a> {
    input: JudgeInput<'a>,
    look: Look,
    accepted: AcceptedInput<'a>,
}

impl Judging<'_> {
    fn judge(&self, claim: &Claim) -> (AssertionResult, Change) {
        let named = claim.named(&self.input).map_err(NotCompared::Error);
        let about_answers = claim.now.operands().iter().any(is_answer);
        let compared = named.and_then(|named| {
            if about_answers {
                self.answers_compared(&named)
            } else {
                self.compared(&named)
            }
        });
        match compared {
            Ok((found, change, line)) => {
                let verdict = match found.change {
                    ChangeKind::Regressed => Verdict::Fail,
                    ChangeKind::Improved | ChangeKind::WithinTolerance => Verdict::Pass,
                    ChangeKind::Undecided | ChangeKind::NotComparable => self.undecided(),
                };
                let result = self.result(claim, verdict, Some((&found, &change)), line);
                (result, change)
            }
            Err(NotCompared::Error(reason)) => {
                let change = blank_change(claim, ChangeKind::NotComparable, &reason);
                (self.result(claim, Verdict::Error, None, reason), change)
            }
            Err(NotCompared::Nothing(reason)) => {
                let change = blank_change(claim, ChangeKind::NotComparable, &reason);
                (self.result(claim, Verdict::Undecided, None, reason), change)
            }
        }
    }

    /// What becomes of a change that the data cannot decide.
    fn undecided(&self) -> Verdict {
        match self.input.case.scenario.undecided {
            Undecided::Fail => Verdict::Fail,
            Undecided::Lean | Undecided::Warn => Verdict::Undecided,
        }
    }

    fn compared(&self, claim: &Claim) -> Result<(Comparison, Change, String), NotCompared> {
        let file = self
            .accepted
            .accepted
            .map_err(|e| NotCompared::Nothing(e.reason().to_owned()))?;
        let now = Now::new(self.input.phases);
        let phases = now.phases_of(&claim.now).map_err(NotCompared::Error)?;
        for phase in phases {
            self.same(file, phase.name)?;
        }
        let candidate = now.values(&claim.now).map_err(NotCompared::Error)?;
        let mut base = accepted_values(&claim.then, file).map_err(|NotThere::NotKept(what)| {
            NotCompared::Nothing(format!("not comparable ({what}; accept a new one)"))
        })?;
        for run in &mut base {
            run.value *= claim.factor;
        }
        let noise = noise(&claim.then, file, &self.input.case.scenario.noise);
        // Shares can well be 0, and what is asked of them is in points.
        let rule = self.rule(claim, claim.unit == Unit::Ratio && claim.tolerance <= 0.0);
        let side = |runs| Side { runs, noise };
        let found = compare(&side(&base), &side(&candidate), &rule);
        let line = line(claim, &found, &base, &candidate);
        let values = |runs: &[crate::judge::RunValue]| -> Vec<Option<f64>> {
            let all = runs.iter().map(|r| Some(r.value).filter(|v| v.is_finite()));
            all.collect()
        };
        let change = change_of(claim, &found, [values(&base), values(&candidate)], &line);
        Ok((found, change, line))
    }

    /// The same of an answer of the whole case, from the intervals of the two.
    fn answers_compared(&self, claim: &Claim) -> Result<(Comparison, Change, String), NotCompared> {
        let file = self
            .accepted
            .accepted
            .map_err(|e| NotCompared::Nothing(e.reason().to_owned()))?;
        let identity = self.accepted.answers;
        let now = answered_now(&self.input, identity.clone()).map_err(NotCompared::Error)?;
        let name = match claim.now.operands().first() {
            Some(Operand::Metric(m)) => m.metric.name,
            _ => return Err(NotCompared::Error("it names no answer".to_owned())),
        };
        let candidate = side_of(&now, name).ok_or_else(|| {
            let notes = self.input.found.map_or(&[][..], |f| f.notes.as_slice());
            let why: String = notes.iter().flat_map(|n| [": ", n.as_str()]).collect();
            NotCompared::Error(format!("`{name}` was not found{why}"))
        })?;
        let missing = |what: String| {
            NotCompared::Nothing(format!("not comparable ({what}; accept a new one)"))
        };
        let then = file
            .answers
            .as_ref()
            .ok_or_else(|| missing("the accepted baseline has no answers".to_owned()))?;
        let different = differences(&then.identity, identity);
        if !different.is_empty() {
            return Err(NotCompared::Nothing(not_comparable(&different)));
        }
        let base = side_of(then, name)
            .ok_or_else(|| missing(format!("the accepted baseline has no `{name}`")))?;
        let candidate = valued(&claim.now, candidate).map_err(NotCompared::Error)?;
        let mut base = valued(&claim.then, base).map_err(NotCompared::Error)?;
        base.value *= claim.factor;
        base.bounds = base.bounds.map(|b| b * claim.factor);
        let said = self.input.case.scenario.noise.of(name).session;
        let session = said.map(|sd| Known {
            sd,
            freedom: f64::INFINITY,
        });
        // What can well be 0 is compared in its own unit.
        let in_its_unit = claim.floor.is_some() || claim.unit == Unit::Ratio;
        let rule = self.rule(claim, claim.tolerance <= 0.0 && in_its_unit);
        let mut found = compare_answers(&base, &candidate, session, &rule);
        // The repeats of a search are none: it would have to be asked for more.
        let searched = now.probes.is_some();
        found.open = found.change == ChangeKind::Undecided && !searched && base.value.is_finite();
        let line = line_of_answer(claim, &found, &now, then);
        let one = |side: AnswerSide| vec![Some(side.value).filter(|v| v.is_finite())];
        let change = change_of(claim, &found, [one(base), one(candidate)], &line);
        Ok((found, change, line))
    }

    /// How `claim` is decided; as differences rather than as ratios.
    fn rule(&self, claim: &Claim, differences: bool) -> Rule {
        Rule {
            direction: claim.direction,
            tolerance: claim.tolerance,
            absolute_floor: claim.floor,
            scale: if differences {
                Scale::Difference
            } else {
                Scale::Ratio
            },
            pairing: Pairing::None,
            m: self.input.case.relative_in_suite.max(1),
            confidence: self.input.case.scenario.confidence,
            look: self.look,
            assumed: assumed_session_sd(claim.unit),
        }
    }

    /// # Errors
    /// When the phase called `name` was something else when it was accepted.
    fn same(&self, file: &BaselineFile, name: &str) -> Result<(), NotCompared> {
        let Some(phase) = file.phase(name) else {
            return Err(NotCompared::Nothing(format!(
                "not comparable (the accepted baseline has no phase `{name}`; accept a new one)"
            )));
        };
        let empty = std::collections::BTreeMap::new();
        let now = self.accepted.identities.get(name).unwrap_or(&empty);
        let different = differences(&phase.identity, now);
        if different.is_empty() {
            return Ok(());
        }
        Err(NotCompared::Nothing(not_comparable(&different)))
    }

    fn result(
        &self,
        claim: &Claim,
        verdict: Verdict,
        found: Option<(&Comparison, &Change)>,
        line: String,
    ) -> AssertionResult {
        let scenario = &self.input.case.scenario;
        let comparison = found.map(|(comparison, _)| comparison);
        let base = comparison.and_then(|f| f.base);
        let limit =
            base.map(|base| limit(claim, base, comparison.map_or(Scale::Ratio, |f| f.scale)));
        let observed = comparison.and_then(|f| f.candidate);
        let margin = match (observed, limit) {
            (Some(observed), Some(limit)) if limit != 0.0 => {
                let below = (limit - observed) / limit.abs();
                Some(if claim.direction == Direction::HigherIsBetter {
                    -below
                } else {
                    below
                })
            }
            _ => None,
        };
        let word = comparison.map(|f| f.change.name());
        let word = match verdict {
            // The reason says it in these words already.
            Verdict::Error | Verdict::Invalid => None,
            _ => word,
        };
        AssertionResult {
            text: claim.text.clone(),
            source: source_of(&claim.location),
            implicit: false,
            verdict,
            reason: Some(match word {
                Some(word) => format!("{word}: {line}"),
                None => line.clone(),
            }),
            observed,
            limit,
            op: claim.op.symbol().to_owned(),
            unit: claim.unit,
            margin,
            interval: comparison.map_or([None, None], |f| {
                f.interval.map(|end| {
                    let (end, base) = (end?, f.base?);
                    Some(match f.scale {
                        Scale::Ratio => end * base,
                        Scale::Difference => base + end,
                    })
                })
            }),
            confidence: scenario.confidence,
            borderline: false,
            kind: AssertionKind::Relative,
            n: None,
            open: comparison.is_some_and(|f| f.open),
            repeats: comparison.and_then(|f| u32::try_from(f.runs[1]).ok()),
            ratio: comparison.and_then(|f| {
                f.ratio.map(|value| RatioResult {
                    value,
                    interval: f.interval,
                    limit: limit.zip(base).map(|(limit, base)| limit / base),
                })
            }),
            tells: None,
            repeats_to_settle: comparison.and_then(|f| f.runs_to_settle),
            line: Some(line),
        }
    }
}

/// How far the value may go.
fn limit(claim: &Claim, base: f64, scale: Scale) -> f64 {
    let floor = claim.floor.unwrap_or(0.0);
    let sign = if claim.direction == Direction::HigherIsBetter {
        -1.0
    } else {
        1.0
    };
    match scale {
        Scale::Difference => base + sign * floor.max(claim.tolerance * base.abs()),
        Scale::Ratio => {
            let ratio = (1.0 + claim.tolerance).max(1.0 + floor / base);
            if sign > 0.0 {
                base * ratio
            } else {
                base / ratio
            }
        }
    }
}

/// A change as results keep it: the accepted values and those of this run, and what `line` says of them.
fn change_of(
    claim: &Claim,
    found: &Comparison,
    [accepted, observed]: [Vec<Option<f64>>; 2],
    line: &str,
) -> Change {
    Change {
        metric: claim.now.to_string(),
        change: found.change,
        ratio: found.ratio,
        interval: match found.scale {
            Scale::Ratio => found.interval,
            Scale::Difference => [None, None],
        },
        tolerance: (claim.tolerance > 0.0).then_some(claim.tolerance),
        floor: claim.floor,
        unit: Some(claim.unit),
        accepted: found.base,
        observed: found.candidate,
        accepted_runs: accepted,
        observed_runs: observed,
        reason: Some(line.to_owned()),
    }
}

enum NotCompared {
    /// Nothing was measured of what is compared.
    Error(String),
    /// There is nothing to compare with.
    Nothing(String),
}

fn blank_change(claim: &Claim, change: ChangeKind, reason: &str) -> Change {
    Change {
        metric: claim.now.to_string(),
        change,
        ratio: None,
        interval: [None, None],
        tolerance: (claim.tolerance > 0.0).then_some(claim.tolerance),
        floor: claim.floor,
        unit: Some(claim.unit),
        accepted: None,
        observed: None,
        accepted_runs: Vec::new(),
        observed_runs: Vec::new(),
        reason: Some(reason.to_owned()),
    }
}
