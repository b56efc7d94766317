use super::picture::Picture;
use crate::report::chart::{Axis, Head, Line, LineChart, Scale, Series, lines};
use crate::result::{Histogram, MetricSummary, PhaseResult};

/// Latency over the share of requests, the tail stretched.
pub(super) fn percentiles(phase: &PhaseResult) -> Option<Picture> {
    let of = |name: &str| phase.metrics.get(name);
    let head = Head {
        title: "Latency by percentile",
        desc: "Time to first token and end-to-end latency over the share of requests.",
    };
    let drawn = [("ttft", of("ttft")), ("e2e latency", of("e2e_latency"))];
    Some(Picture {
        name: "latency_percentiles",
        title: "Latency by percentile".to_owned(),
        caption: "Every further nine is as wide as the one before. Failed requests count as slower than all others.".to_owned(),
        svg: by_percentile(head, &drawn)?,
    })
}

/// Named distributions of latencies over the share of requests; `None` where there are too few values.
pub(super) fn by_percentile(
    head: Head<'_>,
    named: &[(&str, Option<&MetricSummary>)],
) -> Option<String> {
    let mut drawn = Vec::new();
    let mut reach: f64 = 0.0;
    for (series, (label, metric)) in (1..).zip(named) {
        let Some(MetricSummary::Distribution(d)) = metric else {
            continue;
        };
        let Some(h) = &d.histogram else { continue };
        let points = cumulative(h, d.n);
        if d.n > 1 {
            reach = reach.max(1.0 - 1.0 / d.n as f64);
        }
        drawn.push(Line::new(label, Series::Nth(series), points));
    }
    let values = || {
        let all: Vec<f64> = drawn
            .iter()
            .flat_map(|l: &Line| l.points.iter().filter_map(|p| p.1))
            .collect();
        all
    };
    if drawn.is_empty() || reach < 0.5 {
        return None;
    }
    let y = Scale::log_if(values(), 1.3);
    let hi = reach.min(0.999_99);
    lines(&LineChart::new(
        head,
        Axis::new(Scale::Tail { hi }, ""),
        Axis::new(y, "ms"),
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
