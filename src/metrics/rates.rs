use super::samples::{Arrival, PhaseSamples};
use super::server::{Of, server_told};
use super::table::metric;
use crate::record::TokenSource;

/// What passed through the windows of a phase, and the width of the windows: the numerators of all
/// rates. A part that is missing is `None`.
#[derive(Debug)]
pub struct PhaseRates {
    /// Successful answers that ended inside, run by run.
    pub completions: Vec<Vec<Arrival>>,
    /// Output tokens that arrived inside, run by run.
    pub output: Option<Vec<Vec<Arrival>>>,
    /// Prompt tokens first answered inside, run by run.
    pub input: Option<Vec<Vec<Arrival>>>,
    /// Stretches in flight inside, run by run.
    pub in_flight: Vec<Vec<(u64, u64)>>,
    /// GPUs of the target.
    pub gpus: Option<u32>,
}

impl PhaseRates {
    /// Of the requests of `samples` (warm-up and tail included) that bear all of `labels`.
    pub fn new(samples: &PhaseSamples<'_>, gpus: Option<u32>, labels: &[(String, String)]) -> Self {
        PhaseRates {
            completions: samples.runs.iter().map(|r| r.completions(labels)).collect(),
            output: samples
                .runs
                .iter()
                .map(|r| r.output_tokens(labels))
                .collect(),
            input: samples
                .runs
                .iter()
                .map(|r| r.input_tokens(labels))
                .collect(),
            in_flight: samples.runs.iter().map(|r| r.in_flight(labels)).collect(),
            gpus: gpus.filter(|&n| n > 0),
        }
    }
}

/// A rate: what is summed, and by what beside time it is divided.
#[derive(Debug)]
pub struct Rate<'a> {
    /// Sums over these, run by run.
    pub parts: Vec<&'a [Vec<Arrival>]>,
    /// 1, or the number of GPUs.
    pub divisor: f64,
}

impl PhaseRates {
    /// The rate called `name`. `None`: missing, or not a rate of arrivals.
    pub fn rate(&self, name: &str) -> Option<Rate<'_>> {
        let (base, divisor) = match name.strip_suffix("_per_gpu") {
            Some(base) => (base, f64::from(self.gpus?)),
            None => (name, 1.0),
        };
        let output = || self.output.as_deref();
        let input = || self.input.as_deref();
        let parts = match base {
            "throughput" => vec![self.completions.as_slice()],
            "tokens_per_second" => vec![output()?],
            "input_tokens_per_second" => vec![input()?],
            "total_tokens_per_second" => vec![input()?, output()?],
            _ => return None,
        };
        Some(Rate { parts, divisor })
    }
}

/// Prompt tokens of one request, and how many of them came from the server's cache.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CachedTokens {
    /// Index of the run.
    pub run: usize,
    /// When the request was due or sent, in µs.
    pub at_us: u64,
    /// From the cache.
    pub cached: f64,
    /// All.
    pub input: f64,
}

/// Cached and all prompt tokens of the window's successes, by the server's answers. `None` where one of
/// them does not tell: some servers leave the field out, and what that means is not known.
pub fn cached_tokens(samples: &PhaseSamples<'_>) -> Option<Vec<CachedTokens>> {
    if transferred(samples) {
        return None;
    }
    let mut all = Vec::new();
    for (run, part) in samples.runs.iter().enumerate() {
        for row in part.rows.iter().filter(|row| row.record.ok()) {
            if row.record.provenance.input != Some(TokenSource::Server) {
                return None;
            }
            all.push(CachedTokens {
                run,
                at_us: row.at_us,
                cached: row.record.cached_tokens? as f64,
                input: row.record.input_tokens? as f64,
            });
        }
    }
    (!all.is_empty()).then_some(all)
}

/// Whether the server took prompts over that another one had computed, as a decode instance does: what
/// it has of its own cache, be it 0 tokens, then says nothing of hits and misses.
pub fn transferred(samples: &PhaseSamples<'_>) -> bool {
    metric("prompt_tokens_transferred")
        .and_then(|m| server_told(m, Of::Whole, None, samples.of).ok())
        .is_some_and(|told| told.value > 0.0)
}

/// The least that tells how one request of a warm cache fared against a perfect one.
#[derive(Clone, Copy, Debug)]
pub struct IdealTokens {
    /// Index of the run.
    pub run: usize,
    /// When it was due or sent, in µs since the run's start.
    pub at_us: u64,
    /// Prompt tokens that a perfect cache would have found.
    pub ideal: f64,
    /// Prompt tokens.
    pub input: f64,
}

/// What a perfect cache would have found of the prompt of every successful request; `None` where it is
/// not known of one.
pub fn ideal_tokens(samples: &PhaseSamples<'_>) -> Option<Vec<IdealTokens>> {
    let mut all = Vec::new();
    for (run, part) in samples.runs.iter().enumerate() {
        for row in part.rows.iter().filter(|row| row.record.ok()) {
            all.push(IdealTokens {
                run,
                at_us: row.at_us,
                ideal: row.record.ideal_cached_tokens? as f64,
                input: row.record.input_tokens? as f64,
            });
        }
    }
    (!all.is_empty()).then_some(all)
}

/// The share of prompt tokens that a perfect cache would have found.
pub fn ideal_ratio(samples: &PhaseSamples<'_>) -> Option<f64> {
    let (ideal, input) = ideal_tokens(samples)?
        .iter()
        .fold((0.0, 0.0), |(c, i), t| (c + t.ideal, i + t.input));
    (input > 0.0).then(|| ideal / input)
}

/// How much of what a perfect cache would have found the server's did, by its counters.
pub fn efficiency_by_counters(samples: &PhaseSamples<'_>) -> Option<f64> {
    let ideal = ideal_ratio(samples).filter(|r| *r > 0.0 && !transferred(samples))?;
    let told = server_told(metric("cache_hit_ratio")?, Of::Whole, None, samples.of).ok()?;
    Some(told.value / ideal)
}

/// The value of a metric that a phase has one of; `None` when it is missing.
pub fn phase_value(name: &str, samples: &PhaseSamples<'_>, rates: &PhaseRates) -> Option<f64> {
    if name == "error_rate" {
        return (!samples.is_empty()).then(|| samples.failed() as f64 / samples.len() as f64);
    }
    if name == "cached_token_ratio" {
        let (cached, input) = cached_tokens(samples)?
            .iter()
            .fold((0.0, 0.0), |(c, i), t| (c + t.cached, i + t.input));
        return (input > 0.0).then(|| cached / input);
    }
    match name {
        "ideal_cache_hit_ratio" => return ideal_ratio(samples),
        "cache_efficiency" => {
            let ideal: f64 = ideal_tokens(samples)?.iter().map(|t| t.ideal).sum();
            return match cached_tokens(samples) {
                Some(cached) if ideal > 0.0 => {
                    Some(cached.iter().map(|t| t.cached).sum::<f64>() / ideal)
                }
                Some(_) => None,
                None => efficiency_by_counters(samples),
            };
        }
        _ => {}
    }
    let seconds = samples.window_s();
    if seconds <= 0.0 || samples.runs.iter().all(|r| r.run.records.is_empty()) {
        return None;
    }
    if name == "concurrency" {
        let us: u64 = rates.in_flight.iter().flatten().map(|(a, b)| b - a).sum();
        return Some(us as f64 / 1e6 / seconds);
    }
    let rate = rates.rate(name)?;
    let sum: f64 = rate
        .parts
        .iter()
        .flat_map(|p| p.iter().flatten())
        .map(|a| a.amount)
        .sum();
    Some(sum / seconds / rate.divisor)
}
