//! `target:` and what it sends with every request.

use serde_json::{Value as Json, json};

use super::{Keys, VARIABLE, boolean, one_of, reference, scalar, text, whole};
use crate::suite::target_setting::{APIS, OWN_FIELDS, TRANSPORTS};

pub(super) fn target() -> Json {
    let mut keys = Keys::default();
    keys.add(
        "url",
        "Base address of an OpenAI-compatible API, without the endpoint's own path; or `sim://`, the embedded engine, or `sim://PRESET`.",
        text(
            &format!("^(https?://|sim://)|{VARIABLE}"),
            &[
                "http://127.0.0.1:8000/v1",
                "http://127.0.0.1:{port}/v1",
                "${PRONY_TARGET:-sim://}",
                "sim://",
            ],
        ),
    );
    keys.add_with(
        "api",
        "`chat` (`POST chat/completions`) or `completions` (`POST completions`).",
        one_of(&APIS.map(|(name, _)| name)),
        "chat",
    );
    keys.add(
        "model",
        "Name of the model; the first that `/v1/models` lists where it is left out.",
        json!({ "type": ["string", "number", "boolean"] }),
    );
    keys.add_with(
        "stream",
        "Whether answers are streamed. `ttft`, `itl` and `tpot` need it.",
        boolean(),
        true,
    );
    keys.add_with(
        "tokenizer",
        "What counts its tokens: `auto` (its own `/tokenize` where it has one), `server`, `none`, a `tokenizer.json`, or a vocabulary of OpenAI's.",
        reference("tokenizer"),
        "auto",
    );
    let mut auth = Keys::default();
    auth.add(
        "bearer",
        "The key, from a variable: `\"${API_KEY}\"`.",
        json!({ "type": ["string", "number"], "examples": ["${API_KEY}"] }),
    );
    keys.add(
        "auth",
        "Sent as `Authorization: Bearer …`; never shown in any output.",
        auth.mapping(&["bearer"]),
    );
    keys.add(
        "headers",
        "More headers; their values are never shown in any output.",
        reference("headers"),
    );
    keys.add(
        "body",
        "More fields of the request's body, over prony's own.",
        reference("body"),
    );
    keys.add(
        "gpus",
        "How many GPUs serve the target; makes the per-GPU metrics available.",
        whole(1, u64::from(u32::MAX)),
    );
    keys.add(
        "ca",
        "PEM file of a certificate authority to trust besides the system's; looked for beside the suite.",
        json!({ "type": "string" }),
    );
    keys.add_with("insecure_tls", "Accept any certificate.", boolean(), false);
    keys.add(
        "transport",
        "What carries the requests: `lean` (straight on TCP or TLS, the most exact) or `reqwest`. Left out, prony takes `lean` wherever it can.",
        one_of(&TRANSPORTS.map(|(name, _)| name)),
    );
    keys.add(
        "ready",
        "When the target counts as ready, and how long to wait for that.",
        reference("ready"),
    );
    keys.add(
        "scrape",
        "How often the target's own counters are looked at while the load is on; `off`: not at all.",
        super::cases::scrape(),
    );
    keys.add(
        "launch",
        "prony starts the target itself, and stops it.",
        reference("launch"),
    );
    keys.add(
        "sim",
        "Settings of the embedded engine, with a `sim://` url; `prony sim --list-presets` names presets.",
        json!({ "type": "object" }),
    );
    keys.mapping(&["url"])
}

pub(super) fn headers() -> Json {
    json!({
        "type": "object",
        "additionalProperties": scalar(),
        "examples": [{ "X-Team": "perf" }],
    })
}

pub(super) fn body() -> Json {
    json!({
        "type": "object",
        "propertyNames": { "not": { "enum": OWN_FIELDS.map(|(field, _)| field) } },
        "examples": [{ "ignore_eos": true, "temperature": 0 }],
    })
}
