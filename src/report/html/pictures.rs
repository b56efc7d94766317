use serde::Serialize;

use super::server::server_pictures;

use crate::metrics::Unit;
use crate::report::chart::{
    Axis, Head, HistogramChart, Line, LineChart, Mark, Scale, Shade, histogram, lines,
};
use crate::report::facts::quantile;
use crate::result::{
    AssertionResult, Distribution, Histogram, MetricSummary, PhaseResult, PhaseSeries,
};
use crate::text::exact;

/// A chart and what it says.
#[derive(Serialize)]
pub(super) struct PictureView {
    pub title: String,
    pub caption: String,
    /// SVG.
    pub svg: String,
}

/// The pictures of a phase; what has no data has no picture.
pub(super) fn pictures(
    phase: &PhaseResult,
    series: Option<&PhaseSeries>,
    assertions: &[AssertionResult],
    id: &str,
) -> Vec<PictureView> {
    let mut out = Vec::new();
    for (name, title) in [
        ("ttft", "Time to first token"),
        ("itl", "Gaps between chunks"),
        ("e2e_latency", "End-to-end latency"),
    ] {
        if let Some(MetricSummary::Distribution(d)) = phase.metrics.get(name) {
            let limits = limits(assertions, &phase.name, name);
            out.extend(distribution(
                d,
                name,
                title,
                limits,
                &format!("{id}-{name}"),
            ));
        }
    }
    out.extend(percentiles(phase, &format!("{id}-percentiles")));
    if let Some(series) = series {
        out.extend(over_time(series, id));
        out.extend(server_pictures(series, id));
    }
    out
}

fn distribution(
    d: &Distribution,
    name: &str,
    title: &str,
    limits: Vec<Mark>,
    id: &str,
) -> Option<PictureView> {
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
    let mut marks = limits;
    for (label, value) in [("p50", d.p50), ("p99", d.p99)] {
        marks.extend(value.map(|value| Mark {
            value,
            label: label.to_owned(),
            limit: false,
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
            id,
            title: &format!("Distribution of {name}"),
            desc: &caption,
        },
        histogram: h,
        unit: if in_seconds { "s" } else { d.unit.name() },
        marks,
    })?;
    Some(PictureView {
        title: title.to_owned(),
        caption,
        svg,
    })
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
                limit: true,
            })
        })
        .collect()
}

/// Latency over the share of requests, the tail stretched.
fn percentiles(phase: &PhaseResult, id: &str) -> Option<PictureView> {
    let of = |name: &str| phase.metrics.get(name);
    let head = Head {
        id,
        title: "Latency by percentile",
        desc: "Time to first token and end-to-end latency over the share of requests.",
    };
    let drawn = [("ttft", of("ttft")), ("e2e latency", of("e2e_latency"))];
    Some(PictureView {
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
        drawn.push(Line {
            name: (*label).to_owned(),
            series,
            points,
            area: false,
        });
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
    lines(&LineChart {
        head,
        x: Axis {
            scale: Scale::Tail {
                hi: reach.min(0.999_99),
            },
            unit: String::new(),
        },
        y: Axis {
            scale: y,
            unit: "ms".to_owned(),
        },
        lines: drawn,
        shades: vec![],
        marks: vec![],
    })
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

/// `(title, caption, unit, [(series, legend, colour)], filled)`
type Timeline = (
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str, u8)],
    bool,
);

const TIMELINES: &[Timeline] = &[
    (
        "Output tokens over time",
        "Tokens that arrived, whoever asked for them.",
        "tok/s",
        &[("tokens_per_second", "tokens", 1)],
        true,
    ),
    (
        "Requests over time",
        "Sent, completed and failed.",
        "1/s",
        &[
            ("sent", "sent", 2),
            ("completed", "completed", 1),
            ("failed", "failed", 0),
        ],
        false,
    ),
    (
        "Requests in flight",
        "A line that keeps rising is a queue that keeps growing.",
        "",
        &[("in_flight", "in flight", 1)],
        true,
    ),
    (
        "Time to first token over time",
        "Of the first tokens that arrived in each stretch.",
        "ms",
        &[("ttft_p50", "p50", 1), ("ttft_p99", "p99", 2)],
        false,
    ),
];

fn over_time(phase: &PhaseSeries, id: &str) -> Vec<PictureView> {
    TIMELINES
        .iter()
        .enumerate()
        .filter_map(|(i, timeline)| timeline_of(phase, timeline, &format!("{id}-t{i}")))
        .collect()
}

fn timeline_of(
    phase: &PhaseSeries,
    &(title, caption, unit, names, area): &Timeline,
    id: &str,
) -> Option<PictureView> {
    let mut drawn = Vec::new();
    let mut end: f64 = 0.0;
    for run in &phase.runs {
        for &(key, legend, series) in names {
            let Some(values) = run.series.get(key) else {
                continue;
            };
            let failures = series == 0;
            if failures && values.iter().flatten().all(|v| *v == 0.0) {
                continue;
            }
            let points: Vec<_> = values
                .iter()
                .enumerate()
                .map(|(i, v)| {
                    (
                        (i as f64 + 0.5) * run.interval_s,
                        v.filter(|v| v.is_finite()),
                    )
                })
                .collect();
            end = end.max(values.len() as f64 * run.interval_s);
            drawn.push(Line {
                name: legend.to_owned(),
                series,
                points,
                area: area && phase.runs.len() == 1,
            });
        }
    }
    let several = if phase.runs.len() > 1 {
        format!(" {} runs over each other.", phase.runs.len())
    } else {
        String::new()
    };
    let head = Head {
        id,
        title,
        desc: caption,
    };
    Some(PictureView {
        title: title.to_owned(),
        caption: format!("{caption}{several}"),
        svg: drawn_over_time(phase, head, unit, drawn, end)?,
    })
}

/// Lines over the seconds of a run, up to `end`, with what lies outside the first run's window shaded.
pub(super) fn drawn_over_time(
    phase: &PhaseSeries,
    head: Head<'_>,
    unit: &str,
    drawn: Vec<Line>,
    end: f64,
) -> Option<String> {
    let values: Vec<f64> = drawn
        .iter()
        .flat_map(|l| l.points.iter().filter_map(|p| p.1))
        .collect();
    let window = phase.runs.first()?.window_s;
    let shade = |from: f64, to: f64, label: &str| Shade {
        from,
        to,
        label: label.to_owned(),
    };
    lines(&LineChart {
        head,
        x: Axis {
            scale: Scale::Linear {
                lo: 0.0,
                hi: end.max(f64::MIN_POSITIVE),
            },
            unit: "s".to_owned(),
        },
        y: Axis {
            scale: Scale::linear(values, true),
            unit: unit.to_owned(),
        },
        lines: drawn,
        shades: vec![
            shade(0.0, window[0], "warm-up"),
            shade(window[1], end, "tail"),
        ],
        marks: vec![],
    })
}
