use super::isotonic::{first_reaching, isotonic};

/// Where throughput stops growing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Saturation {
    /// The highest throughput that was reached, smoothed over what falls.
    pub plateau: f64,
    /// The least level at which throughput is within the given share of the plateau, in a straight line
    /// between measured levels.
    pub level: f64,
}

/// Where the throughput of `points`, `(level, throughput)` with levels ascending, comes within `share`
/// of the highest one. Throughput that falls again with more load is pooled with the peak before
/// (isotonic fit), so that one lucky point is not taken for the plateau. `None` without points.
pub fn saturation(points: &[(f64, f64)], share: f64) -> Option<Saturation> {
    let top = points
        .iter()
        .enumerate()
        .reduce(|best, p| if p.1.1 > best.1.1 { p } else { best })?
        .0;
    // A congestion collapse far past the peak says nothing about the peak: only what stays near it is
    // pooled with it.
    let near = |&&(_, x): &&(f64, f64)| x >= (1.0 - 2.0 * share) * points[top].1;
    let end = top + 1 + points[top + 1..].iter().take_while(near).count();
    let (levels, values): (Vec<f64>, Vec<f64>) = points[..end].iter().copied().unzip();
    let fit = isotonic(&values, &vec![1.0; values.len()]);
    let plateau = *fit.last()?;
    let level = first_reaching(&levels, &fit, (1.0 - share) * plateau)?;
    Some(Saturation { plateau, level })
}

/// Whether more load has stopped bringing more: the last two raises each brought less than `share` of
/// what they would have in proportion. `points` as for [`saturation`].
///
/// A raise from level a to b in proportion brings throughput up by `b/a`; it brought `gain` of that,
/// `ln(x_b/x_a) / ln(b/a)`, which is 1 for linear growth and 0 on the plateau.
pub fn stopped_growing(points: &[(f64, f64)], share: f64) -> bool {
    let gains: Vec<f64> = points
        .windows(2)
        .map(|w| (w[1].1 / w[0].1).ln() / (w[1].0 / w[0].0).ln())
        .collect();
    match gains.as_slice() {
        [.., before, last] => *before < share && *last < share,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `n` in flight on `servers` servers.
    fn closed(n: f64, servers: f64) -> (f64, f64) {
        (n, n.min(servers) * 10.0)
    }

    #[test]
    fn the_plateau_begins_at_the_servers() {
        let points: Vec<_> = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]
            .map(|n| closed(n, 10.0))
            .to_vec();
        let found = saturation(&points, 0.05).unwrap();
        assert_eq!(found.plateau, 100.0);
        // 95 lies three quarters of the way from 80 at 8 to 100 at 16; the model's own is 9.5.
        assert!((found.level - 14.0).abs() < 1e-9, "{found:?}");
        assert!(stopped_growing(&points, 0.2));
        assert!(
            !stopped_growing(&points[..6], 0.2),
            "one raise may be chance"
        );
        assert!(!stopped_growing(&points[..2], 0.2));
    }

    #[test]
    fn one_lucky_point_is_not_the_plateau() {
        let points = [
            (1.0, 50.0),
            (2.0, 100.0),
            (4.0, 104.0),
            (8.0, 100.0),
            (16.0, 99.0),
        ];
        let found = saturation(&points, 0.05).unwrap();
        assert!((found.plateau - 101.0).abs() < 1e-9, "{found:?}");
        assert!(found.level < 2.0 && found.level > 1.9);
    }

    #[test]
    fn a_collapse_past_the_peak_does_not_lower_it() {
        let points = [
            (1.0, 50.0),
            (2.0, 90.0),
            (4.0, 100.0),
            (8.0, 60.0),
            (16.0, 20.0),
        ];
        let found = saturation(&points, 0.05).unwrap();
        assert_eq!(found.plateau, 100.0);
        assert!(stopped_growing(&points, 0.2));
    }

    #[test]
    fn without_points_nothing_is_known() {
        assert_eq!(saturation(&[], 0.05), None);
    }
}
