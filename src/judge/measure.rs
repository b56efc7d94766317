use crate::metrics::{
    Availability, DURING, PhaseRates, PhaseSamples, Provenance, Sample, Shape, Unit, cached_tokens,
    chunk_values, column, efficiency_by_counters, ideal_tokens, request_value, transferred, visit,
};
use crate::plan::WARM;
use crate::record::RequestRecord;
use crate::stats::{Batch, BlockedBuilder, Moments, effective_sample_size};
use crate::suite::assertion::{Bound, Function, MetricRef, Statistic};

use super::expression::Measured;
use super::leaf::{Independent, Leaf, LeafData, Missing};
use super::prepared::Prepared;
use super::server::server_leaf;

/// Measures `what` of `phase`.
pub(super) fn measure(what: &Measured, phase: &Prepared<'_>) -> Result<Leaf, Missing> {
    match what {
        Measured::Metric(m) if m.labels.is_empty() => metric_leaf(m, phase, &phase.samples),
        Measured::Metric(m) => {
            let input = phase.phase;
            let samples = PhaseSamples::labelled(input.runs, input.interrupted, &m.labels);
            metric_leaf(m, phase, &samples)
        }
        Measured::Call(_, Function::Goodput(bounds)) => goodput_leaf(bounds, phase, false),
        Measured::Call(_, Function::GoodputRate(bounds)) => goodput_leaf(bounds, phase, true),
        Measured::Call(_, Function::Efficiency(_) | Function::Speedup(_)) => Err(
            Missing::NotMeasured("`efficiency` and `speedup` need a sweep".to_owned()),
        ),
        Measured::Call(_, Function::Check(name)) => Err(Missing::NotMeasured(format!(
            "no content check `{name}` was made"
        ))),
    }
}

fn metric_leaf(
    m: &MetricRef,
    phase: &Prepared<'_>,
    samples: &PhaseSamples<'_>,
) -> Result<Leaf, Missing> {
    let metric = m.metric;
    if let Availability::Comes(with) = metric.availability {
        return Err(Missing::NotMeasured(format!(
            "`{}` is not measured yet; it comes with {with}",
            metric.name
        )));
    }
    if let Availability::Answer(of) = metric.availability {
        return Err(Missing::NotMeasured(format!(
            "`{}` comes with {of}",
            metric.name
        )));
    }
    if metric.provenance == Provenance::Server {
        return server_leaf(m, phase);
    }
    if samples.is_empty() {
        return Err(no_requests(&m.labels));
    }
    match metric.shape {
        Shape::PerRequest | Shape::PerChunk => distribution_leaf(m, phase, samples),
        Shape::Phase | Shape::Gauge | Shape::Histogram => phase_leaf(m, phase, samples),
    }
}

fn no_requests(labels: &[(String, String)]) -> Missing {
    Missing::NotMeasured(if labels.is_empty() {
        "no request fell into the window".to_owned()
    } else {
        let labels: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
        format!("no request of the window bears {}", labels.join(", "))
    })
}

