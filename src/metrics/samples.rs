use std::collections::BTreeMap;

use super::during::{DURING, During};
use crate::record::{Part, RequestRecord, RunRecords, TokenSource, Window};
use crate::stats::ValueStore;

/// What is measured of a phase, taken from its records once: the requests of its windows, and what
/// passed through the windows whoever asked for it.
#[derive(Debug)]
pub struct PhaseSamples<'a> {
    /// The records that they were taken from.
    pub of: &'a [RunRecords],
    /// Run by run, in order.
    pub runs: Vec<RunSamples<'a>>,
}

/// One run of a phase.
#[derive(Debug)]
pub struct RunSamples<'a> {
    /// The run's records.
    pub run: &'a RunRecords,
    /// Requests that belong to the window, in the order in which they were due or sent.
    pub rows: Vec<Row<'a>>,
    /// Only what was measured then is meant.
    pub during: Option<During>,
}

/// A request that belongs to a window.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// When it was due (open loop) or sent (closed loop), in µs since the run's start.
    pub at_us: u64,
    /// The record.
    pub record: &'a RequestRecord,
}

/// Something of a size that happened at a time: tokens that arrived, an answer that was completed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrival {
    /// µs since the run's start.
    pub at_us: u64,
    /// How much.
    pub amount: f64,
}

/// Arrivals of tokens that are kept one by one (16 MB); past that, all within a millisecond are one, so
/// that memory grows with time and not with tokens.
const EXACT_ARRIVALS: usize = 1_000_000;

impl<'a> PhaseSamples<'a> {
    /// The samples of `runs`.
    ///
    /// A request belongs to the window by its record's `part`. When the user `interrupted` the run,
    /// requests that were cut short by that are left out: nobody knows what would have become of them.
    /// Otherwise a request that was cut did not end in the time it was given, and counts as failed.
    pub fn new(runs: &'a [RunRecords], interrupted: bool) -> Self {
        Self::labelled(runs, interrupted, &[])
    }

    /// As [`PhaseSamples::new`], of the requests only that bear all of `labels`.
    pub fn labelled(
        runs: &'a [RunRecords],
        interrupted: bool,
        labels: &[(String, String)],
    ) -> Self {
        let of = runs;
        let runs = runs
            .iter()
            .map(|run| {
                let during = During::of(run, labels);
                let mut rows: Vec<Row<'a>> = run
                    .records
                    .iter()
                    .filter(|r| r.part == Part::Window)
                    .filter(|r| bears(r, labels))
                    .filter(|r| !((interrupted || run.stopped.is_some()) && r.cut()))
                    .map(|record| Row {
                        at_us: record
                            .due_us
                            .or(record.sent_us)
                            .unwrap_or(run.window.start_us),
                        record,
                    })
                    .collect();
                rows.sort_by_key(|r| (r.at_us, r.record.id));
                RunSamples { run, rows, during }
            })
            .collect();
        PhaseSamples { of, runs }
    }

    /// Requests of all windows, run by run, in the order in which they were due or sent.
    pub fn rows(&self) -> impl Iterator<Item = &Row<'a>> {
        self.runs.iter().flat_map(|r| r.rows.iter())
    }

    /// How many requests belong to the windows.
    pub fn len(&self) -> usize {
        self.runs.iter().map(|r| r.rows.len()).sum()
    }

    /// Whether no request belongs to the windows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many of them failed.
    pub fn failed(&self) -> usize {
        self.rows().filter(|r| !r.record.ok()).count()
    }

    /// Length of all windows together, in seconds.
    pub fn window_s(&self) -> f64 {
        self.runs.iter().map(|r| r.run.window.seconds()).sum()
    }

    /// Mean time in flight of the successful requests, in seconds: what "several service times" means.
    pub fn service_s(&self) -> Option<f64> {
        let ended: Vec<f64> = self
            .rows()
            .filter(|r| r.record.ok())
            .filter_map(|r| Some(r.record.end_us?.saturating_sub(r.record.sent_us?) as f64 / 1e6))
            .collect();
        (!ended.is_empty()).then(|| ended.iter().sum::<f64>() / ended.len() as f64)
    }
}

fn bears(record: &RequestRecord, labels: &[(String, String)]) -> bool {
    labels
        .iter()
        .filter(|(name, _)| name != DURING)
        .all(|(name, value)| record.labels.get(name) == Some(value))
}

