//! A baseline as text: a line for each list of numbers, keys in a fixed order, six digits, so that a
//! difference between two versions shows what is different and nothing else.

use std::fmt;

use serde_json::Value as Json;

use super::answers::AnswersBaseline;
use super::file::{BASELINE_SCHEMA, BaselineFile};

/// Digits that numbers keep.
const DIGITS: i32 = 6;

/// Why a file cannot be used as a baseline, in words, with what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotReadable(pub String);

impl fmt::Display for NotReadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The file's text.
pub fn write(file: &BaselineFile) -> String {
    let mut json = serde_json::to_value(file).unwrap_or(Json::Null);
    round(&mut json);
    let mut out = String::new();
    put(&mut out, &json, 0);
    out.push('\n');
    out
}

/// What a file says.
///
/// # Errors
/// When it is no baseline, or of a version that this prony does not know.
pub fn read(text: &str) -> Result<BaselineFile, NotReadable> {
    let json: Json = serde_json::from_str(text).map_err(|e| {
        NotReadable(format!(
            "is no JSON ({e}); take it from version control again, or accept a new one"
        ))
    })?;
    let Some(schema) = json.get("schema").and_then(Json::as_u64) else {
        return Err(NotReadable(
            "is no baseline: it has no `schema`; delete it, and accept one with `prony baseline accept`".to_owned(),
        ));
    };
    if schema > u64::from(BASELINE_SCHEMA) {
        return Err(NotReadable(format!(
            "was written by a newer prony (schema {schema}, this one reads up to {BASELINE_SCHEMA}); update prony"
        )));
    }
    let file: BaselineFile = serde_json::from_value(json)
        .map_err(|e| NotReadable(format!("is no baseline of schema {schema}: {e}; delete it, and accept one with `prony baseline accept`")))?;
    for phase in &file.phases {
        let runs = phase.accepted.runs();
        let lists = phase.accepted.metrics.iter().flat_map(|(name, m)| {
            let lists = m.statistics.iter();
            lists.map(move |(statistic, list)| (format!("{name}.{statistic}"), list.len()))
        });
        let requests = ("requests".to_owned(), phase.accepted.requests.len());
        if let Some((what, n)) = lists.chain([requests]).find(|(_, n)| *n != runs) {
            return Err(NotReadable(format!(
                "is damaged: phase `{}` has {runs} runs, and {n} values of `{what}`; take it from version control again, or accept a new one",
                phase.name
            )));
        }
    }
    if let Some(what) = file.answers.as_ref().and_then(AnswersBaseline::damage) {
        return Err(NotReadable(format!(
            "is damaged: {what}; take it from version control again, or accept a new one"
        )));
    }
    Ok(file)
}

fn round(json: &mut Json) {
    match json {
        Json::Number(n) => {
            if let (false, Some(x)) = (n.is_u64() || n.is_i64(), n.as_f64()) {
                *json = number(x);
            }
        }
        Json::Array(items) => items.iter_mut().for_each(round),
        Json::Object(fields) => fields.values_mut().for_each(round),
        Json::Null | Json::Bool(_) | Json::String(_) => {}
    }
}

/// The number with [`DIGITS`] significant digits, as short as it can be written.
fn number(x: f64) -> Json {
    let rounded: f64 = format!("{x:.*e}", (DIGITS - 1) as usize)
        .parse()
        .unwrap_or(x);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole and in range by the check before"
    )]
    if rounded.fract() == 0.0 && rounded.abs() < 1e15 {
        return Json::from(rounded as i64);
    }
    serde_json::Number::from_f64(rounded).map_or(Json::Null, Json::Number)
}

fn put(out: &mut String, json: &Json, depth: usize) {
    match json {
        Json::Array(items) if !items.is_empty() && !flat(json) => {
            out.push_str("[\n");
            for (i, item) in items.iter().enumerate() {
                indent(out, depth + 1);
                put(out, item, depth + 1);
                out.push_str(if i + 1 < items.len() { ",\n" } else { "\n" });
            }
            indent(out, depth);
            out.push(']');
        }
        Json::Object(fields) if !fields.is_empty() && !flat(json) => {
            out.push_str("{\n");
            for (i, (key, value)) in fields.iter().enumerate() {
                indent(out, depth + 1);
                out.push_str(&Json::from(key.as_str()).to_string());
                out.push_str(": ");
                put(out, value, depth + 1);
                out.push_str(if i + 1 < fields.len() { ",\n" } else { "\n" });
            }
            indent(out, depth);
            out.push('}');
        }
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(Json::to_string).collect();
            out.push_str(&format!("[{}]", items.join(", ")));
        }
        Json::Object(fields) if fields.is_empty() => out.push_str("{}"),
        Json::Object(fields) => {
            out.push_str("{ ");
            for (i, (key, value)) in fields.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                out.push_str(&format!("{}: ", Json::from(key.as_str())));
                put(out, value, depth);
            }
            out.push_str(" }");
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// Whether it stands in one line: lists of single values, and pairs of such lists.
fn flat(json: &Json) -> bool {
    let single = |i: &Json| !i.is_array() && !i.is_object();
    match json {
        Json::Array(items) => items.iter().all(single),
        Json::Object(fields) => {
            let list = |v: &Json| v.as_array().is_some_and(|items| items.iter().all(single));
            fields.len() <= 2 && fields.values().all(list)
        }
        _ => true,
    }
}

fn indent(out: &mut String, depth: usize) {
    for _ in 0..depth {
        out.push_str("  ");
    }
}
