use super::picture::Picture;
use crate::metrics::Unit;
use crate::report::chart::{
    Axis, Head, Label, Line, LineChart, LineStyle, Mark, MarkKind, Scale, Series, lines,
};
use crate::result::{AnswerResult, CaseResult, ProbeResult};
use crate::text::number;

/// The loads that a search tried, one after the other, and the answer that it came to. Nothing for cases
/// that searched nothing.
pub(super) fn search_path(case: &CaseResult) -> Option<Picture> {
    if case.path.is_empty() {
        return None;
    }
    let unit = unit_of_levels(case);
    let points = |wanted: fn(&ProbeResult) -> bool| -> Vec<(f64, Option<f64>)> {
        let all = case.path.iter().enumerate();
        all.filter(|(_, p)| wanted(p))
            .map(|(i, p)| (i as f64 + 1.0, Some(p.level)))
            .collect()
    };
    let way = case.path.iter().enumerate();
    let way = way.map(|(i, p)| (i as f64 + 1.0, Some(p.level))).collect();
    let mut drawn = vec![Line::new("tried", Series::Wanted, way)];
    for (name, series, wanted) in [
        (
            "held",
            Series::Nth(1),
            (|p| p.held) as fn(&ProbeResult) -> bool,
        ),
        ("did not hold", Series::Failed, |p| !p.held),
    ] {
        let points = points(wanted);
        if !points.is_empty() {
            drawn.push(Line::new(name, series, points).styled(LineStyle::Points));
        }
    }
    let answer = answer_of_load(case);
    let band = answer.and_then(|a| Some((a.interval[0]?, a.interval[1]?)));
    let ends = band.iter().flat_map(|(lo, hi)| [*lo, *hi]);
    let values: Vec<f64> = case.path.iter().map(|p| p.level).chain(ends).collect();
    let title = "The way of the search";
    let caption = caption(case, answer, unit);
    let mut chart = LineChart::new(
        Head {
            title,
            desc: &caption,
        },
        Axis::new(
            Scale::Linear {
                lo: 0.0,
                hi: case.path.len() as f64 + 1.0,
            },
            "",
        ),
        Axis::new(Scale::log_if(values, 1.0), name_of_levels(unit)),
        drawn,
    );
    chart.band = band;
    chart.marks = answer
        .and_then(|a| {
            Some(Mark {
                value: a.value?,
                label: format!("{} {}", a.name, number(a.value, a.unit)),
                kind: MarkKind::Measured,
            })
        })
        .into_iter()
        .collect();
    chart.labels = first_broken(case)
        .map(|(i, p)| Label {
            x: i as f64 + 1.0,
            y: p.level,
            text: p.broke.first().cloned().unwrap_or_default(),
            ring: true,
        })
        .into_iter()
        .collect();
    let svg = lines(&chart)?;
    Some(Picture {
        name: "search_path",
        title: title.to_owned(),
        caption,
        svg,
    })
}

/// What was completed at each load that a search tried.
pub(super) fn search_throughput(case: &CaseResult) -> Option<Picture> {
    let mut points: Vec<(f64, Option<f64>)> = case
        .path
        .iter()
        .filter_map(|p| Some((p.level, Some(p.throughput?))))
        .collect();
    if points.len() < 3 {
        return None;
    }
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let unit = unit_of_levels(case);
    let levels = || points.iter().map(|p| p.0);
    let x = Scale::log_if(levels().collect::<Vec<_>>(), 1.0);
    let top = points.iter().filter_map(|p| p.1);
    let y = Scale::linear(top, true);
    let title = "Throughput by load";
    let caption = "Requests completed per second at each load that was tried.".to_owned();
    let line = Line::new("completed", Series::Nth(1), points.clone()).styled(LineStyle::Dotted);
    let mut chart = LineChart::new(
        Head {
            title,
            desc: &caption,
        },
        Axis::new(x, name_of_levels(unit)),
        Axis::new(y, "1/s"),
        vec![line],
    );
    let saturation = case.answers.iter().find(|a| a.name == "saturation");
    chart.marks = saturation
        .and_then(|a| {
            Some(Mark {
                value: a.value?,
                label: format!("saturation {}", number(a.value, a.unit)),
                kind: MarkKind::Measured,
            })
        })
        .into_iter()
        .collect();
    let svg = lines(&chart)?;
    Some(Picture {
        name: "search_throughput",
        title: title.to_owned(),
        caption,
        svg,
    })
}

/// Requests in flight, or requests per second.
fn unit_of_levels(case: &CaseResult) -> Unit {
    let in_flight = case
        .answers
        .iter()
        .any(|a| a.name.ends_with("_concurrency"))
        || case.phases.iter().any(|p| p.load.concurrency.is_some());
    if in_flight {
        Unit::Count
    } else {
        Unit::PerSecond
    }
}

fn name_of_levels(unit: Unit) -> &'static str {
    match unit {
        Unit::Count => "in flight",
        _ => "1/s",
    }
}

/// The answer that is a load.
fn answer_of_load(case: &CaseResult) -> Option<&AnswerResult> {
    let of = |name: &str| case.answers.iter().find(|a| a.name == name);
    match unit_of_levels(case) {
        Unit::Count => of("capacity_concurrency").or_else(|| of("saturation_concurrency")),
        _ => of("capacity"),
    }
}

/// The lowest load at which something broke, and its place on the way.
fn first_broken(case: &CaseResult) -> Option<(usize, &ProbeResult)> {
    let broken = case
        .path
        .iter()
        .enumerate()
        .filter(|(_, p)| !p.broke.is_empty());
    broken.min_by(|a, b| a.1.level.total_cmp(&b.1.level))
}

fn caption(case: &CaseResult, answer: Option<&AnswerResult>, unit: Unit) -> String {
    let mut said = Vec::new();
    if let Some(a) = answer {
        let shown = |v| number(v, a.unit);
        let between = match a.interval {
            [Some(lo), Some(hi)] => {
                format!(", between {} and {}", shown(Some(lo)), shown(Some(hi)))
            }
            _ => String::new(),
        };
        said.push(format!("{} is {}{between}.", a.name, shown(a.value)));
    }
    if let Some((_, probe)) = first_broken(case) {
        let broke = probe.broke.first().cloned().unwrap_or_default();
        said.push(format!(
            "What broke first: {broke}, at {}.",
            number(Some(probe.level), unit)
        ));
    }
    let open = case.path.iter().filter(|p| !p.decided).count();
    if open > 0 {
        said.push(format!(
            "At {open} of {} loads the data could not tell; what was observed counted.",
            case.path.len()
        ));
    }
    if said.is_empty() {
        said.push(format!("{} loads were tried.", case.path.len()));
    }
    said.join(" ")
}
