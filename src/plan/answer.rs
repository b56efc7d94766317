//! Probes → the answer of a search.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::found::{Answer, BoundSeen, Found, Held, Probe};
use crate::stats::{
    Bounds, Saturation, first_reaching, isotonic, quantile, saturation as plateau, stopped_growing,
};
use crate::suite::{Axis, Search};

/// How much of a proportional gain counts as growth.
pub(super) const GROWTH: f64 = 0.15;
/// Digits of a rate that is tried.
const DIGITS: i32 = 3;
/// Resamples behind the bounds of an answer.
const REPLICATES: usize = 1000;
/// What a distance without bound counts as: far, so that it decides, and finite, so that it can be pooled.
const FAR: f64 = 5.0;
/// Least standard error of a distance: two probes of one load never agree better.
const LEAST_ERROR: f64 = 0.005;

/// A load that was tried.
#[derive(Clone, Debug)]
pub(super) struct Tried {
    pub phase: String,
    pub level: f64,
    /// Indices of its runs.
    pub runs: Vec<usize>,
    pub held: Held,
    pub bounds: Vec<BoundSeen>,
    pub throughput: Option<f64>,
    pub invalid: Option<String>,
    pub stopped: Option<String>,
}

impl Tried {
    pub fn probe(&self) -> Probe {
        let broke = self.bounds.iter().filter(|b| !b.held.counts());
        Probe {
            phase: self.phase.clone(),
            level: self.level,
            held: self.held,
            runs: u32::try_from(self.runs.len()).unwrap_or(u32::MAX),
            broke: broke.map(|b| b.text.clone()).collect(),
            throughput: self.throughput,
            stopped: self.stopped.clone(),
        }
    }
}

/// The highest load at which everything holds.
///
/// For each bound its distance from the limit is fitted over the loads so that it never falls (more
/// load makes nothing better); where the first of them reaches 0, in the logarithm of the load, is the
/// answer, kept between the highest load that counted as holding and the lowest that did not. Its
/// bounds: the same of distances redrawn with their standard errors, and never inside that bracket,
/// within which nothing was measured.
pub(super) fn capacity(search: &Search, tried: &[Tried], confidence: f64, seed: u64) -> Found {
    let held = tried.iter().filter(|t| t.held.counts());
    let low = held.reduce(|a, b| if a.level >= b.level { a } else { b });
    let broken = tried.iter().filter(|t| !t.held.counts());
    let high = broken.reduce(|a, b| if a.level <= b.level { a } else { b });
    let lowest_throughput = high.and_then(|t| t.throughput);
    if tried.is_empty() {
        return Found::nothing("no load was tried");
    }
    let Some(low) = low else {
        let below = |upper: f64| Bounds { lower: 0.0, upper };
        let value = Answer {
            name: "capacity",
            value: 0.0,
            bounds: below(match search.axis {
                Axis::Rate { .. } => search.from,
                // In flight are no requests per second; with fewer in flight no more are completed.
                Axis::Concurrency => lowest_throughput.unwrap_or(f64::INFINITY),
            }),
        };
        let mut found = Found {
            answers: vec![value],
            ..Found::default()
        };
        found.notes.push(format!(
            "the bounds do not hold at the lowest load that was tried, {}",
            show(&search.axis, search.from)
        ));
        concurrency(search, 0.0, below(search.from), &mut found);
        return found;
    };
    let Some(high) = high else {
        let bounds = Bounds {
            lower: low.level,
            upper: f64::INFINITY,
        };
        let mut found = Found::default();
        found.notes.push(format!(
            "the bounds hold at the highest load that was tried, {}: the capacity is at least that",
            show(&search.axis, low.level)
        ));
        answers(search, low.level, bounds, low, &mut found);
        return found;
    };
    let distances: Vec<Vec<f64>> = by_bound(tried, |b, _| capped(b.distance));
    let (value, first) = crossing(tried, &distances);
    let inside = |x: f64| x.clamp(low.level, high.level);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut normal = || {
        // Box and Muller.
        let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    };
    let mut redrawn: Vec<f64> = (0..REPLICATES)
        .filter_map(|_| {
            let drawn = by_bound(tried, |b, _| {
                capped(b.distance) + normal() * b.error.max(LEAST_ERROR)
            });
            crossing(tried, &drawn).0
        })
        .collect();
    redrawn.sort_by(f64::total_cmp);
    let end = |q: f64, otherwise: f64| quantile(&redrawn, q).unwrap_or(otherwise);
    let bounds = Bounds {
        lower: end(1.0 - confidence, low.level).min(low.level),
        upper: end(confidence, high.level).max(high.level),
    };
    let value = inside(value.unwrap_or(high.level));
    let mut found = Found::default();
    if let Some(first) = first {
        found.notes.push(format!("`{first}` is the first to break"));
    }
    answers(search, value, bounds, low, &mut found);
    found
}

