//! What was measured → what a baseline keeps of it.

use std::collections::BTreeMap;

use super::file::{History, Measurement, MetricRuns, PhaseBaseline};
use super::values::VALUE;
use crate::metrics::{
    Availability, Direction, METRICS, MetricDef, PhaseSamples, Provenance, Unit, summarize_run,
    visit,
};
use crate::record::RunRecords;
use crate::result::MetricSummary;
use crate::stats::Moments;

/// Runs that a baseline keeps; of more it keeps some, spread evenly.
pub const MOST_RUNS: usize = 16;

/// Metrics of the client itself: what it did is no property of what is under test.
const OF_THE_CLIENT: [&str; 3] = ["connect_time", "slot_wait", "send_lag"];

/// A measured phase.
#[derive(Clone, Copy, Debug)]
pub struct MeasuredFor<'a> {
    /// Name of the phase.
    pub name: &'a str,
    /// What must be the same for a comparison to mean something.
    pub identity: &'a BTreeMap<String, String>,
    /// Its runs.
    pub runs: &'a [RunRecords],
    /// The target's accelerators.
    pub gpus: Option<u32>,
}

/// Values that the suite asserts beyond those that every baseline has, a value per run.
#[derive(Clone, Debug, PartialEq)]
pub struct ExtraValues {
    /// Metric, or expression for functions.
    pub metric: String,
    /// Statistic.
    pub statistic: String,
    /// Unit.
    pub unit: Unit,
    /// In every run.
    pub values: Vec<Option<f64>>,
}

/// What a baseline keeps of a phase.
pub fn baseline_of(phase: MeasuredFor<'_>, extras: &[ExtraValues]) -> PhaseBaseline {
    let kept = kept(phase.runs.len());
    let mut metrics: BTreeMap<String, MetricRuns> = BTreeMap::new();
    let mut put = |metric: &str, unit: Unit, statistic: &str, values: Vec<Option<f64>>| {
        if values.iter().any(Option::is_some) {
            let runs = metrics
                .entry(metric.to_owned())
                .or_insert_with(|| MetricRuns {
                    unit,
                    statistics: BTreeMap::new(),
                });
            runs.statistics.insert(statistic.to_owned(), values);
        }
    };
    let parts: Vec<_> = kept
        .iter()
        .map(|&i| summarize_run(&phase.runs[i], phase.gpus, false))
        .collect();
    for metric in METRICS.iter().filter(|m| is_kept(m)) {
        let each = |of: &dyn Fn(&MetricSummary) -> Option<f64>| -> Vec<Option<f64>> {
            let found = parts
                .iter()
                .map(|p| p.metrics.get(metric.name).and_then(of));
            found.collect()
        };
        put(
            metric.name,
            metric.unit,
            VALUE,
            each(&|m| match m {
                MetricSummary::Value(v) => Some(v.value),
                MetricSummary::Distribution(_) => None,
            }),
        );
        for (statistic, of) in DISTRIBUTION {
            put(
                metric.name,
                metric.unit,
                statistic,
                each(&|m| match m {
                    MetricSummary::Distribution(d) => of(d),
                    MetricSummary::Value(_) => None,
                }),
            );
        }
        let logs: Vec<Moments> = kept.iter().map(|&i| logs(&phase.runs[i], metric)).collect();
        put(
            metric.name,
            metric.unit,
            "log_mean",
            logs.iter().map(Moments::mean).collect(),
        );
        put(
            metric.name,
            metric.unit,
            "log_sd",
            logs.iter().map(Moments::stddev).collect(),
        );
    }
    for extra in extras {
        let values = kept.iter().map(|&i| extra.values.get(i).copied().flatten());
        put(
            &extra.metric,
            extra.unit,
            &extra.statistic,
            values.collect(),
        );
    }
    PhaseBaseline {
        name: phase.name.to_owned(),
        identity: phase.identity.clone(),
        accepted: Measurement {
            sessions: kept.iter().map(|&i| phase.runs[i].session).collect(),
            requests: parts.iter().map(|p| p.requests.due).collect(),
            metrics,
        },
        history: History::default(),
    }
}

type Of = fn(&crate::result::Distribution) -> Option<f64>;

const DISTRIBUTION: [(&str, Of); 6] = [
    ("n", |d| Some(d.n as f64)),
    ("mean", |d| d.mean),
    ("p50", |d| d.p50),
    ("p90", |d| d.p90),
    ("p95", |d| d.p95),
    ("p99", |d| d.p99),
];

/// Whether every baseline keeps `metric`: what has a better and a worse, and is of the requests. What the
/// client did by itself, and what the server counted, is kept where the suite compares it.
pub fn is_kept(metric: &MetricDef) -> bool {
    metric.direction != Direction::Neutral
        && metric.provenance == Provenance::Client
        && !matches!(
            metric.availability,
            Availability::Comes(_) | Availability::Answer(_) | Availability::OfKind(_)
        )
        && !OF_THE_CLIENT.contains(&metric.name)
}

/// The logarithms of a distribution's values over successes.
fn logs(run: &RunRecords, metric: &MetricDef) -> Moments {
    let samples = PhaseSamples::new(std::slice::from_ref(run), false);
    let mut logs = Moments::default();
    visit(&samples, metric.name, |s| {
        if s.ok && s.value > 0.0 && s.value.is_finite() {
            logs.push(s.value.ln());
        }
    });
    logs
}

/// Indices of the runs that are kept, of `n`.
fn kept(n: usize) -> Vec<usize> {
    if n <= MOST_RUNS {
        return (0..n).collect();
    }
    (0..MOST_RUNS).map(|i| i * n / MOST_RUNS).collect()
}
