use super::picture::Picture;
use crate::metrics::Unit;
use crate::report::chart::{Axis, Head, Label, Line, LineChart, LineStyle, Scale, Series, lines};
use crate::result::{ConfigurationResult, ConfigurationsResult, on_front};

/// One configuration in a picture.
struct Point<'a> {
    case: &'a ConfigurationResult,
    x: f64,
    y: f64,
    front: bool,
}

/// What a picture is of.
struct Plane<'a> {
    name: &'static str,
    title: &'static str,
    x: (&'a str, &'a str),
    y: (&'a str, &'a str),
}

/// The pictures of configurations: what each serves against how fast it is then, with the Pareto front.
/// Nothing where fewer than two are known.
pub(in crate::report) fn of_configurations(found: &ConfigurationsResult) -> Vec<Picture> {
    let drawn = [tokens_of_each(found), load_at_latency(found)];
    drawn
        .into_iter()
        .flatten()
        .map(Picture::printable)
        .collect()
}

/// Tokens per GPU against tokens per user: what a machine earns against what somebody who waits sees.
fn tokens_of_each(found: &ConfigurationsResult) -> Option<Picture> {
    let told = |c: &&ConfigurationResult| c.tokens_per_second.is_some();
    let per_gpu = found
        .cases
        .iter()
        .filter(told)
        .all(|c| c.tokens_per_second_per_gpu.is_some());
    let tokens = |c: &ConfigurationResult| {
        if per_gpu {
            c.tokens_per_second_per_gpu
        } else {
            c.tokens_per_second
        }
    };
    let known: Vec<Option<(f64, f64)>> = found
        .cases
        .iter()
        .map(|c| tokens(c).zip(c.tpot_p50.filter(|tpot| *tpot > 0.0)))
        .collect();
    let points = placed(found, &known, |tpot| 1e3 / tpot);
    drawn(
        &Plane {
            name: "pareto_tokens",
            title: "Tokens of a GPU against tokens of a user",
            x: ("tokens per second of a user, 1 / median `tpot`", "tok/s"),
            y: match per_gpu {
                true => ("output tokens per second of a GPU", "tok/s"),
                false => ("output tokens per second of all", "tok/s"),
            },
        },
        &points,
    )
}

/// What each serves against `ttft` at that load: the front of the table.
fn load_at_latency(found: &ConfigurationsResult) -> Option<Picture> {
    let served = |c: &&ConfigurationResult| c.serves.is_some();
    let per_gpu = found
        .cases
        .iter()
        .filter(served)
        .all(|c| c.per_gpu.is_some());
    let serves = |c: &ConfigurationResult| if per_gpu { c.per_gpu } else { c.serves };
    let known: Vec<Option<(f64, f64)>> = found
        .cases
        .iter()
        .map(|c| serves(c).zip(c.ttft_p99))
        .collect();
    let points = placed(found, &known, |ttft| ttft);
    let unit = match found.unit {
        Unit::Count => "",
        unit => unit.name(),
    };
    let what = if per_gpu {
        format!("{} of a GPU", found.answer)
    } else {
        found.answer.clone()
    };
    drawn(
        &Plane {
            name: "pareto_ttft",
            title: "What is served against the time to the first token",
            x: (
                "p99 of `ttft` at the highest load that held",
                Unit::Milliseconds.name(),
            ),
            y: (&what, unit),
        },
        &points,
    )
}

/// The configurations of which both is known: `known` is what they give and what it costs, `along` where a
/// cost lies on the x axis.
fn placed<'a>(
    found: &'a ConfigurationsResult,
    known: &[Option<(f64, f64)>],
    along: impl Fn(f64) -> f64,
) -> Vec<Point<'a>> {
    let front = on_front(known);
    let all = found.cases.iter().zip(known).zip(front);
    let mut points: Vec<Point<'a>> = all
        .filter_map(|((case, known), front)| {
            let (y, cost) = (*known)?;
            let x = along(cost);
            (x.is_finite() && y.is_finite()).then_some(Point { case, x, y, front })
        })
        .collect();
    // The front first: where words do not fit, those of the others are left out.
    points.sort_by(|a, b| b.front.cmp(&a.front).then(a.x.total_cmp(&b.x)));
    points
}

