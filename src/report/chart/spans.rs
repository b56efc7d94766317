use super::scale::Scale;
use super::svg::{Axis, BOTTOM, Head, LEFT, Svg, TOP, WIDTH, text_width};

/// Height of a row.
const ROW: f64 = 26.0;

/// How something is distributed, in five numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Whose.
    pub name: String,
    /// Something that was asked for, rather than measured.
    pub wanted: bool,
    /// Least, median, 90 %, 99 %, greatest.
    pub at: [f64; 5],
}

/// Rows that compare distributions.
#[derive(Clone, Debug)]
pub struct SpanChart<'a> {
    /// Names.
    pub head: Head<'a>,
    /// Unit of the values.
    pub unit: &'a str,
    /// The rows.
    pub rows: Vec<Span>,
}

/// Draws rows: a thin line from the least to the greatest, a thick one from the median to 90 %, a tick at
/// 99 %. `None` without rows.
pub fn spans(chart: &SpanChart<'_>) -> Option<String> {
    let most = chart.rows.iter().map(|r| r.at[4]).fold(f64::NAN, f64::max);
    if !most.is_finite() {
        return None;
    }
    let x = Axis::new(Scale::linear([most], true), chart.unit);
    // The rows take the place right above the axis, as many as there are.
    let left = chart
        .rows
        .iter()
        .map(|r| text_width(&r.name) + 14.0)
        .fold(LEFT, f64::max);
    let top = BOTTOM - ROW * chart.rows.len() as f64 - 4.0;
    let view = [
        LEFT - left,
        top.min(TOP + 60.0),
        WIDTH + left - LEFT,
        BOTTOM + 24.0 - top.min(TOP + 60.0),
    ];
    let mut svg = Svg::new("chart spans", view, chart.head, "");
    svg.base(&x);
    let along = |v: f64| super::svg::along(x.scale, v);
    for (i, row) in chart.rows.iter().enumerate() {
        let y = top + ROW * (i as f64 + 0.5);
        let class = if row.wanted { "sw" } else { "s1" };
        let [min, p50, p90, p99, max] = row.at.map(along);
        svg.text("end", LEFT - 8.0, y + 3.5, &row.name);
        svg.line(&format!("whisker {class}"), min, y, max.max(min + 1.0), y);
        svg.line(&format!("thick {class}"), p50, y, p90.max(p50 + 2.0), y);
        svg.line(&format!("whisker {class}"), p99, y - 6.0, p99, y + 6.0);
    }
    Some(svg.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_each_and_nothing_without_rows() {
        let head = Head {
            title: "t",
            desc: "d",
        };
        let row = |name: &str| Span {
            name: name.to_owned(),
            wanted: name == "asked",
            at: [7.0, 199.0, 264.0, 318.0, 366.0],
        };
        let chart = |rows| SpanChart {
            head,
            unit: "tokens",
            rows,
        };
        let svg = spans(&chart(vec![row("asked"), row("got")])).expect("drawn");
        assert_eq!(svg.matches("thick").count(), 2);
        assert!(!svg.contains("NaN"));
        assert!(spans(&chart(vec![])).is_none());
    }
}
