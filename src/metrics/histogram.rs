use crate::result::Histogram;
use crate::stats::SortedValues;

/// Most bins of a histogram.
const BINS: usize = 60;

/// A histogram for pictures of `values` (`+∞` left out): at most 60 bins that hold every value, so no
/// tail is lost. Bins are of equal ratio where the values span more than a factor of 20, of equal width
/// otherwise. `None` without finite values.
pub fn histogram(values: &SortedValues) -> Option<Histogram> {
    histogram_of(values, BINS)
}

/// [`histogram`] of at most `most` bins.
pub(super) fn histogram_of(values: &SortedValues, most: usize) -> Option<Histogram> {
    let finite = || values.iter().take_while(|(x, _)| x.is_finite());
    let n: u64 = finite().map(|(_, count)| count).sum();
    let (min, max) = (finite().next()?.0, finite().last()?.0);
    if min == max {
        let pad = if min == 0.0 { 0.5 } else { min.abs() * 0.005 };
        return Some(Histogram {
            edges: vec![min - pad, max + pad],
            counts: vec![n],
        });
    }
    // As many bins as a sample of this size can fill (Rice's rule, doubled for detail).
    let bins = ((4.0 * (n as f64).cbrt()).ceil() as usize).clamp(5, most.max(5));
    // Zeros (gaps of chunks that came in one read) have no logarithm: a bin of their own.
    let low = finite().map(|(x, _)| x).find(|&x| x > 0.0).unwrap_or(max);
    let mut edges = Vec::with_capacity(bins + 1);
    if min >= 0.0 && max / low > 20.0 {
        let zeros = min <= 0.0;
        if zeros {
            edges.push(0.0);
        }
        let steps = bins - usize::from(zeros);
        let ratio = (max / low).powf(1.0 / steps as f64);
        edges.extend((0..=steps).map(|i| low * ratio.powi(i as i32)));
    } else {
        edges.extend((0..=bins).map(|i| min + (max - min) * i as f64 / bins as f64));
    }
    // The last bin is closed: rounding must not push the greatest value out.
    if let Some(last) = edges.last_mut() {
        *last = max;
    }
    let mut counts = vec![0u64; edges.len() - 1];
    let last = counts.len() - 1;
    for (x, count) in finite() {
        let bin = edges.partition_point(|&e| e <= x).saturating_sub(1);
        counts[bin.min(last)] += count;
    }
    Some(Histogram { edges, counts })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(sorted: &[f64]) -> Option<Histogram> {
        super::histogram(&SortedValues::Exact(sorted.to_vec()))
    }
    use proptest::prelude::*;

    #[test]
    fn one_value_and_none() {
        assert_eq!(histogram(&[]), None);
        assert_eq!(histogram(&[f64::INFINITY]), None);
        assert_eq!(histogram(&[5.0, 5.0]).unwrap().counts, [2]);
    }

    #[test]
    fn zeros_have_a_bin_of_their_own_beside_a_long_tail() {
        let h = histogram(&[0.0, 0.0, 1.0, 10.0, 1000.0]).unwrap();
        assert_eq!((h.edges[0], h.edges[1], h.counts[0]), (0.0, 1.0, 2));
    }

    proptest! {
        #[test]
        fn every_finite_value_is_in_a_bin(
            mut x in prop::collection::vec(prop_oneof![Just(0.0), 0.001f64..1e6, Just(f64::INFINITY)], 1..300),
        ) {
            x.sort_by(f64::total_cmp);
            let finite = x.iter().filter(|v| v.is_finite()).count() as u64;
            match histogram(&x) {
                None => prop_assert_eq!(finite, 0),
                Some(h) => {
                    prop_assert_eq!(h.counts.iter().sum::<u64>(), finite);
                    prop_assert!(h.counts.len() <= BINS && h.edges.len() == h.counts.len() + 1);
                    prop_assert!(h.edges.windows(2).all(|e| e[0] < e[1]));
                }
            }
        }
    }
}