impl RunSamples<'_> {
    /// Successful answers that ended inside the window, whoever asked for them.
    pub fn completions(&self, labels: &[(String, String)]) -> Vec<Arrival> {
        self.everyone(labels)
            .filter(|r| r.ok())
            .filter_map(|r| r.end_us)
            .filter(|&t| self.run.window.contains(t))
            .map(|at_us| Arrival { at_us, amount: 1.0 })
            .collect()
    }

    /// Output tokens that arrived inside the window, whoever asked for them. `None` when successful
    /// answers passed through the window but nothing is known of any of their tokens.
    pub fn output_tokens(&self, labels: &[(String, String)]) -> Option<Vec<Arrival>> {
        let window = self.run.window;
        let mut arrivals = Vec::new();
        let mut bound = EXACT_ARRIVALS;
        let (mut answered, mut known) = (false, false);
        for record in self.everyone(labels) {
            let through = record.ok() && overlaps(record, window);
            answered |= through;
            let Some(tokens) = token_arrivals(record) else {
                continue;
            };
            known |= through;
            arrivals.extend(tokens.into_iter().filter(|a| window.contains(a.at_us)));
            if arrivals.len() > bound {
                merge(&mut arrivals);
                bound = bound.max(2 * arrivals.len());
            }
        }
        (known || !answered).then_some(arrivals)
    }

    /// Prompt tokens of the requests whose first token arrived inside the window. `None` when the
    /// number is not known for one that succeeded.
    pub fn input_tokens(&self, labels: &[(String, String)]) -> Option<Vec<Arrival>> {
        let mut arrivals = Vec::new();
        for record in self.everyone(labels) {
            let Some(at_us) = record.first_us.filter(|&t| self.run.window.contains(t)) else {
                continue;
            };
            match record.input_tokens {
                Some(tokens) => arrivals.push(Arrival {
                    at_us,
                    amount: tokens as f64,
                }),
                None if record.ok() => return None,
                None => {}
            }
        }
        Some(arrivals)
    }

    /// From sending to end of every request that was in flight inside the window, cut to it.
    pub fn in_flight(&self, labels: &[(String, String)]) -> Vec<(u64, u64)> {
        let window = self.run.window;
        self.everyone(labels)
            .filter_map(|r| {
                let start = r.sent_us?.max(window.start_us);
                let end = r.end_us.unwrap_or(window.end_us).min(window.end_us);
                (start < end).then_some((start, end))
            })
            .collect()
    }

    fn everyone<'s>(
        &'s self,
        labels: &'s [(String, String)],
    ) -> impl Iterator<Item = &'s RequestRecord> {
        self.run.records.iter().filter(move |r| bears(r, labels))
    }
}

/// Makes one arrival of all within a millisecond, at the time of the first.
fn merge(arrivals: &mut Vec<Arrival>) {
    arrivals.sort_by_key(|a| a.at_us);
    arrivals.dedup_by(|later, first| {
        let same = later.at_us / 1_000 == first.at_us / 1_000;
        if same {
            first.amount += later.amount;
        }
        same
    });
}

fn overlaps(record: &RequestRecord, window: Window) -> bool {
    record.sent_us.is_some_and(|t| t < window.end_us)
        && record.end_us.is_none_or(|t| t >= window.start_us)
}

/// When each chunk of an answer arrived, and with how many tokens. `None`: nothing is known.
///
/// Where the total is known, chunks share it: by their own counts where every chunk has one, evenly
/// otherwise. Where it is not, a chunk without a count is one token. An answer without chunks (not
/// streamed) arrives whole at its end.
pub(super) fn token_arrivals(record: &RequestRecord) -> Option<Vec<Arrival>> {
    let total = record.output_tokens.map(|t| t as f64);
    let (Some(first), false) = (record.first_us, record.chunks.is_empty()) else {
        return match (total, record.end_us) {
            (Some(amount), Some(at_us)) => Some(vec![Arrival { at_us, amount }]),
            // A failed request that brought nothing did bring nothing.
            _ if !record.ok() => Some(Vec::new()),
            _ => None,
        };
    };
    let counted: Option<u64> = record
        .chunks
        .iter()
        .map(|c| c.tokens.map(u64::from))
        .sum::<Option<u64>>()
        .filter(|&sum| sum > 0);
    let mut at_us = first;
    let arrivals = record.chunks.iter().enumerate().map(|(i, chunk)| {
        if i > 0 {
            at_us += chunk.gap_us;
        }
        let own = f64::from(chunk.tokens.unwrap_or(1));
        let amount = match (total, counted) {
            (Some(total), Some(counted)) => own * total / counted as f64,
            (Some(total), None) => total / record.chunks.len() as f64,
            (None, _) => own,
        };
        Arrival { at_us, amount }
    });
    Some(arrivals.collect())
}

