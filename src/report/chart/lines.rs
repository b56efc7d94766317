use std::fmt::Write as _;

use super::svg::{
    Axis, BOTTOM, HEIGHT, Head, LEFT, Mark, RIGHT, Svg, TOP, WIDTH, along, down, n, text_width,
};

/// Points drawn per line at most; more are thinned, the extremes of every stretch kept.
const POINTS: usize = 400;

/// One line of a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Name in the legend; lines of one name share an entry.
    pub name: String,
    /// Which colour and dash, from 1; `0`: failures.
    pub series: u8,
    /// In ascending x; a missing y breaks the line.
    pub points: Vec<(f64, Option<f64>)>,
    /// Filled down to the axis.
    pub area: bool,
}

/// A stretch of the x axis that does not count.
#[derive(Clone, Debug, PartialEq)]
pub struct Shade {
    /// Its start.
    pub from: f64,
    /// Its end.
    pub to: f64,
    /// Why.
    pub label: String,
}

/// Lines over a common axis.
#[derive(Clone, Debug)]
pub struct LineChart<'a> {
    /// Names.
    pub head: Head<'a>,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// The lines.
    pub lines: Vec<Line>,
    /// What does not count.
    pub shades: Vec<Shade>,
    /// Horizontal lines.
    pub marks: Vec<Mark>,
}

/// Draws lines. `None` where no line has a point.
pub fn lines(chart: &LineChart<'_>) -> Option<String> {
    if chart
        .lines
        .iter()
        .all(|l| l.points.iter().all(|p| p.1.is_none()))
    {
        return None;
    }
    let mut svg = Svg::new("chart", [0.0, 8.0, WIDTH, HEIGHT - 8.0], chart.head);
    for shade in &chart.shades {
        let (a, b) = (
            along(chart.x.scale, shade.from),
            along(chart.x.scale, shade.to),
        );
        if b - a < 0.5 {
            continue;
        }
        svg.rect("shade", a, TOP, b - a, BOTTOM - TOP);
        if b - a > text_width(&shade.label) + 6.0 {
            svg.text("note", a + 4.0, TOP + 11.0, &shade.label);
        }
    }
    svg.axes(&chart.x, &chart.y);
    for line in &chart.lines {
        draw(&mut svg, chart, line);
    }
    for mark in &chart.marks {
        let y = down(chart.y.scale, mark.value);
        svg.line(if mark.limit { "limit" } else { "mark" }, LEFT, y, RIGHT, y);
        let class = if mark.limit {
            "note end limit-text"
        } else {
            "note end"
        };
        let below = y < TOP + 12.0;
        svg.text(
            class,
            RIGHT - 2.0,
            if below { y + 12.0 } else { y - 4.0 },
            &mark.label,
        );
    }
    legend(&mut svg, &chart.lines);
    Some(svg.finish())
}

fn draw(svg: &mut Svg, chart: &LineChart<'_>, line: &Line) {
    let points = thin(&line.points);
    for part in points.split(|p| p.1.is_none()) {
        let placed: Vec<(f64, f64)> = part
            .iter()
            .filter_map(|&(x, y)| Some((along(chart.x.scale, x), down(chart.y.scale, y?))))
            .collect();
        let (Some(first), Some(last)) = (placed.first(), placed.last()) else {
            continue;
        };
        if placed.len() == 1 {
            svg.circle(&format!("dot s{}", line.series), first.0, first.1, 2.0);
            continue;
        }
        let mut d = String::new();
        for (i, (x, y)) in placed.iter().enumerate() {
            let _ = write!(d, "{}{} {}", if i == 0 { "M" } else { "L" }, n(*x), n(*y));
        }
        if line.area {
            svg.path(
                &format!("area s{}", line.series),
                &format!(
                    "{d}L{} {}L{} {}Z",
                    n(last.0),
                    n(BOTTOM),
                    n(first.0),
                    n(BOTTOM)
                ),
            );
        }
        svg.path(&format!("line s{}", line.series), &d);
    }
}

