//! The one place that knows serde_yaml: typed values out of nodes, YAML text out of values.
//!
//! serde_yaml is unmaintained and gives no positions. It is used here for what it does well, its
//! `Value` as a serde data format; positions come from the node tree by way of serde_path_to_error.

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use serde_yaml::{Mapping, Number, Value};

use super::source::Span;
use super::units::HELP;
use super::yaml::{Node, NodeValue, Scalar};

/// Why a node has not the type that was asked for.
pub(super) struct Mismatch {
    pub span: Span,
    pub message: String,
    pub help: Option<String>,
}

/// `node` as a `T`. Scalars take the type their text suggests, in quotes or not, because inside
/// `{…}` a variable must be in quotes: `{ requests: "${N}" }` is a number all the same.
pub(super) fn typed<T: DeserializeOwned>(node: &Node) -> Result<T, Mismatch> {
    deserialize(node, value(node, false))
}

/// `node` as a `T`, where quotes make text, as in JSON to be sent on.
pub(super) fn typed_exactly<T: DeserializeOwned>(node: &Node) -> Result<T, Mismatch> {
    deserialize(node, value(node, true))
}

fn deserialize<T: DeserializeOwned>(node: &Node, value: Value) -> Result<T, Mismatch> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let culprit = follow(node, error.path().iter());
        let (message, help) = reword(&error.into_inner().to_string(), culprit);
        Mismatch {
            span: culprit.span,
            message,
            help,
        }
    })
}

/// The node that `path` leads to, as far as it can be followed.
fn follow<'n, 'p>(node: &'n Node, path: impl Iterator<Item = &'p Segment>) -> &'n Node {
    let mut at = node;
    for segment in path {
        let next = match (segment, &at.value) {
            (Segment::Seq { index }, NodeValue::Sequence(items)) => items.get(*index),
            (Segment::Map { key }, NodeValue::Mapping(entries)) => {
                entries.iter().find(|e| e.key == *key).map(|e| &e.value)
            }
            _ => None,
        };
        match next {
            Some(next) => at = next,
            None => break,
        }
    }
    at
}

/// serde's message in the words of a suite.
fn reword(message: &str, node: &Node) -> (String, Option<String>) {
    if let Some((message, help)) = message.split_once(HELP) {
        // serde_yaml may append the place it does not know.
        return (message.to_owned(), Some(help.to_owned()));
    }
    let Some((_, expected)) = message.rsplit_once("expected ") else {
        return (message.to_owned(), None);
    };
    let expected = match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number",
        "i8" | "i16" | "i32" | "i64" => "a whole number, negative ones included",
        "f32" | "f64" => "a number",
        "a boolean" => "`true` or `false`",
        "a map" => "a mapping (`key: value`)",
        "a sequence" => "a list",
        "a string" => "text",
        other => other,
    };
    let found = match node.scalar() {
        Some(_) if node.is_null() => "nothing".to_owned(),
        Some(scalar) => format!("`{}`", scalar.shown),
        None => node.describe().to_owned(),
    };
    let help = match expected {
        "a whole number" => "write a number without sign, point or unit, such as `100`",
        "`true` or `false`" => "YAML 1.2 has no other words for them",
        "a list" => "write `[a, b]`, or a `-` before each item on a line of its own",
        "a mapping (`key: value`)" => "write `{ key: value }`, or `key: value` on indented lines",
        _ => "write a value of that type",
    };
    (
        format!("expected {expected}, found {found}"),
        Some(help.to_owned()),
    )
}

fn value(node: &Node, exactly: bool) -> Value {
    match &node.value {
        NodeValue::Scalar(scalar) => scalar_value(scalar, exactly),
        NodeValue::Sequence(items) => {
            Value::Sequence(items.iter().map(|n| value(n, exactly)).collect())
        }
        NodeValue::Mapping(entries) => Value::Mapping(
            entries
                .iter()
                .map(|e| (Value::String(e.key.clone()), value(&e.value, exactly)))
                .collect::<Mapping>(),
        ),
    }
}

/// The core schema of YAML 1.2, in which `yes`, `no`, `on` and `off` are text.
fn scalar_value(scalar: &Scalar, exactly: bool) -> Value {
    let text = scalar.text.as_str();
    let string = || Value::String(text.to_owned());
    if !scalar.plain && (exactly || text.is_empty()) {
        return string();
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let radix = |prefix: &str, radix| {
        text.strip_prefix(prefix)
            .and_then(|d| u64::from_str_radix(d, radix).ok())
            .map(|n| Value::Number(n.into()))
    };
    if let Some(value) = radix("0x", 16).or_else(|| radix("0o", 8)) {
        return value;
    }
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return string();
    }
    if digits.bytes().all(|b| b.is_ascii_digit()) {
        if let Ok(n) = text.parse::<u64>() {
            return Value::Number(n.into());
        }
        if let Ok(n) = text.parse::<i64>() {
            return Value::Number(n.into());
        }
    }
    let numeric = digits
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    match text.parse::<f64>() {
        Ok(n) if numeric && n.is_finite() => Value::Number(Number::from(n)),
        _ => string(),
    }
}

/// `value` as YAML text.
pub(super) fn to_yaml(value: &serde_json::Value) -> String {
    serde_yaml::to_string(value).unwrap_or_default()
}
