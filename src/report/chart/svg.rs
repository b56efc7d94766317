use std::fmt::Write as _;

use super::scale::Scale;
use crate::text::{printable, significant};

/// Size of a chart in its own units. `templates/report.js` knows these four edges, too.
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

impl Axis {
    /// With a unit; without one it is empty.
    pub fn new(scale: Scale, unit: &str) -> Self {
        Axis {
            scale,
            unit: unit.to_owned(),
        }
    }
}

/// Where a line across the plot comes from, and so how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkKind {
    /// Measured.
    Measured,
    /// A limit from the suite.
    Limit,
    /// Of the accepted baseline.
    Accepted,
}

impl MarkKind {
    pub(super) fn class(self) -> &'static str {
        match self {
            MarkKind::Measured => "mark",
            MarkKind::Limit => "limit",
            MarkKind::Accepted => "accepted",
        }
    }

    pub(super) fn text_class(self) -> &'static str {
        match self {
            MarkKind::Measured => "note",
            MarkKind::Limit => "note limit-text",
            MarkKind::Accepted => "note accepted-text",
        }
    }
}

/// A value worth a line across the plot.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Where.
    pub value: f64,
    /// What it says.
    pub label: String,
    /// Where it comes from.
    pub kind: MarkKind,
}

/// SVG text under construction.
pub(super) struct Svg {
    out: String,
}

impl Svg {
    /// `data` are attributes that say what positions mean, each with a space before it.
    pub(super) fn new(class: &str, view: [f64; 4], head: Head<'_>, data: &str) -> Self {
        let [left, top, width, height] = view;
        let mut out = String::new();
        let _ = write!(
            out,
            r#"<svg class="{class}" viewBox="{left} {top} {width} {height}" role="img" aria-label="{}"{data} xmlns="http://www.w3.org/2000/svg"><desc>{}</desc>"#,
            escape(head.title),
            escape(head.desc),
        );
        Svg { out }
    }

    /// One that says nothing which does not stand beside it in words; part of a page, no file of its own.
    pub(super) fn ornament(class: &str, width: f64, height: f64) -> Self {
        let mut out = String::new();
        let _ = write!(
            out,
            r#"<svg class="{class}" viewBox="0 0 {width} {height}" aria-hidden="true">"#,
        );
        Svg { out }
    }

    pub(super) fn finish(mut self) -> String {
        self.out.push_str("</svg>");
        self.out
    }

    pub(super) fn raw(&mut self, text: &str) {
        self.out.push_str(text);
    }

    pub(super) fn rect(&mut self, class: &str, x: f64, y: f64, w: f64, h: f64) {
        self.path(
            class,
            &format!(
                "M{}h{}v{}h-{}z",
                pair(x, y),
                n(w.max(0.0)),
                n(h.max(0.0)),
                n(w.max(0.0))
            ),
        );
    }

    pub(super) fn line(&mut self, class: &str, x1: f64, y1: f64, x2: f64, y2: f64) {
        self.path(class, &format!("M{}L{}", pair(x1, y1), pair(x2, y2)));
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
        let ticks = y.scale.ticks(4);
        let mut grid = String::new();
        let mut labels = String::new();
        for tick in ticks {
            let at = down(y.scale, tick);
            let _ = write!(grid, "M{}H{}", pair(LEFT, at), n(RIGHT));
            let _ = write!(
                labels,
                r#"<text y="{}">{}</text>"#,
                n(at + 3.5),
                escape(&label(y.scale, tick))
            );
        }
        self.path("grid", &grid);
        let _ = write!(
            self.out,
            r#"<g class="end" transform="translate({})">{labels}</g>"#,
            n(LEFT - 6.0)
        );
        self.base(x);
        if !y.unit.is_empty() {
            self.text("", 4.0, TOP - 14.0, &y.unit);
        }
    }