fn distribution_leaf(
    m: &MetricRef,
    phase: &Prepared<'_>,
    samples: &PhaseSamples<'_>,
) -> Result<Leaf, Missing> {
    let name = m.metric.name;
    let failed = samples.failed();
    let blocks = &phase.blocks;
    let requests = samples.len() as u64;
    let per_request = m.metric.shape == Shape::PerRequest;
    let statistic = m.statistic.unwrap_or(Statistic::Mean);
    let missing = || {
        Missing::NotMeasured(match name {
            "ttft_scheduled" | "e2e_latency_scheduled" | "send_lag" | "slot_wait"
                if !phase.open_loop =>
            {
                format!("there is no `{name}` in a closed loop, where nothing is due")
            }
            _ if m.labels.iter().any(|(label, _)| label == DURING) => {
                format!(
                    "no `{name}` was measured then: no long prompt was worked on in the window, or always one"
                )
            }
            "itl" | "tpot" => {
                format!("no answer came in two chunks or more, so there is no `{name}`")
            }
            _ => format!("no request reported `{name}`"),
        })
    };
    if let (Statistic::Quantile(q), true) = (statistic, per_request) {
        let column = column(samples, name).ok_or_else(missing)?;
        let mut sorted: Vec<f64> = column.iter().map(|s| s.value).collect();
        sorted.sort_by(f64::total_cmp);
        let mut values = BlockedBuilder::new(blocks.len());
        for s in &column {
            values.push(blocks.of(s.run, s.at_us), s.value);
        }
        return Ok(Leaf {
            unit: m.metric.unit,
            n: sorted.len() as u64,
            requests,
            data: LeafData::Quantile {
                q,
                values: values.finish(),
                unbounded: sorted
                    .partition_point(|x| x.is_finite())
                    .abs_diff(sorted.len()),
                independent: Some(Independent {
                    effective: effective_at(&column, &sorted, q),
                    sorted,
                }),
            },
        });
    }
    let mut moments = vec![Moments::default(); blocks.len()];
    let mut values = BlockedBuilder::new(blocks.len());
    let (mut n, mut unbounded, mut successes) = (0, 0, 0);
    let quantile = matches!(statistic, Statistic::Quantile(_));
    let measured = visit(samples, name, |s| {
        n += 1;
        successes += u64::from(s.ok);
        unbounded += usize::from(s.value.is_infinite());
        let block = blocks.of(s.run, s.at_us);
        if quantile {
            values.push(block, s.value);
        } else if s.ok {
            moments[block].push(s.value);
        }
    });
    if !measured {
        return Err(missing());
    }
    if let Statistic::Quantile(q) = statistic {
        return Ok(Leaf {
            unit: m.metric.unit,
            n,
            requests,
            data: LeafData::Quantile {
                q,
                values: values.finish(),
                unbounded,
                independent: None,
            },
        });
    }
    if successes == 0 {
        return Err(Missing::AllFailed(format!(
            "all {failed} requests of the window failed"
        )));
    }
    let data = match statistic {
        Statistic::Stddev => LeafData::Stddev { blocks: moments },
        Statistic::Min | Statistic::Max => LeafData::Extreme {
            max: statistic == Statistic::Max,
            blocks: moments,
        },
        Statistic::Mean | Statistic::Quantile(_) => LeafData::Ratio {
            blocks: moments
                .iter()
                .map(|b| Batch {
                    sum: b.sum(),
                    size: b.n() as f64,
                })
                .collect(),
        },
    };
    Ok(Leaf {
        unit: m.metric.unit,
        n: successes,
        requests,
        data,
    })
}

/// What `values` (in the order of the requests) are worth as independent ones for their `q`-quantile:
/// from the autocorrelation of "is above it".
///
/// Where fewer than ten values lie beyond the quantile their clustering cannot be seen, so the level
/// looked at is the outermost one that leaves ten.
fn effective_at(values: &[Sample], sorted: &[f64], q: f64) -> f64 {
    const BEYOND: f64 = 10.0;
    let n = values.len() as f64;
    if n < 2.0 * BEYOND {
        return n;
    }
    let level = q.clamp(BEYOND / n, 1.0 - BEYOND / n);
    let threshold = sorted[((level * n) as usize).clamp(1, sorted.len()) - 1];
    let above: Vec<f64> = values
        .iter()
        .map(|v| f64::from(u8::from(v.value > threshold)))
        .collect();
    effective_sample_size(&by_run(values.iter().map(|v| v.run), &above))
}

/// `values` cut where the run changes.
fn by_run(runs: impl Iterator<Item = usize>, values: &[f64]) -> Vec<&[f64]> {
    let runs: Vec<usize> = runs.collect();
    let mut segments = Vec::new();
    let mut start = 0;
    for i in 1..=runs.len() {
        if i == runs.len() || runs[i] != runs[start] {
            segments.push(&values[start..i]);
            start = i;
        }
    }
    segments
}