/// Values that each request has one of, by the name of the metric; times in ms. `None`: the request
/// has no such value, or the metric is not of this sort.
///
/// The time of the last token is that of the last chunk, or the end where the answer came in one.
pub fn request_value(record: &RequestRecord, metric: &str) -> Option<f64> {
    let ms = |from: Option<u64>, to: Option<u64>| {
        let (from, to) = (from?, to?);
        Some((to as f64 - from as f64) / 1e3)
    };
    match metric {
        "ttft" => ms(record.sent_us, record.first_us),
        "e2e_latency" => ms(record.sent_us, record.end_us),
        "ttft_scheduled" => ms(record.due_us, record.first_us),
        "e2e_latency_scheduled" => ms(record.due_us, record.end_us),
        "tpot" => {
            let tokens = record.output_tokens.or_else(|| counted_tokens(record))?;
            let streamed = record.chunks.len() > 1;
            let span: u64 = record.chunks.iter().skip(1).map(|c| c.gap_us).sum();
            (streamed && tokens > 1).then(|| span as f64 / 1e3 / (tokens - 1) as f64)
        }
        "input_tokens" => record.input_tokens.map(|t| t as f64),
        "output_tokens" => record.output_tokens.map(|t| t as f64),
        "cached_tokens" => record.cached_tokens.map(|t| t as f64),
        "connect_time" => record.connect_us.map(|t| t as f64 / 1e3),
        "slot_wait" => record.wait_us.map(|t| t as f64 / 1e3),
        "send_lag" => {
            let (due, sent) = (record.due_us?, record.sent_us?);
            let explained = record.wait_us.unwrap_or(0) + record.connect_us.unwrap_or(0);
            Some(sent.saturating_sub(due).saturating_sub(explained) as f64 / 1e3)
        }
        _ => None,
    }
}

fn counted_tokens(record: &RequestRecord) -> Option<u64> {
    let counted = record
        .chunks
        .iter()
        .map(|c| u64::from(c.tokens.unwrap_or(1)))
        .sum();
    (!record.chunks.is_empty()).then_some(counted)
}

/// The several values that a request has of `itl` (ms) or `chunk_tokens`.
pub fn chunk_values<'r>(
    record: &'r RequestRecord,
    metric: &str,
) -> impl Iterator<Item = f64> + use<'r> {
    let (gaps, tokens) = (metric == "itl", metric == "chunk_tokens");
    record.chunks.iter().enumerate().filter_map(move |(i, c)| {
        if gaps {
            (i > 0).then(|| c.gap_us as f64 / 1e3)
        } else {
            c.tokens.filter(|_| tokens).map(f64::from)
        }
    })
}

/// The values of [`chunk_values`] with the time that each took: the gap before its chunk, in µs since the
/// run's start.
fn chunk_spans(record: &RequestRecord, metric: &str) -> Vec<(f64, (u64, u64))> {
    let mut at_us = record.first_us.unwrap_or(0);
    let mut spans = Vec::new();
    for (i, chunk) in record.chunks.iter().enumerate() {
        let from_us = at_us;
        at_us += if i > 0 { chunk.gap_us } else { 0 };
        let value = match metric {
            "itl" => (i > 0).then(|| chunk.gap_us as f64 / 1e3),
            _ => chunk.tokens.map(f64::from),
        };
        spans.extend(value.map(|value| (value, (from_us, at_us))));
    }
    spans
}

/// From when to when a value of `metric` was made that a request has one of.
fn spell(row: &Row<'_>, metric: &str) -> (u64, u64) {
    let record = row.record;
    let end = record.end_us.unwrap_or(u64::MAX);
    let until_us = match metric {
        "ttft" | "ttft_scheduled" => record.first_us.unwrap_or(end),
        _ => end,
    };
    (record.sent_us.unwrap_or(row.at_us), until_us)
}

/// Whether a failed request counts in the quantiles of `metric` as slower than everything: latencies of
/// the answer do, descriptions of the load and of the client do not.
pub fn counts_failures(metric: &str) -> bool {
    matches!(
        metric,
        "ttft" | "itl" | "tpot" | "e2e_latency" | "ttft_scheduled" | "e2e_latency_scheduled"
    )
}

