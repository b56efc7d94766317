//! `load:`: how requests are sent.

use serde::Deserialize;

use super::later::Place;
use super::model::{Arrivals, Load, LoadShape, Stage, StageLevel, Start};
use super::reader::{Fields, Placed, Problems};
use super::settings::duration;
use super::source::Span;
use super::units::Rate;
use super::yaml::{Node, NodeValue};

/// Most requests in flight, or per second, that a suite may ask for.
pub(super) const MOST: u32 = 1_000_000;
const EXAMPLE: &str = "load: { rate: 20/s }";
/// Starts by name.
pub(super) const STARTS: [(&str, Start); 2] =
    [("spread", Start::Spread), ("together", Start::Together)];

pub(super) fn read(node: &Node, problems: &mut Problems) -> Option<Placed<Load>> {
    let mut fields = Fields::of(node, EXAMPLE, problems)?;
    let concurrency = fields.entry("concurrency");
    let rate = fields.entry("rate");
    let stages = fields.entry("stages");
    let arrivals_node = fields.entry("arrivals");
    let cap_node = fields.entry("max_concurrency");
    let start_node = fields.entry("start");
    fields.finish(Place::Load, problems);

    let given: Vec<_> = [concurrency, rate, stages].into_iter().flatten().collect();
    if given.len() > 1 {
        let second = given.iter().map(|e| e.key_span).max_by_key(|s| s.start);
        problems.add(
            second.unwrap_or(node.span),
            "a load is `concurrency`, `rate` or `stages`, one of them",
            "take the others away; to bound an open loop write `max_concurrency`",
        );
        return None;
    }
    let arrivals = arrivals_node.and_then(|e| arrivals(&e.value, problems));
    let arrivals_value = arrivals.unwrap_or(Arrivals::Poisson);
    let cap = cap_node.and_then(|e| count(&e.value, problems));
    let shape = if let Some(entry) = concurrency {
        LoadShape::Concurrency(count(&entry.value, problems)?.value)
    } else if let Some(entry) = rate {
        let rate = positive_rate(&entry.value, problems)?;
        LoadShape::Rate {
            per_second: rate,
            arrivals: arrivals_value,
        }
    } else if let Some(entry) = stages {
        LoadShape::Stages {
            stages: read_stages(&entry.value, problems)?,
            arrivals: arrivals_value,
        }
    } else {
        if !problems_known(node) {
            problems.add(
                node.span,
                "this load has no level",
                "write `concurrency: 8`, `rate: 20/s` or `stages: […]`",
            );
        }
        return None;
    };
    let start = start_node.and_then(|e| problems.one_of(&e.value, "a start", &STARTS));
    let load = Load {
        shape,
        max_concurrency: cap.as_ref().map(|c| c.value),
        start: start.map_or(Start::default(), |s| s.value),
    };
    if load.is_open_loop() {
        if let Some(entry) = start_node {
            problems.add(
                entry.key_span,
                "`start` is for closed loops: here every request has a time of its own",
                "leave `start` out; `arrivals` says how requests are spaced",
            );
        }
    } else {
        if let Some(entry) = cap_node {
            problems.add(
                entry.key_span,
                "`max_concurrency` bounds an open loop, and this is a closed one",
                "`concurrency` is the bound already: leave `max_concurrency` out",
            );
        }
        if let Some(entry) = arrivals_node {
            problems.add(
                entry.key_span,
                "a closed loop has no arrivals: a request goes when another one has ended",
                "leave `arrivals` out, or give a `rate`",
            );
        }
    }
    Some(problems.placed(load, node.span))
}

/// Whether the load's only key is one that comes later, which is a problem already.
fn problems_known(node: &Node) -> bool {
    node.entries().is_some_and(|entries| {
        entries
            .iter()
            .any(|e| super::later::key(Place::Load, &e.key).is_some())
    })
}

impl Load {
    /// Whether requests are due at times of their own, rather than when others have ended.
    pub fn is_open_loop(&self) -> bool {
        match &self.shape {
            LoadShape::Concurrency(_) => false,
            LoadShape::Rate { .. } => true,
            LoadShape::Stages { stages, .. } => stages
                .first()
                .is_some_and(|s| matches!(s.from, StageLevel::Rate(_))),
        }
    }
}

pub(super) fn count(node: &Node, problems: &mut Problems) -> Option<Placed<u32>> {
    let count = problems.typed::<u32>(node)?;
    in_range(count.value, count.span(), problems)?;
    Some(count)
}

fn in_range(count: u32, span: Span, problems: &mut Problems) -> Option<()> {
    if (1..=MOST).contains(&count) {
        return Some(());
    }
    problems.add(
        span,
        format!("{count} requests in flight cannot be asked for"),
        format!("write a number from 1 to {MOST}"),
    );
    None
}

fn rate_in_range(rate: f64, span: Span, problems: &mut Problems) -> Option<()> {
    if rate <= f64::from(MOST) {
        return Some(());
    }
    problems.add(
        span,
        format!("a rate of {rate}/s cannot be asked for"),
        format!("write at most `{MOST}/s`"),
    );
    None
}

pub(super) fn positive_rate(node: &Node, problems: &mut Problems) -> Option<f64> {
    let rate = problems.typed::<Rate>(node)?;
    rate_in_range(rate.value.0, rate.span(), problems)?;
    if rate.value.0 == 0.0 {
        problems.add(
            rate.span(),
            "at a rate of 0 nothing is ever sent",
            "write a rate above 0, such as `20/s`",
        );
        return None;
    }
    Some(rate.value.0)
}