    /// The x axis alone.
    pub(super) fn base(&mut self, x: &Axis) {
        let ticks = x.scale.ticks(6);
        let mut free = f64::NEG_INFINITY;
        let mut stubs = format!("M{}H{}", pair(LEFT, BOTTOM), n(RIGHT));
        let mut labels = String::new();
        for (i, &tick) in ticks.iter().enumerate() {
            let (at, mut text) = (along(x.scale, tick), label(x.scale, tick));
            if i + 1 == ticks.len() && !x.unit.is_empty() {
                text = format!("{text} {}", x.unit);
            }
            let half = text_width(&text) / 2.0;
            let middle = at.min(RIGHT + 8.0 - half);
            let _ = write!(stubs, "M{}v4", pair(at, BOTTOM));
            if middle - half > free {
                let _ = write!(
                    labels,
                    r#"<text x="{}">{}</text>"#,
                    n(middle),
                    escape(&text)
                );
                free = middle + half + 6.0;
            }
        }
        self.path("axis", &stubs);
        let _ = write!(
            self.out,
            r#"<g class="mid" transform="translate(0 {})">{labels}</g>"#,
            n(BOTTOM + 17.0)
        );
    }

    /// Vertical lines with their labels, each label where it does not cover the one before.
    pub(super) fn marks(&mut self, x: Scale, marks: &[Mark]) {
        let mut sorted: Vec<_> = marks.iter().collect();
        sorted.sort_by(|a, b| a.value.total_cmp(&b.value));
        let mut taken = [f64::NEG_INFINITY; 3];
        for mark in sorted {
            let at = along(x, mark.value);
            let width = text_width(&mark.label);
            let left = if at + 4.0 + width > RIGHT {
                at - 4.0 - width
            } else {
                at + 4.0
            };
            let row = taken.iter().position(|t| left >= *t).unwrap_or(2);
            taken[row] = left + width + 4.0;
            self.line(mark.kind.class(), at, TOP - 4.0, at, BOTTOM);
            self.text(
                mark.kind.text_class(),
                left,
                TOP + 6.0 + 13.0 * row as f64,
                &mark.label,
            );
        }
    }

    /// Names and colours, right-aligned above the plot; nothing for a single name. Wide enough for the
    /// larger letters of small screens.
    pub(super) fn legend(&mut self, entries: &[(&str, String)]) {
        if entries.len() < 2 {
            return;
        }
        let mut x = RIGHT - entries.iter().map(|(name, _)| in_legend(name)).sum::<f64>() + 8.0;
        for (name, class) in entries {
            self.line(class, x, TOP - 18.0, x + 16.0, TOP - 18.0);
            self.text("", x + 20.0, TOP - 14.0, name);
            x += in_legend(name);
        }
    }
}

