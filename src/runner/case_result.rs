use std::borrow::Cow;
use std::collections::BTreeMap;

use super::assemble::MeasuredPhase;
use super::baselines::CaseBaseline;
use super::context::Context;
use super::live::shown;
use super::noise::noise_of;
use crate::calibrate::{Basis, tells};
use crate::judge::{JudgeInput, JudgePhase, Verdict, answer_result, judge_at, source_of, swept};
use crate::plan::{Answer, Case, Evidence, Extended, Found, Look, PhasePlan, Probe, Role};
use crate::result::{
    CaseResult, ClientHealth, ExtensionResult, KnownIssueResult, LoadResult, Metrics, PhaseResult,
    ProbeResult, RequestCounts, SearchResult, TellsResult, TokenLengths, Warning,
};
use crate::stats::Bounds;
use crate::suite::{KindPlan, LoadShape};
use crate::text::Redactor;

/// The result of a case that ran: measured phases and what the judge says of them.
pub fn judged(
    case: &Case,
    phases: &[MeasuredPhase],
    evidence: &Evidence,
    against: Option<(&CaseBaseline, &Context)>,
) -> CaseResult {
    let mut result = blank(case, Verdict::Error);
    result.phases = phases.iter().map(MeasuredPhase::result).collect();
    if phases.iter().any(|p| p.interrupted) {
        result.reason =
            Some("interrupted: what was measured is kept, nothing was judged".to_owned());
        return result;
    }
    let inputs: Vec<JudgePhase<'_>> = phases.iter().map(MeasuredPhase::judged).collect();
    let swept = swept(case, &inputs);
    let found = swept.as_ref().map(|s| &s.found).or(evidence.found.as_ref());
    let found = found.map(|found| per_gpu(found, case.scenario.target.gpus));
    let found = found.as_ref();
    let input = JudgeInput {
        knee: swept.as_ref().and_then(|s| s.knee.as_deref()),
        found,
        ..JudgeInput::new(case, &inputs)
    };
    let judged = match against {
        Some((baseline, context)) => {
            let model = |name: Option<&str>| model_of(case, phases, name);
            let against = baseline.judge(input, context, evidence.look, model);
            result.baseline = Some(against.baseline);
            against.judged
        }
        None => judge_at(input, evidence.look),
    };
    if let Some(found) = found {
        let confidence = case.scenario.confidence;
        let answers = found.answers.iter();
        result.answers = answers
            .filter_map(|a| answer_result(a, confidence))
            .collect();
        result.path = found.path.iter().map(probe).collect();
        result.notes.extend(found.notes.iter().cloned());
    }
    if let (Some(_), Some(also)) = (&swept, &evidence.found) {
        result.notes.extend(also.notes.iter().cloned());
    }
    if let Some(knee) = swept.as_ref().and_then(|s| s.knee.as_ref()) {
        result.notes.push(format!("the knee is `{knee}`"));
    }
    for (phase, noise) in result
        .phases
        .iter_mut()
        .zip(noise_of(case, &inputs, evidence.look))
    {
        phase.noise = noise;
    }
    result.extended = evidence.extended.as_ref().map(extension);
    result.verdict = judged.verdict;
    result.reason = judged.reason;
    result.assertions = judged.assertions;
    tell(case, &mut result, evidence.look);
    for (phase, warning) in judged.warnings {
        if let Some(phase) = result.phases.get_mut(phase) {
            phase.warnings.push(warning);
        }
    }
    result
}

/// Says of every assertion what the measurement tells, by what it itself varies by.
fn tell(case: &Case, result: &mut CaseResult, look: Look) {
    for tells in tells(case, Basis::Itself(result, look)) {
        let Some(told) = tells.told.filter(|t| t.smallest_change.is_some()) else {
            continue;
        };
        let mut all = result.assertions.iter_mut();
        if let Some(assertion) = all.find(|a| !a.implicit && a.text == tells.asked.text) {
            assertion.tells = Some(TellsResult {
                smallest_change: told.smallest_change,
                tolerance: told.tolerance,
                repeats_for_tolerance: told.repeats_for_tolerance,
                sessions_for_tolerance: told.sessions_for_tolerance,
                text: told.to_string(),
            });
        }
    }
}

