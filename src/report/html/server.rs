use serde::Serialize;

use super::page::clean;
use crate::metrics::{Provenance, Shape, Unit, metric};
use crate::report::chart::{Axis, Head, Line, LineChart, Scale, Shade, lines};
use crate::report::order::in_table_order;
use crate::result::{MetricSummary, Metrics, PhaseResult, PhaseSeries, ServerResult};
use crate::text::{MISSING, count, number, seconds};

use super::pictures::PictureView;

/// What the server counted of itself, as `phase.html` sees it.
#[derive(Serialize)]
pub(super) struct ServerView {
    /// How it was read, in one sentence.
    pub about: String,
    pub rows: Vec<ServerRow>,
    /// Metrics without a value, and why.
    pub missing: Vec<(String, String)>,
}

#[derive(Serialize)]
pub(super) struct ServerRow {
    pub name: String,
    pub meaning: String,
    /// value or mean, p50, p99, max
    pub cells: Vec<String>,
}

/// Whether a metric is one that the server counts.
pub(super) fn of_server(name: &str) -> bool {
    metric(name).is_some_and(|m| m.provenance == Provenance::Server)
}

pub(super) fn server_view(phase: &PhaseResult) -> Option<ServerView> {
    let server = phase.server.as_ref()?;
    let mut rows = rows(&phase.metrics, server, "");
    for (replica, metrics) in &server.replicas {
        rows.extend(rows_of_replica(metrics, server, replica));
    }
    Some(ServerView {
        about: about(server),
        rows,
        missing: server
            .missing
            .iter()
            .map(|(name, why)| (clean(name), clean(why)))
            .collect(),
    })
}

fn about(server: &ServerResult) -> String {
    let looks = format!(
        "{} looks, one every {}",
        count(server.scrapes),
        seconds(Some(server.every_s))
    );
    let failed = match server.failed {
        0 => String::new(),
        n => format!(", {} of them failed", count(n)),
    };
    match (&server.engine, &server.note) {
        (_, Some(note)) => format!("No counters: {}.", clean(note)),
        (Some(engine), None) => format!("Names of {}; {looks}{failed}.", clean(engine)),
        (None, None) => format!("{looks}{failed}."),
    }
}

/// The few that tell replicas apart.
fn rows_of_replica(metrics: &Metrics, server: &ServerResult, replica: &str) -> Vec<ServerRow> {
    const TOLD: [&str; 4] = [
        "queue_depth",
        "running",
        "kv_usage",
        "server_generation_tokens",
    ];
    let few: Metrics = metrics
        .iter()
        .filter(|(name, _)| TOLD.contains(&name.as_str()))
        .map(|(name, m)| (name.clone(), m.clone()))
        .collect();
    rows(&few, server, &format!("{{replica={replica}}}"))
}

fn rows(metrics: &Metrics, server: &ServerResult, suffix: &str) -> Vec<ServerRow> {
    in_table_order(metrics)
        .into_iter()
        .filter(|(name, _)| of_server(name) || *name == "cached_token_ratio")
        .map(|(name, m)| ServerRow {
            name: clean(&format!("{name}{suffix}")),
            meaning: metric(name).map_or_else(String::new, |m| m.meaning.to_owned()),
            cells: match m {
                MetricSummary::Value(v) => vec![
                    number(Some(v.value), v.unit),
                    String::new(),
                    String::new(),
                    String::new(),
                ],
                MetricSummary::Distribution(d) => vec![
                    number(d.mean, d.unit),
                    bracketed(server, name, "p50", d.p50, d.unit),
                    bracketed(server, name, "p99", d.p99, d.unit),
                    match metric(name).map(|m| m.shape) {
                        Some(Shape::Histogram) => MISSING.to_owned(),
                        _ => number(d.max, d.unit),
                    },
                ],
            },
        })
        .collect()
}

/// A quantile, with the bucket in which it lies where the server keeps a histogram.
fn bracketed(
    server: &ServerResult,
    name: &str,
    quantile: &str,
    value: Option<f64>,
    unit: Unit,
) -> String {
    let shown = number(value, unit);
    match server.between.get(&format!("{name}.{quantile}")) {
        Some([Some(low), Some(high)]) => format!(
            "{shown} ({} to {})",
            number(Some(*low), unit),
            number(Some(*high), unit)
        ),
        Some([Some(low), None]) => format!("over {}", number(Some(*low), unit)),
        _ => shown,
    }
}

/// `(title, caption, unit, factor, [(series, legend, colour)])`
type Course = (
    &'static str,
    &'static str,
    &'static str,
    f64,
    &'static [(&'static str, &'static str, u8)],
);

const COURSES: [Course; 2] = [
    (
        "Queue inside the server",
        "Its own gauges, look by look.",
        "",
        1.0,
        &[("queue_depth", "waiting", 2), ("running", "running", 1)],
    ),
    (
        "Cache inside the server",
        "KV cache in use, and prefix-cache hits since the look before.",
        "%",
        100.0,
        &[("kv_usage", "KV in use", 1), ("cache_hit_ratio", "hits", 2)],
    ),
];

/// The course of the server's counters, on the time axis of the other pictures.
pub(super) fn server_pictures(phase: &PhaseSeries, id: &str) -> Vec<PictureView> {
    let drawn = COURSES.iter().enumerate();
    drawn
        .filter_map(|(i, course)| picture(phase, course, &format!("{id}-s{i}")))
        .collect()
}

fn picture(
    phase: &PhaseSeries,
    &(title, caption, unit, factor, names): &Course,
    id: &str,
) -> Option<PictureView> {
    let mut drawn = Vec::new();
    let mut end: f64 = 0.0;
    for run in &phase.runs {
        end = run
            .series
            .values()
            .map(|v| v.len() as f64 * run.interval_s)
            .fold(end, f64::max);
        let Some(server) = &run.server else { continue };
        end = server
            .at_s
            .last()
            .copied()
            .map_or(end, |last| last.max(end));
        for &(key, legend, series) in names {
            let Some(values) = server.series.get(key) else {
                continue;
            };
            let shown = |v: &Option<f64>| v.filter(|v| v.is_finite()).map(|v| v * factor);
            drawn.push(Line {
                name: legend.to_owned(),
                series,
                points: server
                    .at_s
                    .iter()
                    .zip(values)
                    .filter(|(at, _)| **at >= 0.0)
                    .map(|(at, v)| (*at, shown(v)))
                    .collect(),
                area: false,
            });
        }
    }
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
    let svg = lines(&LineChart {
        head: Head {
            id,
            title,
            desc: caption,
        },
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
    })?;
    Some(PictureView {
        title: title.to_owned(),
        caption: caption.to_owned(),
        svg,
    })
}