pub(super) fn arrivals(node: &Node, problems: &mut Problems) -> Option<Arrivals> {
    let text = problems.text_of(node)?;
    if let Some(inside) = text
        .value
        .strip_prefix("gamma")
        .map(str::trim)
        .and_then(|t| t.strip_prefix('('))
        .and_then(|t| t.strip_suffix(')'))
    {
        let shape: Option<f64> = inside.trim().parse().ok();
        if let Some(shape) = shape.filter(|s| s.is_finite() && (0.01..=1000.0).contains(s)) {
            return Some(Arrivals::Gamma(shape));
        }
        problems.add(
            text.span(),
            format!("`{inside}` is not a shape of gamma arrivals"),
            "write a number from 0.01 to 1000: `gamma(0.5)` is bursty, `gamma(1)` is Poisson, `gamma(4)` is smooth",
        );
        return None;
    }
    if text.value == "gamma" {
        problems.add(
            text.span(),
            "`gamma` needs its shape",
            "write `gamma(0.5)` for bursts, `gamma(4)` for smooth arrivals",
        );
        return None;
    }
    problems
        .one_of(
            node,
            "a kind of arrivals",
            &[
                ("constant", Some(Arrivals::Constant)),
                ("poisson", Some(Arrivals::Poisson)),
                ("gamma(…)", None),
            ],
        )
        .and_then(|choice| choice.value)
}

fn read_stages(node: &Node, problems: &mut Problems) -> Option<Vec<Stage>> {
    let NodeValue::Sequence(items) = &node.value else {
        let what = node.describe();
        problems.add(
            node.span,
            format!("expected a list of stages, found {what}"),
            "write `stages: [{ duration: 30s, rate: 5/s }, { duration: 30s, rate: 20/s }]`",
        );
        return None;
    };
    let read: Vec<_> = items
        .iter()
        .map(|item| stage(item, problems).map(|stage| (stage, item.span)))
        .collect();
    let stages: Vec<(Stage, Span)> = read.into_iter().collect::<Option<_>>()?;
    let Some((first, _)) = stages.first() else {
        problems.add(
            node.span,
            "there are no stages",
            "write at least one, such as `{ duration: 30s, rate: 5/s }`",
        );
        return None;
    };
    let is_rate = |s: &Stage| matches!(s.from, StageLevel::Rate(_));
    if let Some((_, span)) = stages.iter().find(|(s, _)| is_rate(s) != is_rate(first)) {
        problems.add(
            *span,
            "stages of a rate and stages of a concurrency cannot follow each other",
            "make all of one sort: an open loop and a closed loop are two scenarios",
        );
        return None;
    }
    let silent = |level: StageLevel| matches!(level, StageLevel::Rate(0.0));
    if stages.iter().all(|(s, _)| silent(s.from) && silent(s.to)) {
        problems.add(
            node.span,
            "every stage has a rate of 0, so nothing is ever sent",
            "give at least one stage a rate above 0",
        );
        return None;
    }
    Some(stages.into_iter().map(|(stage, _)| stage).collect())
}

fn stage(node: &Node, problems: &mut Problems) -> Option<Stage> {
    let mut fields = Fields::of(node, "{ duration: 30s, rate: 5/s }", problems)?;
    let duration_node = fields.take("duration");
    let rate = fields.take("rate");
    let concurrency = fields.take("concurrency");
    fields.finish(Place::Other, problems);
    let Some(duration_node) = duration_node else {
        problems.add(
            node.span,
            "this stage has no `duration`",
            "write `{ duration: 30s, rate: 5/s }`",
        );
        return None;
    };
    let duration = duration(duration_node, true, problems);
    let (from, to) = match (rate, concurrency) {
        (Some(node), None) => levels::<Rate>(
            node,
            problems,
            |rate, span, problems| {
                rate_in_range(rate.0, span, problems)?;
                Some(StageLevel::Rate(rate.0))
            },
            "rate: { from: 5/s, to: 20/s }",
        )?,
        (None, Some(node)) => levels::<u32>(
            node,
            problems,
            |count, span, problems| {
                in_range(count, span, problems)?;
                Some(StageLevel::Concurrency(count))
            },
            "concurrency: { from: 1, to: 32 }",
        )?,
        _ => {
            problems.add(
                node.span,
                "a stage has a `rate` or a `concurrency`, one of them",
                "write `{ duration: 30s, rate: 5/s }`, or a ramp: `{ duration: 30s, rate: { from: 5/s, to: 20/s } }`",
            );
            return None;
        }
    };
    Some(Stage {
        duration: duration?.value,
        from,
        to,
    })
}

/// One level, or `{ from, to }`.
fn levels<T: for<'de> Deserialize<'de>>(
    node: &Node,
    problems: &mut Problems,
    level: impl Fn(T, Span, &mut Problems) -> Option<StageLevel>,
    example: &str,
) -> Option<(StageLevel, StageLevel)> {
    if node.entries().is_none() {
        let value = problems.typed::<T>(node)?;
        let span = value.span();
        let level = level(value.value, span, problems)?;
        return Some((level, level));
    }
    let mut fields = Fields::of(node, example, problems)?;
    let ends = [fields.take("from"), fields.take("to")];
    fields.finish(Place::Other, problems);
    if ends.iter().any(Option::is_none) {
        problems.add(
            node.span,
            "a ramp has two ends",
            format!("write `{example}`"),
        );
    }
    let [from, to] = ends.map(|end| {
        let value = problems.typed::<T>(end?)?;
        let span = value.span();
        level(value.value, span, problems)
    });
    Some((from?, to?))
}