/// What was found, and the same for each GPU where their number is known.
fn per_gpu(found: &Found, gpus: Option<u32>) -> Found {
    let mut all = found.clone();
    let pairs = [
        ("capacity", "capacity_per_gpu"),
        ("saturation", "saturation_per_gpu"),
    ];
    for (name, per_gpu) in pairs {
        if let (Some(answer), Some(gpus)) = (found.answer(name), gpus) {
            let by = |x: f64| x / f64::from(gpus);
            all.answers.push(Answer {
                name: per_gpu,
                value: by(answer.value),
                bounds: Bounds {
                    lower: by(answer.bounds.lower),
                    upper: by(answer.bounds.upper),
                },
            });
        }
    }
    all
}

/// What a case looks for, where it is a search.
fn searched(case: &Case) -> Option<SearchResult> {
    let KindPlan::Search(search) = &case.scenario.plan else {
        return None;
    };
    Some(SearchResult {
        asked: search.asked(),
        precision: search.precision,
    })
}

/// A load that a search tried.
fn probe(p: &Probe) -> ProbeResult {
    ProbeResult {
        phase: p.phase.clone(),
        level: p.level,
        held: p.held.counts(),
        decided: !p.held.is_open(),
        runs: p.runs,
        broke: p.broke.clone(),
        throughput: p.throughput,
        stopped: p.stopped.clone(),
    }
}

/// The model that the target called `name` was asked for.
pub fn model_of(case: &Case, phases: &[MeasuredPhase], name: Option<&str>) -> Option<String> {
    let at = |p: &&MeasuredPhase| {
        let plan = case.phases.iter().find(|plan| plan.name == p.name);
        plan.and_then(PhasePlan::target_name) == name
    };
    phases.iter().find(at).and_then(|p| p.model.clone())
}

/// That, and why, more was measured than planned.
fn extension(extended: &Extended) -> ExtensionResult {
    let texts = |confirm: bool| {
        let some = extended.why.iter().filter(|open| open.confirm == confirm);
        let quoted: Vec<String> = some.map(|open| format!("`{}`", open.text)).collect();
        quoted
    };
    let mut why = Vec::new();
    let (undecided, failing) = (texts(false), texts(true));
    if !undecided.is_empty() {
        why.push(format!(
            "the data could not decide {}",
            undecided.join(", ")
        ));
    }
    if !failing.is_empty() {
        why.push(format!(
            "{} is confirmed before it fails",
            failing.join(", ")
        ));
    }
    let why = why.join(", and ");
    let s = if extended.repeats == 1 { "" } else { "s" };
    let text = match (extended.repeats, &extended.short) {
        (0, Some(short)) => format!("not measured on, although {why}: {short}"),
        (n, None) => format!("measured on by {n} repeat{s}, because {why}"),
        (n, Some(short)) => format!("measured on by {n} repeat{s}, because {why}; {short}"),
    };
    ExtensionResult {
        repeats: extended.repeats,
        because_of: extended.why.iter().map(|open| open.text.clone()).collect(),
        text,
    }
}

/// The result of a case whose target died after it had been ready.
pub fn died(case: &Case, phases: &[MeasuredPhase], how: &str) -> CaseResult {
    CaseResult {
        reason: Some(how.to_owned()),
        phases: phases.iter().map(MeasuredPhase::result).collect(),
        ..blank(case, Verdict::Fail)
    }
}

/// The result of a case that could not be measured to its end; what there is of it is kept.
pub fn broken_off(case: &Case, phases: &[MeasuredPhase], reason: &str) -> CaseResult {
    CaseResult {
        phases: phases.iter().map(MeasuredPhase::result).collect(),
        ..not_measured(case, reason)
    }
}

/// Something went wrong after the case was judged: it is an error, unless it is worse.
pub fn also_error(result: &mut CaseResult, reason: String) {
    let verdict = result.verdict.and(Verdict::Error);
    if verdict == result.verdict {
        result.notes.push(reason);
    } else {
        result.verdict = verdict;
        result.reason = Some(reason);
    }
}

/// The result of a case that could not be measured.
pub fn not_measured(case: &Case, reason: &str) -> CaseResult {
    CaseResult {
        reason: Some(reason.to_owned()),
        ..blank(case, Verdict::Error)
    }
}

/// The result of a case that was not run.
pub fn skipped(case: &Case, reason: &str) -> CaseResult {
    CaseResult {
        reason: Some(reason.to_owned()),
        ..blank(case, Verdict::Skipped)
    }
}

