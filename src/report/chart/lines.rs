use super::svg::{
    Axis, BOTTOM, HEIGHT, Head, LEFT, Mark, RIGHT, Svg, TOP, WIDTH, along, down, escape, meaning,
    text_width, through, values,
};

/// Points drawn at most, of all lines of a chart; more are thinned, the extremes of every stretch kept.
const POINTS: usize = 480;
/// Points that a line has at least, however many lines there are.
const FEWEST_POINTS: usize = 60;
/// Colours of `templates/chart.css`.
const COLOURS: u8 = 8;
/// How high small letters are.
const LETTERS: f64 = 10.0;

/// One line of a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Name in the legend; lines of one name share an entry.
    pub name: String,
    /// Which colour and dash.
    pub series: Series,
    /// In ascending x; a missing y breaks the line.
    pub points: Vec<(f64, Option<f64>)>,
    /// How it is drawn.
    pub style: LineStyle,
}

/// From the least to the greatest of several lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// Colour.
    pub series: Series,
    /// `(x, least, greatest)`, in ascending x.
    pub points: Vec<(f64, f64, f64)>,
}

/// What a line is of, and so its colour and dash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Series {
    /// Measured; the first, the second, … up to eight, then from the first again.
    Nth(u8),
    /// What failed.
    Failed,
    /// Of the accepted baseline.
    Accepted,
    /// What was asked for, or what would be ideal: nothing that was measured.
    Wanted,
    /// Measured, and behind others that are drawn.
    Pale,
}

impl Series {
    fn class(self) -> String {
        match self {
            Series::Nth(i) => format!("s{}", (i.max(1) - 1) % COLOURS + 1),
            Series::Failed => "s0".to_owned(),
            Series::Accepted => "sb".to_owned(),
            Series::Wanted => "sw".to_owned(),
            Series::Pale => "sp".to_owned(),
        }
    }
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineStyle {
    /// As a line.
    #[default]
    Plain,
    /// Filled down to the axis.
    Area,
    /// As a line with its points.
    Dotted,
    /// Its points alone.
    Points,
    /// A line that leads the eye from point to point: without values and without a name in the legend.
    Guide,
}

impl Line {
    /// A plain one.
    pub fn new(name: &str, series: Series, points: Vec<(f64, Option<f64>)>) -> Self {
        Line {
            name: name.to_owned(),
            series,
            points,
            style: LineStyle::Plain,
        }
    }

