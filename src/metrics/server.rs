//! Metrics that the server counted of itself, over the runs of a phase.

use std::collections::{BTreeMap, BTreeSet};

use super::server_window::{Absent, View};
use super::table::{METRICS, MetricDef, Provenance, Shape};
use crate::record::{Buckets, RunRecords};
use crate::result::{Distribution, MetricSummary, Metrics, ServerResult, Value};

/// Gauges that are a share of something: replicas have a mean, not a sum.
const SHARES: [&str; 4] = [
    "kv_usage",
    "gpu_utilization",
    "gpu_sm_active",
    "gpu_memory_used",
];
/// Where what belongs to all replicas of a page stands.
const SHARED: &str = "shared";
/// Seconds into milliseconds.
const MS: f64 = 1e3;

/// A statistic of a metric that the server tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Of {
    /// The one value of a phase.
    Whole,
    /// Mean.
    Mean,
    /// Standard deviation.
    Stddev,
    /// Least.
    Min,
    /// Greatest.
    Max,
    /// A quantile, 0 to 1.
    Quantile(f64),
}

/// What the server told.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// In the metric's unit; infinite where a quantile lies beyond the last bucket.
    pub value: f64,
    /// Between which bounds it lies for sure, where a histogram's bucket says so.
    pub between: Option<[f64; 2]>,
    /// Looks, or values of the histogram, behind it.
    pub n: u64,
    /// What it is, for a person.
    pub note: String,
}

/// A stretch of a run's window in which a gauge had a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Held {
    /// Index of the run.
    pub run: usize,
    /// From, in µs since the run's start.
    pub from_us: u64,
    /// Until.
    pub until_us: u64,
    /// The value.
    pub value: f64,
}

impl Held {
    fn seconds(&self) -> f64 {
        (self.until_us - self.from_us) as f64 / 1e6
    }
}

/// A gauge over the windows of `runs`, of one replica or of all.
///
/// # Errors
/// Why it is missing, in words.
pub fn gauge_held(
    name: &str,
    replica: Option<&str>,
    runs: &[RunRecords],
) -> Result<Vec<Held>, String> {
    held(name, replica, runs).map_err(Absent::into_reason)
}

/// The statistic `of` of `metric`, which is one that servers tell, over the windows of `runs`.
///
/// # Errors
/// Why it is missing, in words.
pub fn server_told(
    metric: &MetricDef,
    of: Of,
    replica: Option<&str>,
    runs: &[RunRecords],
) -> Result<Told, String> {
    told(metric, of, replica, runs).map_err(Absent::into_reason)
}

fn told(
    metric: &MetricDef,
    of: Of,
    replica: Option<&str>,
    runs: &[RunRecords],
) -> Result<Told, Absent> {
    let name = metric.name;
    if runs.is_empty() {
        return Err(Absent::NotTold("nothing was measured".to_owned()));
    }
    match metric.shape {
        Shape::Gauge => {
            let held = held(name, replica, runs)?;
            let value = of_held(&held, of)
                .ok_or_else(|| Absent::NotTold(format!("`{name}` has no such statistic")))?;
            let n = held.len() as u64;
            Ok(Told {
                value,
                between: None,
                n,
                note: format!("from {n} looks at the server's gauge"),
            })
        }
        Shape::Histogram => of_histogram(name, of, &histogram(name, replica, runs)?),
        _ => {
            let value = whole(name, replica, runs)?;
            Ok(Told {
                value,
                between: None,
                n: 1,
                note: "the server's own count".to_owned(),
            })
        }
    }
}

fn held(name: &str, replica: Option<&str>, runs: &[RunRecords]) -> Result<Vec<Held>, Absent> {
    let mean = SHARES.contains(&name);
    let mut all = Vec::new();
    for (run, records) in runs.iter().enumerate() {
        let stretches = View::new(records, replica).gauge(name, mean)?;
        all.extend(
            stretches
                .into_iter()
                .map(|(from_us, until_us, value)| Held {
                    run,
                    from_us,
                    until_us,
                    value,
                }),
        );
    }
    Ok(all)
}

