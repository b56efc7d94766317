//! Lengths in tokens: a number, or a distribution and its bounds.

use std::sync::Arc;

use super::histogram::Histogram;
use super::later::Place;
use super::model::{Length, Shape};
use super::reader::{Fields, Placed, Problems};
use super::settings::Surroundings;
use super::source::Span;
use super::target_setting::beside;
use super::yaml::{Entry, Node};

/// Longest prompt or answer that a suite may ask for, in tokens.
pub(super) const LONGEST: u32 = 10_000_000;
/// Greatest power of a Zipf distribution.
pub(super) const STEEPEST: f64 = 20.0;
/// How many standard deviations above its mean a distribution ends, where it does not say.
const TAIL: f64 = 5.0;

/// Distributions by name.
pub(super) const DISTRIBUTIONS: [(&str, Kind); 6] = [
    ("normal", Kind::Normal),
    ("lognormal", Kind::LogNormal),
    ("uniform", Kind::Uniform),
    ("exponential", Kind::Exponential),
    ("zipf", Kind::Zipf),
    ("histogram", Kind::Histogram),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    LogNormal,
    Uniform,
    Exponential,
    Zipf,
    Histogram,
}

impl Kind {
    /// How people call it, and how it is written.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Kind::Normal => ("a normal distribution", "{ mean: 500, stddev: 100 }"),
            Kind::LogNormal => (
                "a log-normal distribution",
                "{ distribution: lognormal, mean: 500, stddev: 300 }",
            ),
            Kind::Uniform => ("a uniform distribution", "{ min: 100, max: 900 }"),
            Kind::Exponential => (
                "an exponential distribution",
                "{ distribution: exponential, mean: 500 }",
            ),
            Kind::Zipf => (
                "a Zipf distribution",
                "{ distribution: zipf, s: 1.1, min: 16, max: 4000 }",
            ),
            Kind::Histogram => ("a histogram", "{ histogram: lengths.csv }"),
        }
    }
}