fn phase_leaf(
    m: &MetricRef,
    phase: &Prepared<'_>,
    samples: &PhaseSamples<'_>,
) -> Result<Leaf, Missing> {
    let name = m.metric.name;
    if name == "error_rate" {
        return Ok(share_leaf(phase, samples, |row| !row.ok()));
    }
    let blocks = &phase.blocks;
    if name == "cached_token_ratio" {
        if transferred(samples) {
            return Err(Missing::NotMeasured(TRANSFERRED.to_owned()));
        }
        let tokens = cached_tokens(samples).ok_or_else(|| {
            Missing::NotMeasured(
                "not every answer of the window told its `cached_tokens` (vLLM wants `--enable-prompt-tokens-details`)"
                    .to_owned(),
            )
        })?;
        let mut batches = vec![Batch::default(); blocks.len()];
        for t in &tokens {
            let batch = &mut batches[blocks.of(t.run, t.at_us)];
            batch.sum += t.cached;
            batch.size += t.input;
        }
        return Ok(Leaf {
            unit: m.metric.unit,
            n: tokens.len() as u64,
            requests: samples.len() as u64,
            data: LeafData::Ratio { blocks: batches },
        });
    }
    if let "ideal_cache_hit_ratio" | "cache_efficiency" = name {
        return cache_leaf(m, phase, samples);
    }
    let rates = PhaseRates::new(samples, phase.phase.gpus, &m.labels);
    let seconds = blocks.seconds();
    let mut sums = vec![0.0; blocks.len()];
    let mut n = 0;
    if name == "concurrency" {
        for (run, spans) in rates.in_flight.iter().enumerate() {
            n += spans.len();
            for &(from, until) in spans {
                blocks.spread(run, from, until, &mut sums);
            }
        }
    } else {
        let rate = rates.rate(name).ok_or_else(|| {
            Missing::NotMeasured(if name.ends_with("_per_gpu") && rates.gpus.is_none() {
                format!("`{name}` needs `gpus` under the target")
            } else {
                "the token counts of the answers are not known".to_owned()
            })
        })?;
        for part in &rate.parts {
            for (run, arrivals) in part.iter().enumerate() {
                n += arrivals.len();
                for a in arrivals {
                    sums[blocks.of(run, a.at_us)] += a.amount / rate.divisor;
                }
            }
        }
    }
    Ok(Leaf {
        unit: m.metric.unit,
        n: n as u64,
        requests: samples.len() as u64,
        data: if name == "concurrency" {
            LeafData::Ratio {
                blocks: batches(sums, seconds),
            }
        } else {
            LeafData::Rate {
                blocks: batches(sums, seconds),
            }
        },
    })
}

/// Why what a server has cached says nothing.
const TRANSFERRED: &str = "the server took prompts over that another one had computed, so that what it has cached itself says nothing; ask the one that computes them, or the whole";

/// What a perfect prefix cache would find, or how much of that the server's did.
fn cache_leaf(
    m: &MetricRef,
    phase: &Prepared<'_>,
    samples: &PhaseSamples<'_>,
) -> Result<Leaf, Missing> {
    let missing = |why: &str| Missing::NotMeasured(why.to_owned());
    let Some(ideal) = ideal_tokens(samples) else {
        return Err(missing(if phase.phase.name == WARM {
            "what a perfect cache would find is not known: the server counts other prompt tokens than prony, or none (name the model's `tokenizer`)"
        } else {
            "what a perfect cache would find is known of phase `warm` only"
        }));
    };
    let blocks = &phase.blocks;
    let mut parts = vec![Batch::default(); blocks.len()];
    let data = if m.metric.name == "ideal_cache_hit_ratio" {
        for t in &ideal {
            let part = &mut parts[blocks.of(t.run, t.at_us)];
            part.sum += t.ideal;
            part.size += t.input;
        }
        LeafData::Ratio { blocks: parts }
    } else if let Some(cached) = cached_tokens(samples) {
        for (t, c) in ideal.iter().zip(&cached) {
            let part = &mut parts[blocks.of(t.run, t.at_us)];
            part.sum += c.cached;
            part.size += t.ideal;
        }
        LeafData::Ratio { blocks: parts }
    } else if transferred(samples) {
        return Err(missing(TRANSFERRED));
    } else {
        let value = efficiency_by_counters(samples).ok_or_else(|| {
            missing("neither the answers (`cached_tokens`; vLLM wants `--enable-prompt-tokens-details`) nor the server's counters tell what was cached")
        })?;
        LeafData::Told {
            value,
            between: None,
            note: "by the server's counters: the answers do not tell".to_owned(),
        }
    };
    Ok(Leaf {
        unit: m.metric.unit,
        n: ideal.len() as u64,
        requests: samples.len() as u64,
        data,
    })
}

