use std::collections::BTreeMap;

use super::picture::Picture;
use crate::metrics::Unit;
use crate::report::chart::{
    Axis, Head, Line, LineChart, LineStyle, Range, Scale, Series, Shade, lines,
};
use crate::result::{PhaseResult, PhaseSeries, RunSeries};
use crate::stats::quantile;
use crate::text::number;

/// Runs from which on a median says more than all of them over each other.
const FEWEST_TOGETHER: usize = 3;

/// Lines that can each have a range behind them before nothing can be told apart any more.
const MOST_RANGES: usize = 3;

/// `(x, y)`, in ascending x.
pub(super) type Points = Vec<(f64, Option<f64>)>;

/// A picture of the course of something.
pub(super) struct Course<'a> {
    pub name: &'static str,
    pub title: &'static str,
    pub caption: &'static str,
    pub unit: &'static str,
    /// `(series, legend, colour)`
    pub lines: &'a [(&'a str, &'a str, Series)],
    pub style: LineStyle,
    /// Values are shown as so many times what they are.
    pub factor: f64,
}

const COURSES: [Course<'static>; 4] = [
    Course {
        name: "throughput_over_time",
        title: "Output tokens over time",
        caption: "Tokens that arrived, whoever asked for them.",
        unit: "tok/s",
        lines: &[("tokens_per_second", "tokens", Series::Nth(1))],
        style: LineStyle::Area,
        factor: 1.0,
    },
    Course {
        name: "requests_over_time",
        title: "Requests over time",
        caption: "Due by the schedule, sent, completed.",
        unit: "1/s",
        lines: &[
            ("due", "due", Series::Wanted),
            ("sent", "sent", Series::Nth(2)),
            ("completed", "completed", Series::Nth(1)),
        ],
        style: LineStyle::Plain,
        factor: 1.0,
    },
    Course {
        name: "in_flight_over_time",
        title: "Requests in flight",
        caption: "A line that keeps rising is a queue that keeps growing.",
        unit: "",
        lines: &[("in_flight", "in flight", Series::Nth(1))],
        style: LineStyle::Area,
        factor: 1.0,
    },
    Course {
        name: "ttft_over_time",
        title: "Time to first token over time",
        caption: "Of the first tokens that arrived in each stretch.",
        unit: "ms",
        lines: &[
            ("ttft_p50", "p50", Series::Nth(1)),
            ("ttft_p99", "p99", Series::Nth(2)),
        ],
        style: LineStyle::Plain,
        factor: 1.0,
    },
];

/// What happened when.
pub(super) fn over_time(phase: &PhaseResult, series: &PhaseSeries) -> Vec<Picture> {
    let drawn = COURSES.iter();
    let mut drawn: Vec<Picture> = drawn
        .filter_map(|c| drawn_over_time(series, c, of_client))
        .collect();
    for picture in &mut drawn {
        if picture.name == "requests_over_time" {
            picture.caption.insert_str(0, &asked_and_achieved(phase));
        }
    }
    drawn
}

fn asked_and_achieved(phase: &PhaseResult) -> String {
    let shown = |rate: f64| number(Some(rate), Unit::PerSecond);
    match (phase.load.rate, phase.load.achieved_rate) {
        (Some(asked), Some(achieved)) => {
            format!("{} asked for, {} sent. ", shown(asked), shown(achieved))
        }
        _ => String::new(),
    }
}

/// What prony saw: a value for each stretch, drawn in its middle.
pub(super) fn of_client(run: &RunSeries, key: &str) -> Option<Points> {
    let values = run.series.get(key)?;
    let points = values
        .iter()
        .enumerate()
        .map(|(i, v)| ((i as f64 + 0.5) * run.interval_s, *v));
    Some(points.collect())
}

