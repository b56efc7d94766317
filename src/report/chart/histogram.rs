use std::fmt::Write as _;

use super::scale::Scale;
use super::svg::{Axis, BOTTOM, HEIGHT, Head, Mark, Svg, TOP, WIDTH, along, meaning, n, values};
use crate::result::Histogram;

/// Without units and legend above the plot its room is not needed.
const ABOVE: f64 = 20.0;

/// How often which value came.
#[derive(Clone, Debug)]
pub struct HistogramChart<'a> {
    /// Names.
    pub head: Head<'a>,
    /// The counts.
    pub histogram: &'a Histogram,
    /// Unit of the values.
    pub unit: &'a str,
    /// Quantiles and limits.
    pub marks: Vec<Mark>,
}

/// Draws a histogram. `None` where there is nothing to draw: no counts, or edges that do not rise.
///
/// Heights are counts over the bin's width as drawn, so that bins of different width compare; the
/// axis is logarithmic where the bins span more than one and a half decades.
pub fn histogram(chart: &HistogramChart<'_>) -> Option<String> {
    let bins = used_bins(chart.histogram)?;
    let (lo, hi) = (bins.first()?.0, bins.last()?.1);
    let marked = chart.marks.iter().map(|m| m.value);
    // A limit far off would squeeze the distribution; within three times its extent it is shown.
    let reach = marked
        .filter(|v| v.is_finite() && *v > lo && *v < lo + 3.0 * (hi - lo))
        .fold(hi, f64::max);
    let first_positive = bins.iter().map(|b| b.0).find(|v| *v > 0.0).unwrap_or(0.0);
    let scale = if lo > 0.0 && (reach / first_positive).log10() > 1.5 {
        Scale::Log { lo, hi: reach }
    } else {
        let pad = (reach - lo) * 0.03;
        Scale::Linear {
            lo: (lo - pad).max(if lo >= 0.0 { 0.0 } else { f64::MIN }),
            hi: reach + pad,
        }
    };
    let heights: Vec<f64> = bins
        .iter()
        .map(|&(a, b, count)| count as f64 / (scale.place(b) - scale.place(a)).max(1e-6))
        .collect();
    let top = heights.iter().copied().fold(0.0, f64::max);

    let x = Axis::new(scale, chart.unit);
    let mut data = meaning(&x, None);
    let edges = bins.iter().map(|b| b.0).chain([hi]);
    let _ = write!(
        data,
        r#" data-e="{}" data-v="{}""#,
        values(edges),
        values(bins.iter().map(|b| b.2 as f64))
    );
    let mut svg = Svg::new(
        "chart",
        [0.0, ABOVE, WIDTH, HEIGHT - ABOVE],
        chart.head,
        &data,
    );
    svg.base(&x);
    let mut bars = String::new();
    for (&(a, b, count), height) in bins.iter().zip(&heights) {
        if count == 0 {
            continue;
        }
        let (x0, x1) = (along(scale, a), along(scale, b));
        // A single value in the tail stays visible.
        let h = n((height / top * (BOTTOM - TOP - 18.0)).max(1.2));
        let w = n((x1 - x0 - 0.6).max(0.8));
        let _ = write!(bars, "M{} {}v-{h}h{w}v{h}", n(x0), n(BOTTOM));
    }
    svg.path("bar", &bars);
    let shown: Vec<_> = chart
        .marks
        .iter()
        .filter(|m| m.value.is_finite() && m.value <= reach && m.value >= lo)
        .cloned()
        .collect();
    svg.marks(scale, &shown);
    Some(svg.finish())
}

/// `(from, to, count)` from the first to the last bin that holds something.
fn used_bins(h: &Histogram) -> Option<Vec<(f64, f64, u64)>> {
    if h.edges.len() != h.counts.len() + 1 || h.edges.iter().any(|e| !e.is_finite()) {
        return None;
    }
    if h.edges.windows(2).any(|w| w[1] <= w[0]) {
        return None;
    }
    let first = h.counts.iter().position(|c| *c > 0)?;
    let last = h.counts.iter().rposition(|c| *c > 0)?;
    Some(
        (first..=last)
            .filter_map(|i| Some((*h.edges.get(i)?, *h.edges.get(i + 1)?, *h.counts.get(i)?)))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(edges: &[f64], counts: &[u64]) -> Option<String> {
        let histogram_ = Histogram {
            edges: edges.to_vec(),
            counts: counts.to_vec(),
        };
        histogram(&HistogramChart {
            head: Head {
                title: "t<",
                desc: "d&",
            },
            histogram: &histogram_,
            unit: "ms",
            marks: vec![],
        })
    }

    #[test]
    fn one_bar_per_bin_that_holds_something() {
        let svg = draw(&[0.0, 1.0, 2.0, 3.0], &[5, 0, 1]).expect("drawn");
        assert_eq!(svg.matches("v-").count(), 2);
        assert!(svg.contains("t&lt;") && svg.contains("d&amp;"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn nothing_to_draw_is_nothing() {
        assert!(draw(&[], &[]).is_none());
        assert!(draw(&[0.0, 1.0], &[0]).is_none());
        assert!(draw(&[1.0, 0.0], &[3]).is_none());
        assert!(draw(&[0.0, f64::NAN], &[3]).is_none());
        assert!(draw(&[0.0, 1.0], &[3, 4]).is_none());
    }
}
