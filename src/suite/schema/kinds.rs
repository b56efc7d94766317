//! `search:`, `sweep:`, `cache:`, `targets:` and `interference:`.

use serde_json::{Value as Json, json};

use super::{
    Keys, NUMBER, VARIABLE, duration, launch, one_of, rate, reference, target_or_name, text, whole,
};
use crate::suite::kinds::limits::{
    AXES, IDLE, LARGEST_PRECISION, LEAST_PRECISION, MODES, MOST_BLOCK, MOST_LEVELS, ORDERS,
    OUTPUT_TOKENS, PRECISION, SCALE_TIMEOUT,
};
use crate::suite::units::{show_duration, show_share};
use crate::suite::{later, load_setting};

/// Adds the keys of all kinds.
pub(super) fn keys(keys: &mut Keys) {
    keys.add(
        "search",
        "Kind `throughput`: the load is looked for. `maximize`: the highest at which bounds hold; `saturate`: the one past which throughput stops growing.",
        reference("search"),
    );
    keys.add(
        "sweep",
        "Kind `scalability`: levels of the load, or numbers of replicas, measured one after the other.",
        reference("sweep"),
    );
    if runs("cache") {
        keys.add(
            "cache",
            "Kind `cache`: what is known of the server's prefix cache, and how it is emptied.",
            reference("cache"),
        );
    }
    keys.add(
        "targets",
        "Kind `disaggregation`: two targets, each of them a phase of the name it has here.",
        json!({
            "type": "object",
            "propertyNames": { "pattern": "^[A-Za-z][A-Za-z0-9_]*$" },
            "additionalProperties": target_or_name(),
            "minProperties": 2,
            "maxProperties": 2,
        }),
    );
    if runs("interference") {
        keys.add(
            "interference",
            "Kind `disaggregation`: long prompts that arrive beside a steady load.",
            reference("interference"),
        );
    }
}

/// Whether this version runs what `key` says.
fn runs(key: &str) -> bool {
    later::key(later::Place::Scenario, key).is_none()
}

fn in_flight() -> Json {
    whole(1, u64::from(load_setting::MOST))
}

fn level() -> Json {
    json!({ "anyOf": [rate(), in_flight()] })
}

fn levels(item: Json) -> Json {
    json!({ "type": "array", "items": item, "minItems": 2, "maxItems": MOST_LEVELS })
}

fn open_loop(keys: &mut Keys) {
    keys.add_with(
        "arrivals",
        "Of a rate: `constant`, `poisson`, or `gamma(SHAPE)`.",
        super::load::arrivals(),
        "poisson",
    );
    keys.add(
        "max_concurrency",
        "Of a rate: at most that many requests in flight.",
        in_flight(),
    );
}

pub(super) fn search() -> Json {
    let mut keys = Keys::default();
    keys.add(
        "maximize",
        "Looks for the highest `rate` or `concurrency` at which everything under `subject_to` holds.",
        one_of(&AXES),
    );
    keys.add(
        "saturate",
        "Looks for the `rate` or `concurrency` past which throughput stops growing.",
        one_of(&AXES),
    );
    keys.add("from", "The lowest load that is tried.", level());
    keys.add("to", "The highest load that is tried.", level());
    keys.add(
        "subject_to",
        "With `maximize`: what has to hold at a load, such as `ttft.p99 < 500ms`. The bound of errors holds besides.",
        json!({
            "type": "array",
            "items": { "type": "string", "pattern": "[<>]|\\$\\{" },
            "minItems": 1,
            "examples": [["ttft.p99 < 500ms"]],
        }),
    );
    keys.add_with(
        "precision",
        &format!(
            "How exact the answer has to be, as a share of it, from {} to {}.",
            show_share(LEAST_PRECISION),
            show_share(LARGEST_PRECISION)
        ),
        text(&format!(r"^\s*{NUMBER}\s*%\s*$|{VARIABLE}"), &["5%"]),
        show_share(PRECISION),
    );
    let mut budget = Keys::default();
    budget.add("time", "Of all probes together.", duration(&["30m"]));
    budget.add("requests", "Warm-up included.", whole(1, u64::MAX));
    budget.add(
        "tokens",
        "Of prompts and answers together.",
        whole(1, u64::MAX),
    );
    let mut budget = budget.mapping(&[]);
    budget["minProperties"] = json!(1);
    keys.add(
        "budget",
        "What the search may use up; what is reached first ends it with the answer so far.",
        budget,
    );
    open_loop(&mut keys);
    let mut out = keys.mapping(&["from", "to"]);
    out["oneOf"] = json!([
        { "required": ["maximize", "subject_to"] },
        { "required": ["saturate"], "properties": { "subject_to": false } },
    ]);
    out
}

