use super::picture::Picture;
use crate::metrics::Unit;
use crate::report::chart::{
    Axis, Head, Label, Line, LineChart, LineStyle, Mark, MarkKind, Scale, Series, lines,
};
use crate::result::{CaseResult, MetricSummary, Metrics, PhaseResult};
use crate::stats::Usl;
use crate::text::{exact, number};

/// A level of a sweep.
struct Level<'a> {
    value: f64,
    phase: &'a PhaseResult,
}

/// A point of a picture, or nothing.
type Points = Vec<(f64, Option<f64>)>;

/// The pictures of a sweep: what more load brings, and what it costs. Nothing for other cases.
pub(super) fn sweep(case: &CaseResult) -> Vec<Picture> {
    let levels = levels(case);
    if levels.len() < 2 {
        return Vec::new();
    }
    let throughput = throughput_of(&levels);
    [
        throughput_latency(case, &levels, throughput),
        scaling(case, &levels, throughput),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The levels of a sweep in ascending order; what has none is no sweep.
fn levels(case: &CaseResult) -> Vec<Level<'_>> {
    if case.kind != "scalability" {
        return Vec::new();
    }
    let level = |phase| Some((phase_level(phase)?, phase));
    let mut levels: Vec<Level<'_>> = case
        .phases
        .iter()
        .filter_map(level)
        .map(|(value, phase)| Level { value, phase })
        .collect();
    levels.sort_by(|a, b| a.value.total_cmp(&b.value));
    levels
}

/// The number of a level: its label, else the first number of its name, `at(5/s)`.
fn phase_level(phase: &PhaseResult) -> Option<f64> {
    let number = |text: &str| {
        let text = text.trim_start_matches("at(");
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        text[..end].parse().ok()
    };
    match phase.labels.get("level") {
        Some(label) => number(label),
        None => phase
            .name
            .starts_with("at(")
            .then(|| number(&phase.name))
            .flatten(),
    }
}

/// Tokens where every level has some, else requests: as the law is fitted.
fn throughput_of(levels: &[Level<'_>]) -> (&'static str, Unit) {
    let runs = levels.iter().flat_map(|l| &l.phase.runs);
    let tokens = runs
        .map(|run| value(&run.metrics, "tokens_per_second"))
        .all(|v| v.is_some());
    if tokens {
        ("tokens_per_second", Unit::TokensPerSecond)
    } else {
        ("throughput", Unit::PerSecond)
    }
}

fn value(metrics: &Metrics, name: &str) -> Option<f64> {
    match metrics.get(name)? {
        MetricSummary::Value(v) => Some(v.value),
        MetricSummary::Distribution(_) => None,
    }
}

/// What latency the picture is of: the one that the case asserts of a level, else the one whose bend is
/// the knee.
fn latency_of(case: &CaseResult) -> (&'static str, f64, Option<(f64, String)>) {
    for a in &case.assertions {
        for metric in ["ttft", "tpot", "itl", "e2e_latency"] {
            for (statistic, q) in [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)] {
                let name = format!("{metric}.{statistic}");
                let left = a.text.split(['<', '>']).next().unwrap_or_default().trim();
                let named = left == name || left.ends_with(&format!(").{name}"));
                if named && a.unit == Unit::Milliseconds && a.ratio.is_none() {
                    let limit = a.limit.map(|limit| {
                        let text = format!("{} {}", a.op, exact(Some(limit), a.unit));
                        (limit, text)
                    });
                    return (metric, q, limit);
                }
            }
        }
    }
    ("e2e_latency", 0.5, None)
}

fn latency(phase: &PhaseResult, metric: &str, q: f64) -> Option<f64> {
    let MetricSummary::Distribution(d) = phase.metrics.get(metric)? else {
        return None;
    };
    match q {
        0.9 => d.p90,
        0.95 => d.p95,
        0.99 => d.p99,
        _ => d.p50,
    }
}

/// The level that the case says is its knee.
fn knee(case: &CaseResult) -> Option<&str> {
    let note = case
        .notes
        .iter()
        .find_map(|n| n.strip_prefix("the knee is `"));
    note.and_then(|n| n.strip_suffix('`'))
}

fn throughput_latency(
    case: &CaseResult,
    levels: &[Level<'_>],
    (throughput, unit): (&str, Unit),
) -> Option<Picture> {
    let (metric, q, limit) = latency_of(case);
    let mut points: Points = Vec::new();
    let mut labels = Vec::new();
    let knee = knee(case);
    for level in levels {
        let (Some(x), Some(y)) = (
            value(&level.phase.metrics, throughput),
            latency(level.phase, metric, q),
        ) else {
            continue;
        };
        points.push((x, Some(y)));
        let at_knee = knee == Some(level.phase.name.as_str());
        labels.push(Label {
            x,
            y,
            text: format!("{}{}", level.value, if at_knee { " knee" } else { "" }),
            ring: at_knee,
        });
    }
    if points.len() < 2 {
        return None;
    }
    let statistic = format!("{metric}.p{}", (q * 100.0).round());
    let ys = points.iter().filter_map(|p| p.1);
    let ys: Vec<f64> = ys.chain(limit.iter().map(|l| l.0)).collect();
    let xs = points.iter().map(|p| p.0);
    let title = "What throughput costs in latency";
    let at_knee = match knee {
        Some(knee) => format!(" Past {knee} latency grows faster than throughput."),
        None => String::new(),
    };
    let caption = format!("A point for each level, {statistic} over throughput.{at_knee}");
    let (x, y) = (Scale::linear(xs, true), Scale::log_if(ys, 1.0));
    let line = Line::new(&statistic, Series::Nth(1), points).styled(LineStyle::Dotted);
    let mut chart = LineChart::new(
        Head {
            title,
            desc: &caption,
        },
        Axis::new(x, unit.name()),
        Axis::new(y, "ms"),
        vec![line],
    );
    chart.labels = labels;
    chart.marks = limit
        .into_iter()
        .map(|(value, label)| Mark {
            value,
            label: format!("limit {label}"),
            kind: MarkKind::Limit,
        })
        .collect();
    let svg = lines(&chart)?;
    Some(Picture {
        name: "throughput_latency",
        title: title.to_owned(),
        caption,
        svg,
    })
}

fn scaling(
    case: &CaseResult,
    levels: &[Level<'_>],
    (throughput, unit): (&str, Unit),
) -> Option<Picture> {
    let mut runs: Vec<(f64, f64)> = Vec::new();
    let mut pooled: Points = Vec::new();
    for level in levels {
        let of_runs = level.phase.runs.iter();
        runs.extend(of_runs.filter_map(|r| Some((level.value, value(&r.metrics, throughput)?))));
        pooled.push((level.value, value(&level.phase.metrics, throughput)));
    }
    let (first, of_first) = pooled.first().and_then(|p| Some((p.0, p.1?)))?;
    let last = levels.last()?.value;
    let law = law(case, &runs);
    let mut said = vec![format!(
        "Dashed: the throughput of level {first}, as often as the level is higher."
    )];
    let ideal = vec![
        (first, Some(of_first)),
        (last, Some(of_first * last / first)),
    ];
    let mut drawn = vec![Line::new("ideal", Series::Wanted, ideal)];
    if let Some(law) = law {
        let curve: Points = (0..=60)
            .map(|i| first + (last - first) * f64::from(i) / 60.0)
            .map(|n| (n, Some(law.throughput(n))))
            .collect();
        drawn.push(Line::new("fitted law", Series::Nth(2), curve));
        said.push(format!(
            "The law: contention {}, coherency {}.",
            number(Some(law.sigma), Unit::Ratio),
            number(Some(law.kappa), Unit::Ratio)
        ));
    }
    // A line between the points would hide the law's.
    let style = if law.is_some() {
        LineStyle::Points
    } else {
        LineStyle::Dotted
    };
    drawn.push(Line::new("measured", Series::Nth(1), pooled).styled(style));
    let tops = drawn
        .iter()
        .flat_map(|l| l.points.iter().filter_map(|p| p.1))
        .chain(runs.iter().map(|r| r.1));
    let y = Scale::linear(tops.collect::<Vec<_>>(), true);
    let title = "How throughput grows with the level";
    let caption = said.join(" ");
    let mut chart = LineChart::new(
        Head {
            title,
            desc: &caption,
        },
        Axis::new(Scale::linear([last], true), ""),
        Axis::new(y, unit.name()),
        drawn,
    );
    let peak = case.answers.iter().find(|a| a.name == "peak_level");
    let peak = peak.and_then(|a| a.value).filter(|v| *v <= last);
    chart.verticals = peak
        .map(|value| Mark {
            value,
            label: format!("peak {}", number(Some(value), Unit::Count)),
            kind: MarkKind::Measured,
        })
        .into_iter()
        .collect();
    let svg = lines(&chart)?;
    Some(Picture {
        name: "scaling",
        title: title.to_owned(),
        caption,
        svg,
    })
}

/// The scalability law with the parameters that the case answers. What it has for one of anything is the
/// least-squares value of its logarithm at these parameters, as in the fit itself.
fn law(case: &CaseResult, runs: &[(f64, f64)]) -> Option<Usl> {
    let of = |name: &str| case.answers.iter().find(|a| a.name == name)?.value;
    let alone = Usl {
        lambda: 1.0,
        sigma: of("contention")?,
        kappa: of("coherency")?,
    };
    let logs: Vec<f64> = runs
        .iter()
        .map(|(n, x)| (x / alone.throughput(*n)).ln())
        .filter(|l| l.is_finite())
        .collect();
    if logs.is_empty() {
        return None;
    }
    let lambda = (logs.iter().sum::<f64>() / logs.len() as f64).exp();
    Some(Usl { lambda, ..alone })
}