/// Says what the case's known issue, if it has one, makes of its result on the day `today`.
pub fn note_known_issue(case: &Case, result: &mut CaseResult, today: jiff::civil::Date) {
    let Some(issue) = &case.scenario.known_issue else {
        return;
    };
    if today > issue.until {
        result.notes.push(format!(
            "the known issue {} has no effect any more: its last day was {}",
            issue.url, issue.until
        ));
        return;
    }
    if result.verdict == Verdict::Pass
        && let Some(phase) = result.phases.first_mut()
    {
        phase.warnings.push(Warning {
            text: format!("the case passes although it has a known issue: {}", issue.url),
            remedy: "if the issue is solved, take `known_issue` away, so that it cannot hide the next failure".to_owned(),
        });
    }
    result.known_issue = Some(KnownIssueResult {
        url: issue.url.clone(),
        until: issue.until.to_string(),
    });
}

/// What stands in the results folder while a case runs, and stays there when the process is killed.
pub fn placeholder(case: &Case) -> CaseResult {
    let phases = case
        .phases
        .iter()
        .filter(|plan| plan.role == Role::Measured)
        .map(|plan| PhaseResult {
            name: plan.name.clone(),
            target: shown(plan.target(case)),
            model: plan.target(case).model.clone(),
            load: load(plan),
            window_s: 0.0,
            requests: RequestCounts::default(),
            metrics: Metrics::new(),
            itl_during: BTreeMap::new(),
            runs: Vec::new(),
            client: ClientHealth::default(),
            tokens: TokenLengths::default(),
            server: None,
            errors: Vec::new(),
            warnings: Vec::new(),
            labels: plan.labels.clone(),
            noise: Vec::new(),
        })
        .collect();
    CaseResult {
        reason: Some("interrupted: prony was killed before the case ended".to_owned()),
        phases,
        unfinished: true,
        ..blank(case, Verdict::Error)
    }
}

/// The load of a phase for the result.
pub fn load(plan: &PhasePlan) -> LoadResult {
    LoadResult {
        text: plan.describe(),
        concurrency: match plan.load.shape {
            LoadShape::Concurrency(n) => Some(n),
            _ => None,
        },
        rate: plan.mean_rate(),
        achieved_rate: None,
    }
}

/// Takes secrets out of all that a result says in words of the target, of the system or of the suite.
/// Names and numbers of prony's own stay, lest a secret such as `latency` spoil the format.
pub fn redacted(mut result: CaseResult, redactor: &Redactor) -> CaseResult {
    let clean = |text: &mut String| {
        if let Cow::Owned(without) = redactor.apply(text) {
            *text = without;
        }
    };
    result.reason.iter_mut().for_each(clean);
    result.notes.iter_mut().for_each(clean);
    clean(&mut result.yaml);
    result.source.text.iter_mut().for_each(clean);
    for phase in &mut result.phases {
        clean(&mut phase.target);
        phase.model.iter_mut().for_each(clean);
        if let Some(server) = &mut phase.server {
            server.note.iter_mut().for_each(clean);
            server.missing.values_mut().for_each(clean);
        }
        for error in &mut phase.errors {
            clean(&mut error.example);
        }
        for warning in &mut phase.warnings {
            clean(&mut warning.text);
            clean(&mut warning.remedy);
        }
    }
    if let Some(extended) = &mut result.extended {
        clean(&mut extended.text);
        extended.because_of.iter_mut().for_each(clean);
    }
    if let Some(baseline) = &mut result.baseline {
        baseline.reason.iter_mut().for_each(clean);
        baseline.identity.values_mut().for_each(clean);
        for change in &mut baseline.changes {
            change.reason.iter_mut().for_each(clean);
        }
    }
    for assertion in &mut result.assertions {
        clean(&mut assertion.text);
        assertion.reason.iter_mut().for_each(clean);
        assertion.source.text.iter_mut().for_each(clean);
    }
    result
}

fn blank(case: &Case, verdict: Verdict) -> CaseResult {
    CaseResult {
        suite: case.suite.clone(),
        name: case.name.clone(),
        slug: case.slug.clone(),
        kind: case.scenario.kind.name().to_owned(),
        verdict,
        reason: None,
        duration_s: 0.0,
        source: source_of(&case.scenario.location),
        yaml: case.scenario.yaml.clone(),
        phases: Vec::new(),
        assertions: Vec::new(),
        answers: Vec::new(),
        search: searched(case),
        path: Vec::new(),
        baseline: None,
        notes: Vec::new(),
        extended: None,
        known_issue: None,
        unfinished: false,
    }
}
