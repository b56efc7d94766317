//! `launch:`, `ready:` and hooks.

use serde_json::{Value as Json, json};

use super::{Keys, VARIABLE, boolean, duration, one_of, reference, scalar, text};
use crate::suite::hooks_setting;
use crate::suite::launch_setting::{INTERVAL, LAUNCH_TIMEOUT, PROBES, READY_TIMEOUT, STOP_TIMEOUT};
use crate::suite::units::show_duration;

pub(super) fn launch() -> Json {
    let mut keys = Keys::default();
    keys.add(
        "command",
        "Text that `/bin/sh -c` runs, or a list of program and arguments. It must stay in the foreground. `{port}` stands for the port of the url.",
        command(&[
            json!("vllm serve meta-llama/Llama-3.1-8B-Instruct"),
            json!(["python", "-m", "my_server", "--port", "{port}"]),
        ]),
    );
    keys.add(
        "env",
        "Variables on top of prony's own. Those that `secrets` names are not shown.",
        reference("env"),
    );
    keys.add(
        "cwd",
        "Working directory, seen from the suite's folder; prony's own where it is left out.",
        folder(),
    );
    keys.add(
        "ready",
        "When it counts as ready. May stand under `target` instead.",
        reference("ready"),
    );
    let mut stop = Keys::default();
    stop.add_with(
        "timeout",
        "From SIGTERM to SIGKILL.",
        duration(&["30s"]),
        show_duration(STOP_TIMEOUT),
    );
    keys.add("stop", "How it is stopped.", stop.mapping(&[]));
    keys.mapping(&["command"])
}

pub(super) fn ready() -> Json {
    let mut keys = Keys::default();
    keys.add(
        "timeout",
        &format!(
            "The longest wait; `{}` with `launch`, else `{}`, where it is left out.",
            show_duration(LAUNCH_TIMEOUT),
            show_duration(READY_TIMEOUT)
        ),
        duration(&["2m"]),
    );
    keys.add(
        "probe",
        "`models`: it lists its models. `health`: a good status for `/health`. `token`: it answers a request with a token. Left out: it lists its models (or has no list, and `/health` is well), and `/health` does not say 503.",
        one_of(&PROBES.map(|(name, _)| name)),
    );
    keys.add_with(
        "path",
        "Another path for the probe `health`, from the server's root.",
        text(&format!("^/|{VARIABLE}"), &["/healthz"]),
        "/health",
    );
    keys.add_with(
        "interval",
        "Pause between two probes.",
        duration(&["500ms"]),
        show_duration(INTERVAL),
    );
    let mut out = keys.mapping(&[]);
    out["if"] = json!({
        "properties": { "probe": { "enum": ["models", "token"] } },
        "required": ["probe"],
    });
    out["then"] = json!({ "properties": { "path": false } });
    out
}

/// Variables of a program.
pub(super) fn env() -> Json {
    json!({
        "type": "object",
        "propertyNames": { "pattern": super::VARIABLE_NAME },
        "additionalProperties": scalar(),
        "examples": [{ "CUDA_VISIBLE_DEVICES": "0" }],
    })
}

/// The keys of one hook; `between` runs, it may start the target anew.
pub(super) fn hook(between: bool) -> Json {
    let mut keys = Keys::default();
    keys.add(
        "command",
        "Text that `/bin/sh -c` runs, or a list of program and arguments.",
        command(&[json!("make warm-disk")]),
    );
    for (method, does, example) in [
        ("post", "POST", "/reset_prefix_cache"),
        ("get", "GET", "http://127.0.0.1:9090/-/ready"),
    ] {
        keys.add(
            method,
            &format!(
                "{does} to a path of the target's server, with the target's headers, or to a whole address."
            ),
            text(&format!("^(/|https?://)|{VARIABLE}"), &[example]),
        );
    }
    keys.add(
        "headers",
        "`post`, `get`: more headers; their values are never shown in any output.",
        reference("headers"),
    );
    keys.add("body", "`post`: the body, sent as JSON.", json!({}));
    keys.add(
        "env",
        "`command`: variables on top of prony's own. Those that `secrets` names are not shown.",
        reference("env"),
    );
    keys.add(
        "cwd",
        "`command`: working directory, seen from the suite's folder.",
        folder(),
    );
    keys.add_with(
        "timeout",
        "How long it may take.",
        duration(&["5m"]),
        show_duration(hooks_setting::TIMEOUT),
    );
    if between {
        keys.add_with(
            "restarts",
            "It starts the target anew, so that every run is a session; prony waits until it is ready again.",
            boolean(),
            false,
        );
    }
    let mut out = keys.mapping(&[]);
    out["oneOf"] = json!([
        { "required": ["command"] },
        { "required": ["post"] },
        { "required": ["get"] },
    ]);
    let without = |chosen: &str, others: &[&str]| {
        let others = others.iter().map(|key| ((*key).to_owned(), json!(false)));
        let others: serde_json::Map<_, _> = others.collect();
        json!({ "if": { "required": [chosen] }, "then": { "properties": others } })
    };
    out["allOf"] = json!([
        without("command", &["headers", "body"]),
        without("post", &["env", "cwd"]),
        without("get", &["env", "cwd", "body"]),
    ]);
    out
}

/// One hook or a list of them; `definition` is the mapping that a hook can be.
pub(super) fn hooks(definition: &str, example: &Json) -> Json {
    json!({
        "anyOf": [
            reference(definition),
            shell(),
            { "type": "array", "items": { "anyOf": [reference(definition), shell()] } },
        ],
        "examples": [example],
    })
}

/// `before` and `after`, which stand around `what`, and `between`.
pub(super) fn hooks_keys(keys: &mut Keys, what: &str) {
    let reset = json!({ "post": "/reset_prefix_cache" });
    keys.add(
        "before",
        &format!("Hooks before {what}: commands, or requests over HTTP."),
        hooks("hook", &reset),
    );
    keys.add(
        "after",
        &format!("Hooks after {what}, however it ended."),
        hooks("hook", &json!("docker compose down")),
    );
    keys.add(
        "between",
        "Hooks between the runs of a case.",
        hooks("hook_between", &reset),
    );
}

pub(super) fn command(examples: &[Json]) -> Json {
    json!({
        "anyOf": [shell(), { "type": "array", "items": scalar(), "minItems": 1 }],
        "examples": examples,
    })
}

/// A command for a shell.
fn shell() -> Json {
    let mut text = scalar();
    text["pattern"] = json!(r"\S");
    text
}

fn folder() -> Json {
    json!({ "type": ["string", "number"], "minLength": 1 })
}
