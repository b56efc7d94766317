use serde::Serialize;

use crate::judge::Verdict;
use crate::metrics::{Direction, Provenance, Unit, metric};
use crate::report::headline::Headline;
use crate::report::order::in_table_order;
use crate::report::seam::ReportInput;
use crate::result::{CaseResult, Distribution, MetricSummary, Metrics, PhaseResult};

/// Version of the JSON format.
const SCHEMA: u32 = 1;

/// Several runs side by side.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Runs {
    /// Format version.
    pub schema: u32,
    /// The runs, in the order in which they were given; every list below has that order.
    pub runs: Vec<RunHead>,
    /// Every case that any of them has, in the order in which they first occur.
    pub cases: Vec<CaseRow>,
}

/// One of the runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunHead {
    /// What it is called in tables and pictures: `A`, `B`, …
    pub letter: String,
    /// Name of its results folder.
    pub id: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// prony's version.
    pub version: String,
    /// The machine it ran on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// `--label k=v`.
    pub labels: Vec<String>,
    /// Its verdict.
    pub verdict: Verdict,
    /// Its verdict in a sentence.
    pub headline: String,
}

/// A case in every run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CaseRow {
    /// `suite::name`.
    pub name: String,
    /// Its slug.
    pub slug: String,
    /// Its verdict in each run; null: the run does not have it.
    pub verdicts: Vec<Option<Verdict>>,
    /// Every phase that any run has of it.
    pub phases: Vec<PhaseRow>,
}

/// A phase in every run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PhaseRow {
    /// Its name.
    pub name: String,
    /// What was asked for in another way than in the first run that has the phase, so that its figures do
    /// not compare like with like: a line each.
    pub differs: Vec<String>,
    /// Every statistic of every metric that any run has.
    pub metrics: Vec<MetricRow>,
}

/// A statistic of a metric in every run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricRow {
    /// The metric.
    pub metric: String,
    /// The statistic; absent where the metric is one value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statistic: Option<&'static str>,
    /// Unit of the values.
    pub unit: Unit,
    /// Which way is better, `lower` or `higher`; absent where neither is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub better: Option<&'static str>,
    /// What each run has.
    pub cells: Vec<Cell>,
}

/// A value of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Cell {
    /// The value; null: missing, or without a bound.
    pub value: Option<f64>,
    /// So many requests failed that the quantile has no bound.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unbounded: bool,
    /// Against the first run, as a share of its value. Null: of the first run itself, and where one of the
    /// two is missing, or the first is 0 and the other is not.
    pub change: Option<f64>,
}

impl MetricRow {
    /// `ttft.p99`, `throughput`.
    pub fn name(&self) -> String {
        match self.statistic {
            Some(statistic) => format!("{}.{statistic}", self.metric),
            None => self.metric.clone(),
        }
    }

    /// Whether a person looks at it first: medians, tails and single values of what prony counted, where one
    /// way is better.
    pub fn is_chief(&self) -> bool {
        let own = metric(&self.metric).is_some_and(|m| m.provenance == Provenance::Client);
        let statistic = self.statistic.is_none_or(|s| matches!(s, "p50" | "p99"));
        own && statistic && self.better.is_some()
    }
}

