//! `baseline:` in the schema.

use serde_json::{Value as Json, json};

use super::{Keys, NUMBER, VARIABLE, reference, text};

/// Metrics with tolerances, or `false`.
pub(super) fn rules() -> Json {
    let tolerance = json!({ "anyOf": [share(), absolute(), reference("tolerance")] });
    json!({ "anyOf": [
        {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": tolerance,
            "examples": [{ "ttft.p50": "10%", "ttft.p99": "15%" }],
        },
        { "const": false },
    ] })
}

/// A tolerance as a mapping.
pub(super) fn tolerance() -> Json {
    let mut keys = Keys::default();
    keys.add(
        "worse",
        "How much worse, as a share of the baseline.",
        share(),
    );
    keys.add(
        "and_at_least",
        "And how much worse in the metric's own unit, before it is too much.",
        absolute(),
    );
    keys.mapping(&[])
}

fn share() -> Json {
    text(&format!(r"^\s*\+?\s*{NUMBER}\s*%\s*$|{VARIABLE}"), &["5%"])
}

fn absolute() -> Json {
    let unit = "(pt|ms|s|us|/s|tok/s)?";
    let pattern = format!(r"^\s*\+?\s*{NUMBER}\s*{unit}\s*$|{VARIABLE}");
    json!({ "anyOf": [text(&pattern, &["5ms", "+1pt"]), { "type": "number", "minimum": 0 }] })
}