/// A statistic of a gauge, weighted by time.
fn of_held(held: &[Held], of: Of) -> Option<f64> {
    let total: f64 = held.iter().map(Held::seconds).sum();
    if total <= 0.0 {
        return None;
    }
    let mean = held.iter().map(|h| h.value * h.seconds()).sum::<f64>() / total;
    let values = held.iter().map(|h| h.value);
    match of {
        Of::Whole | Of::Mean => Some(mean),
        Of::Stddev => {
            let squares = held.iter().map(|h| (h.value - mean).powi(2) * h.seconds());
            Some((squares.sum::<f64>() / total).sqrt())
        }
        Of::Min => values.reduce(f64::min),
        Of::Max => values.reduce(f64::max),
        Of::Quantile(q) => {
            let mut sorted: Vec<(f64, f64)> = held.iter().map(|h| (h.value, h.seconds())).collect();
            sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut passed = 0.0;
            for (value, seconds) in &sorted {
                passed += seconds;
                if passed >= q * total * (1.0 - 1e-12) {
                    return Some(*value);
                }
            }
            sorted.last().map(|(value, _)| *value)
        }
    }
}

fn histogram(name: &str, replica: Option<&str>, runs: &[RunRecords]) -> Result<Buckets, Absent> {
    let mut total: Option<Buckets> = None;
    for run in runs {
        let of_run = View::new(run, replica).histogram(name)?;
        match &mut total {
            None => total = Some(of_run),
            Some(total) if total.le == of_run.le => {
                total.sum += of_run.sum;
                total.count += of_run.count;
                for (t, n) in total.up_to.iter_mut().zip(of_run.up_to) {
                    *t += n;
                }
            }
            Some(_) => {
                return Err(Absent::Lost(format!(
                    "the buckets of `{name}` are not the same in all runs"
                )));
            }
        }
    }
    match total {
        Some(total) if total.count > 0.0 => Ok(total),
        _ => Err(Absent::Lost(format!(
            "the server entered nothing in `{name}` inside the window"
        ))),
    }
}

fn of_histogram(name: &str, of: Of, h: &Buckets) -> Result<Told, Absent> {
    let n = h.count.round() as u64;
    match of {
        Of::Whole | Of::Mean => Ok(Told {
            value: h.sum / h.count * MS,
            between: None,
            n,
            note: format!("the mean of {n} values in the server's histogram"),
        }),
        Of::Quantile(q) => {
            let (value, [lower, upper]) = bucket_quantile(h, q);
            Ok(Told {
                value: value * MS,
                between: Some([lower * MS, upper * MS]),
                n,
                note: format!("the server's histogram of {n} values tells the bucket and no more"),
            })
        }
        Of::Stddev | Of::Min | Of::Max => Err(Absent::NotTold(format!(
            "the server keeps a histogram of `{name}`, which has a mean and quantiles only"
        ))),
    }
}

/// The `q`-quantile of a cumulative histogram, and the bucket in which it lies: linear inside the
/// bucket, as Prometheus' `histogram_quantile` has it, but infinite beyond the last bound.
fn bucket_quantile(h: &Buckets, q: f64) -> (f64, [f64; 2]) {
    let rank = q * h.count;
    let Some(i) = h.up_to.iter().position(|up_to| *up_to >= rank) else {
        let last = h.le.last().copied().unwrap_or(0.0);
        return (f64::INFINITY, [last, f64::INFINITY]);
    };
    let below = i.checked_sub(1);
    let lower = below.map_or(0.0, |j| h.le[j]).min(h.le[i]);
    let before = below.map_or(0.0, |j| h.up_to[j]);
    let inside = h.up_to[i] - before;
    let share = if inside > 0.0 {
        (rank - before) / inside
    } else {
        1.0
    };
    (lower + (h.le[i] - lower) * share, [lower, h.le[i]])
}

fn counter(name: &str, replica: Option<&str>, runs: &[RunRecords]) -> Result<f64, Absent> {
    runs.iter()
        .map(|run| View::new(run, replica).counter(name))
        .sum()
}

/// The value of a metric that a phase has one of.
fn whole(name: &str, replica: Option<&str>, runs: &[RunRecords]) -> Result<f64, Absent> {
    match name {
        "cache_hit_ratio" => {
            let queries = counter("cache_queries", replica, runs)?;
            let hits = counter("cache_hits", replica, runs)?;
            if queries > 0.0 {
                Ok(hits / queries)
            } else {
                Err(Absent::Lost(
                    "the server looked no prompt token up inside the window".to_owned(),
                ))
            }
        }
        "replica_skew" => {
            let generated: Vec<f64> = replicas(runs)
                .into_iter()
                .map(|r| counter("server_generation_tokens", Some(r), runs))
                .collect::<Result<_, _>>()?;
            let mean = generated.iter().sum::<f64>() / generated.len().max(1) as f64;
            if generated.len() < 2 {
                Err(Absent::NotTold(
                    "the server's `/metrics` does not tell of several replicas".to_owned(),
                ))
            } else if mean > 0.0 {
                Ok(generated.iter().copied().fold(0.0, f64::max) / mean)
            } else {
                Err(Absent::Lost(
                    "no replica generated anything inside the window".to_owned(),
                ))
            }
        }
        _ => counter(name, replica, runs),
    }
}