impl Runs {
    /// Of `runs`; changes are against the first.
    pub fn of(runs: &[ReportInput<'_>]) -> Runs {
        let mut names: Vec<(String, &CaseResult)> = Vec::new();
        for case in runs.iter().flat_map(|r| &r.result.cases) {
            let name = case.full_name();
            if !names.iter().any(|(n, _)| *n == name) {
                names.push((name, case));
            }
        }
        Runs {
            schema: SCHEMA,
            runs: runs.iter().enumerate().map(head).collect(),
            cases: names
                .into_iter()
                .map(|(name, first)| {
                    let of_runs: Vec<_> = runs
                        .iter()
                        .map(|r| r.result.cases.iter().find(|c| c.full_name() == name))
                        .collect();
                    CaseRow {
                        slug: first.slug.clone(),
                        verdicts: of_runs.iter().map(|c| Some((*c)?.verdict)).collect(),
                        phases: phases(&of_runs),
                        name,
                    }
                })
                .collect(),
        }
    }
}

fn head((index, input): (usize, &ReportInput<'_>)) -> RunHead {
    let run = &input.result.run;
    let headline = Headline::new(input.result);
    RunHead {
        letter: letter(index),
        id: run.id.clone(),
        started_at: run.started_at.clone(),
        version: run.version.clone(),
        host: run.host.name.clone(),
        labels: run.labels.iter().map(|(k, v)| format!("{k}={v}")).collect(),
        verdict: headline.verdict,
        headline: headline.text,
    }
}

/// `A` … `Z`, `AA`, …
fn letter(index: usize) -> String {
    let last = char::from(b'A' + u8::try_from(index % 26).unwrap_or(0));
    match index / 26 {
        0 => last.to_string(),
        more => letter(more - 1) + &last.to_string(),
    }
}

fn phases(cases: &[Option<&CaseResult>]) -> Vec<PhaseRow> {
    let mut names: Vec<&str> = Vec::new();
    for phase in cases.iter().flatten().flat_map(|c| &c.phases) {
        if !names.contains(&phase.name.as_str()) {
            names.push(&phase.name);
        }
    }
    names
        .into_iter()
        .map(|name| {
            let of_runs: Vec<Option<&PhaseResult>> = cases
                .iter()
                .map(|c| (*c)?.phases.iter().find(|p| p.name == name))
                .collect();
            PhaseRow {
                name: name.to_owned(),
                differs: differs(&of_runs),
                metrics: metrics(&of_runs),
            }
        })
        .collect()
}

/// What was asked of a phase in another way than in the first run that has it.
fn differs(phases: &[Option<&PhaseResult>]) -> Vec<String> {
    let Some(first) = phases.iter().flatten().next() else {
        return Vec::new();
    };
    let asked = |p: &PhaseResult| {
        [
            ("target", p.target.clone()),
            ("model", p.model.clone().unwrap_or_default()),
            ("load", p.load.text.clone()),
        ]
    };
    let then = asked(first);
    let mut lines = Vec::new();
    for (index, phase) in phases.iter().enumerate() {
        let Some(phase) = phase else { continue };
        for ((what, now), (_, then)) in asked(phase).into_iter().zip(&then) {
            if now != *then {
                lines.push(format!(
                    "{}: {what} {now} in place of {then}",
                    letter(index)
                ));
            }
        }
    }
    lines
}

/// A statistic: its name, its quantile where it is one, what it is of a distribution.
type Statistic = (&'static str, Option<f64>, fn(&Distribution) -> Option<f64>);

/// The statistics of a distribution that are shown.
const STATISTICS: [Statistic; 7] = [
    ("mean", None, |d| d.mean),
    ("p50", Some(0.5), |d| d.p50),
    ("p90", Some(0.9), |d| d.p90),
    ("p95", Some(0.95), |d| d.p95),
    ("p99", Some(0.99), |d| d.p99),
    ("min", None, |d| d.min),
    ("max", None, |d| d.max),
];

fn metrics(phases: &[Option<&PhaseResult>]) -> Vec<MetricRow> {
    let mut all = Metrics::new();
    for (name, summary) in phases.iter().flatten().flat_map(|p| &p.metrics) {
        all.entry(name.clone()).or_insert_with(|| summary.clone());
    }
    let mut rows = Vec::new();
    for (name, sort) in in_table_order(&all) {
        let of_runs: Vec<_> = phases.iter().map(|p| (*p)?.metrics.get(name)).collect();
        let better = match metric(name).map(|m| m.direction) {
            Some(Direction::LowerIsBetter) => Some("lower"),
            Some(Direction::HigherIsBetter) => Some("higher"),
            Some(Direction::Neutral) | None => None,
        };
        let row = |statistic, unit, cells: Vec<Cell>| MetricRow {
            metric: name.to_owned(),
            statistic,
            unit,
            better,
            cells: changed(cells),
        };
        match sort {
            MetricSummary::Value(v) => {
                let cells = of_runs.iter().map(|m| match m {
                    Some(MetricSummary::Value(now)) if now.unit == v.unit => Cell {
                        value: Some(now.value),
                        ..Cell::default()
                    },
                    _ => Cell::default(),
                });
                rows.push(row(None, v.unit, cells.collect()));
            }
            MetricSummary::Distribution(d) => {
                rows.extend(STATISTICS.map(|(statistic, q, of)| {
                    let cells = of_runs.iter().map(|m| match m {
                        Some(MetricSummary::Distribution(now)) if now.unit == d.unit => Cell {
                            value: of(now),
                            unbounded: of(now).is_none()
                                && q.zip(now.beyond).is_some_and(|(q, beyond)| q >= beyond),
                            change: None,
                        },
                        _ => Cell::default(),
                    });
                    row(Some(statistic), d.unit, cells.collect())
                }));
            }
        }
    }
    rows
}

/// `cells` with what each changed against the first.
fn changed(mut cells: Vec<Cell>) -> Vec<Cell> {
    let first = cells.first().and_then(|c| c.value);
    for cell in cells.iter_mut().skip(1) {
        cell.change = first
            .zip(cell.value)
            .map(|(then, now)| if now == then { 0.0 } else { now / then - 1.0 })
            .filter(|change| change.is_finite());
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_go_on_after_z() {
        assert_eq!(
            [0, 25, 26, 27, 26 * 27].map(letter),
            ["A", "Z", "AA", "AB", "AAA"]
        );
    }

    #[test]
    fn a_change_needs_two_values_and_a_first_that_is_not_zero() {
        let changes = |values: &[Option<f64>]| -> Vec<Option<f64>> {
            let cells = values.iter().map(|value| Cell {
                value: *value,
                ..Cell::default()
            });
            changed(cells.collect()).iter().map(|c| c.change).collect()
        };
        assert_eq!(
            changes(&[Some(2.0), Some(3.0), None, Some(1.0)]),
            [None, Some(0.5), None, Some(-0.5)]
        );
        assert_eq!(changes(&[None, Some(3.0)]), [None, None]);
        assert_eq!(
            changes(&[Some(0.0), Some(0.1), Some(0.0)]),
            [None, None, Some(0.0)]
        );
    }
}
