//! What prony measured against what the server says of itself.

use super::rates::{PhaseRates, cached_tokens};
use super::samples::{PhaseSamples, visit};
use super::server::{Of, server_told};
use super::table::metric;
use crate::record::RunRecords;
use crate::result::Warning;
use crate::stats::quantile;

/// By how much, as a share, two accounts of one time may differ.
const SHARE: f64 = 0.25;
/// And by how much in ms.
const FLOOR_MS: f64 = 20.0;
/// By how much two hit ratios may differ.
const RATIO: f64 = 0.02;
/// Share of foreign requests that is told.
const FOREIGN: f64 = 0.1;
/// Fewer requests than this say nothing of foreign ones: some are under way at the window's edges.
const ENOUGH: f64 = 20.0;

/// What a reader should know of the server's counters beside prony's own numbers.
pub(super) fn server_warnings(runs: &[RunRecords], samples: &PhaseSamples<'_>) -> Vec<Warning> {
    if runs.iter().all(|run| run.scrapes.is_empty()) {
        return Vec::new();
    }
    let mut warnings: Vec<Warning> = failures(runs).into_iter().collect();
    warnings.extend(
        [
            ("ttft", "server_ttft"),
            ("e2e_latency", "server_e2e_latency"),
        ]
        .into_iter()
        .filter_map(|(client, server)| times(client, server, runs, samples)),
    );
    warnings.extend(hit_ratios(runs, samples));
    warnings.extend(foreign(runs, samples));
    warnings
}

/// Looks that failed although others succeeded. That all failed is a fact of the target and no warning.
fn failures(runs: &[RunRecords]) -> Option<Warning> {
    let looks = || runs.iter().flat_map(|run| &run.scrapes);
    let failed = looks().filter(|s| s.error.is_some()).count();
    let all = looks().count();
    if failed == all {
        return None;
    }
    let first = looks().find(|s| s.error.is_some())?;
    let why = first.error.as_deref().unwrap_or_default();
    Some(Warning {
        text: format!(
            "{failed} of {all} looks at the server's counters failed, the first at {:.1} s of its run: {why}",
            first.at_us as f64 / 1e6
        ),
        remedy: "nothing else suffers: metrics of the server that need those looks are missing; see what became of its `/metrics`".to_owned(),
    })
}

/// One of the medians, else the means, where they are further apart than what lies between client and
/// server can be.
fn times(
    client: &str,
    server: &str,
    runs: &[RunRecords],
    samples: &PhaseSamples<'_>,
) -> Option<Warning> {
    let mut seen = Vec::new();
    visit(samples, client, |s| {
        if s.ok {
            seen.push(s.value);
        }
    });
    seen.sort_by(f64::total_cmp);
    let metric = metric(server)?;
    let told = |of| server_told(metric, of, None, runs).ok();
    let median = quantile(&seen, 0.5)
        .zip(told(Of::Quantile(0.5)).and_then(|t| t.between))
        .map(|(seen, [low, high])| ("median", seen, low, high));
    let mean = (!seen.is_empty())
        .then(|| seen.iter().sum::<f64>() / seen.len() as f64)
        .zip(told(Of::Mean))
        .map(|(seen, told)| ("mean", seen, told.value, told.value));
    [median, mean]
        .into_iter()
        .flatten()
        .find_map(|(what, seen, low, high)| {
            let told = if low == high {
                format!("{high:.0} ms")
            } else {
                format!("{low:.0} to {high:.0} ms")
            };
            let text = |than: &str, by: f64| {
                format!(
                    "{what} {client}: {seen:.0} ms here, {told} by the server itself ({server}), {than} by {by:.0} ms"
                )
            };
            if seen > high * (1.0 + SHARE) + FLOOR_MS {
                Some(Warning {
                    text: text("longer", seen - high),
                    remedy: "that time passes outside the engine: the network, a proxy or router, its HTTP front end, or a queue ahead of what it counts; look there before the engine".to_owned(),
                })
            } else if seen < low * (1.0 - SHARE) - FLOOR_MS {
                Some(Warning {
                    text: text("shorter", low - seen),
                    remedy: "the server counts something else: requests of other clients, or of the warm-up, or from another start; see `docs/telemetry.md`".to_owned(),
                })
            } else {
                None
            }
        })
}

/// The two accounts of the prefix cache.
fn hit_ratios(runs: &[RunRecords], samples: &PhaseSamples<'_>) -> Option<Warning> {
    let tokens = cached_tokens(samples)?;
    let (cached, input) = tokens
        .iter()
        .fold((0.0, 0.0), |(c, i), t| (c + t.cached, i + t.input));
    let by_usage = cached / input;
    let by_counters = server_told(metric("cache_hit_ratio")?, Of::Whole, None, runs).ok()?;
    let difference = (by_usage - by_counters.value).abs();
    (difference > RATIO).then(|| Warning {
        text: format!(
            "the two accounts of the prefix cache differ: {:.1} % by the answers' `cached_tokens`, {:.1} % by the server's counters",
            by_usage * 100.0,
            by_counters.value * 100.0
        ),
        remedy: "the counters also hold what was looked up anew after a preemption, other clients' requests, and those at the window's edges; a decode instance reports 0 cached tokens for what another server has prefilled".to_owned(),
    })
}

/// Requests that the server finished and prony did not send.
fn foreign(runs: &[RunRecords], samples: &PhaseSamples<'_>) -> Option<Warning> {
    let told = server_told(metric("server_requests")?, Of::Whole, None, runs).ok()?;
    let rates = PhaseRates::new(samples, None, &[]);
    let own = rates.completions.iter().map(Vec::len).sum::<usize>() as f64;
    let beside = runs.iter().flat_map(|run| &run.beside).count() as f64;
    let own = own + beside;
    (own >= ENOUGH && told.value > own * (1.0 + FOREIGN) + ENOUGH).then(|| Warning {
        text: format!(
            "the server finished {:.0} requests inside the window, and {own:.0} of them were prony's",
            told.value
        ),
        remedy: "others use this server: measure when nobody does, or take their load into account".to_owned(),
    })
}
