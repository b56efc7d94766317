use crate::stats::{
    Bounds, MIN_BATCHES, block_bootstrap, clopper_pearson, quantile_bounds, rate_interval,
    ratio_interval,
};

use super::expression::{Node, scale};
use super::leaf::{Leaf, LeafData};
use super::words::number;
use crate::metrics::Unit;

/// Resamples of a bootstrap.
pub(super) const REPLICATES: usize = 2000;
/// The same where a standard error is all that is wanted.
const FEW_REPLICATES: usize = 200;
/// Confidence at which a normal bound lies one standard error away.
const ONE_SIGMA: f64 = 0.841_344_746;
/// Fewer requests than this fill 20 blocks too thinly for an interval from them.
pub(super) const MIN_REQUESTS: u64 = 2 * MIN_BATCHES as u64;

/// A value with what is known of it. In the unit it is shown in.
#[derive(Clone, Debug)]
pub(super) struct Estimate {
    /// `+∞`: unbounded because of failures.
    pub point: f64,
    pub bounds: Bounds,
    /// Values behind it.
    pub n: u64,
    /// It speaks of what was observed, and of nothing beyond: least and greatest values.
    pub descriptive: bool,
    /// It is a share: nothing lies outside 0 to 1.
    pub share: bool,
    /// What to know of the interval.
    pub note: Option<String>,
}

/// What an estimate depends on besides the data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Method {
    pub confidence: f64,
    pub seed: u64,
    pub blocks: usize,
    /// Resamples, where there are any.
    pub replicates: usize,
}

/// Why a value cannot be had although its leaves were measured.
#[derive(Clone, Debug)]
pub(super) enum NoValue {
    /// A division by zero, or the like.
    Undefined,
    /// A leaf of a compound expression is unbounded because of failures.
    Unbounded(String),
}

/// Estimates `node` over `leaves`, shown in `unit`.
///
/// One leaf, perhaps shifted and scaled, has the interval of its own kind; anything more is resampled
/// as a whole.
pub(super) fn estimate(
    node: &Node,
    leaves: &[Leaf],
    unit: Unit,
    method: Method,
) -> Result<Estimate, NoValue> {
    match node.affine() {
        Some((_, constant, None)) => Ok(Estimate {
            point: constant / scale(unit),
            bounds: Bounds {
                lower: constant / scale(unit),
                upper: constant / scale(unit),
            },
            n: 0,
            descriptive: false,
            share: false,
            note: None,
        }),
        Some((a, b, Some(i))) => {
            let own = of_leaf(&leaves[i], method).ok_or(NoValue::Undefined)?;
            // A bare leaf keeps its digits.
            if *node == Node::Leaf(i) {
                return Ok(own);
            }
            let factor = scale(leaves[i].unit);
            let map = |x: f64| {
                if a == 0.0 {
                    b / scale(unit)
                } else {
                    (a * x * factor + b) / scale(unit)
                }
            };
            let (one, other) = (map(own.bounds.lower), map(own.bounds.upper));
            if own.point.is_infinite() {
                let why = leaves[i].unbounded_reason().unwrap_or_default();
                return Err(NoValue::Unbounded(why));
            }
            Ok(Estimate {
                share: false,
                point: map(own.point),
                bounds: Bounds {
                    lower: one.min(other),
                    upper: one.max(other),
                },
                ..own
            })
        }
        None => compound(node, leaves, unit, method),
    }
}

fn compound(node: &Node, leaves: &[Leaf], unit: Unit, method: Method) -> Result<Estimate, NoValue> {
    for leaf in leaves {
        if leaf.point().is_some_and(f64::is_infinite) {
            let why = leaf.unbounded_reason().unwrap_or_default();
            return Err(NoValue::Unbounded(why));
        }
    }
    let value = |of: &dyn Fn(&Leaf) -> Option<f64>| {
        let coherent = node.value(&mut |i| of(&leaves[i]).map(|x| x * scale(leaves[i].unit)))?;
        Some(coherent / scale(unit))
    };
    let point = value(&Leaf::point).ok_or(NoValue::Undefined)?;
    let n = leaves.iter().map(|l| l.n).min().unwrap_or(0);
    let requests = leaves.iter().map(|l| l.requests).min().unwrap_or(0);
    let descriptive = leaves
        .iter()
        .any(|l| matches!(l.data, LeafData::Extreme { .. } | LeafData::Told { .. }));
    if descriptive {
        let told = leaves
            .iter()
            .any(|l| matches!(l.data, LeafData::Told { .. }));
        let what = if told {
            "what the server tells of itself has no interval"
        } else {
            "a least or greatest value has no interval"
        };
        return Ok(Estimate {
            point,
            bounds: Bounds::UNKNOWN,
            n,
            descriptive,
            share: false,
            note: Some(format!("{what}; the observed one decides")),
        });
    }
    let (bounds, note) = if requests < MIN_REQUESTS {
        (Bounds::UNKNOWN, Some(too_few(requests)))
    } else {
        let bounds = block_bootstrap(
            method.blocks,
            method.replicates,
            method.confidence,
            method.seed,
            |weights| value(&|leaf| leaf.resampled(weights)),
        );
        (bounds, None)
    };
    Ok(Estimate {
        point,
        bounds,
        n,
        descriptive,
        share: false,
        note,
    })
}

