use std::collections::HashMap;

use super::bootstrap::BlockWeights;
use super::quantile::{interpolate, position};
use super::values::{Bin, EXACT_VALUES};

/// Values that belong to blocks, arranged so that a quantile of a resample of whole blocks is found
/// without sorting again.
///
/// All values are sorted once; at every `stride` positions the number of values of each block up to
/// there is kept. The quantile of a resample is found by bisection over these, then a short walk.
/// More than [`EXACT_VALUES`] are counted in bins, right within [`super::RELATIVE_ERROR`].
#[derive(Clone, Debug)]
pub struct BlockedValues {
    entries: Vec<Entry>,
    stride: usize,
    /// `prefix[i][b]`: values of block `b` among the first `i · stride` entries.
    prefix: Vec<Vec<u32>>,
    /// Values per block.
    totals: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    value: f64,
    block: u32,
    count: u32,
}

/// Takes values one by one for [`BlockedValues`].
#[derive(Debug)]
pub struct BlockedBuilder {
    blocks: usize,
    limit: usize,
    entries: Vec<Entry>,
    binned: HashMap<(Bin, u32), u32>,
}

impl BlockedBuilder {
    /// For values of blocks numbered below `blocks`.
    pub fn new(blocks: usize) -> Self {
        Self::with_limit(blocks, EXACT_VALUES)
    }

    fn with_limit(blocks: usize, limit: usize) -> Self {
        BlockedBuilder {
            blocks,
            limit,
            entries: Vec::new(),
            binned: HashMap::new(),
        }
    }

    /// Takes a value of `block`, not negative; it may be `+∞`.
    pub fn push(&mut self, block: usize, value: f64) {
        let block = block.min(self.blocks.saturating_sub(1)) as u32;
        if self.binned.is_empty() && self.entries.len() < self.limit {
            self.entries.push(Entry {
                value,
                block,
                count: 1,
            });
            return;
        }
        for e in std::mem::take(&mut self.entries) {
            *self.binned.entry((Bin::of(e.value), e.block)).or_insert(0) += e.count;
        }
        *self.binned.entry((Bin::of(value), block)).or_insert(0) += 1;
    }

    /// All values, arranged.
    pub fn finish(mut self) -> BlockedValues {
        let mut entries = self.entries;
        entries.extend(self.binned.drain().map(|((bin, block), count)| Entry {
            value: bin.value(),
            block,
            count,
        }));
        entries.sort_by(|a, b| a.value.total_cmp(&b.value).then(a.block.cmp(&b.block)));
        let stride = (entries.len() / 1024).max(16);
        let mut running = vec![0u32; self.blocks];
        let mut prefix = Vec::with_capacity(entries.len() / stride + 1);
        for (i, entry) in entries.iter().enumerate() {
            if i % stride == 0 {
                prefix.push(running.clone());
            }
            running[entry.block as usize] += entry.count;
        }
        BlockedValues {
            entries,
            stride,
            prefix,
            totals: running,
        }
    }
}

impl BlockedValues {
    /// How many blocks.
    pub fn blocks(&self) -> usize {
        self.totals.len()
    }

    /// The `q`-quantile (type 7) of the resample that holds each block as often as `weights` says.
    /// `None` when the resample is empty.
    pub fn quantile(&self, weights: &BlockWeights, q: f64) -> Option<f64> {
        let n = weights.total(&self.totals);
        let (low, high, fraction) = position(usize::try_from(n).ok()?, q)?;
        let low_value = self.at(weights, low as u64)?;
        let high_value = if high == low {
            low_value
        } else {
            self.at(weights, high as u64)?
        };
        Some(interpolate(low_value, high_value, fraction))
    }

    /// The value of rank `rank` (from 0) of a resample.
    fn at(&self, weights: &BlockWeights, rank: u64) -> Option<f64> {
        let chunk = self
            .prefix
            .partition_point(|counts| weights.total(counts) <= rank)
            .checked_sub(1)?;
        let mut seen = weights.total(&self.prefix[chunk]);
        for entry in &self.entries[chunk * self.stride..] {
            seen += u64::from(weights.of(entry.block as usize)) * u64::from(entry.count);
            if seen > rank {
                return Some(entry.value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{RELATIVE_ERROR, quantile};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_the_quantile_of_the_written_out_resample(
            pairs in prop::collection::vec((0usize..6, 0.0f64..100.0), 1..400),
            weights in prop::collection::vec(0u32..4, 6),
            q in 0.0f64..=1.0,
        ) {
            let mut resample: Vec<f64> = pairs
                .iter()
                .flat_map(|&(b, x)| std::iter::repeat_n(x, weights[b] as usize))
                .collect();
            resample.sort_by(f64::total_cmp);
            let weights = BlockWeights::from_counts(weights);
            let expected = quantile(&resample, q);
            let arranged = |limit| {
                let mut builder = BlockedBuilder::with_limit(6, limit);
                for &(block, x) in &pairs {
                    builder.push(block, x);
                }
                builder.finish()
            };
            let blocked = arranged(usize::MAX);
            prop_assert_eq!(blocked.quantile(&weights, q), expected);
            // The same from bins.
            let binned = arranged(10);
            match (binned.quantile(&weights, q), expected) {
                (Some(ours), Some(exact)) => {
                    prop_assert!((ours - exact).abs() <= RELATIVE_ERROR * 1.0001 * exact);
                }
                (ours, exact) => prop_assert_eq!(ours, exact),
            }
        }
    }
}
