use super::bootstrap::BlockWeights;
use super::quantile::{interpolate, position};

/// Values that belong to blocks, arranged so that a quantile of a resample of whole blocks is found
/// without sorting again.
///
/// All values are sorted once; at every `stride` positions the number of values of each block up to
/// there is kept. The quantile of a resample is found by bisection over these, then a short walk.
#[derive(Clone, Debug)]
pub struct BlockedValues {
    values: Vec<f64>,
    block_of: Vec<u32>,
    stride: usize,
    /// `prefix[i][b]`: values of block `b` among the first `i · stride`.
    prefix: Vec<Vec<u32>>,
    /// Values per block.
    totals: Vec<u32>,
}

impl BlockedValues {
    /// Arranges `(block, value)` pairs; blocks are numbered below `blocks`. Values may be `+∞`.
    pub fn new(pairs: impl IntoIterator<Item = (usize, f64)>, blocks: usize) -> Self {
        let mut pairs: Vec<(f64, u32)> = pairs
            .into_iter()
            .map(|(block, value)| (value, block.min(blocks.saturating_sub(1)) as u32))
            .collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let stride = (pairs.len() / 1024).max(16);
        let mut running = vec![0u32; blocks];
        let mut prefix = Vec::with_capacity(pairs.len() / stride + 1);
        for (i, (_, block)) in pairs.iter().enumerate() {
            if i % stride == 0 {
                prefix.push(running.clone());
            }
            running[*block as usize] += 1;
        }
        BlockedValues {
            values: pairs.iter().map(|p| p.0).collect(),
            block_of: pairs.iter().map(|p| p.1).collect(),
            stride,
            prefix,
            totals: running,
        }
    }

    /// All values, ascending.
    pub fn sorted(&self) -> &[f64] {
        &self.values
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
        for i in chunk * self.stride..self.values.len() {
            seen += u64::from(weights.of(self.block_of[i] as usize));
            if seen > rank {
                return Some(self.values[i]);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::quantile;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_the_quantile_of_the_written_out_resample(
            pairs in prop::collection::vec((0usize..6, -100.0f64..100.0), 1..400),
            weights in prop::collection::vec(0u32..4, 6),
            q in 0.0f64..=1.0,
        ) {
            let blocked = BlockedValues::new(pairs.iter().copied(), 6);
            let mut resample: Vec<f64> = pairs
                .iter()
                .flat_map(|&(b, x)| std::iter::repeat_n(x, weights[b] as usize))
                .collect();
            resample.sort_by(f64::total_cmp);
            let weights = BlockWeights::from_counts(weights);
            prop_assert_eq!(blocked.quantile(&weights, q), quantile(&resample, q));
        }
    }
}