/// The value of `node` and the variance that its sample leaves it, read from the width of its interval
/// (NaN: not known). `None`: there is no value.
pub(super) fn value_and_variance(
    node: &Node,
    leaves: &[Leaf],
    unit: Unit,
    blocks: usize,
    seed: u64,
) -> Option<(f64, f64)> {
    let estimate = estimate(node, leaves, unit, one_sigma(blocks, seed)).ok()?;
    Some(with_variance(&estimate))
}

/// The value of one leaf and the *relative* variance that its sample leaves it (NaN: not known).
pub(super) fn relative_variance(leaf: &Leaf, blocks: usize) -> Option<(f64, f64)> {
    let (value, variance) = with_variance(&of_leaf(leaf, one_sigma(blocks, 1))?);
    Some((value, variance / (value * value)))
}

fn one_sigma(blocks: usize, seed: u64) -> Method {
    Method {
        confidence: ONE_SIGMA,
        seed,
        blocks,
        replicates: FEW_REPLICATES,
    }
}

fn with_variance(estimate: &Estimate) -> (f64, f64) {
    let halves = [
        estimate.point - estimate.bounds.lower,
        estimate.bounds.upper - estimate.point,
    ];
    let finite: Vec<f64> = halves.into_iter().filter(|h| h.is_finite()).collect();
    let half = finite.iter().sum::<f64>() / finite.len() as f64;
    (estimate.point, half * half)
}

fn too_few(requests: u64) -> String {
    format!("{requests} requests are too few for an interval; it takes {MIN_REQUESTS}")
}

/// The estimate of one leaf by the method of its kind, in its own unit.
fn of_leaf(leaf: &Leaf, method: Method) -> Option<Estimate> {
    let point = leaf.point()?;
    let confidence = method.confidence;
    let mut descriptive = false;
    let mut note = None;
    let resampled = || {
        block_bootstrap(
            method.blocks,
            method.replicates,
            confidence,
            method.seed,
            |weights| leaf.resampled(weights),
        )
    };
    let enough = leaf.requests >= MIN_REQUESTS;
    let bounds = match &leaf.data {
        LeafData::Quantile {
            q,
            independent: Some(own),
            ..
        } => {
            note = worth(own.effective, leaf.n);
            quantile_bounds(&own.sorted, own.effective, *q, confidence)
        }
        LeafData::Share {
            hits, n, effective, ..
        } => {
            note = worth(*effective, leaf.n);
            clopper_pearson(hits * effective / n, *effective, confidence)
        }
        LeafData::Extreme { max, .. } => {
            descriptive = true;
            let what = if *max { "greatest" } else { "least" };
            note = Some(format!(
                "the {what} of {} observed values; nothing follows for others",
                leaf.n
            ));
            if *max {
                Bounds {
                    lower: point,
                    upper: f64::INFINITY,
                }
            } else {
                Bounds {
                    lower: f64::NEG_INFINITY,
                    upper: point,
                }
            }
        }
        LeafData::Told {
            between: Some([lower, upper]),
            note: how,
            ..
        } => {
            note = Some(how.clone());
            Bounds {
                lower: *lower,
                upper: *upper,
            }
        }
        LeafData::Told { note: how, .. } => {
            descriptive = true;
            note = Some(format!("{how}; it has no interval, the value decides"));
            Bounds::UNKNOWN
        }
        _ if !enough => {
            note = Some(too_few(leaf.requests));
            Bounds::UNKNOWN
        }
        LeafData::Ratio { blocks } => ratio_interval(blocks, confidence)?.1,
        LeafData::Rate { blocks } => rate_interval(blocks, confidence)?.1,
        LeafData::Quantile { .. } | LeafData::Stddev { .. } => resampled(),
    };
    Some(Estimate {
        point,
        bounds,
        n: leaf.n,
        descriptive,
        share: matches!(leaf.data, LeafData::Share { .. }),
        note,
    })
}

/// Says when neighbouring requests resemble each other so much that they are worth clearly fewer.
fn worth(effective: f64, n: u64) -> Option<String> {
    (effective < 0.5 * n as f64).then(|| {
        format!(
            "neighbouring requests resemble each other: {n} are worth {} independent ones",
            number(effective.floor())
        )
    })
}
