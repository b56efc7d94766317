//! A proposed baseline beside the accepted one, as a person reads it.

use std::collections::BTreeMap;

use super::answers::{AcceptedAnswer, AnswersBaseline};
use super::file::{BaselineFile, Measurement, MetricRuns, PhaseBaseline};
use super::identity::differences;
use super::values::{VALUE, joined};
use crate::metrics::{METRICS, Unit};
use crate::result::ChangeKind;
use crate::text::{MISSING, number, printable, significant};

/// Statistics that a person is shown of a distribution.
const SHOWN: [&str; 3] = ["p50", "p95", "p99"];

/// What accepting `proposed` would change, line by line. Ends with a line break.
pub fn review(accepted: Option<&BaselineFile>, proposed: &BaselineFile) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(printable(&text).trim_end());
        out.push('\n');
    };
    let why = proposed.proposal.as_ref().map(|p| p.why.name());
    let variant = proposed.variant.as_ref().map(|v| format!(" on {v}"));
    line(format!(
        "{}{}{}",
        proposed.full_name(),
        variant.unwrap_or_default(),
        why.map_or(String::new(), |w| format!(": {w}"))
    ));
    let several = proposed.phases.len() > 1;
    for phase in &proposed.phases {
        let before = accepted.and_then(|a| a.phase(&phase.name));
        if several {
            line(format!("  phase {}", phase.name));
        }
        for difference in different(before.map(|b| &b.identity), &phase.identity) {
            line(format!("  {difference}"));
        }
        for row in table(before, phase, proposed) {
            line(format!("  {row}"));
        }
        line(format!("  {}", sample(before, phase)));
    }
    if let Some(accepted) = accepted {
        let gone = accepted
            .phases
            .iter()
            .filter(|p| proposed.phase(&p.name).is_none());
        for phase in gone {
            line(format!("  phase {} is there no more", phase.name));
        }
    }
    if let Some(answers) = &proposed.answers {
        let before = accepted.and_then(|a| a.answers.as_ref());
        for row in of_answers(before, answers, proposed) {
            line(format!("  {row}"));
        }
    }
    let none = BTreeMap::new();
    for (what, before, now) in [
        (
            "",
            accepted.map_or(&none, |a| &a.subject),
            &proposed.subject,
        ),
        (
            "",
            accepted.map_or(&none, |a| &a.context),
            &proposed.context,
        ),
    ] {
        for (key, value) in now {
            let text = match before.get(key) {
                Some(old) if old != value => format!("{old} → {value}"),
                _ => value.clone(),
            };
            line(format!("  {what}{key}: {text}"));
        }
    }
    out
}

/// What is not the same any more, line by line.
fn different(
    before: Option<&BTreeMap<String, String>>,
    now: &BTreeMap<String, String>,
) -> Vec<String> {
    let side = |s: Option<String>| s.unwrap_or_else(|| "unknown".to_owned());
    let all = before.map_or_else(Vec::new, |before| differences(before, now));
    all.into_iter()
        .map(|d| format!("{}: {} → {}", d.key, side(d.baseline), side(d.now)))
        .collect()
}

/// Answers of the whole case, a row each with what they are known to, and what they rest on.
fn of_answers(
    before: Option<&AnswersBaseline>,
    now: &AnswersBaseline,
    file: &BaselineFile,
) -> Vec<String> {
    let mut lines = Vec::new();
    // Of a case with phases these are said already.
    if file.phases.is_empty() {
        lines = different(before.map(|b| &b.identity), &now.identity);
    }
    let change = |name: &str| {
        let changes = file.proposal.iter().flat_map(|p| &p.changes);
        let mut of = changes.filter(|c| c.metric == name);
        of.next().map(|c| c.change)
    };
    let rows = now.found.iter().map(|(name, answer)| {
        let old = before.and_then(|b| b.found.get(name));
        let value = |a: &AcceptedAnswer| [a.value];
        let old_value = old.map(value);
        let mut cells = row(
            name,
            old_value.as_ref().map(|v| v.as_slice()),
            &[answer.value],
            answer.unit,
            change(name),
        );
        if let [Some(lower), Some(upper)] = answer.interval {
            let shown = |v| number(Some(v), answer.unit);
            cells[2] = format!("{} ({} to {})", cells[2], shown(lower), shown(upper));
        }
        cells
    });
    lines.extend(aligned(&rows.collect::<Vec<_>>()));
    let sample = match before.map(AnswersBaseline::sample) {
        Some(old) if old != now.sample() => format!("{old} → {}", now.sample()),
        _ => now.sample(),
    };
    // What other cases rest on is said of their phases.
    if now.probes.is_some() {
        lines.push(sample);
    }
    lines
}

