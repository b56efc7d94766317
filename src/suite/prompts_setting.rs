//! `prompts:`: what is asked.

use super::later::{self, Place};
use super::length_setting::{self as length, in_range};
use super::model::{
    Conversation, LengthTolerance, Popularity, Prefix, PromptSource, Prompts, SaltMode,
};
use super::names::nearest;
use super::reader::{Fields, Placed, Problems};
use super::settings::Surroundings;
use super::target_setting::beside;
use super::units::Share;
use super::yaml::{Entry, Node};

const EXAMPLE: &str = "prompts: { type: synthetic, input_tokens: 500, output_tokens: 200 }";
/// Most groups of prompts that begin alike.
pub(super) const MOST_GROUPS: u32 = 1_000_000;
/// Types of prompts.
pub(super) const TYPES: [&str; 2] = ["synthetic", "file"];
/// Most turns of a conversation.
pub(super) const MOST_TURNS: u32 = 1000;
/// Conversations that go on at a time, where a suite does not say.
pub(super) const OPEN: u32 = 8;
/// Values of `salt`.
pub(super) const SALTS: [(&str, SaltMode); 2] = [("on", SaltMode::On), ("off", SaltMode::Off)];
/// Popularities of groups that are a word.
pub(super) const UNIFORM: &str = "uniform";

