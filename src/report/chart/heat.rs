use std::fmt::Write as _;

use super::lines::{Shade, shade};
use super::scale::Scale;
use super::svg::{
    Axis, BOTTOM, HEIGHT, Head, LEFT, RIGHT, Svg, TOP, WIDTH, down, meaning, n, short, text_width,
    values,
};

/// Steps of colour.
const STEPS: usize = 5;
/// Between two parts.
const GAP: f64 = 4.0;

/// How many values fell where, over time.
#[derive(Clone, Debug)]
pub struct HeatChart<'a> {
    /// Names.
    pub head: Head<'a>,
    /// Horizontal axis.
    pub x: Axis,
    /// Edges of the rows in ascending order; rows are drawn alike high.
    pub edges: &'a [f64],
    /// Unit of the edges.
    pub unit: &'a str,
    /// Width of a column, on the x axis, the first from 0 on.
    pub width: f64,
    /// What is drawn one after the other, each over the whole x axis: one, or several runs.
    pub parts: &'a [HeatPart],
}

/// One of the parts of a [`HeatChart`].
#[derive(Clone, Debug, Default)]
pub struct HeatPart {
    /// By column, then by row: how many. A column may end early; what is left out is 0.
    pub columns: Vec<Vec<u64>>,
    /// What does not count.
    pub shades: Vec<Shade>,
}

/// Draws a heat map. `None` where nothing was counted, or the edges do not rise.
///
/// Colours are steps of the logarithm of the count, so that a single slow request in the tail is seen
/// beside a thousand ordinary ones.
pub fn heat(chart: &HeatChart<'_>) -> Option<String> {
    let most = chart
        .parts
        .iter()
        .flat_map(|part| part.columns.iter().flatten())
        .copied()
        .max()
        .filter(|m| *m > 0)?;
    let rows = chart.edges.len().checked_sub(1).filter(|r| *r > 0)?;
    if chart.edges.windows(2).any(|w| w[1] <= w[0]) {
        return None;
    }
    let y = Axis::new(
        Scale::Linear {
            lo: 0.0,
            hi: rows as f64,
        },
        "",
    );
    let mut data = meaning(&chart.x, None);
    let of_part = |part: &HeatPart| {
        let columns: Vec<String> = part.columns.iter().map(|c| column(c)).collect();
        columns.join(",")
    };
    let counts: Vec<String> = chart.parts.iter().map(of_part).collect();
    let _ = write!(
        data,
        r#" data-u="{}" data-w="{}" data-e="{}" data-heat="{}""#,
        chart.unit,
        values([chart.width]),
        values(chart.edges.iter().copied()),
        counts.join(";")
    );
    let view = [0.0, 8.0, WIDTH, HEIGHT - 8.0];
    let mut svg = Svg::new("chart", view, chart.head, &data);
    let places = places(chart.parts.len());
    for (part, place) in chart.parts.iter().zip(&places) {
        let along = |v: f64| place.0 + chart.x.scale.place(v) * (place.1 - place.0);
        shade(&mut svg, along, &part.shades);
    }
    let mut labels = String::new();
    let every = rows.div_ceil(5);
    for (row, edge) in chart.edges.iter().enumerate().step_by(every) {
        let _ = write!(
            labels,
            r#"<text y="{}">{}</text>"#,
            n(down(y.scale, row as f64) + 3.5),
            short(*edge)
        );
    }
    svg.raw(&format!(
        r#"<g class="end" transform="translate({})">{labels}</g>"#,
        n(LEFT - 6.0)
    ));
    svg.text("", 4.0, TOP - 14.0, chart.unit);
    // Cells are strokes on a grid of their own: one stroke for a row of alike neighbours.
    let high = (BOTTOM - TOP) / rows as f64;
    for (part, (left, right)) in chart.parts.iter().zip(&places) {
        let wide = (chart.x.scale.place(chart.width) * (right - left)).min(right - left);
        for step in 1..=STEPS {
            let d = strokes(&part.columns, rows, |count| step_of(count, most) == step);
            if !d.is_empty() {
                svg.raw(&format!(
                    r#"<path class="heat h{step}" transform="translate({} {}) scale({wide:.3} {high:.3})" d="{d}"/>"#,
                    n(*left),
                    n(TOP + high / 2.0),
                ));
            }
        }
    }
    match chart.parts.len() {
        0 | 1 => svg.base(&chart.x),
        _ => number_parts(&mut svg, &places),
    }
    Some(svg.finish())
}

