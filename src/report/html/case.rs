use serde::Serialize;

use super::assertion::{AssertionView, assertion_view};
use super::next::{NextView, next};
use super::page::clean;
use super::phase::{PhaseView, phase_view};
use super::picture::PictureView;
use super::trust::{TrustView, trust};
use crate::judge::Verdict;
use crate::metrics::Unit;
use crate::report::facts::quantile;
use crate::report::order::rank;
use crate::report::pictures::of_case;
use crate::result::{
    AnswerResult, BaselineStanding, CaseResult, CaseSeries, Change, ChangeKind, MetricSummary,
    RunInfo,
};
use crate::text::{MISSING, exact, margin, minutes, number, significant};

/// A case as `case.html` sees it.
#[derive(Serialize)]
pub(super) struct CaseView {
    pub slug: String,
    pub name: String,
    pub suite: String,
    pub scenario: String,
    pub kind: String,
    pub verdict: &'static str,
    pub reason: Option<String>,
    /// The known issue, where it is in effect.
    pub known: Option<String>,
    pub open: bool,
    pub duration: String,
    pub load: Option<String>,
    pub key: KeyView,
    pub assertions: Vec<AssertionView>,
    pub yaml: Vec<YamlLine>,
    pub file: String,
    pub phases: Vec<PhaseView>,
    pub several_phases: bool,
    /// Over all phases.
    pub pictures: Vec<PictureView>,
    pub changes: Vec<ChangeView>,
    pub identity: Vec<(String, String)>,
    /// More was measured than planned.
    pub extended: Option<String>,
    pub notes: Vec<String>,
    pub trust: Vec<TrustView>,
    pub next: Vec<NextView>,
    /// What became of the baseline's file, in one line.
    pub standing: Option<String>,
    /// What the case answers as a whole.
    pub answers: Vec<AnswerView>,
}

/// An answer of a whole case.
#[derive(Serialize)]
pub(super) struct AnswerView {
    pub name: String,
    pub value: String,
    pub interval: String,
}

/// What the index shows of a case.
#[derive(Serialize)]
pub(super) struct KeyView {
    pub ttft_p50: String,
    pub ttft_p99: String,
    pub tokens: String,
    pub tightest: String,
}

#[derive(Serialize)]
pub(super) struct YamlLine {
    pub number: usize,
    pub text: String,
    /// Verdict of the assertion in this line, where it does not pass.
    pub mark: Option<&'static str>,
}

#[derive(Serialize)]
pub(super) struct ChangeView {
    pub metric: String,
    pub accepted: String,
    pub observed: String,
    pub change: &'static str,
    pub class: &'static str,
    pub ratio: String,
    pub interval: String,
    pub tolerance: String,
}

fn known(case: &CaseResult) -> Option<String> {
    let issue = clean(&case.known_issue.as_ref()?.to_string());
    Some(if case.excused() {
        format!("{issue}. The failure does not fail the run until then.")
    } else {
        issue
    })
}

pub(super) fn case_view(case: &CaseResult, series: Option<&CaseSeries>, run: &RunInfo) -> CaseView {
    let slug = clean(&case.slug);
    CaseView {
        name: clean(&case.full_name()),
        suite: clean(&case.suite),
        scenario: clean(&case.name),
        kind: clean(&case.kind),
        verdict: case.verdict.name(),
        reason: case.reason.as_deref().map(clean),
        known: known(case),
        open: rank(case.verdict) < 4,
        duration: minutes(case.duration_s),
        load: case.phases.first().map(|p| clean(&p.load.text)),
        key: key(case),
        assertions: case
            .assertions
            .iter()
            .map(|a| assertion_view(case, a))
            .collect(),
        yaml: yaml(case),
        file: clean(&case.source.file),
        phases: case
            .phases
            .iter()
            .map(|p| {
                let of_phase = series.and_then(|s| s.phases.iter().find(|s| s.name == p.name));
                phase_view(p, of_phase, case)
            })
            .collect(),
        several_phases: case.phases.len() > 1,
        pictures: PictureView::all(of_case(case)),
        changes: case
            .baseline
            .iter()
            .flat_map(|b| b.changes.iter().map(change_view))
            .collect(),
        identity: case
            .baseline
            .iter()
            .flat_map(|b| b.identity.iter().map(|(k, v)| (clean(k), clean(v))))
            .collect(),
        extended: case.extended.as_ref().map(|e| clean(&e.text)),
        notes: case.notes.iter().map(|n| clean(n)).collect(),
        trust: trust(case),
        next: next(case, run),
        standing: standing(case),
        answers: case.answers.iter().map(answer_view).collect(),
        slug,
    }
}

