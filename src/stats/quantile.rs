/// The `q`-quantile of `sorted` (ascending) by linear interpolation between order statistics.
///
/// Type 7 of Hyndman and Fan, *Sample Quantiles in Statistical Packages* (1996): with
/// `h = (n − 1)·q`, the value is `x[⌊h⌋] + (h − ⌊h⌋)·(x[⌊h⌋ + 1] − x[⌊h⌋])`. Values may be `+∞`
/// (failed requests, slower than everything); a quantile that needs one of them is `+∞`.
/// `None` without values.
pub fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let (low, high, fraction) = position(sorted.len(), q)?;
    Some(interpolate(sorted[low], sorted[high], fraction))
}

/// The share from which on a quantile is unbounded, when `unbounded` of `n` values are: a quantile
/// above it is `+∞`, one at or below it is not (type 7). `None` when nothing is unbounded.
pub fn beyond(n: usize, unbounded: usize) -> Option<f64> {
    match (unbounded, n) {
        (0, _) => None,
        (u, n) if u >= n || n < 2 => Some(0.0),
        (u, n) => Some((n - u - 1) as f64 / (n - 1) as f64),
    }
}

/// Which two order statistics the `q`-quantile of `n` values lies between, and how far from the first.
pub(super) fn position(n: usize, q: f64) -> Option<(usize, usize, f64)> {
    let last = n.checked_sub(1)?;
    let mut h = last as f64 * q.clamp(0.0, 1.0);
    // 100 · 0.07 is 7.000000000000001: what is meant is the order statistic itself.
    if (h - h.round()).abs() < 1e-9 {
        h = h.round();
    }
    let low = (h.floor() as usize).min(last);
    let fraction = h - low as f64;
    let high = if fraction > 0.0 {
        (low + 1).min(last)
    } else {
        low
    };
    Some((low, high, fraction))
}

pub(super) fn interpolate(low: f64, high: f64, fraction: f64) -> f64 {
    if fraction == 0.0 || low == high {
        low
    } else if high.is_infinite() {
        high
    } else {
        low + fraction * (high - low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn interpolates_between_neighbours() {
        let x = [1.0, 2.0, 4.0, 8.0];
        assert_eq!(quantile(&x, 0.0), Some(1.0));
        assert_eq!(quantile(&x, 0.5), Some(3.0));
        assert_eq!(quantile(&x, 1.0), Some(8.0));
        assert_eq!(quantile(&[7.0], 0.99), Some(7.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn a_failed_request_makes_only_the_quantiles_above_beyond_unbounded() {
        let mut x: Vec<f64> = (0..101).map(f64::from).collect();
        x[100] = f64::INFINITY;
        assert_eq!(beyond(101, 1), Some(0.99));
        assert_eq!(quantile(&x, 0.99), Some(99.0));
        assert_eq!(quantile(&x, 0.991), Some(f64::INFINITY));
        assert_eq!(beyond(101, 0), None);
        assert_eq!(beyond(5, 5), Some(0.0));
        assert_eq!(quantile(&[f64::INFINITY], 0.0), Some(f64::INFINITY));
    }

    proptest! {
        #[test]
        fn lies_between_the_extremes_and_grows_with_q(
            mut x in prop::collection::vec(-1e6f64..1e6, 1..200),
            a in 0.0f64..=1.0,
            b in 0.0f64..=1.0,
        ) {
            x.sort_by(f64::total_cmp);
            let (a, b) = (a.min(b), a.max(b));
            let (qa, qb) = (quantile(&x, a).unwrap(), quantile(&x, b).unwrap());
            prop_assert!(x[0] <= qa && qa <= qb && qb <= x[x.len() - 1]);
        }

        #[test]
        fn beyond_is_where_the_quantile_becomes_unbounded(
            n in 1usize..300, failed in 0usize..300, q in 0.0f64..=1.0,
        ) {
            let failed = failed.min(n);
            let x: Vec<f64> = (0..n)
                .map(|i| if i < n - failed { i as f64 } else { f64::INFINITY })
                .collect();
            let unbounded = quantile(&x, q).unwrap().is_infinite();
            match beyond(n, failed) {
                None => prop_assert!(!unbounded),
                Some(_) if failed == n => prop_assert!(unbounded),
                Some(b) if (q - b).abs() > 1e-6 => prop_assert_eq!(unbounded, q > b),
                Some(_) => {}
            }
        }
    }
}
