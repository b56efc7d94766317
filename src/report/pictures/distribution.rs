use super::picture::Picture;
use crate::metrics::Unit;
use crate::report::chart::{Head, HistogramChart, Mark, MarkKind, histogram};
use crate::report::facts::quantile;
use crate::result::{
    AcceptedMetric, AssertionResult, CaseResult, Distribution, Histogram, MetricSummary,
    PhaseResult,
};
use crate::text::exact;

/// `(metric, picture, title)`
const DISTRIBUTIONS: [(&str, &str, &str); 3] = [
    ("ttft", "ttft_distribution", "Time to first token"),
    ("itl", "itl_distribution", "Gaps between chunks"),
    (
        "e2e_latency",
        "e2e_latency_distribution",
        "End-to-end latency",
    ),
];

/// How often which latency came.
pub(super) fn distributions(case: &CaseResult, phase: &PhaseResult) -> Vec<Picture> {
    let drawn = DISTRIBUTIONS.iter().filter_map(|&(metric, name, title)| {
        let Some(MetricSummary::Distribution(d)) = phase.metrics.get(metric) else {
            return None;
        };
        // The curve by percentile has it, too.
        let named = || case.assertions.iter().any(|a| a.text.contains(metric));
        if metric == "e2e_latency" && !named() {
            return None;
        }
        let mut marks = limits(&case.assertions, &phase.name, metric);
        marks.extend(accepted_marks(accepted(case, phase, metric)));
        distribution(d, metric, name, title, marks)
    });
    drawn.collect()
}

fn distribution(
    d: &Distribution,
    metric: &str,
    name: &'static str,
    title: &str,
    mut marks: Vec<Mark>,
) -> Option<Picture> {
    let h = d.histogram.as_ref()?;
    let half = quantile(d, 0.5, d.p50);
    let caption = match d.p99 {
        None if d.beyond.is_some() => {
            format!("Half within {half}; so many requests failed that p99 has no bound.")
        }
        p99 => format!(
            "Half within {half}, 99 % within {}.",
            quantile(d, 0.99, p99)
        ),
    };
    for (label, value) in [("p50", d.p50), ("p99", d.p99)] {
        marks.extend(value.map(|value| Mark {
            value,
            label: label.to_owned(),
            kind: MarkKind::Measured,
        }));
    }
    // Long times read better in seconds.
    let in_seconds = d.unit == Unit::Milliseconds && d.p50.is_some_and(|v| v >= 2000.0);
    let scale = if in_seconds { 1e-3 } else { 1.0 };
    let h = &Histogram {
        edges: h.edges.iter().map(|e| e * scale).collect(),
        counts: h.counts.clone(),
    };
    for mark in &mut marks {
        mark.value *= scale;
    }
    let svg = histogram(&HistogramChart {
        head: Head {
            title: &format!("Distribution of {metric}"),
            desc: &caption,
        },
        histogram: h,
        unit: if in_seconds { "s" } else { d.unit.name() },
        marks,
    })?;
    Some(Picture {
        name,
        title: title.to_owned(),
        caption,
        svg,
    })
}

/// What is accepted of `metric` in this phase, where it can be compared.
pub(super) fn accepted<'a>(
    case: &'a CaseResult,
    phase: &PhaseResult,
    metric: &str,
) -> Option<&'a AcceptedMetric> {
    let baseline = case.baseline.as_ref()?;
    baseline.accepted.get(&phase.name)?.get(metric)
}

fn accepted_marks(accepted: Option<&AcceptedMetric>) -> Vec<Mark> {
    let typical = accepted.map(AcceptedMetric::typical).unwrap_or_default();
    let shown = typical.into_iter().filter_map(|(q, value)| {
        let name = [(0.5, "p50"), (0.99, "p99")].iter().find(|n| n.0 == q)?.1;
        Some(Mark {
            value,
            label: format!("baseline {name}"),
            kind: MarkKind::Accepted,
        })
    });
    shown.collect()
}

/// Limits that assertions set on quantiles of `metric` in this phase.
fn limits(assertions: &[AssertionResult], phase: &str, metric: &str) -> Vec<Mark> {
    assertions
        .iter()
        .filter_map(|a| {
            let text = a.text.strip_prefix(&format!("{phase}.")).unwrap_or(&a.text);
            let statistic = text.strip_prefix(metric)?.strip_prefix('.')?;
            let statistic = statistic.split([' ', '<', '>']).next()?;
            (a.unit == Unit::Milliseconds).then_some(())?;
            Some(Mark {
                value: a.limit?,
                label: format!("limit {statistic} {}", exact(a.limit, a.unit)),
                kind: MarkKind::Limit,
            })
        })
        .collect()
}
