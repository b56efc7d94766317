//! `matrix:`, `skip:` and `known_issue:`.

use serde_json::{Value as Json, json};

use super::{Keys, VARIABLE, VARIABLE_NAME, duration, reference, scalar, text};

pub(super) fn matrix() -> Json {
    let rows = |examples: Json| {
        json!({
            "type": "array",
            "items": {
                "type": "object",
                "minProperties": 1,
                "propertyNames": { "pattern": VARIABLE_NAME },
                "additionalProperties": scalar(),
            },
            "examples": [examples],
        })
    };
    let mut keys = Keys::default();
    keys.add(
        "exclude",
        "Takes away every combination that has all the values of one of these.",
        rows(json!([{ "c": 1, "size": "long" }])),
    );
    keys.add(
        "include",
        "Adds variables to the combinations that an item leaves as they are; where there is none, the item is a combination of its own.",
        rows(json!([{ "size": "long", "tokens": 2048 }])),
    );
    let mut out = keys.mapping(&[]);
    out["propertyNames"] = json!({ "pattern": VARIABLE_NAME });
    out["additionalProperties"] = json!({
        "description": "The values of a variable.",
        "type": "array",
        "items": scalar(),
        "minItems": 1,
    });
    out["minProperties"] = json!(1);
    out["examples"] = json!([{ "c": [1, 4, 16] }]);
    out
}

/// `skip:` in all its forms.
pub(super) fn skip() -> Json {
    json!({
        "anyOf": [reason(), { "const": false }, reference("skip")],
        "examples": ["needs two GPUs"],
    })
}

/// `skip:` as a mapping.
pub(super) fn skip_mapping() -> Json {
    let mut keys = Keys::default();
    keys.add("reason", "Why the case is not run.", reason());
    keys.mapping(&["reason"])
}

fn reason() -> Json {
    json!({ "type": ["string", "number"], "pattern": r"\S" })
}

/// `known_issue:` in all its forms.
pub(super) fn known_issue() -> Json {
    json!({
        "anyOf": [reference("known_issue"), { "const": false }, text(VARIABLE, &[])],
        "examples": [{ "url": "https://example.org/issues/1", "until": "2030-01-31" }],
    })
}

/// `known_issue:` as a mapping.
pub(super) fn known_issue_mapping() -> Json {
    let mut keys = Keys::default();
    keys.add(
        "url",
        "Where people can read about it.",
        text(
            &format!("^https?://|{VARIABLE}"),
            &["https://example.org/issues/1"],
        ),
    );
    keys.add(
        "until",
        "The last day, in UTC, on which a `fail` does not fail the run.",
        text(
            &format!("^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}$|{VARIABLE}"),
            &["2030-01-31"],
        ),
    );
    keys.mapping(&["url", "until"])
}

/// `scrape:` in all its forms.
pub(super) fn scrape() -> Json {
    json!({ "anyOf": [interval(), reference("scrape")] })
}

/// `scrape:` as a mapping.
pub(super) fn scrape_mapping() -> Json {
    let page = || {
        text(
            &format!("^https?://|{VARIABLE}"),
            &["http://127.0.0.1:9000/metrics"],
        )
    };
    let mut keys = Keys::default();
    keys.add("interval", "Pause between two looks, or `off`.", interval());
    keys.add(
        "url",
        "The page of metrics, or a list of them: one for each server behind the target. `/metrics` beside the API's base where it is left out.",
        json!({ "anyOf": [page(), { "type": "array", "items": page(), "minItems": 1 }] }),
    );
    keys.mapping(&[])
}

fn interval() -> Json {
    json!({ "anyOf": [duration(&["1s"]), { "enum": ["off"] }] })
}
