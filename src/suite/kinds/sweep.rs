//! `sweep:`: the levels that are measured.

use std::time::Duration;

use crate::suite::later::Place;
use crate::suite::launch_setting::command_line;
use crate::suite::reader::{Fields, Placed, Problems};
use crate::suite::settings::{Surroundings, duration};
use crate::suite::target_setting::TargetLayer;
use crate::suite::yaml::{Entry, Node};

use super::levels::{self, OpenLoop};
use super::model::{Axis, Scale, Scaling, SweepLevels, SweepOrder};
use super::targets;

const EXAMPLE: &str = "sweep: { concurrency: [1, 2, 4, 8, 16] }";
/// Between two levels, where a sweep does not say.
pub(in crate::suite) const IDLE: Duration = Duration::from_secs(2);
/// How long scaling may take, where a sweep does not say.
pub(in crate::suite) const SCALE_TIMEOUT: Duration = Duration::from_secs(600);
/// Orders by name.
pub(in crate::suite) const ORDERS: [(&str, SweepOrder); 2] = [
    ("ascending", SweepOrder::Ascending),
    ("random", SweepOrder::Random),
];
/// Modes by name.
pub(in crate::suite) const MODES: [(&str, Scaling); 2] =
    [("weak", Scaling::Weak), ("strong", Scaling::Strong)];

/// A sweep as one layer says it: its targets still with what must not be shown of them.
#[derive(Clone, Debug)]
pub(in crate::suite) struct SweepLayer {
    pub levels: LayerLevels,
    pub order: SweepOrder,
    pub idle: Duration,
}

/// What differs between the levels.
#[derive(Clone, Debug)]
pub(in crate::suite) enum LayerLevels {
    /// The load.
    Load(SweepLevels),
    /// A target for each number of replicas.
    Targets(Vec<(u32, Placed<TargetLayer>)>, Scaling),
    /// One target that is scaled.
    Scaled(Vec<u32>, Scale, Scaling),
}

impl SweepLayer {
    /// Whether it says itself what load there is.
    pub fn brings_load(&self) -> bool {
        matches!(self.levels, LayerLevels::Load(_))
    }

    /// The targets that it brings.
    pub fn targets(&self) -> impl Iterator<Item = &Placed<TargetLayer>> {
        let targets = match &self.levels {
            LayerLevels::Targets(targets, _) => targets.as_slice(),
            _ => &[],
        };
        targets.iter().map(|(_, target)| target)
    }
}

