/// The weighted least squares fit of `values` that never falls, by pooling neighbours that do (Barlow,
/// Bartholomew, Bremner and Brunk, *Statistical Inference under Order Restrictions*, 1972). `weights`
/// are above 0, one a value.
pub fn isotonic(values: &[f64], weights: &[f64]) -> Vec<f64> {
    // Each pool: mean, weight, how many values.
    let mut pools: Vec<(f64, f64, usize)> = Vec::with_capacity(values.len());
    for (&value, &weight) in values.iter().zip(weights) {
        let mut pool = (value, weight, 1);
        while let Some(&(mean, weight, count)) = pools.last() {
            if mean < pool.0 {
                break;
            }
            pools.pop();
            let total = weight + pool.1;
            pool = (
                (mean * weight + pool.0 * pool.1) / total,
                total,
                count + pool.2,
            );
        }
        pools.push(pool);
    }
    pools
        .into_iter()
        .flat_map(|(mean, _, count)| std::iter::repeat_n(mean, count))
        .collect()
}

/// Where a curve that never falls first reaches `level`, in a straight line between its points; `xs`
/// ascending. Its first point where it starts at or above, and `None` where it stays below.
pub fn first_reaching(xs: &[f64], ys: &[f64], level: f64) -> Option<f64> {
    let at = ys.iter().position(|&y| y >= level)?;
    let Some(before) = at.checked_sub(1) else {
        return xs.first().copied();
    };
    let (x0, y0, x1, y1) = (xs[before], ys[before], xs[at], ys[at]);
    if y1.is_finite() && y0.is_finite() && y1 > y0 {
        Some(x0 + (x1 - x0) * (level - y0) / (y1 - y0))
    } else {
        // Nothing is known between a point and one without bound.
        Some(x0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_falls_is_pooled_with_its_weight() {
        assert_eq!(
            isotonic(&[1.0, 3.0, 2.0], &[1.0, 1.0, 1.0]),
            [1.0, 2.5, 2.5]
        );
        assert_eq!(
            isotonic(&[1.0, 4.0, 1.0], &[1.0, 1.0, 2.0]),
            [1.0, 2.0, 2.0]
        );
        assert_eq!(isotonic(&[3.0, 2.0, 1.0], &[1.0; 3]), [2.0; 3]);
        assert!(isotonic(&[], &[]).is_empty());
    }

    #[test]
    fn the_crossing_lies_between_its_neighbours() {
        let (xs, ys) = ([1.0, 2.0, 4.0], [-1.0, -0.5, 0.5]);
        assert_eq!(first_reaching(&xs, &ys, 0.0), Some(3.0));
        assert_eq!(first_reaching(&xs, &ys, -2.0), Some(1.0));
        assert_eq!(first_reaching(&xs, &ys, 1.0), None);
        assert_eq!(
            first_reaching(&xs, &[-1.0, -0.5, f64::INFINITY], 0.0),
            Some(2.0)
        );
    }

    proptest! {
        #[test]
        fn never_falls_and_keeps_the_mean(
            values in prop::collection::vec((-1e3f64..1e3, 0.1f64..10.0), 1..40),
        ) {
            let (values, weights): (Vec<_>, Vec<_>) = values.into_iter().unzip();
            let fit = isotonic(&values, &weights);
            prop_assert!(fit.windows(2).all(|w| w[0] <= w[1]));
            let sum = |x: &[f64]| x.iter().zip(&weights).map(|(x, w)| x * w).sum::<f64>();
            prop_assert!((sum(&fit) - sum(&values)).abs() < 1e-6);
        }
    }
}