/// What stands in the mapping, as far as it could be read.
struct Written<'n> {
    mean: Option<(&'n Entry, f64)>,
    stddev: Option<(&'n Entry, f64)>,
    s: Option<(&'n Entry, f64)>,
    histogram: Option<(&'n Entry, Placed<String>)>,
    min: Option<u32>,
    max: Option<u32>,
    span: Span,
}

/// A number of tokens, or a distribution of them.
pub(super) fn read(
    node: &Node,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> Option<Length> {
    if node.entries().is_none() {
        let tokens = problems.typed::<u32>(node)?;
        return in_range(tokens, problems).map(Length::Fixed);
    }
    let mut fields = Fields::of(node, "{ mean: 500, stddev: 100 }", problems)?;
    let named = fields
        .take("distribution")
        .map(|node| problems.one_of(node, "a distribution", &DISTRIBUTIONS));
    let [mean, stddev] =
        ["mean", "stddev"].map(|key| entry(&mut fields, key, |n| number(n, problems)));
    let s = entry(&mut fields, "s", |n| power(n, problems));
    let histogram = entry(&mut fields, "histogram", |n| problems.text_of(n));
    let [min, max] = ["min", "max"].map(|key| {
        let read = |n: &Node| problems.typed::<u32>(n).and_then(|n| in_range(n, problems));
        entry(&mut fields, key, read)
    });
    let span = fields.span();
    fields.finish(Place::Other, problems);
    // A key that is there but wrong is a problem already.
    let written = Written {
        mean: mean.there()?,
        stddev: stddev.there()?,
        s: s.there()?,
        histogram: histogram.there()?,
        min: min.there()?.map(|(_, n)| n),
        max: max.there()?.map(|(_, n)| n),
        span,
    };
    if let (Some(min), Some(max)) = (written.min, written.max)
        && min > max
    {
        problems.add(
            span,
            format!("`min` ({min}) lies above `max` ({max})"),
            "swap the two",
        );
        return None;
    }
    let is_named = named.is_some();
    let kind = match named {
        Some(named) => named?.value,
        None if written.histogram.is_some() => Kind::Histogram,
        None if written.mean.is_some() => Kind::Normal,
        None => Kind::Uniform,
    };
    distribution(kind, &written, is_named, around, problems)
}

/// A key that may be missing, or there and wrong.
enum Key<T> {
    Missing,
    Wrong,
    There(T),
}

impl<T> Key<T> {
    /// `None` where it is there and wrong.
    #[expect(
        clippy::option_option,
        reason = "there or not, and right or not, are two questions"
    )]
    fn there(self) -> Option<Option<T>> {
        match self {
            Key::Missing => Some(None),
            Key::Wrong => None,
            Key::There(value) => Some(Some(value)),
        }
    }
}

fn entry<'n, T>(
    fields: &mut Fields<'n>,
    key: &'static str,
    read: impl FnOnce(&'n Node) -> Option<T>,
) -> Key<(&'n Entry, T)> {
    match fields.entry(key) {
        None => Key::Missing,
        Some(entry) => match read(&entry.value) {
            Some(value) => Key::There((entry, value)),
            None => Key::Wrong,
        },
    }
}

fn distribution(
    kind: Kind,
    written: &Written<'_>,
    named: bool,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> Option<Length> {
    let (called, form) = kind.words();
    let takes_mean = matches!(kind, Kind::Normal | Kind::LogNormal | Kind::Exponential);
    let takes_stddev = matches!(kind, Kind::Normal | Kind::LogNormal);
    let stray = [
        written.mean.as_ref().map(|m| m.0).filter(|_| !takes_mean),
        written
            .stddev
            .as_ref()
            .map(|m| m.0)
            .filter(|_| !takes_stddev),
        written
            .s
            .as_ref()
            .map(|m| m.0)
            .filter(|_| kind != Kind::Zipf),
        written
            .histogram
            .as_ref()
            .map(|m| m.0)
            .filter(|_| kind != Kind::Histogram),
    ];
    if let Some(entry) = stray.into_iter().flatten().next() {
        problems.add(
            entry.key_span,
            format!("{called} has no `{}`", entry.key),
            format!("write `{form}`"),
        );
        return None;
    }
    let (min, most) = (written.min.unwrap_or(1), written.max.unwrap_or(LONGEST));
    match kind {
        Kind::Uniform => {
            let (Some(min), Some(max)) = (written.min, written.max) else {
                let (what, help) = if named {
                    (
                        "a uniform distribution needs `min` and `max`",
                        form.to_owned(),
                    )
                } else {
                    let normal = Kind::Normal.words().1;
                    (
                        "this distribution of lengths is incomplete",
                        format!("{normal}` or `{form}"),
                    )
                };
                problems.add(written.span, what, format!("write `{help}`"));
                return None;
            };
            let shape = Shape::Uniform;
            Some(Length::Drawn { shape, min, max })
        }
        Kind::Normal | Kind::LogNormal => {
            let (Some((entry, mean)), Some((_, stddev))) = (&written.mean, &written.stddev) else {
                problems.add(
                    written.span,
                    "this distribution of lengths needs `mean` and `stddev`",
                    format!("write `{form}`"),
                );
                return None;
            };
            let (mean, stddev) = (*mean, *stddev);
            let max = written.max.unwrap_or_else(|| tail(mean, stddev));
            inside(entry, mean, (min, max), problems)?;
            let shape = match kind {
                Kind::LogNormal => Shape::LogNormal { mean, stddev },
                _ => Shape::Normal { mean, stddev },
            };
            Some(Length::Drawn { shape, min, max })
        }
        Kind::Exponential => {
            let Some((entry, mean)) = &written.mean else {
                problems.add(
                    written.span,
                    "an exponential distribution needs a `mean`",
                    format!("write `{form}`"),
                );
                return None;
            };
            let mean = *mean;
            let max = written.max.unwrap_or_else(|| tail(mean, mean));
            inside(entry, mean, (min, max), problems)?;
            let shape = Shape::Exponential { mean };
            Some(Length::Drawn { shape, min, max })
        }
        Kind::Zipf => {
            let (Some((_, s)), Some(max)) = (&written.s, written.max) else {
                problems.add(
                    written.span,
                    "a Zipf distribution needs its power `s`, and `max`",
                    format!("write `{form}`"),
                );
                return None;
            };
            let shape = Shape::Zipf { s: *s };
            Some(Length::Drawn { shape, min, max })
        }
        Kind::Histogram => histogram(written, (min, most), form, around, problems),
    }
}

fn histogram(
    written: &Written<'_>,
    (min, max): (u32, u32),
    form: &str,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> Option<Length> {
    let Some((_, text)) = &written.histogram else {
        problems.add(
            written.span,
            "a histogram stands in a file, which is not named",
            format!("write `{form}`; it is looked for beside the suite"),
        );
        return None;
    };
    let path = beside(&text.location.file, &text.value);
    let shown = path.display();
    let content = (around.read_file)(&path)
        .map_err(|e| {
            (
                format!("cannot read {shown}: {e}"),
                "`histogram` counts from the suite's own folder; check that the file is there"
                    .to_owned(),
            )
        })
        .and_then(|content| {
            let parsed = Histogram::parse(&content, LONGEST);
            parsed.map_err(|(what, help)| (format!("{shown}: {what}"), help))
        })
        .and_then(|bins| {
            bins.within(min, max).ok_or_else(|| {
                (
                    format!("{shown} holds no length from {min} to {max}"),
                    "set `min` and `max` to both sides of its lengths, or leave them out"
                        .to_owned(),
                )
            })
        });
    match content {
        Ok(bins) => {
            let shape = Shape::Histogram {
                path: path.clone(),
                bins: Arc::new(bins),
            };
            Some(Length::Drawn { shape, min, max })
        }
        Err((message, help)) => {
            problems.add_at(&text.location, message, help);
            None
        }
    }
}

/// A problem unless the mean lies between the bounds.
fn inside(entry: &Entry, mean: f64, (min, max): (u32, u32), problems: &mut Problems) -> Option<()> {
    if (f64::from(min)..=f64::from(max)).contains(&mean) {
        return Some(());
    }
    problems.add(
        entry.value.span,
        format!("the mean does not lie between the least ({min}) and the most ({max}) tokens"),
        "set `min` and `max` to both sides of it",
    );
    None
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bounded on both sides just before"
)]
fn tail(mean: f64, stddev: f64) -> u32 {
    (mean + TAIL * stddev).ceil().clamp(1.0, f64::from(LONGEST)) as u32
}

fn number(node: &Node, problems: &mut Problems) -> Option<f64> {
    let number = problems.typed::<f64>(node)?;
    if (0.0..=f64::from(LONGEST)).contains(&number.value) {
        return Some(number.value);
    }
    problems.add(
        number.span(),
        format!("{} is no number of tokens", number.value),
        format!("write a number from 0 to {LONGEST}"),
    );
    None
}

/// The power of a Zipf distribution.
pub(super) fn power(node: &Node, problems: &mut Problems) -> Option<f64> {
    let number = problems.typed::<f64>(node)?;
    if number.value > 0.0 && number.value <= STEEPEST {
        return Some(number.value);
    }
    problems.add(
        number.span(),
        format!("{} is no power of a Zipf distribution", number.value),
        format!("write a number above 0, at most {STEEPEST}, such as `1.1`"),
    );
    None
}

/// A number of tokens from 1 on.
pub(super) fn in_range(tokens: Placed<u32>, problems: &mut Problems) -> Option<u32> {
    if (1..=LONGEST).contains(&tokens.value) {
        return Some(tokens.value);
    }
    problems.add(
        tokens.span(),
        format!(
            "{} is no number of tokens that can be asked for",
            tokens.value
        ),
        format!("write a number from 1 to {LONGEST}"),
    );
    None
}