pub(in crate::suite) fn read(
    node: &Node,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> Option<Placed<SweepLayer>> {
    let mut fields = Fields::of(node, EXAMPLE, problems)?;
    let concurrency = fields.entry("concurrency");
    let rate = fields.entry("rate");
    let replicas = fields.entry("replicas");
    let mode = fields.entry("mode");
    let scale = fields.entry("scale");
    let order = fields.take("order");
    let idle = fields.take("idle");
    let open_loop = OpenLoop::take(&mut fields);
    let meant = fields.finish(Place::Other, problems);

    let order = order.map(|n| problems.one_of(n, "an order of levels", &ORDERS));
    let idle = idle.map(|n| duration(n, false, problems));
    let given: Vec<_> = [concurrency, rate, replicas]
        .into_iter()
        .flatten()
        .collect();
    if given.len() != 1 {
        let second = given.iter().map(|e| e.key_span).max_by_key(|s| s.start);
        if !given.is_empty() || meant.is_empty() {
            problems.add(
                second.unwrap_or(node.span),
                "a sweep raises `concurrency`, `rate` or `replicas`, one of them",
                format!("write it like `{EXAMPLE}`"),
            );
        }
        return None;
    }
    if replicas.is_none() {
        refuse(
            mode,
            "`mode` says whether the load grows with the replicas, and this sweep has none",
            problems,
        );
        refuse(
            scale,
            "`scale` brings a target to a number of replicas, and this sweep has none",
            problems,
        );
    }
    let levels = if let Some(entry) = concurrency {
        open_loop.refuse(problems);
        let axis = Axis::Concurrency;
        let read = |n: &Node, p: &mut Problems| levels::one(&axis, n, p);
        let levels = levels::list(&entry.value, "concurrency: [1, 2, 4, 8]", read, problems);
        LayerLevels::Load(SweepLevels::Load {
            axis,
            levels: levels?,
        })
    } else if let Some(entry) = rate {
        LayerLevels::Load(rates(&entry.value, open_loop.rate(problems), problems)?)
    } else {
        open_loop.refuse(problems);
        replicas_of(replicas?, mode, scale, around, problems)?
    };
    let sweep = SweepLayer {
        levels,
        order: match order {
            Some(order) => order?.value,
            None => SweepOrder::Ascending,
        },
        idle: match idle {
            Some(idle) => idle?.value,
            None => IDLE,
        },
    };
    Some(problems.placed(sweep, node.span))
}

fn refuse(entry: Option<&Entry>, message: &str, problems: &mut Problems) {
    if let Some(entry) = entry {
        problems.add(
            entry.key_span,
            message,
            "leave it out, or write `replicas: { 1: one, 2: two }`",
        );
    }
}

fn rates(node: &Node, axis: Axis, problems: &mut Problems) -> Option<SweepLevels> {
    if node.scalar().is_some_and(|s| s.text == "auto") {
        return Some(SweepLevels::Auto { axis });
    }
    let example = "rate: [1/s, 2/s, 4/s]";
    if node.scalar().is_some() && !node.is_broken() {
        problems.add(
            node.span,
            "the rates of a sweep are a list, or `auto`",
            format!("write `{example}`, or `rate: auto` to let prony find them"),
        );
        return None;
    }
    let read = |n: &Node, p: &mut Problems| levels::one(&axis, n, p);
    let levels = levels::list(node, example, read, problems)?;
    Some(SweepLevels::Load { axis, levels })
}

fn replicas_of(
    entry: &Entry,
    mode: Option<&Entry>,
    scale: Option<&Entry>,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> Option<LayerLevels> {
    let mode = match mode {
        Some(entry) => {
            problems
                .one_of(&entry.value, "a mode of a sweep", &MODES)?
                .value
        }
        None => Scaling::Weak,
    };
    if entry.value.entries().is_some() {
        if let Some(scale) = scale {
            problems.add(
                scale.key_span,
                "every number of replicas has a target of its own here, so that nothing is to be scaled",
                "leave `scale` out, or write the numbers as a list: `replicas: [1, 2, 4]`",
            );
            return None;
        }
        return Some(LayerLevels::Targets(
            targets_by_number(&entry.value, around, problems)?,
            mode,
        ));
    }
    let levels = levels::list(&entry.value, "replicas: [1, 2, 4]", number, problems);
    let Some(scale) = scale else {
        problems.add(
            entry.value.span,
            "nothing says where so many replicas are found",
            "write a target for each, `replicas: { 1: one, 2: two }`, or how the target is scaled: `scale: { command: \"kubectl scale … --replicas={replicas}\" }`",
        );
        return None;
    };
    let scale = scale_of(&scale.value, problems);
    Some(LayerLevels::Scaled(levels?, scale?, mode))
}

fn number(node: &Node, problems: &mut Problems) -> Option<Placed<u32>> {
    let number = problems.typed::<u32>(node)?;
    if number.value == 0 {
        problems.add(
            number.span(),
            "with no replicas nothing answers",
            "write a number from 1 on",
        );
        return None;
    }
    Some(number)
}

fn targets_by_number(
    node: &Node,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> Option<Vec<(u32, Placed<TargetLayer>)>> {
    let example = "replicas: { 1: one, 2: two }";
    let entries = node.entries()?;
    if around.ignore_targets {
        problems.add(
            node.span,
            "`--target` stands in for one target, and here several are compared",
            "leave `--target` out, or select other cases",
        );
        return None;
    }
    let mut found = Vec::new();
    for entry in entries {
        let number = entry.key.parse::<u32>().ok().filter(|&n| n > 0);
        if number.is_none() {
            problems.add(
                entry.key_span,
                format!("`{}` is not a number of replicas", entry.key),
                format!("write `{example}`"),
            );
        }
        let target = targets::one(&entry.value, around, problems);
        found.push(
            number
                .zip(target)
                .map(|(n, target)| (n, target, entry.key_span)),
        );
    }
    let mut found: Vec<_> = found.into_iter().collect::<Option<_>>()?;
    levels::different(&found, |f| f.2, |a, b| a.0 == b.0, problems)?;
    if found.len() < 2 {
        levels::too_few(node.span, example, problems);
        return None;
    }
    found.sort_by_key(|(n, ..)| *n);
    Some(
        found
            .into_iter()
            .map(|(n, target, _)| (n, target))
            .collect(),
    )
}

fn scale_of(node: &Node, problems: &mut Problems) -> Option<Scale> {
    let example = "scale: { command: \"kubectl scale … --replicas={replicas}\" }";
    let mut fields = Fields::of(node, example, problems)?;
    let command_node = fields.take("command");
    let timeout = match fields.take("timeout") {
        Some(node) => duration(node, true, problems).map(|d| d.value),
        None => Some(SCALE_TIMEOUT),
    };
    let meant = fields.finish(Place::Other, problems);
    let Some(command) = command_node else {
        if !meant.contains(&"command") {
            problems.add(
                node.span,
                "this `scale` has no `command`",
                format!("write `{example}`"),
            );
        }
        return None;
    };
    Some(Scale {
        command: command_line(command, problems)?,
        timeout: timeout?,
    })
}