/// One value of a metric with one or more per request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Index of the run.
    pub run: usize,
    /// When the request was due or sent, in µs since the run's start.
    pub at_us: u64,
    /// The value; `+∞` stands for what never came.
    pub value: f64,
    /// Of a successful request: what mean, stddev, min and max cover.
    pub ok: bool,
}

/// Hands every value of `metric` to `take`, in the order of the requests. `false` when the metric is
/// missing: there is no value, or requests succeeded and none of them has one.
///
/// A failed request counts as one value slower than everything where [`counts_failures`] says so. Of
/// `itl`, the gaps that a failed request did show count as observed, and one unbounded value stands for
/// what never came. A failed request has no scheduled latency in a closed loop, where nothing is due.
pub fn visit(samples: &PhaseSamples<'_>, metric: &str, mut take: impl FnMut(Sample)) -> bool {
    let per_chunk = matches!(metric, "itl" | "chunk_tokens");
    let failures = counts_failures(metric);
    let scheduled = metric.ends_with("_scheduled");
    // Where waiting is recorded at all, a request that was sent without any has waited 0.
    let waits = metric == "slot_wait" && samples.rows().any(|r| r.record.wait_us.is_some());
    let (mut any, mut any_success, mut any_success_value) = (false, false, false);
    for (run, part) in samples.runs.iter().enumerate() {
        for row in &part.rows {
            let ok = row.record.ok();
            any_success |= ok;
            let mut push = |value: f64, ok: bool| {
                any = true;
                any_success_value |= ok;
                take(Sample {
                    run,
                    at_us: row.at_us,
                    value,
                    ok,
                });
            };
            let then = |from_us: u64, until_us: u64| {
                part.during
                    .as_ref()
                    .is_none_or(|during| during.covers(from_us, until_us))
            };
            let (from_us, until_us) = spell(row, metric);
            if per_chunk && part.during.is_some() {
                for (value, (from, until)) in chunk_spans(row.record, metric) {
                    if then(from, until) {
                        push(value, ok);
                    }
                }
            } else if per_chunk {
                for value in chunk_values(row.record, metric) {
                    push(value, ok);
                }
            } else if !then(from_us, until_us) {
                continue;
            } else if ok || !failures {
                let none = (waits && row.record.sent_us.is_some()).then_some(0.0);
                if let Some(value) = request_value(row.record, metric).or(none) {
                    push(value, ok);
                }
            }
            if !ok
                && failures
                && then(from_us, until_us)
                && !(scheduled && row.record.due_us.is_none())
            {
                push(f64::INFINITY, false);
            }
        }
    }
    any && !(any_success && failures && !any_success_value)
}

/// Values of a metric with one per request, in the order of the requests; `None` when it is missing.
pub fn column(samples: &PhaseSamples<'_>, metric: &str) -> Option<Vec<Sample>> {
    let mut column = Vec::new();
    visit(samples, metric, |s| column.push(s)).then_some(column)
}

/// The `q`-quantile of a metric; `None` when it is missing. `+∞`: unbounded because of failures.
pub fn quantile_of(samples: &PhaseSamples<'_>, metric: &str, q: f64) -> Option<f64> {
    let mut store = ValueStore::default();
    if !visit(samples, metric, |s| store.push(s.value)) {
        return None;
    }
    store.sorted().quantile(q)
}

/// Who counted the tokens of the successful requests: how many requests each.
pub(super) fn token_sources(
    samples: &PhaseSamples<'_>,
    of: impl Fn(&RequestRecord) -> Option<TokenSource>,
) -> BTreeMap<TokenSource, usize> {
    let mut sources = BTreeMap::new();
    for row in samples.rows().filter(|r| r.record.ok()) {
        if let Some(source) = of(row.record) {
            *sources.entry(source).or_insert(0) += 1;
        }
    }
    sources
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_within_a_millisecond_become_one_and_none_is_lost() {
        let at = |at_us, amount| Arrival { at_us, amount };
        let mut arrivals = vec![at(2_999, 1.0), at(100, 2.0), at(3_000, 0.5), at(2_100, 4.0)];
        merge(&mut arrivals);
        assert_eq!(arrivals, [at(100, 2.0), at(2_100, 5.0), at(3_000, 0.5)]);
    }
}