/// Replicas that the pages tell apart.
fn replicas(runs: &[RunRecords]) -> BTreeSet<&str> {
    let all = runs.iter().flat_map(|run| View::new(run, None).replicas());
    all.filter(|name| *name != SHARED).collect()
}

/// The server's metrics of `runs`, by name.
pub(super) fn server_metrics(runs: &[RunRecords]) -> Metrics {
    summarized(None, runs).0
}

/// Metrics, and what got lost of those that the server told.
fn summarized(replica: Option<&str>, runs: &[RunRecords]) -> (Metrics, BTreeMap<String, String>) {
    let (mut metrics, mut lost) = (Metrics::new(), BTreeMap::new());
    if runs.iter().all(|run| run.scrapes.is_empty()) {
        return (metrics, lost);
    }
    for metric in METRICS {
        if metric.provenance != Provenance::Server {
            continue;
        }
        match summary(metric, replica, runs) {
            Ok(found) => drop(metrics.insert(metric.name.to_owned(), found)),
            Err(Absent::Lost(why)) => drop(lost.insert(metric.name.to_owned(), why)),
            Err(Absent::NotTold(_)) => {}
        }
    }
    (metrics, lost)
}

fn summary(
    metric: &MetricDef,
    replica: Option<&str>,
    runs: &[RunRecords],
) -> Result<MetricSummary, Absent> {
    let unit = metric.unit;
    let distribution = |n: u64, of: &dyn Fn(Of) -> Option<f64>| {
        let finite = |statistic| of(statistic).filter(|v| v.is_finite());
        MetricSummary::Distribution(Distribution {
            unit,
            n,
            mean: finite(Of::Mean),
            stddev: finite(Of::Stddev),
            min: finite(Of::Min),
            max: finite(Of::Max),
            p50: finite(Of::Quantile(0.5)),
            p90: finite(Of::Quantile(0.9)),
            p95: finite(Of::Quantile(0.95)),
            p99: finite(Of::Quantile(0.99)),
            beyond: None,
            histogram: None,
        })
    };
    Ok(match metric.shape {
        Shape::Gauge => {
            let held = held(metric.name, replica, runs)?;
            distribution(held.len() as u64, &|of| of_held(&held, of))
        }
        Shape::Histogram => {
            let h = histogram(metric.name, replica, runs)?;
            let of = |of| of_histogram(metric.name, of, &h).ok().map(|t| t.value);
            distribution(h.count.round() as u64, &of)
        }
        _ => MetricSummary::Value(Value {
            unit,
            value: whole(metric.name, replica, runs)?,
        }),
    })
}

/// What is known of the target's counters over `runs`; `None`: nobody looked.
pub fn server_result(runs: &[RunRecords]) -> Option<ServerResult> {
    let looks = || runs.iter().flat_map(|run| &run.scrapes);
    let first = looks().next()?;
    let failed = looks().filter(|s| s.error.is_some()).count();
    let scrapes = looks().count();
    let engine = looks().find_map(|s| s.engine.clone());
    let (_, missing) = summarized(None, runs);
    let note = if failed == scrapes {
        looks().find_map(|s| s.error.clone())
    } else if engine.is_none() && looks().all(|s| s.gpus.is_empty()) {
        Some("its `/metrics` has no name that prony knows".to_owned())
    } else {
        None
    };
    let several = replicas(runs);
    let by_replica = |name: &str| (name.to_owned(), summarized(Some(name), runs).0);
    Some(ServerResult {
        engine,
        every_s: first.every_us as f64 / 1e6,
        scrapes: scrapes as u64,
        failed: failed as u64,
        note,
        missing,
        between: buckets(runs),
        replicas: if several.len() > 1 {
            several.into_iter().map(by_replica).collect()
        } else {
            BTreeMap::new()
        },
    })
}

/// The buckets in which the quantiles of the server's histograms lie.
fn buckets(runs: &[RunRecords]) -> BTreeMap<String, [Option<f64>; 2]> {
    let mut between = BTreeMap::new();
    for metric in METRICS.iter().filter(|m| m.shape == Shape::Histogram) {
        let Ok(h) = histogram(metric.name, None, runs) else {
            continue;
        };
        for (name, q) in [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)] {
            let (_, bounds) = bucket_quantile(&h, q);
            let bounds = bounds.map(|b| Some(b * MS).filter(|b| b.is_finite()));
            between.insert(format!("{}.{name}", metric.name), bounds);
        }
    }
    between
}
