//! `targets:`: several targets, each a phase.

use crate::metrics::metric;
use crate::suite::assertion::{MAIN_PHASE, is_function};
use crate::suite::reader::{Placed, Problems};
use crate::suite::settings::Surroundings;
use crate::suite::target_setting::{self, TargetLayer};
use crate::suite::yaml::Node;

const EXAMPLE: &str =
    "targets: { aggregated: { url: \"http://…/v1\" }, disaggregated: { url: \"http://…/v1\" } }";

/// The targets of a scenario by the names of their phases, in the order written.
#[derive(Clone, Debug)]
pub(in crate::suite) struct TargetsLayer(pub Vec<(String, Placed<TargetLayer>)>);

pub(in crate::suite) fn read(
    node: &Node,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> Option<Placed<TargetsLayer>> {
    let Some(entries) = node.entries() else {
        if !node.is_broken() {
            let what = node.describe();
            problems.add(
                node.span,
                format!("expected a mapping from names to targets, found {what}"),
                format!("write it like `{EXAMPLE}`"),
            );
        }
        return None;
    };
    let mut targets = Vec::new();
    for entry in entries {
        let named = match wrong_name(&entry.key) {
            None => Some(entry.key.clone()),
            Some((message, help)) => {
                problems.add(entry.key_span, message, help);
                None
            }
        };
        targets.push(named.zip(one(&entry.value, around, problems)));
    }
    let targets: Vec<_> = targets.into_iter().collect::<Option<_>>()?;
    if targets.len() != 2 {
        problems.add(
            node.span,
            format!(
                "two targets are compared, and {}",
                match targets.len() {
                    0 => "there is none here".to_owned(),
                    1 => "this is one".to_owned(),
                    n => format!("these are {n}"),
                }
            ),
            format!("write it like `{EXAMPLE}`; a single one is the scenario's `target`"),
        );
        return None;
    }
    Some(problems.placed(TargetsLayer(targets), node.span))
}

/// A target, or the name of one of `prony.yaml`.
pub(super) fn one(
    node: &Node,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> Option<Placed<TargetLayer>> {
    let layer = match around.targets.named_by(node) {
        Some(name) => around.targets.look_up(name, node.span, problems)?.0,
        None => target_setting::read(node, around, problems)?,
    };
    Some(problems.placed(layer, node.span))
}

/// What is wrong with `name` as the name of a phase, and what to do about it.
fn wrong_name(name: &str) -> Option<(String, &'static str)> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.chars().all(word) {
        return Some((
            format!("`{name}` cannot be the name of a phase"),
            "assertions name it: begin with a letter and go on with letters, digits and `_`",
        ));
    }
    let taken = metric(name).is_some()
        || is_function(name)
        || matches!(name, MAIN_PHASE | "at" | "baseline");
    taken.then(|| {
        (
            format!("`{name}` means something else in assertions"),
            "give the target another name, such as `aggregated`",
        )
    })
}