/// The course of something in every run, over each other, over the same seconds as every other course of
/// the phase; what lies outside the first run's window is shaded.
pub(super) fn drawn_over_time(
    phase: &PhaseSeries,
    course: &Course<'_>,
    of: impl Fn(&RunSeries, &str) -> Option<Points>,
) -> Option<Picture> {
    let axis = seconds(phase);
    let mut drawn = Vec::new();
    let mut ranges = Vec::new();
    let mut tops = Vec::new();
    let together = phase.runs.len() >= FEWEST_TOGETHER;
    let ranged = course.lines.len() <= MOST_RANGES;
    for &(key, legend, series) in course.lines {
        let mut runs: Vec<Points> = phase.runs.iter().filter_map(|r| of(r, key)).collect();
        for point in runs.iter_mut().flatten() {
            point.1 = point.1.filter(|v| v.is_finite()).map(|v| v * course.factor);
        }
        tops.extend(runs.iter().flatten().filter_map(|p| p.1));
        if together {
            let (middle, range) = over_runs(&runs);
            drawn.push(Line::new(legend, series, middle));
            if ranged {
                ranges.push(Range {
                    series,
                    points: range,
                });
            }
            continue;
        }
        let style = match runs.len() {
            1 => course.style,
            _ => LineStyle::Plain,
        };
        drawn.extend(
            runs.into_iter()
                .map(|points| Line::new(legend, series, points).styled(style)),
        );
    }
    let head = Head {
        title: course.title,
        desc: course.caption,
    };
    let y = Axis::new(Scale::linear(tops, true), course.unit);
    let mut chart = LineChart::new(head, axis, y, drawn);
    chart.ranges = ranges;
    chart.shades = shades(phase)?;
    let runs = match phase.runs.len() {
        1 => String::new(),
        n if together && !ranged => format!(" Median of {n} runs."),
        n if together => format!(" Median of {n} runs; shaded from the least to the greatest."),
        n => format!(" {n} runs over each other."),
    };
    Some(Picture {
        name: course.name,
        title: course.title.to_owned(),
        caption: format!("{}{runs}", course.caption),
        svg: lines(&chart)?,
    })
}

/// Median, least and greatest of several runs, stretch by stretch, as far as all but a few of them went:
/// a stretch that fewer than half of the runs have is left out.
fn over_runs(runs: &[Points]) -> (Points, Vec<(f64, f64, f64)>) {
    let spacing = runs.first().and_then(|run| {
        let (first, last) = (run.first()?.0, run.last()?.0);
        (run.len() > 1).then(|| (last - first) / (run.len() - 1) as f64)
    });
    let spacing = spacing.filter(|s| *s > 0.0).unwrap_or(1.0);
    let mut stretches: BTreeMap<i64, Vec<(f64, f64)>> = BTreeMap::new();
    for (x, y) in runs.iter().flatten() {
        if let Some(y) = y {
            let stretch = (x / spacing).floor() as i64;
            stretches.entry(stretch).or_default().push((*x, *y));
        }
    }
    let mut middle = Vec::new();
    let mut range = Vec::new();
    for at in stretches
        .into_values()
        .filter(|at| 2 * at.len() >= runs.len())
    {
        let x = at.iter().map(|p| p.0).sum::<f64>() / at.len() as f64;
        let mut ys: Vec<f64> = at.iter().map(|p| p.1).collect();
        ys.sort_by(f64::total_cmp);
        if let (Some(median), [least, .., greatest]) = (quantile(&ys, 0.5), ys.as_slice()) {
            middle.push((x, Some(median)));
            range.push((x, *least, *greatest));
        }
    }
    (middle, range)
}

/// The axis that all courses of a phase share, up to the last thing that was seen of any run.
pub(super) fn seconds(phase: &PhaseSeries) -> Axis {
    let ends = phase.runs.iter().flat_map(|run| {
        let own = run.series.values().map(|v| v.len() as f64 * run.interval_s);
        let server = run.server.iter().filter_map(|s| s.at_s.last().copied());
        own.chain(server)
    });
    let hi = ends.fold(f64::MIN_POSITIVE, f64::max);
    Axis::new(Scale::Linear { lo: 0.0, hi }, "s")
}

/// What lies before and after the first run's window.
pub(super) fn shades(phase: &PhaseSeries) -> Option<Vec<Shade>> {
    phase.runs.first().map(shades_of)
}

/// What lies before and after the window of `run`.
pub(super) fn shades_of(run: &RunSeries) -> Vec<Shade> {
    let window = run.window_s;
    let shade = |from: f64, to: f64, label: &str| Shade {
        from,
        to,
        label: label.to_owned(),
    };
    vec![
        shade(0.0, window[0], "warm-up"),
        shade(window[1], f64::MAX, "drain"),
    ]
}

#[cfg(test)]
mod tests {
    use super::over_runs;

    #[test]
    fn runs_are_summed_up_stretch_by_stretch_as_far_as_half_of_them_went() {
        let run = |level: f64, n: usize| {
            (0..n)
                .map(|i| (i as f64 + 0.5, Some(level)))
                .collect::<Vec<_>>()
        };
        let runs = [run(10.0, 4), run(30.0, 4), run(20.0, 4), run(90.0, 9)];
        let (middle, range) = over_runs(&runs);
        assert_eq!(middle.len(), 4, "only one run went on");
        assert_eq!(middle[0], (0.5, Some(25.0)));
        assert_eq!(range[0], (0.5, 10.0, 90.0));
    }
}