fn batches(sums: Vec<f64>, sizes: Vec<f64>) -> Vec<Batch> {
    sums.into_iter()
        .zip(sizes)
        .map(|(sum, size)| Batch { sum, size })
        .collect()
}

/// The share of the requests of `samples` for which `hit`.
fn share_leaf(
    phase: &Prepared<'_>,
    samples: &PhaseSamples<'_>,
    hit: impl Fn(&RequestRecord) -> bool,
) -> Leaf {
    let blocks = &phase.blocks;
    let mut per_block = vec![Batch::default(); blocks.len()];
    let mut indicator = Vec::with_capacity(samples.len());
    let mut run_of = Vec::with_capacity(samples.len());
    for (run, part) in samples.runs.iter().enumerate() {
        for row in &part.rows {
            let value = f64::from(u8::from(hit(row.record)));
            let block = &mut per_block[blocks.of(run, row.at_us)];
            block.sum += value;
            block.size += 1.0;
            indicator.push(value);
            run_of.push(run);
        }
    }
    let n = indicator.len() as f64;
    Leaf {
        unit: Unit::Ratio,
        n: indicator.len() as u64,
        requests: indicator.len() as u64,
        data: LeafData::Share {
            hits: indicator.iter().sum(),
            n,
            effective: effective_sample_size(&by_run(run_of.into_iter(), &indicator)),
            blocks: per_block,
        },
    }
}

/// Goodput: the share of all requests of the window that met every bound, or those per second. A failed
/// request met none.
fn goodput_leaf(bounds: &[Bound], phase: &Prepared<'_>, rate: bool) -> Result<Leaf, Missing> {
    let samples = &phase.samples;
    if samples.is_empty() {
        return Err(no_requests(&[]));
    }
    for bound in bounds {
        let mut answered = samples.rows().filter(|r| r.record.ok()).peekable();
        if answered.peek().is_some() && answered.all(|r| bounded(r.record, bound).is_none()) {
            return Err(Missing::NotMeasured(format!(
                "no request reported `{}`, which goodput bounds",
                bound.metric.metric.name
            )));
        }
    }
    let met = |r: &RequestRecord| r.ok() && bounds.iter().all(|b| meets(r, b));
    let share = share_leaf(phase, samples, met);
    if !rate {
        return Ok(share);
    }
    let LeafData::Share { blocks, .. } = share.data else {
        return Ok(share);
    };
    let hits = blocks.iter().map(|b| b.sum).collect();
    Ok(Leaf {
        unit: Unit::PerSecond,
        data: LeafData::Rate {
            blocks: batches(hits, phase.blocks.seconds()),
        },
        ..share
    })
}

fn bounded(record: &RequestRecord, bound: &Bound) -> Option<f64> {
    let name = bound.metric.metric.name;
    if bound.metric.metric.shape != Shape::PerChunk {
        return request_value(record, name);
    }
    let values: Moments = chunk_values(record, name).collect();
    match bound.metric.statistic {
        Some(Statistic::Max) => values.max(),
        _ => values.mean(),
    }
}

/// An answer in one chunk has no gap, so it breaks no bound on gaps; any other value that a request
/// lacks meets no bound.
fn meets(record: &RequestRecord, bound: &Bound) -> bool {
    match bounded(record, bound) {
        Some(value) => bound.op.holds(value, bound.limit),
        None => {
            matches!(bound.metric.metric.name, "itl" | "tpot")
                && record.first_us.is_some()
                && record.chunks.len() <= 1
        }
    }
}
