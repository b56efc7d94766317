use crate::metrics::Unit;
use crate::report::ReportInput;
use crate::report::chart::{Axis, Head, Line, LineChart, Scale, Series, lines};
use crate::report::pictures::{Curve, Picture, by_percentile};
use crate::result::{Histogram, MetricSummary};

/// Phases whose curves are drawn at most; tables show all. Each takes some 60 KB.
pub(in crate::report) const DRAWN: usize = 40;

/// Metrics that are drawn over each other, and what the two pictures are called.
const METRICS: [[&str; 3]; 4] = [
    ["ttft", "ttft_distribution", "ttft_percentiles"],
    ["itl", "itl_distribution", "itl_percentiles"],
    ["tpot", "tpot_distribution", "tpot_percentiles"],
    [
        "e2e_latency",
        "e2e_latency_distribution",
        "e2e_latency_percentiles",
    ],
];

/// The pictures of a phase: of each latency its distributions, and its quantiles with the tail stretched.
/// `letters` name the runs.
pub(in crate::report) fn overlays(
    runs: &[ReportInput<'_>],
    letters: &[String],
    case: &str,
    phase: &str,
) -> Vec<Picture> {
    let metric_of = |run: &ReportInput<'_>, name: &str| -> Option<MetricSummary> {
        let case = run.result.cases.iter().find(|c| c.full_name() == case)?;
        let phase = case.phases.iter().find(|p| p.name == phase)?;
        let metric = phase.metrics.get(name)?;
        let in_ms =
            matches!(metric, MetricSummary::Distribution(d) if d.unit == Unit::Milliseconds);
        in_ms.then(|| metric.clone())
    };
    let mut out = Vec::new();
    for [name, of_density, of_percentiles] in METRICS {
        let of_runs: Vec<Option<MetricSummary>> =
            runs.iter().map(|run| metric_of(run, name)).collect();
        out.extend(densities(name, of_density, letters, &of_runs));
        out.extend(percentiles(name, of_percentiles, letters, &of_runs));
    }
    out
}

fn densities(
    metric: &str,
    name: &'static str,
    letters: &[String],
    runs: &[Option<MetricSummary>],
) -> Option<Picture> {
    let mut drawn = Vec::new();
    for (series, (letter, run)) in (1..).zip(letters.iter().zip(runs)) {
        let Some(MetricSummary::Distribution(d)) = run else {
            continue;
        };
        if let Some(points) = d.histogram.as_ref().and_then(density) {
            drawn.push(Line::new(letter, Series::Nth(series), points));
        }
    }
    let x: Vec<f64> = drawn
        .iter()
        .flat_map(|l| l.points.iter().map(|p| p.0))
        .collect();
    let y: Vec<f64> = drawn
        .iter()
        .flat_map(|l| &l.points)
        .filter_map(|p| p.1)
        .collect();
    let title = format!("Distribution of {metric}");
    let caption =
        "How often which value came, for steps of equal ratio; each run's values together count 1.";
    let head = Head {
        title: &title,
        desc: caption,
    };
    let svg = lines(&LineChart::new(
        head,
        Axis::new(log_or_linear(&x), "ms"),
        Axis::new(Scale::linear(y, true), "density"),
        drawn,
    ))?;
    Some(Picture {
        name,
        caption: caption.to_owned(),
        svg,
        title,
    })
}

fn percentiles(
    metric: &str,
    name: &'static str,
    letters: &[String],
    runs: &[Option<MetricSummary>],
) -> Option<Picture> {
    let curves: Vec<Curve<'_>> = letters
        .iter()
        .zip(runs)
        .map(|(letter, run)| Curve {
            label: letter,
            metric: run.as_ref(),
            accepted: None,
        })
        .collect();
    let title = format!("{metric} by percentile");
    let caption = "Every further nine is as wide as the one before. Failed requests count as slower than all others.";
    let head = Head {
        title: &title,
        desc: caption,
    };
    Some(Picture {
        name,
        caption: caption.to_owned(),
        svg: by_percentile(head, &curves)?,
        title,
    })
}

fn log_or_linear(values: &[f64]) -> Scale {
    let positive = values.iter().copied().filter(|v| *v > 0.0);
    let lo = positive.clone().fold(f64::INFINITY, f64::min);
    let hi = positive.fold(0.0, f64::max);
    if hi > lo {
        Scale::Log { lo, hi }
    } else {
        Scale::linear(values.iter().copied(), false)
    }
}

/// Share per natural logarithm of the value, at the middle of each bin; the ends at 0. Nothing where the
/// bins do not rise or are not above 0.
fn density(h: &Histogram) -> Option<Vec<(f64, Option<f64>)>> {
    let all: u64 = h.counts.iter().sum();
    let rising = h.edges.windows(2).all(|w| w[1] > w[0]);
    if all == 0 || h.edges.len() != h.counts.len() + 1 || !rising {
        return None;
    }
    let first = h.counts.iter().position(|c| *c > 0)?;
    let last = h.counts.iter().rposition(|c| *c > 0)?;
    let (from, to) = (*h.edges.get(first)?, *h.edges.get(last + 1)?);
    let mut points = Vec::new();
    if from > 0.0 {
        points.push((from, Some(0.0)));
    }
    for i in first..=last {
        let (a, b) = (*h.edges.get(i)?, *h.edges.get(i + 1)?);
        if a <= 0.0 {
            continue;
        }
        let share = *h.counts.get(i)? as f64 / all as f64;
        points.push(((a * b).sqrt(), Some(share / (b / a).ln())));
    }
    points.push((to, Some(0.0)));
    Some(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_under_a_density_is_one() {
        let points = density(&Histogram {
            edges: vec![1.0, 2.0, 4.0, 8.0],
            counts: vec![1, 2, 1],
        })
        .unwrap();
        // Bins of equal ratio: heights times their width sum up to 1.
        let heights: f64 = points.iter().filter_map(|p| p.1).sum();
        assert!((heights * 2f64.ln() - 1.0).abs() < 1e-12, "{points:?}");
    }

    #[test]
    fn nothing_counted_is_nothing_drawn() {
        let of = |edges: &[f64], counts: &[u64]| {
            density(&Histogram {
                edges: edges.to_vec(),
                counts: counts.to_vec(),
            })
        };
        assert_eq!(of(&[1.0, 2.0], &[0]), None);
        assert_eq!(of(&[2.0, 1.0], &[3]), None);
        assert_eq!(of(&[], &[]), None);
    }
}