/// `capacity`, and where the concurrency is raised that too.
fn answers(search: &Search, level: f64, bounds: Bounds, low: &Tried, found: &mut Found) {
    match search.axis {
        Axis::Rate { .. } => found.answers.push(Answer {
            name: "capacity",
            value: level,
            bounds,
        }),
        Axis::Concurrency => {
            if let Some(throughput) = low.throughput {
                // Of a few in flight more or less, throughput is in proportion at most.
                let by = |l: f64| throughput * l / low.level;
                found.answers.push(Answer {
                    name: "capacity",
                    value: throughput,
                    bounds: Bounds {
                        lower: by(bounds.lower).min(throughput),
                        upper: by(bounds.upper).max(throughput),
                    },
                });
            }
            concurrency(search, level.floor(), bounds, found);
        }
    }
}

fn concurrency(search: &Search, value: f64, bounds: Bounds, found: &mut Found) {
    if search.axis == Axis::Concurrency {
        found.answers.push(Answer {
            name: "capacity_concurrency",
            value,
            bounds,
        });
    }
}

fn show(axis: &Axis, level: f64) -> String {
    match axis {
        Axis::Rate { .. } => format!("{level}/s"),
        Axis::Concurrency => format!("{level} in flight"),
    }
}

fn capped(distance: f64) -> f64 {
    if distance.is_nan() {
        FAR
    } else {
        distance.clamp(-FAR, FAR)
    }
}

/// For each bound a value of each probe.
fn by_bound(tried: &[Tried], mut value: impl FnMut(&BoundSeen, &Tried) -> f64) -> Vec<Vec<f64>> {
    let count = tried.iter().map(|t| t.bounds.len()).min().unwrap_or(0);
    (0..count)
        .map(|b| tried.iter().map(|t| value(&t.bounds[b], t)).collect())
        .collect()
}

/// Where the first bound breaks, and which one; `None` where none does.
fn crossing(tried: &[Tried], distances: &[Vec<f64>]) -> (Option<f64>, Option<String>) {
    let mut order: Vec<usize> = (0..tried.len()).collect();
    order.sort_by(|&a, &b| tried[a].level.total_cmp(&tried[b].level));
    let levels: Vec<f64> = order.iter().map(|&i| tried[i].level.ln()).collect();
    let mut first: Option<(f64, usize)> = None;
    for (b, of_bound) in distances.iter().enumerate() {
        let values: Vec<f64> = order.iter().map(|&i| of_bound[i]).collect();
        let weights: Vec<f64> = order
            .iter()
            .map(|&i| tried[i].bounds[b].error.clamp(LEAST_ERROR, FAR).powi(-2))
            .collect();
        if let Some(at) = first_reaching(&levels, &isotonic(&values, &weights), 0.0)
            && first.is_none_or(|(known, _)| at < known)
        {
            first = Some((at, b));
        }
    }
    let text = |(_, b): (f64, usize)| tried.first()?.bounds.get(b).map(|s| s.text.clone());
    (first.map(|(at, _)| at.exp()), first.and_then(text))
}

/// Where throughput stops growing.
pub(super) fn saturation(search: &Search, tried: &[Tried]) -> Found {
    let Some(found) = saturation_of(tried, search.precision) else {
        return Found::nothing("no probe has a throughput");
    };
    let curve = curve(tried);
    let top = curve.last().map(|p| p.0);
    let within = |x: f64| Bounds {
        lower: x * (1.0 - search.precision),
        upper: x * (1.0 + search.precision),
    };
    let mut out = Found::default();
    let grows = top.is_some_and(|top| top >= search.to) && !stopped_growing(&curve, GROWTH);
    if grows {
        out.notes
            .push("throughput still grows at the highest load that was tried".to_owned());
    }
    let bounds = |x: f64| Bounds {
        upper: if grows {
            f64::INFINITY
        } else {
            within(x).upper
        },
        ..within(x)
    };
    out.answers.push(Answer {
        name: "saturation",
        value: found.plateau,
        bounds: bounds(found.plateau),
    });
    if search.axis == Axis::Concurrency {
        out.answers.push(Answer {
            name: "saturation_concurrency",
            value: found.level.ceil(),
            bounds: bounds(found.level),
        });
    }
    out
}

/// Where the throughput of what was tried stops growing.
pub(super) fn saturation_of(tried: &[Tried], precision: f64) -> Option<Saturation> {
    plateau(&curve(tried), precision)
}

/// Levels with their throughputs, ascending.
pub(super) fn curve(tried: &[Tried]) -> Vec<(f64, f64)> {
    let mut curve: Vec<(f64, f64)> = tried
        .iter()
        .filter_map(|t| Some((t.level, t.throughput.filter(|x| *x > 0.0)?)))
        .collect();
    curve.sort_by(|a, b| a.0.total_cmp(&b.0));
    curve
}

/// `x` in few digits.
pub(super) fn rounded(x: f64) -> f64 {
    let place = 10f64.powi(DIGITS - 1 - x.log10().floor() as i32);
    (x * place).round() / place
}
