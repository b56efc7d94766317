use std::collections::BTreeMap;

use super::over_time::{Points, of_client, seconds, shades};
use super::picture::Picture;
use crate::report::chart::{
    Axis, Head, Line, LineChart, LineStyle, Scale, Series, fit_legend, lines,
};
use crate::result::{PhaseResult, PhaseSeries, RunSeries, kind_of_failed};
use crate::text::count;

/// Colours of kinds, the most frequent first. With the one of what is left there are as many as can be told
/// apart.
const COLOURS: [Series; 4] = [
    Series::Failed,
    Series::Nth(1),
    Series::Nth(2),
    Series::Nth(4),
];
/// What is left, in one line.
const REST: (&str, Series) = ("other", Series::Nth(3));

/// A kind of error, and how many failed by it in each stretch, per second.
struct Kind {
    name: String,
    rates: BTreeMap<i64, f64>,
}

impl Kind {
    fn all(&self) -> f64 {
        self.rates.values().sum()
    }
}

/// When requests failed, a line for each kind of error; nothing where none did.
pub(super) fn errors_over_time(phase: &PhaseResult, series: &PhaseSeries) -> Option<Picture> {
    let width = series.runs.first()?.interval_s;
    let kinds = together(kinds(series));
    let stretches = series.runs.iter().map(|run| {
        let longest = run.series.values().map(Vec::len).max().unwrap_or(0);
        longest as f64 * run.interval_s / width
    });
    let stretches = stretches.fold(0.0, f64::max).round() as i64;
    let style = match kinds.len() {
        1 => LineStyle::Area,
        _ => LineStyle::Plain,
    };
    let drawn: Vec<Line> = kinds
        .iter()
        .map(|(kind, colour)| {
            let rate = |i: i64| kind.rates.get(&i).copied().unwrap_or(0.0);
            let points: Points = (0..stretches)
                .map(|i| ((i as f64 + 0.5) * width, Some(rate(i))))
                .collect();
            Line::new(&kind.name, *colour, points).styled(style)
        })
        .collect();
    let tops = drawn.iter().flat_map(|l| &l.points).filter_map(|p| p.1);
    let y = Axis::new(Scale::linear(tops.collect::<Vec<_>>(), true), "1/s");
    let title = "Failures over time";
    let said = in_the_window(phase).unwrap_or_else(|| "None inside the window.".to_owned());
    let runs = match series.runs.len() {
        1 => String::new(),
        n => format!(" Mean of {n} runs."),
    };
    let caption = format!("When requests failed, by kind of error. {said}{runs}");
    let head = Head {
        title,
        desc: &caption,
    };
    let mut chart = LineChart::new(head, seconds(series), y, drawn);
    chart.shades = shades(series)?;
    let svg = lines(&chart)?;
    Some(Picture {
        name: "errors_over_time",
        title: title.to_owned(),
        caption,
        svg,
    })
}

/// The kinds of all runs, the most frequent first: the mean over the runs. Results of before kinds were
/// told apart have one, `failed`.
fn kinds(phase: &PhaseSeries) -> Vec<Kind> {
    let Some(width) = phase.runs.first().map(|run| run.interval_s) else {
        return Vec::new();
    };
    let mut rates: BTreeMap<&str, BTreeMap<i64, f64>> = BTreeMap::new();
    for run in &phase.runs {
        let told = run.series.keys().any(|name| kind_of_failed(name).is_some());
        for name in run.series.keys() {
            let kind = match kind_of_failed(name) {
                Some(kind) => kind,
                None if !told && name == "failed" => name,
                None => continue,
            };
            let of_kind = rates.entry(kind).or_default();
            for (at, rate) in told_of(run, name) {
                // A run may have other stretches than the first: what counts is how many failed.
                let failed = rate * run.interval_s;
                let mean = failed / width / phase.runs.len() as f64;
                *of_kind.entry((at / width).floor() as i64).or_default() += mean;
            }
        }
    }
    let mut kinds: Vec<Kind> = rates
        .into_iter()
        .map(|(name, rates)| Kind {
            name: name.to_owned(),
            rates,
        })
        .collect();
    kinds.retain(|kind| kind.all() > 0.0);
    kinds.sort_by(|a, b| b.all().total_cmp(&a.all()));
    kinds
}

