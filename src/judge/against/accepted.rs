use std::collections::BTreeMap;

use crate::baseline::{PhaseBaseline, differences};
use crate::result::AcceptedMetric;

use super::input::AcceptedInput;

/// The latencies that pictures show beside those that were measured.
const SHOWN: [&str; 4] = ["ttft", "itl", "tpot", "e2e_latency"];

/// By phase, then by metric: what was accepted of every phase that is still the same.
pub(super) fn accepted_latencies(
    accepted: &AcceptedInput<'_>,
) -> BTreeMap<String, BTreeMap<String, AcceptedMetric>> {
    let Ok(file) = accepted.accepted else {
        return BTreeMap::new();
    };
    let nothing = BTreeMap::new();
    let same = |phase: &&PhaseBaseline| {
        let now = accepted.identities.get(&phase.name).unwrap_or(&nothing);
        differences(&phase.identity, now).is_empty()
    };
    file.phases
        .iter()
        .filter(same)
        .map(|phase| (phase.name.clone(), latencies(phase)))
        .filter(|(_, metrics)| !metrics.is_empty())
        .collect()
}

fn latencies(phase: &PhaseBaseline) -> BTreeMap<String, AcceptedMetric> {
    let of = |name: &str| {
        let metric = phase.accepted.metrics.get(name)?;
        let quantile = |statistic: &str| Some(metric.statistics.get(statistic)?.clone());
        Some(AcceptedMetric {
            unit: metric.unit,
            p50: quantile("p50")?,
            p90: quantile("p90")?,
            p95: quantile("p95")?,
            p99: quantile("p99")?,
        })
    };
    let known = SHOWN
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), of(name)?)));
    known.collect()
}
