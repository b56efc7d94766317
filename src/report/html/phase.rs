use serde::Serialize;

use super::page::clean;
use super::picture::PictureView;
use super::server::{ServerView, of_server, server_view};
use crate::report::facts::{quantile, requests};
use crate::report::lengths;
use crate::report::noise;
use crate::report::order::in_table_order;
use crate::report::pictures::of_phase;
use crate::result::{
    CaseResult, ClientHealth, Distribution, MetricSummary, PhaseResult, PhaseSeries, RunPart,
    Spread, Supply,
};
use crate::text::{MISSING, count, number, seconds};

/// A phase as `phase.html` sees it.
#[derive(Serialize)]
pub(super) struct PhaseView {
    /// Whether it stands open, where a case has several.
    pub open: bool,
    pub name: String,
    pub target: String,
    pub model: Option<String>,
    pub load: String,
    pub requests: String,
    pub tiles: Vec<TileView>,
    pub pictures: Vec<PictureView>,
    pub distributions: Vec<DistributionView>,
    pub values: Vec<ValueView>,
    pub runs: Vec<RunView>,
    /// What metrics vary by, a row each, under `noise_headings`.
    pub noise: Vec<RunView>,
    pub noise_headings: [&'static str; 6],
    pub errors: Vec<ErrorView>,
    pub lengths: Option<LengthsView>,
    pub client: Vec<(String, String)>,
    pub server: Option<ServerView>,
}

/// A figure worth large type.
#[derive(Serialize)]
pub(super) struct TileView {
    pub label: &'static str,
    pub value: String,
    pub note: String,
}

#[derive(Serialize)]
pub(super) struct DistributionView {
    pub name: String,
    /// n, mean, stddev, min, p50, p90, p95, p99, max
    pub cells: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct ValueView {
    pub name: String,
    pub value: String,
}

#[derive(Serialize)]
pub(super) struct RunView {
    pub cells: Vec<String>,
}

/// Tokens asked for and got.
#[derive(Serialize)]
pub(super) struct LengthsView {
    pub headings: [&'static str; 8],
    pub rows: Vec<RunView>,
    /// What differs, in words.
    pub lines: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct ErrorView {
    pub kind: String,
    pub count: String,
    pub share: String,
    pub example: String,
}

pub(super) fn phase_view(
    phase: &PhaseResult,
    series: Option<&PhaseSeries>,
    case: &CaseResult,
) -> PhaseView {
    PhaseView {
        open: case.phases.len() <= 2,
        name: clean(&phase.name),
        target: clean(&phase.target),
        model: phase.model.as_deref().map(clean),
        load: clean(&phase.load.text),
        requests: requests(phase),
        tiles: tiles(phase),
        pictures: PictureView::all(of_phase(case, phase, series)),
        distributions: distributions(phase),
        values: values(phase),
        runs: if phase.runs.len() > 1 {
            phase.runs.iter().enumerate().map(run_view).collect()
        } else {
            Vec::new()
        },
        noise: phase
            .noise
            .iter()
            .map(|n| RunView {
                cells: noise::cells(n),
            })
            .collect(),
        noise_headings: noise::HEADINGS,
        errors: phase
            .errors
            .iter()
            .map(|e| ErrorView {
                kind: clean(&e.kind),
                count: count(e.count),
                share: if phase.requests.due > 0 {
                    let share = e.count as f64 / phase.requests.due as f64;
                    number(Some(share), crate::metrics::Unit::Ratio)
                } else {
                    MISSING.to_owned()
                },
                example: clean(&e.example),
            })
            .collect(),
        lengths: lengths_view(phase),
        client: client(&phase.client),
        server: server_view(phase),
    }
}

fn distribution<'a>(phase: &'a PhaseResult, name: &str) -> Option<&'a Distribution> {
    match phase.metrics.get(name) {
        Some(MetricSummary::Distribution(d)) => Some(d),
        _ => None,
    }
}

fn lengths_view(phase: &PhaseResult) -> Option<LengthsView> {
    let lines: Vec<String> = lengths::lines(phase).iter().map(|l| clean(l)).collect();
    let row = |cells: [String; 8]| RunView {
        cells: cells.into(),
    };
    (!lines.is_empty()).then(|| LengthsView {
        headings: lengths::HEADINGS,
        rows: lengths::rows(phase).into_iter().map(row).collect(),
        lines,
    })
}

fn tiles(phase: &PhaseResult) -> Vec<TileView> {
    let mut tiles = Vec::new();
    for (name, label) in [
        ("ttft", "Time to first token"),
        ("tpot", "Time per output token"),
    ] {
        if let Some(d) = distribution(phase, name) {
            tiles.push(TileView {
                label,
                value: quantile(d, 0.5, d.p50),
                note: format!("median; p99 {}", quantile(d, 0.99, d.p99)),
            });
        }
    }
    let value = |name: &str| match phase.metrics.get(name) {
        Some(MetricSummary::Value(v)) => Some(number(Some(v.value), v.unit)),
        _ => None,
    };
    if let Some(tokens) = value("tokens_per_second") {
        tiles.push(TileView {
            label: "Output tokens",
            value: tokens,
            note: match value("throughput") {
                Some(t) => format!("{t} requests"),
                None => String::new(),
            },
        });
    }
    if let Some(errors) = value("error_rate") {
        tiles.push(TileView {
            label: "Failed requests",
            value: errors,
            note: format!(
                "{} of {}",
                count(phase.requests.failed),
                count(phase.requests.due)
            ),
        });
    }
    tiles
}

fn distributions(phase: &PhaseResult) -> Vec<DistributionView> {
    in_table_order(&phase.metrics)
        .into_iter()
        .filter_map(|(name, m)| match m {
            MetricSummary::Distribution(d) if !of_server(name) => Some(DistributionView {
                name: clean(name),
                cells: vec![
                    count(d.n),
                    number(d.mean, d.unit),
                    number(d.stddev, d.unit),
                    number(d.min, d.unit),
                    quantile(d, 0.5, d.p50),
                    quantile(d, 0.9, d.p90),
                    quantile(d, 0.95, d.p95),
                    quantile(d, 0.99, d.p99),
                    number(d.max, d.unit),
                ],
            }),
            _ => None,
        })
        .collect()
}

fn values(phase: &PhaseResult) -> Vec<ValueView> {
    in_table_order(&phase.metrics)
        .into_iter()
        .filter_map(|(name, m)| match m {
            MetricSummary::Value(v) if !of_server(name) => Some(ValueView {
                name: clean(name),
                value: number(Some(v.value), v.unit),
            }),
            _ => None,
        })
        .collect()
}

/// Run, session, window, requests, failed, ttft p50, ttft p99, tpot p50, tokens per second.
fn run_view((i, run): (usize, &RunPart)) -> RunView {
    let q = |name: &str, q: f64| match run.metrics.get(name) {
        Some(MetricSummary::Distribution(d)) => quantile(d, q, if q < 0.9 { d.p50 } else { d.p99 }),
        _ => MISSING.to_owned(),
    };
    let tokens = match run.metrics.get("tokens_per_second") {
        Some(MetricSummary::Value(v)) => number(Some(v.value), v.unit),
        _ => MISSING.to_owned(),
    };
    RunView {
        cells: vec![
            (i + 1).to_string(),
            (run.session + 1).to_string(),
            seconds(Some(run.window_s)),
            count(run.requests.due),
            count(run.requests.failed),
            q("ttft", 0.5),
            q("ttft", 0.99),
            q("tpot", 0.5),
            tokens,
        ],
    }
}

fn client(health: &ClientHealth) -> Vec<(String, String)> {
    use crate::metrics::Unit::{Milliseconds, Ratio};
    let spread = |s: &Spread| {
        format!(
            "median {}, p99 {}, worst {}",
            number(Some(s.p50), Milliseconds),
            number(Some(s.p99), Milliseconds),
            number(Some(s.max), Milliseconds)
        )
    };
    let mut facts = vec![("Transport".to_owned(), transport(health))];
    let mut add = |name: &str, value: Option<String>| {
        facts.extend(value.map(|v| (name.to_owned(), v)));
    };
    add(
        "Times of arrival by",
        health.stamps.as_deref().map(|who| match who {
            "user" => "the client".to_owned(),
            "mixed" => "the kernel, or else the client".to_owned(),
            who => format!("the {}", clean(who)),
        }),
    );
    add("Lateness of sends", health.send_lag.as_ref().map(spread));
    add("Lateness of timers", health.loop_delay.as_ref().map(spread));
    add(
        "Processor",
        health
            .cpu
            .map(|c| format!("{} of one core", number(Some(c), Ratio))),
    );
    add(
        "Asked requests sent",
        health.achieved_share.map(|s| number(Some(s), Ratio)),
    );
    let share = |s: Option<f64>| s.map(|s| number(Some(s), Ratio));
    add("Readable to read", health.read_delay.as_ref().map(spread));
    add(
        "Waiting for a prompt",
        health.preparation_lag.as_ref().map(spread),
    );
    add(
        "Measuring thread",
        health.measuring_cpu.map(|cpu| {
            let waited = share(health.core_wait)
                .map_or_else(String::new, |w| format!(", waited for one {w}"));
            format!("on a core {}{waited}", number(Some(cpu), Ratio))
        }),
    );
    add("All cores of the machine", share(health.machine_cpu));
    add(
        "Pages read from a disk",
        health.major_faults.filter(|n| *n > 0).map(count),
    );
    add(
        "Stopped by a processor limit",
        health.throttled.filter(|t| t.throttled > 0).map(|t| {
            format!(
                "in {} of {} periods, {} in all",
                count(t.throttled),
                count(t.periods),
                number(Some(t.stopped_ms), Milliseconds)
            )
        }),
    );
    add("Most memory", health.rss_bytes.map(bytes));
    let supply = |s: Supply| match s.limit {
        Some(limit) => format!("{} of {}", count(s.most), count(limit)),
        None => count(s.most),
    };
    add("Most open files", health.files.map(supply));
    add("Most ports towards one address", health.ports.map(supply));
    let ran_out: Vec<String> = health
        .exhausted
        .iter()
        .map(|(name, n)| format!("{} × {}", count(*n), clean(name)))
        .collect();
    add(
        "Requests lost to limits of this machine",
        (!ran_out.is_empty()).then(|| ran_out.join(", ")),
    );
    let error = health.own_error.as_ref();
    add(
        "Own error of ttft, by `prony doctor`",
        error.map(|e| spread(&e.ttft)),
    );
    add(
        "Own error of itl, by `prony doctor`",
        error.map(|e| spread(&e.itl)),
    );
    facts
}

fn transport(health: &ClientHealth) -> String {
    let stamps = match health.stamps.as_deref() {
        Some("kernel") => ", stamps of the kernel",
        Some("user") => ", stamps when read",
        Some("mixed") => ", stamps of the kernel for most",
        _ => "",
    };
    format!("{}{stamps}", clean(&health.transport))
}

fn bytes(n: u64) -> String {
    format!("{:.1} MB", n as f64 / 1e6)
}
