//! `search:`: the load that is looked for.

use crate::suite::later::Place;
use crate::suite::reader::{Fields, Placed, Problems};
use crate::suite::settings::duration;
use crate::suite::sla;
use crate::suite::units::{Share, show_share};
use crate::suite::yaml::{Entry, Node};

use super::levels::{self, OpenLoop};
use super::model::{Axis, Budget, Goal, Search};

const EXAMPLE: &str =
    "search: { maximize: rate, from: 1/s, to: 200/s, subject_to: [ttft.p99 < 500ms] }";
const EXAMPLE_SATURATION: &str = "search: { saturate: concurrency, from: 1, to: 256 }";
/// How exact the answer is, where a search does not say.
pub(in crate::suite) const PRECISION: f64 = 0.05;
/// Bounds of `precision`.
pub(in crate::suite) const LEAST_PRECISION: f64 = 0.001;
/// Bounds of `precision`.
pub(in crate::suite) const LARGEST_PRECISION: f64 = 0.5;

/// Which axis is raised.
#[derive(Clone, Copy)]
enum Which {
    Rate,
    Concurrency,
}

const WHICH: [(&str, Which); 2] = [("rate", Which::Rate), ("concurrency", Which::Concurrency)];

pub(in crate::suite) fn read(node: &Node, problems: &mut Problems) -> Option<Placed<Search>> {
    let mut fields = Fields::of(node, EXAMPLE, problems)?;
    let maximize = fields.entry("maximize");
    let saturate = fields.entry("saturate");
    let [from, to] = [fields.entry("from"), fields.entry("to")];
    let precision = fields.take("precision");
    let subject_to = fields.entry("subject_to");
    let budget = fields.take("budget");
    let open_loop = OpenLoop::take(&mut fields);
    let meant = fields.finish(Place::Other, problems);

    let (raised, saturation) = match (maximize, saturate) {
        (Some(entry), None) => (entry, false),
        (None, Some(entry)) => (entry, true),
        (Some(_), Some(second)) => {
            problems.add(
                second.key_span,
                "a search has one goal, `maximize` or `saturate`",
                "make two scenarios of it",
            );
            return None;
        }
        (None, None) => {
            if !meant.contains(&"maximize") && !meant.contains(&"saturate") {
                problems.add(
                    node.span,
                    "this search has no goal",
                    format!(
                        "write `{EXAMPLE}` for the highest load at which bounds hold, or `{EXAMPLE_SATURATION}` for where throughput stops growing"
                    ),
                );
            }
            return None;
        }
    };
    let which = problems.one_of(&raised.value, "what a search can raise", &WHICH);
    let axis = which.map(|which| match which.value {
        Which::Rate => open_loop.rate(problems),
        Which::Concurrency => {
            open_loop.refuse(problems);
            Axis::Concurrency
        }
    });
    let precision = match precision {
        Some(node) => precision_of(node, problems),
        None => Some(PRECISION),
    };
    let budget = match budget {
        Some(node) => budget_of(node, problems),
        None => Some(Budget::default()),
    };
    let goal = goal(node, subject_to, saturation, &meant, problems);
    let bounds = axis.and_then(|axis| bounds(&axis, node, from, to, &meant, problems));
    let (from, to) = bounds?;
    let search = Search {
        goal: goal?,
        axis: axis?,
        from,
        to,
        precision: precision?,
        budget: budget?,
    };
    Some(problems.placed(search, node.span))
}

fn goal(
    node: &Node,
    subject_to: Option<&Entry>,
    saturation: bool,
    meant: &[&str],
    problems: &mut Problems,
) -> Option<Goal> {
    match (saturation, subject_to) {
        (true, None) => Some(Goal::Saturation),
        (true, Some(entry)) => {
            problems.add(
                entry.key_span,
                "where throughput stops growing does not depend on bounds",
                "leave `subject_to` out, or write `maximize` in place of `saturate`",
            );
            None
        }
        (false, None) => {
            if !meant.contains(&"subject_to") {
                problems.add(
                    node.span,
                    "this search has no bounds, so that every load would do",
                    "write what has to hold: `subject_to: [ttft.p99 < 500ms]`; for the most that the target does write `saturate` in place of `maximize`",
                );
            }
            None
        }
        (false, Some(entry)) => {
            let (written, broken) = sla::read(&entry.value, problems);
            let subject_to: Vec<_> = written?.value.into_iter().map(|w| w.0).collect();
            if subject_to.is_empty() && !broken {
                problems.add(
                    entry.value.span,
                    "this list is empty, so that every load would do",
                    "write what has to hold, such as `ttft.p99 < 500ms`",
                );
            }
            (!subject_to.is_empty() && !broken).then_some(Goal::Capacity { subject_to })
        }
    }
}

fn bounds(
    axis: &Axis,
    node: &Node,
    from: Option<&Entry>,
    to: Option<&Entry>,
    meant: &[&str],
    problems: &mut Problems,
) -> Option<(f64, f64)> {
    let example = match axis {
        Axis::Rate { .. } => "from: 1/s, to: 200/s",
        Axis::Concurrency => "from: 1, to: 256",
    };
    let lacking = [("from", from), ("to", to)]
        .into_iter()
        .find(|(key, entry)| entry.is_none() && !meant.contains(key));
    if let Some((key, _)) = lacking {
        problems.add(
            node.span,
            format!("this search has no `{key}`"),
            format!("write where it begins and where it ends: `{example}`"),
        );
    }
    let [from, to] = [from, to].map(|entry| levels::one(axis, &entry?.value, problems));
    let (from, to) = (from?, to?);
    if from.value >= to.value {
        problems.add(
            to.span(),
            "the search ends where it begins, or below",
            format!("`to` is the higher load: `{example}`"),
        );
        return None;
    }
    Some((from.value, to.value))
}

fn precision_of(node: &Node, problems: &mut Problems) -> Option<f64> {
    let share = problems.typed::<Share>(node)?;
    if (LEAST_PRECISION..=LARGEST_PRECISION).contains(&share.value.0) {
        return Some(share.value.0);
    }
    problems.add(
        share.span(),
        format!(
            "a precision of {} cannot be asked for",
            show_share(share.value.0)
        ),
        format!(
            "write a share from {} to {}",
            show_share(LEAST_PRECISION),
            show_share(LARGEST_PRECISION)
        ),
    );
    None
}

fn budget_of(node: &Node, problems: &mut Problems) -> Option<Budget> {
    let example = "budget: { time: 30m, requests: 100000, tokens: 20000000 }";
    let mut fields = Fields::of(node, example, problems)?;
    let time = fields.take("time");
    let [requests, tokens] = [fields.take("requests"), fields.take("tokens")];
    let meant = fields.finish(Place::Other, problems);
    if [time, requests, tokens].iter().all(Option::is_none) && meant.is_empty() {
        problems.add(
            node.span,
            "this budget bounds nothing",
            format!("write one or more of `{example}`"),
        );
        return None;
    }
    let mut count = |node: Option<&Node>| match node {
        None => Some(None),
        Some(node) => {
            let count = problems.typed::<u64>(node)?;
            if count.value == 0 {
                problems.add(
                    count.span(),
                    "with a budget of 0 nothing can be measured",
                    "write a larger one, or leave the key out",
                );
                return None;
            }
            Some(Some(count.value))
        }
    };
    let (requests, tokens) = (count(requests), count(tokens));
    let time = match time {
        None => None,
        Some(node) => Some(duration(node, true, problems)?.value),
    };
    Some(Budget {
        time,
        requests: requests?,
        tokens: tokens?,
    })
}
