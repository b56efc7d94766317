use super::over_time::{Course, drawn_over_time};
use super::picture::Picture;
use crate::report::chart::{LineStyle, Series};
use crate::result::{PhaseSeries, RunSeries, gpu_of};

/// GPUs that can be told apart in a picture.
const DRAWN_GPUS: usize = 8;

const COURSES: [Course<'static>; 3] = [
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
    Course {
        name: "gpu_over_time",
        title: "GPUs",
        caption: "As their exporter tells, look by look, the mean over all GPUs.",
        unit: "%",
        lines: &[
            ("gpu_utilization", "busy", Series::Nth(1)),
            ("gpu_memory_used", "memory", Series::Nth(2)),
            ("gpu_sm_active", "SM active", Series::Nth(3)),
        ],
        style: LineStyle::Plain,
        factor: 100.0,
    },
];

/// The course of the server's counters, on the time axis of the other pictures.
pub(super) fn server(phase: &PhaseSeries) -> Vec<Picture> {
    let drawn = COURSES.iter();
    let mut drawn: Vec<Picture> = drawn
        .filter_map(|c| drawn_over_time(phase, c, of_server))
        .collect();
    drawn.extend(each_gpu(phase));
    drawn
}

/// How busy each of several GPUs was.
fn each_gpu(phase: &PhaseSeries) -> Option<Picture> {
    let servers = phase.runs.iter().filter_map(|run| run.server.as_ref());
    let mut told: Vec<(&str, &str)> = servers
        .flat_map(|server| server.series.keys())
        .filter_map(|key| Some((gpu_of(key)?, key.as_str())))
        .collect();
    // As numbers where they are numbers: 10 after 9.
    told.sort_by_key(|(gpu, _)| (gpu.parse().unwrap_or(u64::MAX), *gpu));
    told.dedup();
    let left_out = told.len() > DRAWN_GPUS;
    let lines: Vec<(&str, &str, Series)> = (1..)
        .zip(told.into_iter().take(DRAWN_GPUS))
        .map(|(nth, (gpu, key))| (key, gpu, Series::Nth(nth)))
        .collect();
    let course = Course {
        name: "gpu_each_over_time",
        title: "Each GPU",
        caption: if left_out {
            "How busy it was, look by look; the first eight."
        } else {
            "How busy it was, look by look."
        },
        unit: "%",
        lines: &lines,
        style: LineStyle::Plain,
        factor: 100.0,
    };
    drawn_over_time(phase, &course, of_server)
}

/// What the server told, where it was looked at; the first look came before the run.
fn of_server(run: &RunSeries, key: &str) -> Option<Vec<(f64, Option<f64>)>> {
    let server = run.server.as_ref()?;
    let values = server.series.get(key)?;
    let points = server.at_s.iter().copied().zip(values.iter().copied());
    Some(points.filter(|(at, _)| *at >= 0.0).collect())
}
