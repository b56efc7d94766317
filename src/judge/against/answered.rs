use std::collections::BTreeMap;

use crate::baseline::{AcceptedAnswer, AnswersBaseline};
use crate::judge::answers::answer_result;
use crate::judge::compare::AnswerSide;
use crate::judge::input::JudgeInput;
use crate::result::{AnswerResult, CaseResult};
use crate::suite::KindPlan;
use crate::suite::assertion::Expr;

/// What stands behind the answers of a case.
struct Behind<'a> {
    /// How exact a search was to be; absent where nothing was searched.
    precision: Option<f64>,
    /// Loads that were tried, and whether they held.
    path: Vec<(&'a str, f64, bool)>,
    /// Sessions of the runs of each phase.
    phases: Vec<(&'a str, Vec<u32>)>,
}

impl Behind<'_> {
    fn keep(
        &self,
        answers: &[AnswerResult],
        confidence: f64,
        identity: BTreeMap<String, String>,
    ) -> AnswersBaseline {
        let found = answers.iter().map(|a| {
            let kept = AcceptedAnswer {
                unit: a.unit,
                value: a.value,
                interval: a.interval,
            };
            (a.name.clone(), kept)
        });
        AnswersBaseline {
            identity,
            confidence,
            precision: self.precision,
            probes: (!self.path.is_empty()).then_some(self.path.len()),
            runs: self.phases.iter().map(|(_, runs)| runs.len()).sum(),
            sessions: self.sessions(),
            found: found.collect(),
        }
    }

    /// Server starts that the answers rest on. Of a search those of the highest load that held and of the
    /// lowest that did not: what a start in between was like moves its answer little.
    fn sessions(&self) -> usize {
        let held = self.path.iter().filter(|p| p.2);
        let broke = self.path.iter().filter(|p| !p.2);
        let bracket = [
            held.max_by(|a, b| a.1.total_cmp(&b.1)),
            broke.min_by(|a, b| a.1.total_cmp(&b.1)),
        ];
        let counts =
            |phase: &str| self.path.is_empty() || bracket.iter().flatten().any(|p| p.0 == phase);
        let counted = self.phases.iter().filter(|(name, _)| counts(name));
        let mut sessions: Vec<u32> = counted.flat_map(|(_, runs)| runs).copied().collect();
        sessions.sort_unstable();
        sessions.dedup();
        sessions.len()
    }
}

/// What a case answered as a whole, as a baseline keeps it; `None` where it answers nothing.
pub fn answers_of(
    case: &CaseResult,
    identity: BTreeMap<String, String>,
) -> Option<AnswersBaseline> {
    let confidence = case.answers.first()?.confidence?;
    let path = case.path.iter();
    let behind = Behind {
        precision: case.search.as_ref().map(|s| s.precision),
        path: path.map(|p| (p.phase.as_str(), p.level, p.held)).collect(),
        phases: case
            .phases
            .iter()
            .map(|p| (p.name.as_str(), p.runs.iter().map(|r| r.session).collect()))
            .collect(),
    };
    Some(behind.keep(&case.answers, confidence, identity))
}

/// The same of what is being judged.
///
/// # Errors
/// Why there are no answers, in words.
pub(super) fn answered_now(
    input: &JudgeInput<'_>,
    identity: BTreeMap<String, String>,
) -> Result<AnswersBaseline, String> {
    let found = input.found.ok_or("the case has no answers")?;
    let scenario = &input.case.scenario;
    let path = found.path.iter();
    let behind = Behind {
        precision: match &scenario.plan {
            KindPlan::Search(search) => Some(search.precision),
            _ => None,
        },
        path: path
            .map(|p| (p.phase.as_str(), p.level, p.held.counts()))
            .collect(),
        phases: input
            .phases
            .iter()
            .map(|p| (p.name, p.runs.iter().map(|r| r.session).collect()))
            .collect(),
    };
    let answers = found.answers.iter();
    let answers: Vec<AnswerResult> = answers
        .filter_map(|a| answer_result(a, scenario.confidence))
        .collect();
    Ok(behind.keep(&answers, scenario.confidence, identity))
}

/// One answer of `from` as a side of a comparison; `None` where it has none of that name.
pub(super) fn side_of(from: &AnswersBaseline, name: &str) -> Option<AnswerSide> {
    let answer = from.found.get(name)?;
    let [lower, upper] = answer.interval;
    Some(AnswerSide {
        value: answer.value.unwrap_or(f64::INFINITY),
        bounds: [
            lower.unwrap_or(f64::NEG_INFINITY),
            upper.unwrap_or(f64::INFINITY),
        ],
        confidence: from.confidence,
        precision: from.precision,
        sessions: from.sessions,
        runs: from.runs,
    })
}

/// `expr`, which is about one answer, with that answer at its value and at its bounds.
///
/// # Errors
/// When it is about something else than one answer, in words.
pub(super) fn valued(expr: &Expr, side: AnswerSide) -> Result<AnswerSide, String> {
    let mut at = |x: f64| {
        let value: Result<f64, ()> = expr.evaluate(&mut |_| Ok(x));
        value.unwrap_or(f64::NAN)
    };
    let value = at(side.value);
    let mut bounds = side.bounds.map(&mut at);
    if bounds[0] > bounds[1] {
        bounds.swap(0, 1);
    }
    if expr.operands().len() != 1 {
        return Err("an answer is compared with the baseline by itself, or times a factor".into());
    }
    Ok(AnswerSide {
        value,
        bounds,
        ..side
    })
}