/// From where to where each of `parts` parts lies along the plot. `templates/report.js` knows this, too.
fn places(parts: usize) -> Vec<(f64, f64)> {
    let gap = if parts > 1 { GAP } else { 0.0 };
    let wide = (RIGHT - LEFT + gap) / parts.max(1) as f64;
    let left = |i: usize| LEFT + i as f64 * wide;
    (0..parts)
        .map(|i| (left(i), left(i) + wide - gap))
        .collect()
}

/// An axis of parts, each with its number, as far as there is room.
fn number_parts(svg: &mut Svg, places: &[(f64, f64)]) {
    let mut labels = String::new();
    let mut stubs = String::new();
    let room = places.first().map_or(0.0, |(left, right)| right - left);
    let named = text_width(&format!("run {}", places.len())) * 1.3 < room;
    let number = text_width(&places.len().to_string()) * 1.3 + 4.0;
    let every = (number / (room + GAP)).ceil().max(1.0) as usize;
    for (i, (left, right)) in places.iter().enumerate() {
        let _ = write!(stubs, "M{} {}H{}", n(*left), n(BOTTOM), n(*right));
        let text = match named {
            true => format!("run {}", i + 1),
            false => (i + 1).to_string(),
        };
        if i % every == 0 {
            let middle = n((left + right) / 2.0);
            let _ = write!(labels, r#"<text x="{middle}">{text}</text>"#);
        }
    }
    svg.path("axis", &stubs);
    svg.raw(&format!(
        r#"<g class="mid" transform="translate(0 {})">{labels}</g>"#,
        n(BOTTOM + 17.0)
    ));
}

/// Which colour, from 1; 0 for none.
fn step_of(count: u64, most: u64) -> usize {
    match (count, most) {
        (0, _) => 0,
        (_, 1) => STEPS,
        (count, most) => {
            let share = (count as f64).ln() / (most as f64).ln();
            1 + ((share * (STEPS - 1) as f64).round() as usize).min(STEPS - 1)
        }
    }
}

/// Every cell that `is` one, row by row from the top, neighbours as one stroke.
fn strokes(columns: &[Vec<u64>], rows: usize, is: impl Fn(u64) -> bool) -> String {
    let mut d = String::new();
    for row in (0..rows).rev() {
        let (mut x, mut pen) = (0, None);
        while x < columns.len() {
            let alike = columns[x..]
                .iter()
                .take_while(|c| is(c.get(row).copied().unwrap_or(0)))
                .count();
            if alike > 0 {
                let _ = match pen {
                    None => write!(d, "M{x} {}h{alike}", rows - 1 - row),
                    Some(from) => write!(d, "m{} 0h{alike}", x - from),
                };
                pen = Some(x + alike);
            }
            x += alike.max(1);
        }
    }
    d
}

/// Counts of a column, from the lowest row on: `3..5` has two empty rows between.
fn column(counts: &[u64]) -> String {
    let end = counts.iter().rposition(|c| *c > 0).map_or(0, |i| i + 1);
    let all: Vec<String> = counts[..end]
        .iter()
        .map(|c| if *c > 0 { c.to_string() } else { String::new() })
        .collect();
    all.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(edges: &[f64], columns: &[Vec<u64>]) -> Option<String> {
        heat(&HeatChart {
            head: Head {
                title: "t",
                desc: "d",
            },
            x: Axis::new(Scale::Linear { lo: 0.0, hi: 3.0 }, "s"),
            edges,
            unit: "ms",
            width: 1.0,
            parts: &[HeatPart {
                columns: columns.to_vec(),
                shades: vec![],
            }],
        })
    }

    #[test]
    fn neighbours_of_one_colour_are_one_stroke_and_one_value_is_seen() {
        let columns = [vec![900, 0], vec![900, 1], vec![900]];
        let svg = draw(&[1.0, 10.0, 100.0], &columns).expect("drawn");
        assert!(svg.contains("d=\"M0 1h3\""), "{svg}");
        assert!(svg.contains("d=\"M1 0h1\""), "{svg}");
        assert!(svg.contains("data-heat=\"900,900.1,900\""));
    }

    #[test]
    fn nothing_counted_is_nothing_drawn() {
        assert!(draw(&[1.0, 10.0], &[vec![0], vec![]]).is_none());
        assert!(draw(&[1.0], &[vec![1]]).is_none());
        assert!(draw(&[10.0, 1.0], &[vec![1]]).is_none());
    }
}