/// At most [`POINTS`] points: of every stretch the least and the greatest, in their order; a gap
/// stays a gap.
fn thin(points: &[(f64, Option<f64>)]) -> Vec<(f64, Option<f64>)> {
    if points.len() <= POINTS {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil(POINTS / 2);
    let mut out = Vec::with_capacity(POINTS);
    for part in points.chunks(stretch) {
        if let Some(gap) = part.iter().find(|p| p.1.is_none()) {
            out.push(*gap);
        }
        let least = part
            .iter()
            .filter(|p| p.1.is_some())
            .min_by(|a, b| order(a, b));
        let most = part
            .iter()
            .filter(|p| p.1.is_some())
            .max_by(|a, b| order(a, b));
        let mut both: Vec<_> = least.into_iter().chain(most).copied().collect();
        both.sort_by(|a, b| a.0.total_cmp(&b.0));
        both.dedup_by(|a, b| a.0 == b.0);
        out.extend(both);
    }
    out
}

fn order(a: &(f64, Option<f64>), b: &(f64, Option<f64>)) -> std::cmp::Ordering {
    a.1.unwrap_or(f64::NAN).total_cmp(&b.1.unwrap_or(f64::NAN))
}

/// Right-aligned above the plot; nothing for a single name. Wide enough for the larger letters of
/// small screens.
fn legend(svg: &mut Svg, lines: &[Line]) {
    let mut names: Vec<(&str, u8)> = Vec::new();
    for line in lines {
        if !names.iter().any(|(name, _)| *name == line.name) {
            names.push((&line.name, line.series));
        }
    }
    if names.len() < 2 {
        return;
    }
    let mut x = RIGHT
        - names
            .iter()
            .map(|(name, _)| text_width(name) * 1.3 + 30.0)
            .sum::<f64>()
        + 8.0;
    for (name, series) in names {
        svg.line(
            &format!("line s{series}"),
            x,
            TOP - 18.0,
            x + 16.0,
            TOP - 18.0,
        );
        svg.text("key", x + 20.0, TOP - 14.0, name);
        x += text_width(name) * 1.3 + 30.0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::chart::Scale;

    fn chart(points: Vec<(f64, Option<f64>)>) -> LineChart<'static> {
        LineChart {
            head: Head {
                id: "l",
                title: "t",
                desc: "d",
            },
            x: Axis {
                scale: Scale::Linear { lo: 0.0, hi: 10.0 },
                unit: "s".into(),
            },
            y: Axis {
                scale: Scale::Linear { lo: 0.0, hi: 10.0 },
                unit: "1/s".into(),
            },
            lines: vec![Line {
                name: "a".into(),
                series: 1,
                points,
                area: false,
            }],
            shades: vec![],
            marks: vec![],
        }
    }

    #[test]
    fn a_gap_breaks_the_line() {
        let svg = lines(&chart(vec![
            (0.0, Some(1.0)),
            (1.0, Some(2.0)),
            (2.0, None),
            (3.0, Some(1.0)),
            (4.0, Some(2.0)),
        ]))
        .expect("drawn");
        assert_eq!(svg.matches("class=\"line s1\"").count(), 2);
    }

    #[test]
    fn no_point_no_chart() {
        assert!(lines(&chart(vec![(0.0, None)])).is_none());
        assert!(lines(&chart(vec![])).is_none());
    }

    proptest! {
        #[test]
        fn thinning_keeps_the_extremes(values in prop::collection::vec(0.0f64..1e6, 401..3000)) {
            let points: Vec<_> = values.iter().enumerate().map(|(i, v)| (i as f64, Some(*v))).collect();
            let kept = thin(&points);
            prop_assert!(kept.len() <= POINTS + 2);
            let most = |p: &[(f64, Option<f64>)]| p.iter().filter_map(|p| p.1).fold(0.0, f64::max);
            prop_assert_eq!(most(&kept), most(&points));
            prop_assert!(kept.windows(2).all(|w| w[0].0 <= w[1].0));
        }
    }
}
