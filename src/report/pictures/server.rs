use super::over_time::{Course, drawn_over_time};
use super::picture::Picture;
use crate::report::chart::{LineStyle, Series};
use crate::result::{PhaseSeries, RunSeries};

const COURSES: [Course; 2] = [
    Course {
        name: "server_queue_over_time",
        title: "Queue inside the server",
        caption: "Its own gauges, look by look.",
        unit: "",
        lines: &[
            ("queue_depth", "waiting", Series::Nth(2)),
            ("running", "running", Series::Nth(1)),
        ],
        style: LineStyle::Plain,
        factor: 1.0,
    },
    Course {
        name: "server_cache_over_time",
        title: "Cache inside the server",
        caption: "KV cache in use, and prefix-cache hits since the look before.",
        unit: "%",
        lines: &[
            ("kv_usage", "KV in use", Series::Nth(1)),
            ("cache_hit_ratio", "hits", Series::Nth(2)),
        ],
        style: LineStyle::Plain,
        factor: 100.0,
    },
];

/// The course of the server's counters, on the time axis of the other pictures.
pub(super) fn server(phase: &PhaseSeries) -> Vec<Picture> {
    let drawn = COURSES.iter();
    drawn
        .filter_map(|c| drawn_over_time(phase, c, of_server))
        .collect()
}

/// What the server told, where it was looked at; the first look came before the run.
fn of_server(run: &RunSeries, key: &str) -> Option<Vec<(f64, Option<f64>)>> {
    let server = run.server.as_ref()?;
    let values = server.series.get(key)?;
    let points = server.at_s.iter().copied().zip(values.iter().copied());
    Some(points.filter(|(at, _)| *at >= 0.0).collect())
}