pub(super) fn read(
    node: &Node,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> Option<Placed<Prompts>> {
    let mut fields = Fields::of(node, EXAMPLE, problems)?;
    let Some(type_node) = fields.take("type") else {
        problems.add(
            fields.span(),
            "these prompts have no `type`",
            format!("write `type: synthetic` or `type: file`, as in `{EXAMPLE}`"),
        );
        return None;
    };
    let kind = problems.text_of(type_node)?;
    let salt = fields
        .take("salt")
        .and_then(|node| problems.one_of(node, "a value of `salt`", &SALTS));
    let tolerance = fields.entry("length_tolerance");
    let source = match kind.value.as_str() {
        "synthetic" => synthetic(fields, around, problems)?,
        "file" => file(fields, tolerance, around, problems)?,
        other => {
            if let Some(with) = later::prompts(other) {
                problems.add(
                    kind.span(),
                    format!("prompts of type `{other}` come in a later version, with {with}"),
                    "use `synthetic` or `file`",
                );
            } else {
                let help = nearest(other, TYPES).map_or_else(
                    || "one of `synthetic`, `file`".to_owned(),
                    |name| format!("did you mean `{name}`?"),
                );
                problems.add(
                    kind.span(),
                    format!("there are no prompts of type `{other}`"),
                    help,
                );
            }
            return None;
        }
    };
    let length_tolerance = match tolerance {
        Some(entry) => length_tolerance(&entry.value, problems)?,
        None => LengthTolerance::default(),
    };
    Some(problems.placed(
        Prompts {
            source,
            salt: salt.map_or(SaltMode::On, |s| s.value),
            length_tolerance,
        },
        node.span,
    ))
}

fn synthetic(
    mut fields: Fields<'_>,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> Option<PromptSource> {
    let span = fields.span();
    let prefix_node = fields.take("prefix");
    let talk_node = fields.take("conversation");
    let nodes = [fields.take("input_tokens"), fields.take("output_tokens")];
    fields.finish(Place::Prompts, problems);
    let names = ["input_tokens", "output_tokens"];
    let [input, output] = [0, 1].map(|i| match nodes[i] {
        Some(node) => length::read(node, around, problems),
        None => {
            problems.add(
                span,
                format!("synthetic prompts need `{}`", names[i]),
                format!(
                    "write `{}: 200`, or a distribution: `{{ mean: 200, stddev: 50 }}`",
                    names[i]
                ),
            );
            None
        }
    });
    let prefix = match prefix_node {
        Some(node) => Some(prefix(node, problems)?),
        None => None,
    };
    let conversation = match talk_node {
        Some(node) => Some(conversation(node, problems)?),
        None => None,
    };
    Some(PromptSource::Synthetic {
        input_tokens: input?,
        output_tokens: output?,
        prefix,
        conversation,
    })
}

/// `conversation: { turns, open }`.
fn conversation(node: &Node, problems: &mut Problems) -> Option<Conversation> {
    let example = "conversation: { turns: 5, open: 8 }";
    let mut fields = Fields::of(node, example, problems)?;
    let [turns, open] = [fields.take("turns"), fields.take("open")];
    let span = fields.span();
    let meant = fields.finish(Place::Other, problems);
    if turns.is_none() && !meant.contains(&"turns") {
        problems.add(
            span,
            "a conversation needs its number of `turns`",
            format!("write `{example}`"),
        );
    }
    let mut within = |node: &Node, (least, most): (u32, u32), what: &str| {
        let number = problems.typed::<u32>(node)?;
        if (least..=most).contains(&number.value) {
            return Some(number.value);
        }
        problems.add(
            number.span(),
            format!("{} is no number of {what}", number.value),
            format!("write a number from {least} to {most}"),
        );
        None
    };
    let turns = turns.and_then(|n| within(n, (2, MOST_TURNS), "turns"));
    let open = match open {
        None => Some(OPEN),
        Some(n) => within(n, (1, MOST_GROUPS), "conversations"),
    };
    Some(Conversation {
        turns: turns?,
        open: open?,
    })
}

/// `prefix: { tokens, groups, ratio, popularity }`.
fn prefix(node: &Node, problems: &mut Problems) -> Option<Prefix> {
    let example = "prefix: { tokens: 2048, groups: 8, ratio: 100% }";
    let mut fields = Fields::of(node, example, problems)?;
    let tokens = fields.take("tokens");
    let groups = fields.take("groups");
    let ratio = fields.take("ratio");
    let popularity = fields.take("popularity");
    let span = fields.span();
    let meant = fields.finish(Place::Other, problems);
    if tokens.is_none() && !meant.contains(&"tokens") {
        problems.add(
            span,
            "a prefix needs its length: `tokens`",
            format!("write `{example}`"),
        );
    }
    let tokens = tokens.and_then(|node| {
        let tokens = problems.typed::<u32>(node)?;
        in_range(tokens, problems)
    });
    let groups = match groups {
        None => Some(1),
        Some(node) => problems.typed::<u32>(node).and_then(|n| {
            if (1..=MOST_GROUPS).contains(&n.value) {
                return Some(n.value);
            }
            problems.add(
                n.span(),
                format!("{} is no number of groups", n.value),
                format!("write a number from 1 to {MOST_GROUPS}"),
            );
            None
        }),
    };
    let ratio = match ratio {
        None => Some(1.0),
        Some(node) => problems.typed::<Share>(node).map(|share| share.value.0),
    };
    let popularity = match popularity {
        None => Some(Popularity::Uniform),
        Some(node) => read_popularity(node, problems),
    };
    Some(Prefix {
        tokens: tokens?,
        groups: groups?,
        ratio: ratio?,
        popularity: popularity?,
    })
}

/// `uniform`, or `zipf(1.1)`.
fn read_popularity(node: &Node, problems: &mut Problems) -> Option<Popularity> {
    let text = problems.text_of(node)?;
    let value = text.value.trim();
    if value == UNIFORM {
        return Some(Popularity::Uniform);
    }
    let inner = value
        .strip_prefix("zipf(")
        .and_then(|rest| rest.strip_suffix(')'));
    let s = inner.and_then(|s| s.trim().parse::<f64>().ok());
    match s {
        Some(s) if s > 0.0 && s <= length::STEEPEST => Some(Popularity::Zipf(s)),
        _ => {
            problems.add(
                text.span(),
                format!("`{value}` is not a popularity of groups"),
                "write `uniform`, or `zipf(1.1)`",
            );
            None
        }
    }
}

/// A share, or `{ share, tokens }`.
fn length_tolerance(node: &Node, problems: &mut Problems) -> Option<LengthTolerance> {
    let usual = LengthTolerance::default();
    if node.entries().is_none() {
        let share = problems.typed::<Share>(node)?;
        return Some(LengthTolerance {
            share: share.value.0,
            ..usual
        });
    }
    let mut fields = Fields::of(node, "length_tolerance: { share: 1%, tokens: 2 }", problems)?;
    let share = fields.take("share");
    let tokens = fields.take("tokens");
    fields.finish(Place::Other, problems);
    let share = match share {
        None => Some(usual.share),
        Some(node) => problems.typed::<Share>(node).map(|share| share.value.0),
    };
    let tokens = match tokens {
        None => Some(usual.tokens),
        Some(node) => problems.typed::<u32>(node).map(|n| n.value),
    };
    Some(LengthTolerance {
        share: share?,
        tokens: tokens?,
    })
}

fn file(
    mut fields: Fields<'_>,
    tolerance: Option<&Entry>,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> Option<PromptSource> {
    let span = fields.span();
    let path_node = fields.take("path");
    let path = path_node.and_then(|node| problems.text_of(node));
    if path_node.is_none() {
        problems.add(
            span,
            "prompts of type `file` need a `path`",
            "write `path: prompts.jsonl`; it is looked for beside the suite",
        );
    }
    let output = fields.take("output_tokens");
    let shuffle = fields.typed::<bool>("shuffle", problems);
    let lengths = [
        fields.entry("input_tokens"),
        fields.entry("prefix"),
        fields.entry("conversation"),
        tolerance,
    ];
    for entry in lengths.into_iter().flatten() {
        problems.add(
            entry.key_span,
            "prompts from a file have the lengths they have",
            format!("leave `{}` out", entry.key),
        );
    }
    fields.finish(Place::Prompts, problems);
    let output_tokens = match output {
        Some(node) => Some(length::read(node, around, problems)?),
        None => None,
    };
    let path = path?;
    Some(PromptSource::File {
        path: beside(&path.location.file, &path.value),
        location: path.location.clone(),
        output_tokens,
        shuffle: shuffle.is_some_and(|s| s.value),
    })
}
