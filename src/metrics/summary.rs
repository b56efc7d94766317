use std::collections::BTreeMap;

use crate::record::RunRecords;
use crate::result::{
    Distribution, ErrorCount, MetricSummary, Metrics, RequestCounts, RunPart, Value,
};
use crate::stats::{Moments, ValueStore, beyond};

use super::during::{DURING, PREFILL, QUIET};
use super::histogram::histogram;
use super::rates::{PhaseRates, phase_value};
use super::samples::{PhaseSamples, visit};
use super::server::server_metrics;
use super::table::{METRICS, MetricDef, Shape, metric};

/// The summary of one run: counts and metrics of its window, without histograms.
///
/// `gpus` makes the per-GPU metrics available. `interrupted`: the user ended the run, so what was cut
/// by that counts nowhere but in `requests.cut`.
pub fn summarize_run(run: &RunRecords, gpus: Option<u32>, interrupted: bool) -> RunPart {
    let runs = std::slice::from_ref(run);
    let mut metrics = summarize_phase(runs, gpus, interrupted);
    for metric in metrics.values_mut() {
        if let MetricSummary::Distribution(d) = metric {
            d.histogram = None;
        }
    }
    RunPart {
        run: run.records.first().map_or(0, |r| r.run),
        session: run.session,
        salt: None,
        window_s: run.window.seconds(),
        requests: counts(runs),
        metrics,
    }
}

/// The metrics of a phase, pooled over its runs. A metric that is missing is absent.
pub fn summarize_phase(runs: &[RunRecords], gpus: Option<u32>, interrupted: bool) -> Metrics {
    let samples = PhaseSamples::new(runs, interrupted);
    let rates = PhaseRates::new(&samples, gpus, &[]);
    let mut metrics = server_metrics(runs);
    metrics.extend(
        METRICS
            .iter()
            .filter(|m| m.is_of_a_phase())
            .filter_map(|m| Some((m.name.to_owned(), summarize(m, &samples, &rates)?))),
    );
    metrics
}

fn summarize(
    metric: &MetricDef,
    samples: &PhaseSamples<'_>,
    rates: &PhaseRates,
) -> Option<MetricSummary> {
    match metric.shape {
        Shape::PerRequest | Shape::PerChunk => {
            distribution(metric, samples).map(MetricSummary::Distribution)
        }
        Shape::Phase => phase_value(metric.name, samples, rates).map(|value| {
            MetricSummary::Value(Value {
                unit: metric.unit,
                value,
            })
        }),
        Shape::Gauge | Shape::Histogram => None,
    }
}

fn distribution(metric: &MetricDef, samples: &PhaseSamples<'_>) -> Option<Distribution> {
    let mut store = ValueStore::default();
    let mut moments = Moments::default();
    let mut unbounded = 0;
    let measured = visit(samples, metric.name, |sample| {
        store.push(sample.value);
        if sample.ok {
            moments.push(sample.value);
        }
        unbounded += usize::from(sample.value.is_infinite());
    });
    if !measured {
        return None;
    }
    let sorted = store.sorted();
    let n = sorted.len();
    let q = |q| sorted.quantile(q).filter(|v| v.is_finite());
    Some(Distribution {
        unit: metric.unit,
        n,
        mean: moments.mean(),
        stddev: moments.stddev(),
        min: moments.min(),
        max: moments.max(),
        p50: q(0.5),
        p90: q(0.9),
        p95: q(0.95),
        p99: q(0.99),
        beyond: beyond(usize::try_from(n).unwrap_or(usize::MAX), unbounded),
        histogram: histogram(&sorted),
    })
}

/// Gaps between tokens by when they were ([`DURING`]), pooled over `runs`; empty where nothing was sent beside
/// their load.
pub fn itl_during(runs: &[RunRecords], interrupted: bool) -> BTreeMap<String, Distribution> {
    let disturbed = runs.iter().any(|run| !run.beside.is_empty());
    let gaps = disturbed.then(|| metric("itl")).flatten();
    let of = |when: &str| {
        let labels = [(DURING.to_owned(), when.to_owned())];
        let samples = PhaseSamples::labelled(runs, interrupted, &labels);
        Some((when.to_owned(), distribution(gaps?, &samples)?))
    };
    [PREFILL, QUIET].into_iter().filter_map(of).collect()
}

/// Requests of the windows of `runs`: `due = ok + failed + cut`.
pub fn counts(runs: &[RunRecords]) -> RequestCounts {
    let mut counts = RequestCounts::default();
    for row in PhaseSamples::new(runs, false).rows() {
        counts.due += 1;
        counts.sent += u64::from(row.record.sent_us.is_some());
        if row.record.ok() {
            counts.ok += 1;
        } else if row.record.cut() {
            counts.cut += 1;
        } else {
            counts.failed += 1;
        }
    }
    counts
}

/// Failures of the windows of `runs` by kind, the most frequent first, with the first example of each.
/// Cut requests are among them unless the user `interrupted` the run.
pub fn errors(runs: &[RunRecords], interrupted: bool) -> Vec<ErrorCount> {
    let mut errors: Vec<ErrorCount> = Vec::new();
    for row in PhaseSamples::new(runs, interrupted).rows() {
        let Some(error) = &row.record.error else {
            continue;
        };
        match errors.iter_mut().find(|e| e.kind == error.kind.name()) {
            Some(known) => known.count += 1,
            None => errors.push(ErrorCount {
                kind: error.kind.name().to_owned(),
                count: 1,
                example: error.message.clone(),
            }),
        }
    }
    errors.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.kind.cmp(&b.kind)));
    errors
}
