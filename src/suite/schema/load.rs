//! `load:` with its stages.

use serde_json::{Value as Json, json};

use super::{Keys, NUMBER, VARIABLE, duration, one_of, rate, reference, text, whole};
use crate::suite::load_setting;

pub(super) fn load() -> Json {
    let mut keys = Keys::default();
    keys.add(
        "concurrency",
        "Closed loop: that many requests in flight at all times.",
        whole(1, u64::from(load_setting::MOST)),
    );
    keys.add(
        "rate",
        "Open loop: requests are due at this rate, whatever the server does.",
        rate(),
    );
    keys.add(
        "stages",
        "One level after the other; their durations add up to the window.",
        json!({ "type": "array", "items": reference("stage"), "minItems": 1 }),
    );
    keys.add_with(
        "arrivals",
        "Open loop: `constant`, `poisson`, or `gamma(SHAPE)` (below 1 burstier than Poisson, above 1 smoother).",
        arrivals(),
        "poisson",
    );
    keys.add(
        "max_concurrency",
        "Open loop: at most that many requests in flight. The waiting is recorded.",
        whole(1, u64::from(load_setting::MOST)),
    );
    keys.add_with(
        "start",
        "Closed loop: whether its first requests are spread over a part of the warm-up or go in one instant.",
        one_of(&load_setting::STARTS.map(|(name, _)| name)),
        "spread",
    );
    let mut out = keys.mapping(&[]);
    out["oneOf"] = json!([
        { "required": ["concurrency"] },
        { "required": ["rate"] },
        { "required": ["stages"] },
    ]);
    out
}

pub(super) fn arrivals() -> Json {
    json!({ "anyOf": [
        { "enum": ["constant", "poisson", "gamma(0.5)"] },
        text(&format!(r"^gamma\s*\(\s*{NUMBER}\s*\)$|{VARIABLE}"), &[]),
    ] })
}

pub(super) fn stage() -> Json {
    let ramp = |level: Json| {
        let mut keys = Keys::default();
        keys.add("from", "Level at the start of the stage.", level.clone());
        keys.add("to", "Level at the end of the stage.", level.clone());
        json!({ "anyOf": [level, keys.mapping(&["from", "to"])] })
    };
    let mut keys = Keys::default();
    keys.add("duration", "How long the stage lasts.", duration(&["30s"]));
    keys.add(
        "rate",
        "Requests per second; `{ from, to }` is a ramp.",
        ramp(rate()),
    );
    keys.add(
        "concurrency",
        "Requests in flight; `{ from, to }` is a ramp.",
        ramp(whole(1, u64::from(load_setting::MOST))),
    );
    let mut out = keys.mapping(&["duration"]);
    out["oneOf"] = json!([{ "required": ["rate"] }, { "required": ["concurrency"] }]);
    out
}
