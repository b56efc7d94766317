//! `prompts:`, lengths and tokenizers.

use serde_json::{Value as Json, json};

use super::{Keys, NUMBER, VARIABLE, boolean, one_of, reference, text, whole};
use crate::suite::model::TIKTOKEN_NAMES;
use crate::suite::{length_setting, prompts_setting, tokenizer_setting};

pub(super) fn prompts() -> Json {
    let mut keys = Keys::default();
    keys.add(
        "type",
        "`synthetic` (made up, of given lengths) or `file`.",
        one_of(&prompts_setting::TYPES),
    );
    keys.add(
        "input_tokens",
        "`synthetic`: tokens of a prompt.",
        reference("length"),
    );
    keys.add(
        "output_tokens",
        "Tokens asked for; of prompts from a file, where a line does not say.",
        reference("length"),
    );
    keys.add(
        "prefix",
        "`synthetic`: prompts in groups that begin alike, before `input_tokens` of their own.",
        prefix(),
    );
    keys.add(
        "conversation",
        "`synthetic`: the prompts are turns of conversations: each holds all that was said before it, and `input_tokens` more.",
        conversation(),
    );
    keys.add(
        "length_tolerance",
        "`synthetic`: how far the server's count of a prompt may lie from what was asked for; past that the case is invalid. The larger of a share and a number of tokens.",
        length_tolerance(),
    );
    keys.add(
        "path",
        "`file`: text (a prompt a line) or JSONL (objects with `prompt` or `messages`, and optionally `output_tokens`); looked for beside the suite.",
        json!({ "type": "string" }),
    );
    keys.add_with(
        "shuffle",
        "`file`: the order is drawn from the seed.",
        boolean(),
        false,
    );
    keys.add_with(
        "salt",
        "`on`: every run gets content of its own, so that none warms a prefix cache for the next; `off`: content follows from the seed alone.",
        one_of(&prompts_setting::SALTS.map(|(name, _)| name)),
        "on",
    );
    let mut out = keys.mapping(&["type"]);
    let is = |name: &str| json!({ "properties": { "type": { "const": name } } });
    out["allOf"] = json!([
        { "if": is("synthetic"), "then": {
            "required": ["input_tokens", "output_tokens"],
            "properties": { "path": false, "shuffle": false },
        } },
        { "if": is("file"), "then": {
            "required": ["path"],
            "properties": { "input_tokens": false, "prefix": false, "conversation": false, "length_tolerance": false },
        } },
    ]);
    out
}

fn share() -> Json {
    json!({ "anyOf": [
        text(&format!(r"^\s*({NUMBER}\s*%|0)\s*$|{VARIABLE}"), &["1%", "100%"]),
        { "const": 0 },
    ] })
}

fn prefix() -> Json {
    let mut keys = Keys::default();
    let longest = u64::from(length_setting::LONGEST);
    keys.add(
        "tokens",
        "Tokens that all prompts of a group share.",
        whole(1, longest),
    );
    keys.add_with(
        "groups",
        "How many groups.",
        whole(1, u64::from(prompts_setting::MOST_GROUPS)),
        1,
    );
    keys.add_with(
        "ratio",
        "Share of the requests that belong to a group; the others are as long, and share nothing.",
        share(),
        "100%",
    );
    keys.add_with(
        "popularity",
        "How often each group is asked for: `uniform`, or `zipf(1.1)`: the k-th group as often as 1/k to that power.",
        text(
            &format!(r"^\s*(uniform|zipf\(\s*{NUMBER}\s*\))\s*$|{VARIABLE}"),
            &["uniform", "zipf(1.1)"],
        ),
        prompts_setting::UNIFORM,
    );
    keys.mapping(&["tokens"])
}

fn conversation() -> Json {
    let mut keys = Keys::default();
    keys.add(
        "turns",
        "How many turns a conversation has.",
        whole(2, u64::from(prompts_setting::MOST_TURNS)),
    );
    keys.add_with(
        "open",
        "How many conversations go on at a time, by turns.",
        whole(1, u64::from(prompts_setting::MOST_GROUPS)),
        prompts_setting::OPEN,
    );
    keys.mapping(&["turns"])
}

fn length_tolerance() -> Json {
    let mut keys = Keys::default();
    keys.add_with(
        "share",
        "As a share of the length asked for.",
        share(),
        "1%",
    );
    keys.add_with("tokens", "In tokens.", whole(0, u64::from(u32::MAX)), 2);
    json!({ "anyOf": [share(), keys.mapping(&[])] })
}

pub(super) fn tokenizer() -> Json {
    let mut keys = Keys::default();
    keys.add(
        "file",
        "Hugging Face's `tokenizer.json`, or a folder with one; looked for beside the suite.",
        json!({ "type": "string" }),
    );
    keys.add(
        "tiktoken",
        "A vocabulary of OpenAI's that is part of prony.",
        one_of(&TIKTOKEN_NAMES),
    );
    let mut named = keys.mapping(&[]);
    named["minProperties"] = json!(1);
    named["maxProperties"] = json!(1);
    json!({ "anyOf": [one_of(&tokenizer_setting::WORDS), named] })
}

pub(super) fn length() -> Json {
    let longest = u64::from(length_setting::LONGEST);
    let mut keys = Keys::default();
    keys.add_with(
        "distribution",
        "Which distribution; `uniform` where only `min` and `max` are given, `histogram` where one is named.",
        one_of(&length_setting::DISTRIBUTIONS.map(|(name, _)| name)),
        "normal",
    );
    let number = || {
        json!({ "anyOf": [
            { "type": "number", "minimum": 0, "maximum": longest },
            text(&format!("^{NUMBER}$|{VARIABLE}"), &[]),
        ] })
    };
    keys.add("mean", "Mean, in tokens.", number());
    keys.add("stddev", "Standard deviation, in tokens.", number());
    keys.add(
        "s",
        "`zipf`: the k-th length from the least on as often as 1/k to this power.",
        json!({ "anyOf": [
            { "type": "number", "exclusiveMinimum": 0, "maximum": length_setting::STEEPEST },
            text(&format!("^{NUMBER}$|{VARIABLE}"), &[]),
        ] }),
    );
    keys.add(
        "histogram",
        "File with a length (or a stretch `from-to`) and its weight a line; looked for beside the suite.",
        json!({ "type": "string" }),
    );
    keys.add("min", "Least, in tokens.", whole(1, longest));
    keys.add(
        "max",
        "Most, in tokens; five standard deviations above the mean where it is left out.",
        whole(1, longest),
    );
    let distribution = keys.mapping(&[]);
    let Json::Object(number) = whole(1, longest) else {
        return distribution;
    };
    let mut either: Vec<Json> = number
        .get("anyOf")
        .and_then(Json::as_array)
        .cloned()
        .unwrap_or_default();
    either.push(distribution);
    json!({ "anyOf": either, "examples": [200, { "mean": 200, "stddev": 50 }] })
}