fn sample(before: Option<&PhaseBaseline>, now: &PhaseBaseline) -> String {
    let count = |m: &Measurement| {
        let (runs, sessions) = (m.runs(), m.session_count());
        let s = |n: usize| if n == 1 { "" } else { "s" };
        format!("{runs} run{} in {sessions} session{}", s(runs), s(sessions))
    };
    match before.map(|b| count(&b.accepted)) {
        Some(old) if old != count(&now.accepted) => format!("{old} → {}", count(&now.accepted)),
        _ => count(&now.accepted),
    }
}

/// Rows `metric accepted proposed change`, in the order of the metric table.
fn table(before: Option<&PhaseBaseline>, now: &PhaseBaseline, file: &BaselineFile) -> Vec<String> {
    let changes: BTreeMap<&str, ChangeKind> = file
        .proposal
        .iter()
        .flat_map(|p| &p.changes)
        .map(|c| (c.metric.as_str(), c.change))
        .collect();
    let mut rows: Vec<[String; 4]> = Vec::new();
    for (metric, runs) in in_order(&now.accepted.metrics) {
        for (statistic, values) in &runs.statistics {
            let key = joined(metric, statistic);
            let qualified = format!("{}.{key}", now.name);
            let change = changes
                .get(key.as_str())
                .or_else(|| changes.get(qualified.as_str()));
            if statistic != VALUE && !SHOWN.contains(&statistic.as_str()) && change.is_none() {
                continue;
            }
            let old = before.and_then(|b| b.accepted.values(metric, statistic));
            rows.push(row(&key, old, values, runs.unit, change.copied()));
        }
    }
    aligned(&rows)
}

/// Rows as lines, column below column.
fn aligned(rows: &[[String; 4]]) -> Vec<String> {
    let mut width = [0; 4];
    for row in rows {
        for (w, cell) in width.iter_mut().zip(row) {
            *w = (*w).max(cell.chars().count());
        }
    }
    let pad = |text: &str, to: usize| " ".repeat(to.saturating_sub(text.chars().count()));
    rows.iter()
        .map(|[metric, old, new, change]| {
            format!(
                "{metric}{}  {}{old}  {}{new}  {change}",
                pad(metric, width[0]),
                pad(old, width[1]),
                pad(new, width[2])
            )
        })
        .collect()
}

fn row(
    key: &str,
    old: Option<&[Option<f64>]>,
    new: &[Option<f64>],
    unit: Unit,
    change: Option<ChangeKind>,
) -> [String; 4] {
    let (old, new) = (old.and_then(typical), typical(new));
    let by = match (old, new) {
        (Some(old), Some(new)) if old != 0.0 => {
            let percent = (new / old - 1.0) * 100.0;
            let sign = if percent > 0.0 { "+" } else { "" };
            format!("{sign}{} %", significant(percent, 2))
        }
        _ => String::new(),
    };
    let change = change.map_or("", ChangeKind::name);
    [
        key.to_owned(),
        old.map_or(MISSING.to_owned(), |v| number(Some(v), unit)),
        new.map_or(MISSING.to_owned(), |v| number(Some(v), unit)),
        format!("{by}  {change}").trim().to_owned(),
    ]
}

/// The geometric mean of the runs, or the arithmetic one where a value is not positive; `None` where a
/// run has none.
fn typical(values: &[Option<f64>]) -> Option<f64> {
    let values: Vec<f64> = values.iter().copied().collect::<Option<_>>()?;
    let n = values.len() as f64;
    if values.is_empty() {
        None
    } else if values.iter().all(|v| *v > 0.0) {
        Some((values.iter().map(|v| v.ln()).sum::<f64>() / n).exp())
    } else {
        Some(values.iter().sum::<f64>() / n)
    }
}

fn in_order(metrics: &BTreeMap<String, MetricRuns>) -> Vec<(&str, &MetricRuns)> {
    let rank = |name: &str| {
        METRICS
            .iter()
            .position(|m| m.name == name)
            .unwrap_or(METRICS.len())
    };
    let mut all: Vec<_> = metrics
        .iter()
        .map(|(name, runs)| (name.as_str(), runs))
        .collect();
    all.sort_by_key(|(name, _)| rank(name));
    all
}
