/// Least distance from the straight line, as a share of the range, that makes a bend a knee.
const LEAST_BEND: f64 = 0.1;

/// Index of the knee of a curve of throughput (`x`) and latency (`y`), its points in the order of the
/// load: past it, latency rises faster than throughput does.
///
/// Kneedle (Satopää, Albrecht, Irwin and Raghavan, 2011) without smoothing: both axes scaled to 0 to 1,
/// the point farthest below the straight line from the first point to the one of the highest
/// throughput. Points past that one are left out: there the curve turns back, and the knee lies before.
/// The first of several that are equally far. `None` with fewer than three points, or where no point is
/// more than a tenth below the line: a straight line has no knee.
pub fn knee(points: &[(f64, f64)]) -> Option<usize> {
    if points.iter().any(|(x, y)| !x.is_finite() || !y.is_finite()) {
        // An unbounded latency lies past every knee.
        let finite = points
            .iter()
            .position(|(x, y)| !x.is_finite() || !y.is_finite())?;
        return knee(&points[..finite]);
    }
    let top = points.iter().enumerate().reduce(
        |best, point| {
            if point.1.0 > best.1.0 { point } else { best }
        },
    )?;
    let curve = &points[..=top.0];
    let (first, last) = (curve.first()?, curve.last()?);
    let (width, height) = (last.0 - first.0, last.1 - first.1);
    if curve.len() < 3 || width <= 0.0 || height <= 0.0 {
        return None;
    }
    let bend = |&(x, y): &(f64, f64)| (x - first.0) / width - (y - first.1) / height;
    let (at, farthest) = curve.iter().map(bend).enumerate().reduce(|best, point| {
        if point.1 > best.1 + 1e-12 {
            point
        } else {
            best
        }
    })?;
    (farthest > LEAST_BEND).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An M/M/1 queue at utilisations 5 %, 10 %, … up to `last` of them.
    fn queue(last: usize) -> Vec<(f64, f64)> {
        (1..=last)
            .map(|i| {
                let load = i as f64 * 0.05;
                (load, 1.0 / (1.0 - load))
            })
            .collect()
    }

    #[test]
    fn the_knee_of_a_queue_is_where_its_slope_is_that_of_the_chord() {
        // From 0.05 to 0.95 the chord has slope (20 − 1/0.95) / 0.9; there 1/(1 − x)² is as much, at
        // x = 0.782.
        assert_eq!(knee(&queue(19)), Some(15), "0.80 is nearest");
    }

    #[test]
    fn a_straight_line_has_none_and_neither_have_two_points() {
        let line: Vec<_> = (0..9).map(|i| (f64::from(i), 2.0 * f64::from(i))).collect();
        assert_eq!(knee(&line), None);
        assert_eq!(knee(&queue(2)), None);
        assert_eq!(knee(&[]), None);
        // Latency that does not rise bends nowhere.
        assert_eq!(knee(&[(1.0, 5.0), (2.0, 5.0), (3.0, 5.0)]), None);
    }

    #[test]
    fn what_lies_past_the_highest_throughput_does_not_move_it() {
        let mut points = queue(19);
        points.extend([(0.9, 40.0), (0.8, 90.0)]);
        assert_eq!(knee(&points), Some(15));
        points.push((0.9, f64::INFINITY));
        assert_eq!(knee(&points), Some(15));
    }

    #[test]
    fn a_closed_loop_bends_at_its_servers() {
        // Four servers: up to four in flight cost no waiting, more bring nothing but that.
        let points: Vec<_> = [1.0f64, 2.0, 3.0, 4.0, 6.0, 8.0]
            .map(|n| (n.min(4.0) + n / 1000.0, (n / 4.0).max(1.0)))
            .to_vec();
        assert_eq!(knee(&points), Some(3));
    }
}
