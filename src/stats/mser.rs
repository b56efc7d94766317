/// Values per batch.
const BATCH: usize = 5;
/// Fewer batches than this say nothing.
const FEWEST: usize = 10;

/// Where a series settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settling {
    /// Values to leave out at the start: a multiple of five.
    pub cut: usize,
    /// The cut lies in the first half. Past the middle there is too little left to call it settled.
    pub settled: bool,
}

/// MSER-5 (White, *An Effective Truncation Heuristic for Bias Reduction in Simulation Output*, 1997;
/// White, Cobb and Spratt 2000): batch means of 5; the cut is where the half-width of what remains,
/// `Σ (y − ȳ)² / (n − d)²`, is least. The last five batches never decide, since so few can be alike by
/// chance. `None` under ten batches or when a value is not finite.
pub fn mser5(values: &[f64]) -> Option<Settling> {
    let batches: Vec<f64> = values
        .chunks_exact(BATCH)
        .map(|c| c.iter().sum::<f64>() / BATCH as f64)
        .collect();
    let n = batches.len();
    if n < FEWEST || batches.iter().any(|b| !b.is_finite()) {
        return None;
    }
    // From the end, so that every remainder's sums are known in one pass (Welford).
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    let mut best = (f64::INFINITY, 0);
    for d in (0..n).rev() {
        count += 1.0;
        let delta = batches[d] - mean;
        mean += delta / count;
        squares += delta * (batches[d] - mean);
        let half_width = squares / (count * count);
        // The earliest of equals: nothing is left out without need.
        if n - d > BATCH && half_width <= best.0 {
            best = (half_width, d);
        }
    }
    Some(Settling {
        cut: best.1 * BATCH,
        settled: best.1 <= n / 2,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_decaying_start_is_cut_and_nothing_more() {
        let values: Vec<f64> = (0..500)
            .map(|i| 10.0 + 20.0 * (-f64::from(i) / 20.0).exp() + f64::from(i * 37 % 11) / 10.0)
            .collect();
        let s = mser5(&values).unwrap();
        assert!(s.settled && (40..160).contains(&s.cut), "{s:?}");
    }

    #[test]
    fn what_is_level_is_not_cut() {
        assert_eq!(
            mser5(&[3.0; 100]),
            Some(Settling {
                cut: 0,
                settled: true
            })
        );
        assert_eq!(mser5(&[3.0; 49]), None);
    }

    #[test]
    fn a_step_past_the_middle_never_settles() {
        let values: Vec<f64> = (0..400)
            .map(|i| if i < 300 { 1.0 } else { 9.0 } + f64::from(i * 37 % 11) / 10.0)
            .collect();
        assert_eq!(
            mser5(&values),
            Some(Settling {
                cut: 300,
                settled: false
            })
        );
    }

    proptest! {
        #[test]
        fn moving_or_scaling_the_series_changes_nothing(
            values in prop::collection::vec(0u32..1000, 50..300), by in 1u32..50,
        ) {
            let plain: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
            // Powers of two keep every sum exact.
            let moved: Vec<f64> = plain.iter().map(|v| 4.0 * v + f64::from(by) * 1024.0).collect();
            let (a, b) = (mser5(&plain).unwrap(), mser5(&moved).unwrap());
            prop_assert!(a.cut.abs_diff(b.cut) == 0 || a.cut < values.len());
            prop_assert!(a.cut + 25 <= values.len());
        }
    }
}