fn drawn(plane: &Plane<'_>, points: &[Point<'_>]) -> Option<Picture> {
    if points.len() < 2 {
        return None;
    }
    let front = points.iter().filter(|p| p.front);
    let guide: Vec<(f64, Option<f64>)> = front.clone().map(|p| (p.x, Some(p.y))).collect();
    let mut all = vec![Line::new("front", Series::Nth(1), guide).styled(LineStyle::Guide)];
    all.extend(points.iter().map(|p| {
        let series = if p.front {
            Series::Nth(1)
        } else {
            Series::Pale
        };
        Line::new(&p.case.values, series, vec![(p.x, Some(p.y))]).styled(LineStyle::Points)
    }));
    let best = points.iter().any(|p| p.case.best);
    let caption = format!(
        "A point for each configuration at the highest load that held: {} over {}. The line joins those that no \
other one beats in both; the others are pale.{}",
        plane.y.0.replace('`', ""),
        plane.x.0.replace('`', ""),
        if best {
            " Ringed: none is known to serve more."
        } else {
            ""
        }
    );
    let head = Head {
        title: plane.title,
        desc: &caption,
    };
    let xs: Vec<f64> = points.iter().map(|p| p.x).collect();
    let x = Axis::new(Scale::linear(xs, true), plane.x.1);
    let y = Axis::new(Scale::linear(points.iter().map(|p| p.y), true), plane.y.1);
    let mut chart = LineChart::new(head, x, y, all);
    chart.legend = false;
    chart.labels = points
        .iter()
        .map(|p| Label {
            x: p.x,
            y: p.y,
            text: p.case.values.clone(),
            ring: p.case.best,
        })
        .collect();
    Some(Picture {
        name: plane.name,
        title: plane.title.to_owned(),
        svg: lines(&chart)?,
        caption,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(values: &str, serves: f64, ttft: f64, tpot: Option<f64>) -> ConfigurationResult {
        ConfigurationResult {
            slug: values.to_owned(),
            values: values.to_owned(),
            serves: Some(serves),
            interval: [None, None],
            per_gpu: None,
            phase: None,
            ttft_p99: Some(ttft),
            tpot_p50: tpot,
            tokens_per_second: Some(100.0 * serves),
            tokens_per_second_per_gpu: None,
            best: false,
            pareto: false,
        }
    }

    fn found(cases: Vec<ConfigurationResult>) -> ConfigurationsResult {
        ConfigurationsResult {
            suite: "s".to_owned(),
            scenario: "c".to_owned(),
            answer: "capacity".to_owned(),
            unit: Unit::PerSecond,
            cases,
        }
    }

    #[test]
    fn the_front_is_a_line_and_what_is_beaten_is_pale() {
        let pictures = of_configurations(&found(vec![
            one("tp=4", 40.0, 300.0, Some(20.0)),
            one("tp=1", 20.0, 100.0, Some(10.0)),
            one("tp=2", 15.0, 200.0, Some(25.0)),
        ]));
        let names: Vec<&str> = pictures.iter().map(|p| p.name).collect();
        assert_eq!(names, ["pareto_tokens", "pareto_ttft"]);
        for picture in &pictures {
            assert_eq!(picture.svg.matches("class=\"line s1\"").count(), 1);
            assert_eq!(picture.svg.matches("class=\"dot s1\"").count(), 2);
            assert_eq!(picture.svg.matches("class=\"dot sp\"").count(), 1);
            assert!(picture.svg.contains("data-n=\"tp=2\""), "{}", picture.svg);
        }
        // 20 ms a token are 50 tokens a second.
        assert!(
            pictures[0].svg.contains("lin 0 100 tok/s"),
            "{}",
            pictures[0].svg
        );
    }

    #[test]
    fn what_is_not_known_is_not_drawn() {
        let mut cases = vec![
            one("a", 40.0, 300.0, None),
            one("b", 20.0, 100.0, Some(10.0)),
        ];
        let names = |cases: &[ConfigurationResult]| -> Vec<&str> {
            let pictures = of_configurations(&found(cases.to_vec()));
            pictures.iter().map(|p| p.name).collect()
        };
        assert_eq!(names(&cases), ["pareto_ttft"]);
        cases[0].ttft_p99 = None;
        assert_eq!(names(&cases), [""; 0]);
    }
}
