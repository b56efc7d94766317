//! Levels of a load, one or many.

use crate::suite::load_setting;
use crate::suite::model::Arrivals;
use crate::suite::reader::{Fields, Placed, Problems};
use crate::suite::source::Span;
use crate::suite::yaml::{Node, NodeValue};

use super::model::Axis;

/// Most levels of a sweep.
pub(in crate::suite) const MOST_LEVELS: usize = 100;

/// One level of `axis`.
pub(super) fn one(axis: &Axis, node: &Node, problems: &mut Problems) -> Option<Placed<f64>> {
    match axis {
        Axis::Rate { .. } => {
            let rate = load_setting::positive_rate(node, problems)?;
            Some(problems.placed(rate, node.span))
        }
        Axis::Concurrency => {
            let count = load_setting::count(node, problems)?;
            Some(problems.placed(f64::from(count.value), node.span))
        }
    }
}

/// A list of levels, each read by `read`: at least two, no two the same; ascending.
pub(super) fn list<T: Copy + PartialOrd>(
    node: &Node,
    example: &str,
    mut read: impl FnMut(&Node, &mut Problems) -> Option<Placed<T>>,
    problems: &mut Problems,
) -> Option<Vec<T>> {
    let NodeValue::Sequence(items) = &node.value else {
        if !node.is_broken() {
            let what = node.describe();
            problems.add(
                node.span,
                format!("expected a list of levels, found {what}"),
                format!("write `{example}`"),
            );
        }
        return None;
    };
    if items.len() > MOST_LEVELS {
        problems.add(
            node.span,
            format!("a sweep of {} levels cannot be asked for", items.len()),
            format!("write at most {MOST_LEVELS}"),
        );
        return None;
    }
    // Every item is looked at before one that is wrong ends it.
    let read: Vec<Option<Placed<T>>> = items.iter().map(|item| read(item, problems)).collect();
    let read: Vec<Placed<T>> = read.into_iter().collect::<Option<_>>()?;
    different(
        &read,
        |item| item.span(),
        |a, b| a.value == b.value,
        problems,
    )?;
    if read.len() < 2 {
        too_few(node.span, example, problems);
        return None;
    }
    let mut levels: Vec<T> = read.iter().map(|item| item.value).collect();
    levels.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    Some(levels)
}

/// A problem where two of `items` are the same level.
pub(super) fn different<T>(
    items: &[T],
    span: impl Fn(&T) -> Span,
    same: impl Fn(&T, &T) -> bool,
    problems: &mut Problems,
) -> Option<()> {
    for (i, item) in items.iter().enumerate() {
        if items[..i].iter().any(|before| same(before, item)) {
            problems.add(
                span(item),
                "this level stands here a second time",
                "measure each level once; `repeats` measures all of them again",
            );
            return None;
        }
    }
    Some(())
}

pub(super) fn too_few(span: Span, example: &str, problems: &mut Problems) {
    problems.add(
        span,
        "a sweep compares levels, and this one has fewer than two",
        format!(
            "write `{example}`; for a single level there are the kinds `latency` and `throughput`"
        ),
    );
}

/// `arrivals` and `max_concurrency`, which only a rate has.
#[derive(Default)]
pub(super) struct OpenLoop<'n> {
    arrivals: Option<&'n crate::suite::yaml::Entry>,
    cap: Option<&'n crate::suite::yaml::Entry>,
}

impl<'n> OpenLoop<'n> {
    pub fn take(fields: &mut Fields<'n>) -> Self {
        OpenLoop {
            arrivals: fields.entry("arrivals"),
            cap: fields.entry("max_concurrency"),
        }
    }

    /// The axis `rate` with them.
    pub fn rate(self, problems: &mut Problems) -> Axis {
        let arrivals = self
            .arrivals
            .and_then(|e| load_setting::arrivals(&e.value, problems));
        let cap = self
            .cap
            .and_then(|e| load_setting::count(&e.value, problems));
        Axis::Rate {
            arrivals: arrivals.unwrap_or(Arrivals::Poisson),
            max_concurrency: cap.map(|c| c.value),
        }
    }

    /// Problems where there is no rate.
    pub fn refuse(self, problems: &mut Problems) {
        if let Some(entry) = self.arrivals {
            problems.add(
                entry.key_span,
                "`arrivals` space the requests of a rate, and this is none",
                "leave `arrivals` out, or raise the `rate`",
            );
        }
        if let Some(entry) = self.cap {
            problems.add(
                entry.key_span,
                "`max_concurrency` bounds an open loop, and this is none",
                "leave `max_concurrency` out, or raise the `rate`",
            );
        }
    }
}
