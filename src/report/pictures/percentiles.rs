use super::distribution::accepted;
use super::picture::Picture;
use crate::report::chart::{Axis, Head, Line, LineChart, LineStyle, Scale, Series, lines};
use crate::result::{AcceptedMetric, CaseResult, Histogram, MetricSummary, PhaseResult};

/// One distribution of latencies.
pub(in crate::report) struct Curve<'a> {
    pub label: &'a str,
    pub metric: Option<&'a MetricSummary>,
    /// What was accepted of it.
    pub accepted: Option<&'a AcceptedMetric>,
}

impl<'a> Curve<'a> {
    /// `metric` of `phase`, without a baseline.
    pub(super) fn of(label: &'a str, phase: &'a PhaseResult, metric: &str) -> Self {
        Curve {
            label,
            metric: phase.metrics.get(metric),
            accepted: None,
        }
    }
}

/// Latency over the share of requests, the tail stretched.
pub(super) fn percentiles(case: &CaseResult, phase: &PhaseResult) -> Option<Picture> {
    let curve = |label, metric| Curve {
        accepted: accepted(case, phase, metric),
        ..Curve::of(label, phase, metric)
    };
    let curves = [curve("ttft", "ttft"), curve("e2e latency", "e2e_latency")];
    let beside = if curves.iter().any(|c| c.accepted.is_some()) {
        " The baseline is the median of its runs."
    } else {
        ""
    };
    let head = Head {
        title: "Latency by percentile",
        desc: "Time to first token and end-to-end latency over the share of requests.",
    };
    Some(Picture {
        name: "latency_percentiles",
        title: head.title.to_owned(),
        caption: format!(
            "Every further nine is as wide as the one before. Failed requests count as slower than all others.{beside}"
        ),
        svg: by_percentile(head, &curves)?,
    })
}

/// Distributions of latencies over the share of requests; `None` where there are too few values.
pub(in crate::report) fn by_percentile(head: Head<'_>, curves: &[Curve<'_>]) -> Option<String> {
    let mut drawn = Vec::new();
    let mut baselines = Vec::new();
    let mut reach: f64 = 0.0;
    for (series, curve) in (1..).zip(curves) {
        let Some(MetricSummary::Distribution(d)) = curve.metric else {
            continue;
        };
        let Some(h) = &d.histogram else { continue };
        let points = cumulative(h, d.n);
        if d.n > 1 {
            reach = reach.max(1.0 - 1.0 / d.n as f64);
        }
        drawn.push(Line::new(curve.label, Series::Nth(series), points));
        let typical = curve.accepted.map(AcceptedMetric::typical);
        let points = typical.unwrap_or_default().into_iter();
        let points: Vec<_> = points.map(|(q, v)| (q, Some(v))).collect();
        if !points.is_empty() {
            let line = Line::new("baseline", Series::Accepted, points);
            baselines.push(line.styled(LineStyle::Dotted));
        }
    }
    if drawn.is_empty() || reach < 0.5 {
        return None;
    }
    let hi = reach.min(0.999_99);
    for line in &mut baselines {
        line.points.retain(|(q, _)| *q <= hi);
    }
    drawn.extend(baselines);
    let values: Vec<f64> = drawn
        .iter()
        .flat_map(|l| l.points.iter().filter_map(|p| p.1))
        .collect();
    lines(&LineChart::new(
        head,
        Axis::new(Scale::Tail { hi }, ""),
        Axis::new(Scale::log_if(values, 1.3), "ms"),
        drawn,
    ))
}

/// `(share, value)` at the upper edge of every bin that holds something.
fn cumulative(h: &Histogram, n: u64) -> Vec<(f64, Option<f64>)> {
    let counted: u64 = h.counts.iter().sum();
    let all = n.max(counted);
    if all == 0 || h.edges.len() != h.counts.len() + 1 {
        return Vec::new();
    }
    let mut points = Vec::new();
    let mut below = 0u64;
    for (i, &count) in h.counts.iter().enumerate() {
        if count == 0 {
            continue;
        }
        if below == 0 {
            points.push((0.0, h.edges.get(i).copied()));
        }
        below += count;
        // The last value stands where its rank does, not at a share of 1, which no axis of nines has.
        let share = (below as f64 - 0.5) / all as f64;
        points.push((share, h.edges.get(i + 1).copied()));
    }
    points
}
