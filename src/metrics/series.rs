use std::collections::BTreeMap;

use crate::record::{Part, RunRecords};
use crate::result::{RunSeries, failed_of};
use crate::stats::{EXACT_VALUES, ValueStore};

use super::heat::HeatFrame;
use super::samples::{request_value, token_arrivals};
use super::server_series::server_series;

/// Most stretches of a series.
const MAX_POINTS: u64 = 3600;

/// The time series of the runs of a phase, warm-up and tail included.
pub fn series(runs: &[RunRecords]) -> Vec<RunSeries> {
    let ended: Vec<(&RunRecords, u64)> = runs.iter().map(|run| (run, end_us(run))).collect();
    let frame = HeatFrame::of(&ended);
    ended
        .into_iter()
        .map(|(run, end_us)| series_of(run, end_us, frame.as_ref()))
        .collect()
}

/// When the last thing of a run happened.
fn end_us(run: &RunRecords) -> u64 {
    run.records
        .iter()
        .flat_map(|r| [r.end_us, r.first_us, r.sent_us].into_iter().flatten())
        .max()
        .unwrap_or(0)
        .max(run.window.end_us)
}

/// The time series of a run.
///
/// Stretches are one second wide; in runs under 20 s narrower, so that there is a course to see, in
/// runs over an hour wider. Counts and tokens of a stretch are 0 where nothing happened, latencies null.
fn series_of(run: &RunRecords, end_us: u64, heat: Option<&HeatFrame>) -> RunSeries {
    let width_us = width_us(end_us);
    let points = usize::try_from(end_us.div_ceil(width_us)).unwrap_or(0);
    let seconds = width_us as f64 / 1e6;
    let slot = |t: u64| usize::try_from(t / width_us).unwrap_or(usize::MAX);

    let mut due = vec![0.0; points];
    let mut sent = vec![0.0; points];
    let mut completed = vec![0.0; points];
    let mut failed = vec![0.0; points];
    let mut failed_by_kind: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut tokens = vec![0.0; points];
    let mut in_flight = vec![0.0; points];
    // Exact where a stretch has few values; many of them are counted in bins, so that memory has a bound.
    let store = ValueStore::with_limit(EXACT_VALUES / points.max(1));
    let mut ttft = vec![store.clone(); points];
    let mut itl = vec![store; points];
    let mut tokens_known = false;
    let add = |series: &mut Vec<f64>, at: u64, amount: f64| {
        if let Some(x) = series.get_mut(slot(at)) {
            *x += amount;
        }
    };
    for record in &run.records {
        if let Some(at) = record.due_us {
            add(&mut due, at, 1.0 / seconds);
        }
        if let Some(at) = record.sent_us {
            add(&mut sent, at, 1.0 / seconds);
            let until = record.end_us.unwrap_or(end_us);
            for (i, x) in in_flight.iter_mut().enumerate().skip(slot(at)) {
                let from = i as u64 * width_us;
                if from >= until {
                    break;
                }
                let overlap = until.min(from + width_us).saturating_sub(at.max(from));
                *x += overlap as f64 / width_us as f64;
            }
        }
        // What prony cut outside the window, when it had seen enough, is no failure of anything.
        let given_up = record.cut() && record.part != Part::Window;
        if let Some(at) = record.end_us.filter(|_| !given_up) {
            let ended = if record.ok() {
                &mut completed
            } else {
                &mut failed
            };
            add(ended, at, 1.0 / seconds);
            if let Some(error) = &record.error {
                let of_kind = failed_by_kind.entry(error.kind.name());
                let of_kind = of_kind.or_insert_with(|| vec![0.0; points]);
                add(of_kind, at, 1.0 / seconds);
            }
        }
        for arrival in token_arrivals(record).into_iter().flatten() {
            tokens_known = true;
            add(&mut tokens, arrival.at_us, arrival.amount / seconds);
        }
        if let Some(first) = record.first_us {
            if let (Some(value), Some(values)) =
                (request_value(record, "ttft"), ttft.get_mut(slot(first)))
            {
                values.push(value);
            }
            let mut at = first;
            for chunk in record.chunks.iter().skip(1) {
                at += chunk.gap_us;
                if let Some(values) = itl.get_mut(slot(at)) {
                    values.push(chunk.gap_us as f64 / 1e3);
                }
            }
        }
    }

    let mut series = BTreeMap::new();
    let mut put = |name: &str, values: Vec<Option<f64>>| {
        if values.iter().any(Option::is_some) {
            series.insert(name.to_owned(), values);
        }
    };
    let known = |values: Vec<f64>| values.into_iter().map(Some).collect::<Vec<_>>();
    if run.open_loop {
        put("due", known(due));
    }
    put("sent", known(sent));
    put("completed", known(completed));
    put("failed", known(failed));
    for (kind, values) in failed_by_kind {
        put(&failed_of(kind), known(values));
    }
    put("in_flight", known(in_flight));
    if tokens_known {
        put("tokens_per_second", known(tokens));
    }
    for (name, values) in [("ttft", ttft), ("itl", itl)] {
        let values: Vec<_> = values.into_iter().map(ValueStore::sorted).collect();
        for (suffix, q) in [("p50", 0.5), ("p99", 0.99)] {
            let quantiles = values.iter().map(|v| v.quantile(q)).collect();
            put(&format!("{name}_{suffix}"), quantiles);
        }
    }
    RunSeries {
        interval_s: seconds,
        window_s: [
            run.window.start_us as f64 / 1e6,
            run.window.end_us as f64 / 1e6,
        ],
        series,
        server: server_series(run),
        ttft_heat: heat.and_then(|frame| frame.heat(run, end_us)),
    }
}

fn width_us(end_us: u64) -> u64 {
    const SECOND: u64 = 1_000_000;
    for width in [50_000, 100_000, 200_000, 500_000] {
        if end_us <= 40 * width {
            return width;
        }
    }
    let mut width = SECOND;
    while end_us.div_ceil(width) > MAX_POINTS {
        width += SECOND;
    }
    width
}