fn key(case: &CaseResult) -> KeyView {
    let metrics = case.phases.first().map(|p| &p.metrics);
    let ttft = match metrics.and_then(|m| m.get("ttft")) {
        Some(MetricSummary::Distribution(d)) => {
            Some((quantile(d, 0.5, d.p50), quantile(d, 0.99, d.p99)))
        }
        _ => None,
    };
    let (ttft_p50, ttft_p99) = ttft.unwrap_or_else(|| (MISSING.to_owned(), MISSING.to_owned()));
    KeyView {
        ttft_p50,
        ttft_p99,
        tokens: match metrics.and_then(|m| m.get("tokens_per_second")) {
            Some(MetricSummary::Value(v)) => number(Some(v.value), v.unit),
            _ => MISSING.to_owned(),
        },
        tightest: margin(
            case.assertions
                .iter()
                .filter_map(|a| a.margin)
                .min_by(f64::total_cmp),
        ),
    }
}

/// The scenario's lines with their numbers in the file, the ones of assertions that do not pass
/// marked.
///
/// The result holds the scenario's text and the place of its name; the first line's number follows
/// from where that line stands in the text.
fn yaml(case: &CaseResult) -> Vec<YamlLine> {
    let lines: Vec<&str> = case.yaml.lines().collect();
    let named = |line: &str| match &case.source.text {
        Some(text) => line.trim() == text.trim(),
        None => line.trim_start_matches(['-', ' ']).starts_with("name:"),
    };
    let offset = lines.iter().position(|l| named(l)).unwrap_or(0);
    let first = case.source.line.saturating_sub(offset).max(1);
    let mark = |number: usize, line: &str| {
        case.assertions
            .iter()
            .filter(|a| !a.implicit && a.verdict != Verdict::Pass && a.source.line == number)
            .filter(|a| {
                a.source
                    .text
                    .as_deref()
                    .is_none_or(|t| t.trim() == line.trim())
            })
            .map(|a| a.verdict)
            .min_by_key(|v| rank(*v))
            .map(Verdict::name)
    };
    lines
        .iter()
        .enumerate()
        .map(|(i, line)| YamlLine {
            number: first + i,
            text: clean(line),
            mark: mark(first + i, line),
        })
        .collect()
}

pub(super) fn change_view(change: &Change) -> ChangeView {
    let ratio = |r: Option<f64>| match r {
        Some(r) if r.is_finite() => format!("×{}", significant(r, 3)),
        _ => MISSING.to_owned(),
    };
    let class = match change.change {
        ChangeKind::Regressed => "fail",
        ChangeKind::Improved | ChangeKind::WithinTolerance => "pass",
        ChangeKind::Undecided => "undecided",
        ChangeKind::NotComparable => "skipped",
    };
    let value = |v| match change.unit {
        Some(unit) => number(v, unit),
        None => MISSING.to_owned(),
    };
    ChangeView {
        metric: clean(&change.metric),
        accepted: value(change.accepted),
        observed: value(change.observed),
        change: change.change.name(),
        class,
        ratio: ratio(change.ratio),
        interval: format!(
            "{} … {}",
            ratio(change.interval[0]),
            ratio(change.interval[1])
        ),
        tolerance: match (change.tolerance, change.floor, change.unit) {
            (None, Some(floor), Some(unit)) => exact(Some(floor), unit),
            (tolerance, _, _) => exact(tolerance, Unit::Ratio),
        },
    }
}

fn answer_view(a: &AnswerResult) -> AnswerView {
    let shown = |v: Option<f64>| match v {
        None => "∞".to_owned(),
        v => number(v, a.unit),
    };
    AnswerView {
        name: clean(&a.name),
        value: shown(a.value),
        interval: match a.interval {
            [None, None] => MISSING.to_owned(),
            [lo, hi] => format!(
                "{} … {}",
                lo.map_or_else(|| MISSING.to_owned(), |v| number(Some(v), a.unit)),
                shown(hi)
            ),
        },
    }
}

/// Where the accepted baseline is, or why there is none to compare with.
fn standing(case: &CaseResult) -> Option<String> {
    let baseline = case.baseline.as_ref()?;
    let file = baseline.file.as_deref().unwrap_or_default();
    let said = match (baseline.standing, &baseline.reason) {
        (BaselineStanding::Compared, _) if file.is_empty() => return None,
        (BaselineStanding::Compared, _) => format!("Accepted in {file}."),
        (_, Some(reason)) => format!("Not compared: {reason}."),
        (BaselineStanding::Missing, None) => "Nothing is accepted yet.".to_owned(),
        (BaselineStanding::NotComparable, None) => "What is accepted is not comparable.".to_owned(),
    };
    Some(clean(&said))
}
