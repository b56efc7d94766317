use std::collections::BTreeMap;

use super::quantile::{interpolate, position, quantile};

/// Most values that are kept one by one (32 MB); past that they are counted in bins.
pub const EXACT_VALUES: usize = 4_000_000;
/// Largest relative error of a value that was counted in a bin.
pub const RELATIVE_ERROR: f64 = 0.001;

/// Bins of equal ratio `γ = (1 + e) / (1 − e)`, `e` the relative error, as in DDSketch (Masson, Rim and
/// Lee 2019). Values are not negative; 0 and `+∞` have bins of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Bin(i32);

impl Bin {
    fn log_ratio() -> f64 {
        ((1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR)).ln()
    }

    pub(super) fn of(x: f64) -> Bin {
        if x <= 0.0 {
            Bin(i32::MIN)
        } else if x.is_infinite() {
            Bin(i32::MAX)
        } else {
            // Any finite value has |ln x| under 750, so the index is under 400,000.
            Bin((x.ln() / Self::log_ratio()).ceil() as i32)
        }
    }

    /// A value within the relative error of all that are in the bin.
    pub(super) fn value(self) -> f64 {
        match self.0 {
            i32::MIN => 0.0,
            i32::MAX => f64::INFINITY,
            i => {
                let log = Self::log_ratio();
                2.0 * (f64::from(i) * log).exp() / (log.exp() + 1.0)
            }
        }
    }
}

/// Values taken one by one, for quantiles: exact up to [`EXACT_VALUES`], beyond that from bins with at
/// most [`RELATIVE_ERROR`], so that memory has a bound.
#[derive(Clone, Debug)]
pub struct ValueStore {
    limit: usize,
    exact: Vec<f64>,
    binned: BTreeMap<Bin, u64>,
}

impl Default for ValueStore {
    fn default() -> Self {
        Self::with_limit(EXACT_VALUES)
    }
}

impl ValueStore {
    /// Keeps at most `limit` values one by one.
    pub fn with_limit(limit: usize) -> Self {
        ValueStore {
            limit,
            exact: Vec::new(),
            binned: BTreeMap::new(),
        }
    }

    /// Takes one more value, not negative; it may be `+∞`.
    pub fn push(&mut self, x: f64) {
        if self.binned.is_empty() && self.exact.len() < self.limit {
            self.exact.push(x);
            return;
        }
        for known in std::mem::take(&mut self.exact) {
            *self.binned.entry(Bin::of(known)).or_insert(0) += 1;
        }
        *self.binned.entry(Bin::of(x)).or_insert(0) += 1;
    }

    /// All values in order.
    pub fn sorted(mut self) -> SortedValues {
        if self.binned.is_empty() {
            self.exact.sort_by(f64::total_cmp);
            return SortedValues::Exact(self.exact);
        }
        SortedValues::Binned(
            self.binned
                .into_iter()
                .map(|(bin, count)| (bin.value(), count))
                .collect(),
        )
    }
}

/// Values in order.
#[derive(Clone, Debug, PartialEq)]
pub enum SortedValues {
    /// Each one, ascending.
    Exact(Vec<f64>),
    /// Values and how often each stands there, ascending; right within [`RELATIVE_ERROR`].
    Binned(Vec<(f64, u64)>),
}

impl SortedValues {
    /// How many.
    pub fn len(&self) -> u64 {
        match self {
            SortedValues::Exact(values) => values.len() as u64,
            SortedValues::Binned(bins) => bins.iter().map(|b| b.1).sum(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The `q`-quantile (type 7); see [`quantile`].
    pub fn quantile(&self, q: f64) -> Option<f64> {
        match self {
            SortedValues::Exact(values) => quantile(values, q),
            SortedValues::Binned(bins) => {
                let (low, high, fraction) = position(usize::try_from(self.len()).ok()?, q)?;
                let at = |rank: usize| {
                    let mut seen = 0;
                    bins.iter().find_map(|&(value, count)| {
                        seen += count;
                        (seen > rank as u64).then_some(value)
                    })
                };
                Some(interpolate(at(low)?, at(high)?, fraction))
            }
        }
    }

    /// Values and how often each stands there, ascending.
    pub fn iter(&self) -> Box<dyn Iterator<Item = (f64, u64)> + '_> {
        match self {
            SortedValues::Exact(values) => Box::new(values.iter().map(|&x| (x, 1))),
            SortedValues::Binned(bins) => Box::new(bins.iter().copied()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn store(limit: usize, values: &[f64]) -> SortedValues {
        let mut store = ValueStore::with_limit(limit);
        for &x in values {
            store.push(x);
        }
        store.sorted()
    }

    #[test]
    fn zero_and_infinity_stay_what_they_are() {
        let s = store(1, &[f64::INFINITY, 0.0, 5.0]);
        assert_eq!(
            (s.quantile(0.0), s.quantile(1.0)),
            (Some(0.0), Some(f64::INFINITY))
        );
        assert_eq!(store(1, &[]).quantile(0.5), None);
    }

    proptest! {
        #[test]
        fn quantiles_from_bins_are_right_within_the_stated_error(
            values in prop::collection::vec(prop_oneof![Just(0.0), 1e-3f64..1e7], 1..300),
            q in 0.0f64..=1.0,
        ) {
            let exact = store(usize::MAX, &values).quantile(q).unwrap();
            let binned = store(0, &values);
            prop_assert_eq!(binned.len(), values.len() as u64);
            let binned = binned.quantile(q).unwrap();
            prop_assert!((binned - exact).abs() <= RELATIVE_ERROR * 1.0001 * exact, "{} {}", binned, exact);
        }
    }
}
