//! `extend:` and `noise:`: what is done about data that cannot decide, and what is known of how much
//! they vary.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value as Json, json};

use super::assertion::{Assertion, ExprKind};
use super::evidence::{AssumedNoise, Extend, NoiseOf};
use super::later::Place;
use super::reader::{Fields, Placed, Problems};
use super::units::{Share, parse_duration, show_duration, show_share};
use super::yaml::Node;

/// Largest factor of `extend`.
pub(super) const MOST_FACTOR: f64 = 100.0;
const EXTEND_HELP: &str = "write `2x` (at most twice what is planned, in all), a duration such as `60s` (on top), or `off`";
const NOISE_EXAMPLE: &str = "noise: { ttft.p99: { run: 2%, session: 3% } }";

/// `2x`, a duration, or `off`.
pub(super) fn extend(node: &Node, problems: &mut Problems) -> Option<Placed<Extend>> {
    let text = problems.text_of(node)?;
    let written = text.value.trim();
    let factor = written
        .strip_suffix(['x', '×'])
        .and_then(|n| n.trim_end().parse::<f64>().ok())
        .filter(|n| n.is_finite());
    let extend = match factor {
        _ if matches!(written, "off" | "false") => Extend::Off,
        Some(1.0) => Extend::Off,
        Some(factor) if factor > 1.0 && factor <= MOST_FACTOR => Extend::Factor(factor),
        Some(_) => {
            problems.add(
                node.span,
                format!(
                    "`{written}` cannot be measured: the factor lies between 1 and {MOST_FACTOR}"
                ),
                EXTEND_HELP,
            );
            return None;
        }
        None => match parse_duration(written) {
            Ok(time) if time.is_zero() => Extend::Off,
            Ok(time) => Extend::Time(time),
            Err((message, help)) => {
                let is_time = written.starts_with(|c: char| c.is_ascii_digit())
                    && written.ends_with(char::is_alphabetic);
                let (message, help) = if is_time {
                    (message, help)
                } else {
                    (
                        format!("`{written}` does not say how far to measure on"),
                        EXTEND_HELP.to_owned(),
                    )
                };
                problems.add(node.span, message, help);
                return None;
            }
        },
    };
    Some(problems.placed(extend, text.span()))
}

impl fmt::Display for Extend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Extend::Off => f.write_str("off"),
            Extend::Factor(factor) => write!(f, "{factor}x"),
            Extend::Time(time) => f.write_str(&show_duration(*time)),
        }
    }
}

/// A share for all metrics, or a mapping of metrics.
pub(super) fn noise(node: &Node, problems: &mut Problems) -> Option<Placed<AssumedNoise>> {
    let Some(entries) = node.entries() else {
        let share = below_all(problems.typed::<Share>(node)?, problems)?;
        return Some(problems.placed(
            AssumedNoise {
                session: Some(share),
                ..AssumedNoise::default()
            },
            node.span,
        ));
    };
    let mut metrics = BTreeMap::new();
    let mut broken = false;
    for entry in entries {
        let name = match metric_name(&entry.key) {
            Ok(name) => name,
            Err((message, help)) => {
                problems.add(entry.key_span, message, help);
                broken = true;
                continue;
            }
        };
        match noise_of(&entry.value, problems) {
            Some(of) => {
                if metrics.insert(name.clone(), of).is_some() {
                    problems.add(
                        entry.key_span,
                        format!("`{name}` stands here twice"),
                        "keep one of the two",
                    );
                    broken = true;
                }
            }
            None => broken = true,
        }
    }
    (!broken).then(|| {
        problems.placed(
            AssumedNoise {
                session: None,
                metrics,
            },
            node.span,
        )
    })
}

fn noise_of(node: &Node, problems: &mut Problems) -> Option<NoiseOf> {
    if node.entries().is_none() {
        return Some(NoiseOf {
            run: None,
            session: Some(below_all(problems.typed::<Share>(node)?, problems)?),
        });
    }
    let mut fields = Fields::of(node, NOISE_EXAMPLE, problems)?;
    let known = problems.known();
    let mut share = |key, problems: &mut Problems| {
        let share = fields.typed::<Share>(key, problems)?;
        below_all(share, problems)
    };
    let of = NoiseOf {
        run: share("run", problems),
        session: share("session", problems),
    };
    fields.finish(Place::Other, problems);
    if of == NoiseOf::default() && problems.known() == known {
        problems.add(
            node.span,
            "this says nothing of how much the metric varies",
            format!("write it like `{NOISE_EXAMPLE}`"),
        );
    }
    (problems.known() == known).then_some(of)
}

fn below_all(share: Placed<Share>, problems: &mut Problems) -> Option<f64> {
    if share.value.0 < 1.0 {
        return Some(share.value.0);
    }
    problems.add(
        share.span(),
        "what varies by all of its value cannot be measured",
        "write a smaller share, such as `3%`",
    );
    None
}

/// A metric with its statistic as assertions write it, such as `ttft.p99`.
pub(super) fn metric_name(text: &str) -> Result<String, (String, String)> {
    let help = "write a metric as in assertions, such as `ttft.p99` or `tokens_per_second`";
    let assertion = Assertion::parse(&format!("{text} > {text}"))
        .map_err(|e| (e.message, e.help.unwrap_or_else(|| help.to_owned())))?;
    match &assertion.lhs.kind {
        ExprKind::Metric(m) if m.phase.is_none() && m.labels.is_empty() => {
            Ok(assertion.lhs.to_string())
        }
        _ => Err((format!("`{text}` is not a metric"), help.to_owned())),
    }
}

/// As it would be written.
pub(super) fn written(noise: &AssumedNoise) -> Json {
    if noise.metrics.is_empty() {
        return json!(noise.session.map_or_else(|| "0%".to_owned(), show_share));
    }
    let metrics: Map<String, Json> = noise
        .metrics
        .iter()
        .map(|(name, of)| {
            let mut levels = Map::new();
            for (key, value) in [("run", of.run), ("session", of.session)] {
                if let Some(value) = value {
                    levels.insert(key.to_owned(), json!(show_share(value)));
                }
            }
            (name.clone(), Json::Object(levels))
        })
        .collect();
    Json::Object(metrics)
}