fn told_of(run: &RunSeries, name: &str) -> impl Iterator<Item = (f64, f64)> {
    let points = of_client(run, name).unwrap_or_default();
    let known = points
        .into_iter()
        .filter_map(|(at, rate)| Some((at, rate?)));
    known.filter(|(_, rate)| rate.is_finite() && *rate > 0.0)
}

/// Each kind with its colour; those that have none, or no room in the legend, as one.
fn together(mut kinds: Vec<Kind>) -> Vec<(Kind, Series)> {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name.as_str()).collect();
    let shown = fit_legend(&names, REST.0).max(1).min(COLOURS.len());
    let rest = kinds.split_off(shown.min(kinds.len()));
    let mut out: Vec<(Kind, Series)> = kinds.into_iter().zip(COLOURS).collect();
    let mut others = Kind {
        name: REST.0.to_owned(),
        rates: BTreeMap::new(),
    };
    for (at, rate) in rest.into_iter().flat_map(|kind| kind.rates) {
        *others.rates.entry(at).or_default() += rate;
    }
    if !others.rates.is_empty() {
        out.push((others, REST.1));
    }
    out
}

fn in_the_window(phase: &PhaseResult) -> Option<String> {
    let kinds = phase.errors.iter().take(COLOURS.len());
    let kinds: Vec<String> = kinds
        .map(|e| format!("{} × {}", count(e.count), e.kind))
        .collect();
    (!kinds.is_empty()).then(|| format!("In the window: {}.", kinds.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::failed_of;

    fn run(kinds: &[(&str, Vec<f64>)]) -> RunSeries {
        let series = kinds
            .iter()
            .map(|(kind, rates)| (failed_of(kind), rates.iter().copied().map(Some).collect()));
        RunSeries {
            interval_s: 1.0,
            window_s: [0.0, 3.0],
            series: series.collect(),
            ..RunSeries::default()
        }
    }

    fn of(runs: Vec<RunSeries>) -> Vec<(String, Vec<f64>)> {
        let phase = PhaseSeries {
            runs,
            ..PhaseSeries::default()
        };
        let kinds = together(kinds(&phase)).into_iter();
        kinds
            .map(|(kind, _)| (kind.name, kind.rates.into_values().collect()))
            .collect()
    }

    #[test]
    fn the_most_frequent_kind_is_first_and_runs_are_their_mean() {
        let runs = vec![
            run(&[
                ("connect", vec![0.0, 1.0, 0.0]),
                ("http", vec![8.0, 0.0, 2.0]),
            ]),
            run(&[("connect", vec![0.0, 3.0, 0.0])]),
        ];
        assert_eq!(
            of(runs),
            [
                ("http".to_owned(), vec![4.0, 1.0]),
                ("connect".to_owned(), vec![2.0]),
            ]
        );
    }

    #[test]
    fn nothing_is_lost_where_there_are_many_kinds() {
        let names = [
            "connect",
            "http",
            "first_token_timeout",
            "total_timeout",
            "error_in_stream",
            "malformed",
        ];
        let all = names.map(|name| (name, vec![1.0]));
        let drawn = of(vec![run(&all)]);
        assert_eq!(drawn.last().map(|k| k.0.as_str()), Some("other"));
        assert!(drawn.len() <= COLOURS.len() + 1);
        let sum: f64 = drawn.iter().flat_map(|k| &k.1).sum();
        assert_eq!(sum, 6.0);
    }

    #[test]
    fn results_without_kinds_have_one_line() {
        let mut old = run(&[]);
        let failed = vec![Some(0.0), Some(2.0)];
        old.series.insert("failed".to_owned(), failed);
        assert_eq!(of(vec![old]), [("failed".to_owned(), vec![2.0])]);
        assert!(of(vec![run(&[])]).is_empty());
    }
}