    /// In another style.
    #[must_use]
    pub fn styled(mut self, style: LineStyle) -> Self {
        self.style = style;
        self
    }
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

/// Words at a point of the plot.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// Where it stands.
    pub x: f64,
    /// Where it stands.
    pub y: f64,
    /// What it says.
    pub text: String,
    /// The point is ringed.
    pub ring: bool,
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
    /// What lies behind lines.
    pub ranges: Vec<Range>,
    /// A stretch of the y axis, such as an interval.
    pub band: Option<(f64, f64)>,
    /// Horizontal lines.
    pub marks: Vec<Mark>,
    /// Vertical lines.
    pub verticals: Vec<Mark>,
    /// Words at points; those that would cover others before them are left out.
    pub labels: Vec<Label>,
    /// Whether there is a legend; without one the names are seen with the values only.
    pub legend: bool,
}

impl<'a> LineChart<'a> {
    /// Lines and nothing else.
    pub fn new(head: Head<'a>, x: Axis, y: Axis, lines: Vec<Line>) -> Self {
        LineChart {
            head,
            x,
            y,
            lines,
            shades: Vec::new(),
            ranges: Vec::new(),
            band: None,
            marks: Vec::new(),
            verticals: Vec::new(),
            labels: Vec::new(),
            legend: true,
        }
    }
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
    let data = meaning(&chart.x, Some(&chart.y));
    let view = [0.0, 8.0, WIDTH, HEIGHT - 8.0];
    let mut svg = Svg::new("chart", view, chart.head, &data);
    shade(&mut svg, |v| along(chart.x.scale, v), &chart.shades);
    if let Some((lo, hi)) = chart.band {
        let (low, high) = (down(chart.y.scale, lo), down(chart.y.scale, hi));
        svg.rect("band", LEFT, high, RIGHT - LEFT, (low - high).max(1.0));
    }
    svg.axes(&chart.x, &chart.y);
    for range in &chart.ranges {
        let at = |x: f64, y: f64| (along(chart.x.scale, x), down(chart.y.scale, y));
        let above = range.points.iter().map(|&(x, _, hi)| at(x, hi));
        let below = range.points.iter().rev().map(|&(x, lo, _)| at(x, lo));
        let around: Vec<(f64, f64)> = above.chain(below).collect();
        if range.points.len() > 1 {
            let class = format!("range {}", range.series.class());
            svg.path(&class, &format!("{}z", through(&around)));
        }
    }
    let budget = (POINTS / chart.lines.len().max(1)).max(FEWEST_POINTS);
    for line in &chart.lines {
        draw(&mut svg, chart, line, budget);
    }
    for mark in &chart.marks {
        let y = down(chart.y.scale, mark.value);
        svg.line(mark.kind.class(), LEFT, y, RIGHT, y);
        let below = y < TOP + 12.0;
        let y = if below { y + 12.0 } else { y - 4.0 };
        let kind = mark.kind.text_class();
        if crowded(chart, &mark.label, y) {
            svg.text(kind, LEFT + 4.0, y, &mark.label);
        } else {
            svg.text(&format!("{kind} end"), RIGHT - 2.0, y, &mark.label);
        }
    }
    svg.marks(chart.x.scale, &chart.verticals);
    label_points(&mut svg, chart);
    if chart.legend {
        svg.legend(&entries(&chart.lines));
    }
    Some(svg.finish())
}

/// Words at points, each on the first side where it covers no other.
fn label_points(svg: &mut Svg, chart: &LineChart<'_>) {
    let mut taken: Vec<[f64; 4]> = Vec::new();
    for label in &chart.labels {
        let (x, y) = (along(chart.x.scale, label.x), down(chart.y.scale, label.y));
        if label.ring {
            svg.circle("ring", x, y, 6.5);
        }
        // Letters are larger on small screens.
        let width = text_width(&label.text) * 1.2;
        let (right, high) = beside(x, y, &label.text);
        let other = if high < y { y + 14.0 } else { y - 7.0 };
        let sides = [
            (right, high),
            (!right, high),
            (right, other),
            (!right, other),
        ];
        let free = sides.into_iter().find_map(|(right, base)| {
            let left = if right { x + 7.0 } else { x - 7.0 - width };
            let place = [left, base - LETTERS, left + width, base];
            let inside = left >= LEFT && left + width < WIDTH && base < BOTTOM + 1.0;
            let covers = |t: &[f64; 4]| {
                place[0] < t[2] && t[0] < place[2] && place[1] < t[3] && t[1] < place[3]
            };
            (inside && !taken.iter().any(covers)).then_some((right, base, place))
        });
        if let Some((right, base, place)) = free {
            taken.push(place);
            let class = if right { "note" } else { "note end" };
            svg.text(
                class,
                if right { x + 7.0 } else { x - 7.0 },
                base,
                &label.text,
            );
        }
    }
}

/// Whether words at a point stand on its right, and how far down.
fn beside(x: f64, y: f64, text: &str) -> (bool, f64) {
    let right = x + 9.0 + text_width(text) < WIDTH;
    (right, if y - 7.0 < TOP { y + 14.0 } else { y - 7.0 })
}

/// Whether `text` at the right end, its foot at `y`, would stand on points or other words, and has more
/// room at the left end.
fn crowded(chart: &LineChart<'_>, text: &str, y: f64) -> bool {
    let width = text_width(text);
    let high = |at: f64, above: f64| at > y - 11.0 - above && at < y + 4.0 + above;
    let at = |x: f64, y: f64| (along(chart.x.scale, x), down(chart.y.scale, y));
    let points = chart.lines.iter().flat_map(|l| &l.points);
    let mut taken: Vec<(f64, f64)> = points
        .filter_map(|&(x, y)| Some(at(x, y?)))
        .filter(|&(_, y)| high(y, 3.0))
        .map(|(x, _)| (x, x))
        .collect();
    taken.extend(chart.labels.iter().filter_map(|label| {
        let (x, y) = at(label.x, label.y);
        let (right, foot) = beside(x, y, &label.text);
        let wide = 7.0 + text_width(&label.text);
        high(foot - 4.0, 8.0).then_some(if right { (x, x + wide) } else { (x - wide, x) })
    }));
    let hits = |from: f64, to: f64| taken.iter().filter(|t| t.1 > from && t.0 < to).count();
    hits(RIGHT - 2.0 - width, RIGHT) > hits(LEFT, LEFT + 4.0 + width)
}

/// Draws what does not count.
pub(super) fn shade(svg: &mut Svg, along: impl Fn(f64) -> f64, shades: &[Shade]) {
    for shade in shades {
        let (a, b) = (along(shade.from), along(shade.to));
        if b - a < 0.5 {
            continue;
        }
        svg.rect("shade", a, TOP, b - a, BOTTOM - TOP);
        if b - a > text_width(&shade.label) + 6.0 {
            svg.text("note", a + 4.0, TOP + 11.0, &shade.label);
        }
    }
}

fn draw(svg: &mut Svg, chart: &LineChart<'_>, line: &Line, budget: usize) {
    let points = thin(&line.points, budget);
    let class = line.series.class();
    for part in points.split(|p| p.1.is_none()) {
        let known: Vec<(f64, f64)> = part.iter().filter_map(|&(x, y)| Some((x, y?))).collect();
        let mut placed: Vec<(f64, f64)> = known
            .iter()
            .map(|&(x, y)| (along(chart.x.scale, x), down(chart.y.scale, y)))
            .collect();
        let (Some(&first), Some(&last)) = (placed.first(), placed.last()) else {
            continue;
        };
        let area = line.style == LineStyle::Area && placed.len() > 1;
        if area {
            placed.insert(0, (first.0, BOTTOM));
            placed.push((last.0, BOTTOM));
        }
        let shape = match line.style {
            LineStyle::Area if area => "area",
            LineStyle::Points => "none",
            _ => "line",
        };
        if line.style == LineStyle::Guide {
            svg.path(&format!("line {class}"), &through(&placed));
            continue;
        }
        let shown = values(known.iter().map(|p| p.1));
        svg.raw(&format!(
            r#"<path class="{shape} {class}" data-n="{}" data-v="{shown}" d="{}"/>"#,
            escape(&line.name),
            through(&placed)
        ));
        let dots = matches!(line.style, LineStyle::Dotted | LineStyle::Points);
        if dots || known.len() == 1 {
            for (x, y) in &placed {
                if line.style == LineStyle::Points && line.series == Series::Failed {
                    let cross = format!("M{x:.1} {y:.1}m-3.5-3.5l7 7m0-7l-7 7");
                    svg.path("cross s0", &cross);
                } else {
                    svg.circle(&format!("dot {class}"), *x, *y, 3.2);
                }
            }
        }
    }
}

/// Names and colours of the lines, each once.
fn entries(lines: &[Line]) -> Vec<(&str, String)> {
    let mut entries: Vec<(&str, String)> = Vec::new();
    for line in lines.iter().filter(|l| l.style != LineStyle::Guide) {
        if !entries.iter().any(|(name, _)| *name == line.name) {
            entries.push((&line.name, format!("line {}", line.series.class())));
        }
    }
    entries
}

/// At most `budget` points: of every stretch the least and the greatest, in their order; a gap
/// stays a gap.
fn thin(points: &[(f64, Option<f64>)], budget: usize) -> Vec<(f64, Option<f64>)> {
    if points.len() <= budget {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil(budget / 2);
    let mut out = Vec::with_capacity(budget);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::scale::Scale;
    use super::*;

    fn chart(points: Vec<(f64, Option<f64>)>) -> LineChart<'static> {
        let head = Head {
            title: "t",
            desc: "d",
        };
        let scale = Scale::Linear { lo: 0.0, hi: 10.0 };
        let (x, y) = (Axis::new(scale, "s"), Axis::new(scale, "1/s"));
        LineChart::new(head, x, y, vec![Line::new("a", Series::Nth(1), points)])
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
            let kept = thin(&points, 200);
            prop_assert!(kept.len() <= 202);
            let most = |p: &[(f64, Option<f64>)]| p.iter().filter_map(|p| p.1).fold(0.0, f64::max);
            prop_assert_eq!(most(&kept), most(&points));
            prop_assert!(kept.windows(2).all(|w| w[0].0 <= w[1].0));
        }
    }
}
