use serde::Serialize;

use super::page::clean;
use crate::metrics::{Provenance, Shape, Unit, metric};
use crate::report::order::in_table_order;
use crate::result::{MetricSummary, Metrics, PhaseResult, ServerResult};
use crate::text::{MISSING, count, number, seconds};

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