/// What the positions on both axes mean, for values under the pointer.
pub(super) fn meaning(x: &Axis, y: Option<&Axis>) -> String {
    let scale = |scale: Scale| match scale {
        Scale::Linear { lo, hi } => format!("lin {lo} {hi}"),
        Scale::Log { lo, hi } => format!("log {lo} {hi}"),
        Scale::Tail { hi } => format!("tail 0 {hi}"),
    };
    let mut out = format!(r#" data-x="{} {}""#, scale(x.scale), escape(&x.unit));
    if let Some(y) = y {
        let _ = write!(out, r#" data-u="{}""#, escape(&y.unit));
    }
    out
}

/// Values as they are shown under the pointer, one after the other.
pub(super) fn values(all: impl IntoIterator<Item = f64>) -> String {
    let shown: Vec<String> = all.into_iter().map(plain).collect();
    shown.join(" ")
}

/// With three digits, whole ones all, and none that say nothing.
fn plain(v: f64) -> String {
    if v != 0.0 && v.abs() < 1e-3 {
        return format!("{v:.2e}");
    }
    trim(&significant(v, 3).replace(',', "")).to_owned()
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

/// How wide a name is in a legend.
fn in_legend(name: &str) -> f64 {
    text_width(name) * 1.3 + 30.0
}

/// How many of `names`, the first ones, have room in a legend where `rest` follows if any is left out.
pub fn fit_legend(names: &[&str], rest: &str) -> usize {
    let room = RIGHT - LEFT + 8.0;
    let width = |names: &[&str]| names.iter().map(|name| in_legend(name)).sum::<f64>();
    let fits = |n: &usize| {
        let more = if *n < names.len() {
            in_legend(rest)
        } else {
            0.0
        };
        width(&names[..*n]) + more <= room
    };
    (0..=names.len()).rev().find(fits).unwrap_or(0)
}

/// A coordinate with one digit after the point, as short as it can be written.
pub(super) fn n(v: f64) -> String {
    tenths((v * 10.0).round() as i64)
}

fn tenths(v: i64) -> String {
    let sign = if v < 0 { "-" } else { "" };
    let (whole, rest) = (v.abs() / 10, v.abs() % 10);
    match (whole, rest) {
        (_, 0) => format!("{sign}{whole}"),
        (0, _) => format!("{sign}.{rest}"),
        _ => format!("{sign}{whole}.{rest}"),
    }
}

/// Two coordinates.
fn pair(x: f64, y: f64) -> String {
    let (x, y) = (n(x), n(y));
    let gap = if y.starts_with('-') { "" } else { " " };
    format!("{x}{gap}{y}")
}

/// A line through `points`, each written as its distance from the one before: the least that says it.
/// Distances are between rounded positions, so that errors do not add up.
pub(super) fn through(points: &[(f64, f64)]) -> String {
    let rounded = |v: f64| (v * 10.0).round() as i64;
    let mut d = String::new();
    let mut last: Option<(i64, i64)> = None;
    for &(x, y) in points {
        let at = (rounded(x), rounded(y));
        let (dx, dy) = match last {
            None => at,
            Some(from) => (at.0 - from.0, at.1 - from.1),
        };
        let (dx, dy) = (tenths(dx), tenths(dy));
        match last {
            None => d.push('M'),
            Some(_) if d.contains('l') => {
                if !dx.starts_with('-') {
                    d.push(' ');
                }
            }
            Some(_) => d.push('l'),
        }
        d.push_str(&dx);
        if !dy.starts_with('-') {
            d.push(' ');
        }
        d.push_str(&dy);
        last = Some(at);
    }
    d
}

/// A tick's label.
fn label(scale: Scale, v: f64) -> String {
    match scale {
        Scale::Tail { .. } => format!("p{}", trim(&format!("{:.3}", v * 100.0))),
        _ => short(v),
    }
}

/// A number in as few characters as tell it from its neighbours on an axis.
pub(super) fn short(v: f64) -> String {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn coordinates_are_short() {
        let written = [0.04, -0.04, 0.5, -0.5, 12.34, -3.0].map(n);
        assert_eq!(written, ["0", "0", ".5", "-.5", "12.3", "-3"]);
        assert_eq!(
            through(&[(46.0, 204.0), (52.1, 200.0), (58.2, 201.5)]),
            "M46 204l6.1-4 6.1 1.5"
        );
    }

    proptest! {
        /// However long the line, its last point lies where it should.
        #[test]
        fn errors_do_not_add_up(points in prop::collection::vec((0.0f64..460.0, 0.0f64..226.0), 2..300)) {
            let d = through(&points);
            let mut numbers = Vec::new();
            let mut word = String::new();
            for c in d.chars().chain([' ']) {
                if !word.is_empty() && (c == ' ' || c == '-' || c == 'l' || c == 'M') {
                    numbers.push(word.parse::<f64>().unwrap());
                    word.clear();
                }
                if c.is_ascii_digit() || c == '.' || c == '-' {
                    word.push(c);
                }
            }
            let sum = |k: usize| numbers.iter().skip(k).step_by(2).sum::<f64>();
            let last = points[points.len() - 1];
            prop_assert_eq!(numbers.len(), 2 * points.len());
            prop_assert!((sum(0) - last.0).abs() < 0.051 && (sum(1) - last.1).abs() < 0.051);
        }
    }
}
