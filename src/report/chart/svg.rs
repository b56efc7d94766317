use std::fmt::Write as _;

use super::scale::Scale;
use crate::text::{printable, significant};

/// Size of a chart in its own units.
pub(super) const WIDTH: f64 = 460.0;
pub(super) const HEIGHT: f64 = 226.0;
/// Edges of the plot inside the chart.
pub(super) const LEFT: f64 = 46.0;
pub(super) const RIGHT: f64 = 450.0;
pub(super) const TOP: f64 = 34.0;
pub(super) const BOTTOM: f64 = 204.0;

/// What a chart is called.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Unique in the document.
    pub id: &'a str,
    /// What it shows.
    pub title: &'a str,
    /// The same in a sentence, with the main figures, for those who cannot see it.
    pub desc: &'a str,
}

/// One axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Its scale.
    pub scale: Scale,
    /// Unit, written once.
    pub unit: String,
}

/// A value worth a line across the plot.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Where.
    pub value: f64,
    /// What it says.
    pub label: String,
    /// A limit from the suite rather than something measured.
    pub limit: bool,
}

/// SVG text under construction.
pub(super) struct Svg {
    out: String,
}

impl Svg {
    pub(super) fn new(class: &str, view: [f64; 4], head: Head<'_>) -> Self {
        let [left, top, width, height] = view;
        let id = escape(head.id);
        let mut out = String::new();
        let _ = write!(
            out,
            r#"<svg class="{class}" viewBox="{left} {top} {width} {height}" role="img" aria-labelledby="{id}-t {id}-d" xmlns="http://www.w3.org/2000/svg"><title id="{id}-t">{}</title><desc id="{id}-d">{}</desc>"#,
            escape(head.title),
            escape(head.desc)
        );
        Svg { out }
    }

    pub(super) fn finish(mut self) -> String {
        self.out.push_str("</svg>");
        self.out
    }

    pub(super) fn rect(&mut self, class: &str, x: f64, y: f64, w: f64, h: f64) {
        let _ = write!(
            self.out,
            r#"<rect class="{class}" x="{}" y="{}" width="{}" height="{}"/>"#,
            n(x),
            n(y),
            n(w.max(0.0)),
            n(h.max(0.0))
        );
    }

    pub(super) fn line(&mut self, class: &str, x1: f64, y1: f64, x2: f64, y2: f64) {
        let _ = write!(
            self.out,
            r#"<path class="{class}" d="M{} {}L{} {}"/>"#,
            n(x1),
            n(y1),
            n(x2),
            n(y2)
        );
    }

    pub(super) fn circle(&mut self, class: &str, x: f64, y: f64, r: f64) {
        let _ = write!(
            self.out,
            r#"<circle class="{class}" cx="{}" cy="{}" r="{}"/>"#,
            n(x),
            n(y),
            n(r)
        );
    }

    pub(super) fn path(&mut self, class: &str, d: &str) {
        let _ = write!(self.out, r#"<path class="{class}" d="{d}"/>"#);
    }

    pub(super) fn text(&mut self, class: &str, x: f64, y: f64, text: &str) {
        let _ = write!(
            self.out,
            r#"<text class="{class}" x="{}" y="{}">{}</text>"#,
            n(x),
            n(y),
            escape(text)
        );
    }

    /// Grid, tick labels and units of both axes.
    pub(super) fn axes(&mut self, x: &Axis, y: &Axis) {
        for tick in y.scale.ticks(4) {
            let at = down(y.scale, tick);
            self.line("grid", LEFT, at, RIGHT, at);
            self.text("tick end", LEFT - 6.0, at + 3.5, &label(y.scale, tick));
        }
        self.base(x);
        self.text("unit", 4.0, TOP - 14.0, &y.unit);
    }

    /// The x axis alone.
    pub(super) fn base(&mut self, x: &Axis) {
        let ticks = x.scale.ticks(6);
        let mut free = f64::NEG_INFINITY;
        for (i, &tick) in ticks.iter().enumerate() {
            let (at, mut text) = (along(x.scale, tick), label(x.scale, tick));
            if i + 1 == ticks.len() && !x.unit.is_empty() {
                text = format!("{text} {}", x.unit);
            }
            let half = text_width(&text) / 2.0;
            let middle = at.min(RIGHT + 8.0 - half);
            self.line("stub", at, BOTTOM, at, BOTTOM + 4.0);
            if middle - half > free {
                self.text("tick mid", middle, BOTTOM + 17.0, &text);
                free = middle + half + 6.0;
            }
        }
        self.line("axis", LEFT, BOTTOM, RIGHT, BOTTOM);
    }

    /// Vertical lines with their labels, each label where it does not cover the one before.
    pub(super) fn marks(&mut self, x: Scale, marks: &[Mark]) {
        let mut sorted: Vec<_> = marks.iter().collect();
        sorted.sort_by(|a, b| a.value.total_cmp(&b.value));
        let mut taken = [f64::NEG_INFINITY; 2];
        for mark in sorted {
            let at = along(x, mark.value);
            let width = text_width(&mark.label);
            let left = if at + 4.0 + width > RIGHT {
                at - 4.0 - width
            } else {
                at + 4.0
            };
            let row = usize::from(left < taken[0]);
            taken[row] = left + width + 4.0;
            let class = if mark.limit { "limit" } else { "mark" };
            self.line(class, at, TOP - 4.0, at, BOTTOM);
            self.text(
                if mark.limit {
                    "note limit-text"
                } else {
                    "note"
                },
                left,
                TOP + 6.0 + 13.0 * row as f64,
                &mark.label,
            );
        }
    }
}

/// Along the x axis.
pub(super) fn along(scale: Scale, v: f64) -> f64 {
    LEFT + scale.place(v) * (RIGHT - LEFT)
}

/// Down from the top, on the y axis.
pub(super) fn down(scale: Scale, v: f64) -> f64 {
    BOTTOM - scale.place(v) * (BOTTOM - TOP)
}

/// About how wide small text is.
pub(super) fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * 6.0
}

/// A coordinate with one digit after the point.
pub(super) fn n(v: f64) -> String {
    let v = (v * 10.0).round() / 10.0;
    if v == 0.0 {
        "0".to_owned()
    } else {
        format!("{v}")
    }
}

/// A tick's label: short.
fn label(scale: Scale, v: f64) -> String {
    if let Scale::Tail { .. } = scale {
        return format!("p{}", trim(&format!("{:.3}", v * 100.0)));
    }
    let a = v.abs();
    if a >= 1e6 {
        format!("{}M", trim(&format!("{:.2}", v / 1e6)))
    } else if a >= 1e4 {
        format!("{}k", trim(&format!("{:.1}", v / 1e3)))
    } else {
        trim(&significant(v, 3)).to_owned()
    }
}

fn trim(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

/// Foreign text inside SVG.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#x27;"),
            c => out.push(c),
        }
    }
    out
}