pub(super) fn sweep() -> Json {
    let mut keys = Keys::default();
    keys.add(
        "concurrency",
        "Numbers of requests in flight.",
        levels(in_flight()),
    );
    keys.add(
        "rate",
        "Requests per second; `auto`: prony finds them.",
        json!({ "anyOf": [levels(rate()), { "const": "auto" }, text(VARIABLE, &[])] }),
    );
    let by_number = json!({
        "type": "object",
        "propertyNames": { "pattern": "^[0-9]+$" },
        "additionalProperties": target_or_name(),
        "minProperties": 2,
    });
    keys.add(
        "replicas",
        "Numbers of replicas: a mapping from each to the target that has so many, or a list, with `scale`.",
        json!({ "anyOf": [by_number, levels(whole(1, u64::from(u32::MAX)))] }),
    );
    keys.add_with(
        "mode",
        "Of replicas: `weak`: the load is for one of them and grows with them; `strong`: it stays.",
        one_of(&MODES.map(|(name, _)| name)),
        "weak",
    );
    let mut scale = Keys::default();
    scale.add(
        "command",
        "A program that ends when so many replicas are ready; `{replicas}` in it, and its variable `PRONY_REPLICAS`, are the number.",
        launch::command(&[json!("kubectl scale deploy/vllm --replicas={replicas}")]),
    );
    scale.add_with(
        "timeout",
        "How long it may take.",
        duration(&["10m"]),
        show_duration(SCALE_TIMEOUT),
    );
    keys.add(
        "scale",
        "Of a list of replicas: how the target is brought to a number of them.",
        scale.mapping(&["command"]),
    );
    keys.add_with(
        "order",
        "In which order levels are measured; `random` is drawn from the seed.",
        one_of(&ORDERS.map(|(name, _)| name)),
        "ascending",
    );
    keys.add_with(
        "idle",
        "Without load between two levels.",
        duration(&["0s", "5s"]),
        show_duration(IDLE),
    );
    open_loop(&mut keys);
    let mut out = keys.mapping(&[]);
    out["oneOf"] = json!([
        { "required": ["concurrency"] },
        { "required": ["rate"] },
        { "required": ["replicas"] },
    ]);
    out
}

pub(super) fn cache() -> Json {
    let mut keys = Keys::default();
    keys.add_with(
        "flush",
        "How the cache is emptied before each phase: `none`, `restart` (of a target that prony starts), or a hook such as `{ post: /reset_prefix_cache }`.",
        json!({ "anyOf": [one_of(&["none", "restart"]), reference("hook")] }),
        "none",
    );
    keys.add(
        "block_size",
        "Tokens of a block of the cache: only whole blocks are found again. Found out where it is left out.",
        whole(1, u64::from(MOST_BLOCK)),
    );
    keys.add(
        "capacity",
        "Tokens that the cache holds; without bound where it is left out.",
        whole(1, u64::MAX),
    );
    keys.mapping(&[])
}

pub(super) fn interference() -> Json {
    let mut keys = Keys::default();
    keys.add("rate", "How often a long prompt arrives.", rate());
    keys.add_with(
        "arrivals",
        "How they are spaced.",
        super::load::arrivals(),
        "constant",
    );
    keys.add(
        "input_tokens",
        "Tokens of a long prompt.",
        reference("length"),
    );
    keys.add_with(
        "output_tokens",
        "Tokens asked for.",
        json!({ "anyOf": [reference("length")] }),
        OUTPUT_TOKENS,
    );
    keys.mapping(&["rate", "input_tokens"])
}
