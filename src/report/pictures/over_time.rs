use super::picture::Picture;
use crate::metrics::Unit;
use crate::report::chart::{Axis, Head, Line, LineChart, LineStyle, Scale, Series, Shade, lines};
use crate::result::{PhaseResult, PhaseSeries, RunSeries};
use crate::text::{count, number};

/// A picture of the course of something.
pub(super) struct Course {
    pub name: &'static str,
    pub title: &'static str,
    pub caption: &'static str,
    pub unit: &'static str,
    /// `(series, legend, colour)`
    pub lines: &'static [(&'static str, &'static str, Series)],
    pub style: LineStyle,
    /// Values are shown as so many times what they are.
    pub factor: f64,
}

const COURSES: [Course; 5] = [
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
        name: "errors_over_time",
        title: "Failures over time",
        caption: "When requests failed.",
        unit: "1/s",
        lines: &[("failed", "failed", Series::Failed)],
        style: LineStyle::Area,
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
        match picture.name {
            "requests_over_time" => picture.caption.insert_str(0, &asked_and_achieved(phase)),
            "errors_over_time" => picture.caption = kinds_of_errors(phase, &picture.caption),
            _ => {}
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

fn kinds_of_errors(phase: &PhaseResult, otherwise: &str) -> String {
    let kinds = phase.errors.iter().take(3);
    let kinds: Vec<String> = kinds
        .map(|e| format!("{} × {}", count(e.count), e.kind))
        .collect();
    if kinds.is_empty() {
        return otherwise.to_owned();
    }
    format!("In the window: {}.", kinds.join(", "))
}

/// What prony saw: a value for each stretch, drawn in its middle.
pub(super) fn of_client(run: &RunSeries, key: &str) -> Option<Vec<(f64, Option<f64>)>> {
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
    course: &Course,
    of: impl Fn(&RunSeries, &str) -> Option<Vec<(f64, Option<f64>)>>,
) -> Option<Picture> {
    let several = phase.runs.len() > 1;
    let mut drawn = Vec::new();
    for run in &phase.runs {
        for &(key, legend, series) in course.lines {
            let Some(mut points) = of(run, key) else {
                continue;
            };
            if series == Series::Failed && points.iter().all(|p| p.1.is_none_or(|v| v == 0.0)) {
                continue;
            }
            for point in &mut points {
                point.1 = point.1.filter(|v| v.is_finite()).map(|v| v * course.factor);
            }
            let style = if several {
                LineStyle::Plain
            } else {
                course.style
            };
            drawn.push(Line::new(legend, series, points).styled(style));
        }
    }
    let values: Vec<f64> = drawn
        .iter()
        .flat_map(|l| l.points.iter().filter_map(|p| p.1))
        .collect();
    let head = Head {
        title: course.title,
        desc: course.caption,
    };
    let y = Axis::new(Scale::linear(values, true), course.unit);
    let mut chart = LineChart::new(head, seconds(phase), y, drawn);
    chart.shades = shades(phase)?;
    let runs = if several {
        format!(" {} runs over each other.", phase.runs.len())
    } else {
        String::new()
    };
    Some(Picture {
        name: course.name,
        title: course.title.to_owned(),
        caption: format!("{}{runs}", course.caption),
        svg: lines(&chart)?,
    })
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
    let window = phase.runs.first()?.window_s;
    let shade = |from: f64, to: f64, label: &str| Shade {
        from,
        to,
        label: label.to_owned(),
    };
    Some(vec![
        shade(0.0, window[0], "warm-up"),
        shade(window[1], f64::MAX, "drain"),
    ])
}
