use crate::metrics::Unit;
use crate::stats::{Batch, BlockWeights, BlockedValues, Moments, beyond};

use super::words::number;

/// A measured quantity, in a form that gives its value for the sample and for every resample of the
/// phase's blocks.
#[derive(Debug)]
pub(super) struct Leaf {
    pub unit: Unit,
    /// Values behind it: requests, or gaps.
    pub n: u64,
    /// Requests behind it.
    pub requests: u64,
    pub data: LeafData,
}

#[derive(Debug)]
pub(super) enum LeafData {
    /// A quantile. `independent` is absent where a request has several values.
    Quantile {
        q: f64,
        values: BlockedValues,
        unbounded: usize,
        independent: Option<Independent>,
    },
    /// A mean: a sum over a size, block by block.
    Ratio { blocks: Vec<Batch> },
    /// What happened per second, block by block.
    Rate { blocks: Vec<Batch> },
    /// A share of requests.
    Share {
        hits: f64,
        n: f64,
        effective: f64,
        blocks: Vec<Batch>,
    },
    /// A standard deviation.
    Stddev { blocks: Vec<Moments> },
    /// A least or greatest value.
    Extreme { max: bool, blocks: Vec<Moments> },
    /// What the server told of itself: no sample of prony's, so there is nothing to resample.
    Told {
        value: f64,
        /// Where it lies for sure, in place of an interval.
        between: Option<[f64; 2]>,
        note: String,
    },
}

/// One value a request.
#[derive(Debug)]
pub(super) struct Independent {
    /// The values, ascending.
    pub sorted: Vec<f64>,
    /// What they are worth as independent ones.
    pub effective: f64,
}

/// Why there is no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// Nothing was measured: `error`.
    NotMeasured(String),
    /// Requests were made, and all failed: `fail`.
    AllFailed(String),
}

impl Leaf {
    /// The value over the whole sample. `+∞` where failures make it unbounded.
    pub(super) fn point(&self) -> Option<f64> {
        match &self.data {
            LeafData::Quantile { q, values, .. } => {
                values.quantile(&BlockWeights::once(values.blocks()), *q)
            }
            LeafData::Ratio { blocks } | LeafData::Rate { blocks } => {
                ratio(blocks.iter().map(|b| (1, b)))
            }
            LeafData::Share { hits, n, .. } => (*n > 0.0).then(|| hits / n),
            LeafData::Stddev { blocks } | LeafData::Extreme { blocks, .. } => {
                self.of_moments(blocks.iter().map(|b| (1, b)))
            }
            LeafData::Told { value, .. } => Some(*value),
        }
    }

    /// The value over a resample.
    pub(super) fn resampled(&self, weights: &BlockWeights) -> Option<f64> {
        match &self.data {
            LeafData::Quantile { q, values, .. } => values.quantile(weights, *q),
            LeafData::Ratio { blocks }
            | LeafData::Rate { blocks }
            | LeafData::Share { blocks, .. } => ratio(weights.iter().map(|(b, w)| (w, &blocks[b]))),
            LeafData::Stddev { blocks } | LeafData::Extreme { blocks, .. } => {
                self.of_moments(weights.iter().map(|(b, w)| (w, &blocks[b])))
            }
            LeafData::Told { value, .. } => Some(*value),
        }
    }

    fn of_moments<'a>(&self, blocks: impl Iterator<Item = (u32, &'a Moments)>) -> Option<f64> {
        let mut all = Moments::default();
        for (weight, block) in blocks {
            all.merge(block, weight);
        }
        match self.data {
            LeafData::Extreme { max: true, .. } => all.max(),
            LeafData::Extreme { max: false, .. } => all.min(),
            _ => all.stddev(),
        }
    }

    /// Why the value is unbounded, for a sentence.
    pub(super) fn unbounded_reason(&self) -> Option<String> {
        match &self.data {
            LeafData::Quantile { unbounded, .. } if *unbounded as u64 == self.n => Some(format!(
                "all {} requests of the window failed",
                self.requests
            )),
            LeafData::Quantile { unbounded, .. } if *unbounded > 0 => {
                let n = self.n as usize;
                let from = beyond(n, *unbounded)? * 100.0;
                Some(format!(
                    "{unbounded} of {n} values never came because requests failed: unbounded beyond p{}",
                    number(from)
                ))
            }
            LeafData::Told { value, .. } if value.is_infinite() => {
                Some("it lies beyond the last bucket of the server's histogram".to_owned())
            }
            _ => None,
        }
    }
}

fn ratio<'a>(blocks: impl Iterator<Item = (u32, &'a Batch)>) -> Option<f64> {
    let (sum, size) = blocks.fold((0.0, 0.0), |(sum, size), (w, b)| {
        (sum + f64::from(w) * b.sum, size + f64::from(w) * b.size)
    });
    (size > 0.0).then(|| sum / size)
}
