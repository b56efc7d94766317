use serde::Serialize;

use super::page::clean;
use crate::report::chart::{MarginBar, margin_bar};
use crate::report::facts::{Facts, unbounded};
use crate::result::{AssertionResult, CaseResult};
use crate::text::beside;

/// An assertion in one line.
#[derive(Serialize)]
pub(super) struct AssertionView {
    pub text: String,
    pub verdict: &'static str,
    pub verdict_text: String,
    pub observed: String,
    pub limit: String,
    pub margin: String,
    pub interval: String,
    pub sample: String,
    pub reason: Option<String>,
    /// What the measurement tells apart, and what it would cost to tell its tolerance.
    pub tells: Option<String>,
    pub implicit: bool,
    pub place: String,
    /// What is accepted of the same value, in words.
    pub accepted: Option<String>,
    /// SVG.
    pub bar: Option<String>,
}

pub(super) fn assertion_view(case: &CaseResult, a: &AssertionResult) -> AssertionView {
    let facts = Facts::of(a);
    let accepted = accepted(case, a);
    let bar = margin_bar(&MarginBar {
        observed: a.observed.or(unbounded(a).then_some(f64::INFINITY)),
        limit: a.limit,
        interval: a.interval,
        accepted,
        below_holds: a.op.starts_with('<'),
        class: a.verdict.name(),
    });
    let place = match a.source.column {
        Some(column) => format!("{}:{}:{column}", a.source.file, a.source.line),
        None => format!("{}:{}", a.source.file, a.source.line),
    };
    AssertionView {
        text: clean(&a.text),
        verdict: a.verdict.name(),
        verdict_text: facts.verdict,
        observed: facts.observed,
        limit: facts.limit,
        margin: facts.margin,
        interval: facts.interval,
        sample: facts.sample,
        reason: a.reason.as_deref().map(clean),
        tells: a.tells.as_ref().map(|t| clean(&t.text)),
        implicit: a.implicit,
        place: clean(&place),
        accepted: accepted.map(|v| beside(Some(v), a.limit, a.unit)),
        bar,
    }
}

/// What is accepted of the value that `a` is about, where the case compares it with its baseline.
fn accepted(case: &CaseResult, a: &AssertionResult) -> Option<f64> {
    let left = a.text.split(['<', '>']).next().unwrap_or_default().trim();
    let rule = left
        .strip_prefix("baseline ")
        .and_then(|r| r.split(':').next());
    let name = rule.unwrap_or(left).trim();
    let changes = &case.baseline.as_ref()?.changes;
    let change = changes.iter().find(|c| c.metric == name)?;
    change.accepted.filter(|_| change.unit == Some(a.unit))
}
