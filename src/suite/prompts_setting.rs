//! `prompts:`: what is asked.

use super::later::{self, Place};
use super::model::{Length, PromptSource, Prompts, SaltMode};
use super::names::nearest;
use super::reader::{Fields, Placed, Problems};
use super::target_setting::beside;
use super::yaml::Node;

const EXAMPLE: &str = "prompts: { type: synthetic, input_tokens: 500, output_tokens: 200 }";
/// Longest prompt or answer that a suite may ask for, in tokens.
pub(super) const LONGEST: u32 = 10_000_000;
/// Types of prompts.
pub(super) const TYPES: [&str; 2] = ["synthetic", "file"];
/// Values of `salt`.
pub(super) const SALTS: [(&str, SaltMode); 2] = [("on", SaltMode::On), ("off", SaltMode::Off)];
/// Distributions of lengths by name.
pub(super) const DISTRIBUTIONS: [(&str, char); 3] =
    [("normal", 'n'), ("lognormal", 'l'), ("uniform", 'u')];
/// How many standard deviations above its mean a distribution ends, where it does not say.
const TAIL: f64 = 5.0;

pub(super) fn read(node: &Node, problems: &mut Problems) -> Option<Placed<Prompts>> {
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
    let source = match kind.value.as_str() {
        "synthetic" => synthetic(fields, problems)?,
        "file" => file(fields, problems)?,
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
    Some(problems.placed(
        Prompts {
            source,
            salt: salt.map_or(SaltMode::On, |s| s.value),
        },
        node.span,
    ))
}

fn synthetic(mut fields: Fields<'_>, problems: &mut Problems) -> Option<PromptSource> {
    let span = fields.span();
    let nodes = [fields.take("input_tokens"), fields.take("output_tokens")];
    fields.finish(Place::Prompts, problems);
    let names = ["input_tokens", "output_tokens"];
    let [input, output] = [0, 1].map(|i| match nodes[i] {
        Some(node) => length(node, problems),
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
    Some(PromptSource::Synthetic {
        input_tokens: input?,
        output_tokens: output?,
    })
}

fn file(mut fields: Fields<'_>, problems: &mut Problems) -> Option<PromptSource> {
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
    if let Some(entry) = fields.entry("input_tokens") {
        problems.add(
            entry.key_span,
            "prompts from a file have the lengths they have",
            "leave `input_tokens` out",
        );
    }
    fields.finish(Place::Prompts, problems);
    let output_tokens = match output {
        Some(node) => Some(length(node, problems)?),
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

/// A number of tokens, or a distribution of them.
pub(super) fn length(node: &Node, problems: &mut Problems) -> Option<Length> {
    if node.entries().is_none() {
        let tokens = problems.typed::<u32>(node)?;
        return in_range(tokens, problems).map(Length::Fixed);
    }
    let mut fields = Fields::of(node, "{ mean: 500, stddev: 100 }", problems)?;
    let distribution = fields
        .take("distribution")
        .map(|node| problems.one_of(node, "a distribution", &DISTRIBUTIONS));
    let [mean, stddev] =
        ["mean", "stddev"].map(|key| fields.entry(key).map(|e| (e, number(&e.value, problems))));
    let [min, max] = ["min", "max"].map(|key| {
        fields.take(key).map(|node| {
            problems
                .typed::<u32>(node)
                .and_then(|n| in_range(n, problems))
        })
    });
    let span = fields.span();
    fields.finish(Place::Other, problems);
    // A key that is there but wrong is a problem already.
    let (min, max) = (present(min)?, present(max)?);
    let distribution = present(distribution)?.map(|d| d.value);
    let uniform = distribution == Some('u') || distribution.is_none() && mean.is_none();
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        problems.add(
            span,
            format!("`min` ({min}) lies above `max` ({max})"),
            "swap the two",
        );
        return None;
    }
    if uniform {
        if let Some((entry, _)) = mean.or(stddev) {
            problems.add(
                entry.key_span,
                format!("a uniform distribution has no `{}`", entry.key),
                "write `{ min: 100, max: 900 }`",
            );
            return None;
        }
        let (Some(min), Some(max)) = (min, max) else {
            problems.add(
                span,
                "this distribution of lengths is incomplete",
                "write `{ mean: 500, stddev: 100 }` or `{ min: 100, max: 900 }`",
            );
            return None;
        };
        return Some(Length::Uniform { min, max });
    }
    let (Some((mean_entry, mean)), Some((_, stddev))) = (mean, stddev) else {
        problems.add(
            span,
            "this distribution of lengths needs `mean` and `stddev`",
            "write `{ mean: 500, stddev: 100 }`",
        );
        return None;
    };
    let (mean, stddev) = (mean?, stddev?);
    let min = min.unwrap_or(1);
    let max = max.unwrap_or_else(|| tail(mean, stddev));
    if mean < f64::from(min) || mean > f64::from(max) {
        problems.add(
            mean_entry.value.span,
            format!("the mean does not lie between the least ({min}) and the most ({max}) tokens"),
            "set `min` and `max` to both sides of it",
        );
        return None;
    }
    Some(if distribution == Some('l') {
        Length::LogNormal {
            mean,
            stddev,
            min,
            max,
        }
    } else {
        Length::Normal {
            mean,
            stddev,
            min,
            max,
        }
    })
}

/// `None` where the key is there and wrong.
#[expect(
    clippy::option_option,
    reason = "there or not, and right or not, are two questions"
)]
fn present<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(Some(value)) => Some(Some(value)),
        Some(None) => None,
    }
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

fn in_range(tokens: Placed<u32>, problems: &mut Problems) -> Option<u32> {
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
