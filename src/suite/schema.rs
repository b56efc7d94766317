//! JSON Schema of suites and of `prony.yaml`, for editors: completion, descriptions, typing errors.
//!
//! The loader stays the judge: it checks more than a schema can say. What the two share (names,
//! bounds, defaults) comes from the loader's own constants, and tests ask the loader for every key
//! it knows (`tests/schema.rs`), so that neither can go its own way.

mod baseline;
mod cases;
mod kinds;
mod launch;
mod load;
mod prompts;
mod target;

use serde_json::{Map, Value as Json, json};

use super::launch::Restart;
use super::model::{ClientBounds, Kind};
use super::resolve::builtin;
use super::scrape_setting::EVERY;
use super::units::{show_duration, show_share};
use super::{client_setting, settings};

/// JSON Schema's dialect.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// A value with a variable in it can become anything.
const VARIABLE: &str = r"\$\{";
/// A decimal number without sign.
const NUMBER: &str = r"([0-9]+\.?[0-9]*|\.[0-9]+)";
/// Names of suites, targets and profiles.
const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9_.-]*$";
/// Names of scenarios, and of the cases of a matrix, as a run writes them down.
const CASE_NAME: &str = r"^[A-Za-z0-9][A-Za-z0-9_.-]*(\[[^\[\]]+\])?$";
/// Names of variables, of the environment and of a matrix.
const VARIABLE_NAME: &str = "^[A-Za-z_][A-Za-z0-9_]*$";

/// JSON Schema (2020-12) of suites, as text.
pub fn suite() -> String {
    let mut keys = Keys::default();
    keys.add(
        "suite",
        "Name of the suite; the file's stem where it is left out. Two suites of one name are an error.",
        json!({ "type": ["string", "number"], "pattern": NAME }),
    );
    keys.add("target", TARGET, target_or_name());
    keys.add(
        "defaults",
        "Settings that every scenario starts from.",
        reference("settings"),
    );
    launch::hooks_keys(&mut keys, "all cases of the suite");
    keys.add(
        "scenarios",
        "The tests of this suite.",
        json!({ "type": "array", "items": reference("scenario"), "minItems": 1 }),
    );
    secrets(&mut keys);
    let root = keys.mapping(&["scenarios"]);
    document(
        "prony suite",
        "One YAML file: a target, defaults, and scenarios, each of which is one test.",
        root,
    )
}

/// JSON Schema (2020-12) of `prony.yaml`, as text.
pub fn prony() -> String {
    let mut keys = Keys::default();
    keys.add(
        "targets",
        "Targets by name, for suites to refer to.",
        json!({
            "type": "object",
            "propertyNames": { "pattern": NAME },
            "additionalProperties": reference("target"),
        }),
    );
    keys.add(
        "defaults",
        "Settings that every suite starts from.",
        reference("settings"),
    );
    keys.add(
        "profiles",
        "Settings by name, over `defaults`; `--profile NAME` chooses one.",
        json!({
            "type": "object",
            "propertyNames": { "pattern": NAME },
            "additionalProperties": reference("settings"),
        }),
    );
    secrets(&mut keys);
    let root = keys.mapping(&[]);
    document(
        "prony.yaml",
        "What all suites beside this file share.",
        root,
    )
}

fn secrets(keys: &mut Keys) {
    keys.add(
        "secrets",
        "Names of variables whose values must not be shown anywhere.",
        json!({
            "type": "array",
            "items": { "type": "string", "pattern": VARIABLE_NAME },
            "examples": [["API_KEY"]],
        }),
    );
}

const TARGET: &str = "Where requests go; or the name of a target of `prony.yaml`.";

/// A target, or the name of one.
fn target_or_name() -> Json {
    let name = json!({
        "type": ["string", "number"],
        "pattern": format!("{NAME}|{VARIABLE}"),
        "examples": ["local"],
    });
    json!({ "anyOf": [reference("target"), name] })
}

/// A whole schema: `root` with the definitions that it and they refer to.
fn document(title: &str, about: &str, root: Json) -> String {
    let mut all = Map::new();
    all.insert("$schema".into(), json!(DIALECT));
    all.insert("title".into(), json!(title));
    all.insert("description".into(), json!(about));
    if let Json::Object(root) = root {
        all.extend(root);
    }
    let definitions = [
        ("scenario", scenario()),
        ("settings", settings_mapping()),
        ("target", target::target()),
        ("launch", launch::launch()),
        ("ready", launch::ready()),
        ("env", launch::env()),
        ("hook", launch::hook(false)),
        ("hook_between", launch::hook(true)),
        ("tolerance", baseline::tolerance()),
        ("skip", cases::skip_mapping()),
        ("scrape", cases::scrape_mapping()),
        ("known_issue", cases::known_issue_mapping()),
        ("load", load::load()),
        ("noise", noise()),
        ("noise_levels", noise_levels()),
        ("stage", load::stage()),
        ("search", kinds::search()),
        ("sweep", kinds::sweep()),
        ("cache", kinds::cache()),
        ("interference", kinds::interference()),
        ("prompts", prompts::prompts()),
        ("length", prompts::length()),
        ("tokenizer", prompts::tokenizer()),
        ("headers", target::headers()),
        ("body", target::body()),
    ];
    let text = serde_json::to_string(&all).unwrap_or_default();
    let mut used: Map<String, Json> = Map::new();
    collect(&text, &definitions, &mut used);
    let in_order = definitions
        .iter()
        .filter_map(|(name, _)| used.remove_entry(*name));
    let in_order: Map<String, Json> = in_order.collect();
    all.insert("$defs".into(), Json::Object(in_order));
    let mut text = serde_json::to_string_pretty(&all).unwrap_or_default();
    text.push('\n');
    text
}

/// Takes over the definitions that `text` refers to, and those that they refer to.
fn collect(text: &str, definitions: &[(&str, Json)], used: &mut Map<String, Json>) {
    for (name, definition) in definitions {
        if text.contains(&format!("\"#/$defs/{name}\"")) && !used.contains_key(*name) {
            used.insert((*name).to_owned(), definition.clone());
            collect(&definition.to_string(), definitions, used);
        }
    }
}

fn reference(name: &str) -> Json {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// The keys of a mapping, in the order in which they are best read.
#[derive(Default)]
struct Keys(Map<String, Json>);

impl Keys {
    /// Adds `key`: what it means, and what may stand there.
    fn add(&mut self, key: &str, about: &str, mut value: Json) {
        if let Json::Object(fields) = &mut value {
            fields.shift_insert(0, "description".into(), json!(about));
        }
        self.0.insert(key.to_owned(), value);
    }

    /// [`Self::add`] with the value that counts where the key is left out.
    fn add_with(&mut self, key: &str, about: &str, mut value: Json, default: impl Into<Json>) {
        if let Json::Object(fields) = &mut value {
            fields.insert("default".into(), default.into());
        }
        self.add(key, about, value);
    }

    /// A mapping of these keys and no others.
    fn mapping(self, needed: &[&str]) -> Json {
        let mut out = json!({
            "type": "object",
            "properties": self.0,
            "additionalProperties": false,
        });
        if !needed.is_empty() {
            out["required"] = json!(needed);
        }
        out
    }
}

fn scenario() -> Json {
    let mut keys = Keys::default();
    keys.add(
        "name",
        "Name of the scenario, unique in its suite. With the suite's it names the test: `suite::name`.",
        json!({ "type": ["string", "number"], "pattern": CASE_NAME, "examples": ["steady"] }),
    );
    keys.add(
        "matrix",
        "One scenario written, several cases run: variables with lists of values, every combination of which is a case. `${matrix.c}` stands for the value of `c` in any value of the scenario.",
        cases::matrix(),
    );
    settings_keys(&mut keys);
    keys.mapping(&["name"])
}

fn settings_mapping() -> Json {
    let mut keys = Keys::default();
    settings_keys(&mut keys);
    keys.mapping(&[])
}

fn settings_keys(keys: &mut Keys) {
    let kinds = Kind::ALL.map(Kind::name);
    keys.add(
        "kind",
        "What kind of test it is. `latency`: latency at a stated load; `throughput`: throughput at a stated load, or with `search` the load that can be served; `scalability`: levels of a `sweep` against each other; `cache`: a cold prefix cache against a warm one; `disaggregation`: two `targets` against each other.",
        one_of(&kinds),
    );
    keys.add(
        "target",
        "Replaces the suite's target whole; a mapping, or the name of a target of `prony.yaml`.",
        target_or_name(),
    );
    keys.add("load", "How requests are sent.", reference("load"));
    kinds::keys(keys);
    keys.add("prompts", "What is asked.", reference("prompts"));
    keys.add(
        "sla",
        "What has to hold: comparisons of metrics with limits, such as `ttft.p99 < 500ms`.",
        json!({
            "type": "array",
            "items": { "type": "string", "pattern": "[<>]|\\$\\{", "examples": ASSERTIONS },
            "examples": [[ASSERTIONS[0]]],
        }),
    );
    keys.add(
        "baseline",
        "How much worse than the accepted results metrics may be: `{ ttft.p50: 10%, ttft.p99: 15% }`. `false` takes back what a layer below says.",
        baseline::rules(),
    );
    keys.add_with("measure_only", "Measure, assert nothing.", boolean(), false);
    keys.add(
        "requests",
        "The window ends when that many requests have gone out.",
        whole(1, settings::MOST_REQUESTS),
    );
    keys.add_with(
        "duration",
        "The window ends after that time. Given with `requests`, the first reached ends it.",
        duration(&["30s", "60s", "5m"]),
        show_duration(builtin::DURATION),
    );
    keys.add_with(
        "warmup",
        "Load before the window, not measured.",
        duration(&["0s", "10s"]),
        show_duration(builtin::WARMUP),
    );
    keys.add(
        "drain",
        "How long requests of the window may take to end after it; the total timeout where it is left out.",
        duration(&["30s"]),
    );
    keys.add("timeouts", "Timeouts of one request.", timeouts());
    keys.add_with(
        "repeats",
        "Runs of the measurement.",
        whole(1, u64::from(settings::MOST_REPEATS)),
        builtin::REPEATS,
    );
    keys.add_with(
        "seed",
        "Fixes arrivals, lengths and order.",
        whole(0, u64::MAX),
        builtin::SEED,
    );
    keys.add_with(
        "confidence",
        "One-sided confidence of every decision, above 0.5 and below 1.",
        json!({ "anyOf": [
            { "type": "number", "exclusiveMinimum": 0.5, "exclusiveMaximum": 1 },
            text(&format!(r"^\s*{NUMBER}\s*%?\s*$|{VARIABLE}"), &["95%"]),
        ] }),
        builtin::CONFIDENCE,
    );
    keys.add_with(
        "undecided",
        "What becomes of an assertion that the data cannot decide: `lean` (the observed value decides, marked borderline), `warn`, `fail`.",
        one_of(&settings::UNDECIDED.map(|(name, _)| name)),
        settings::UNDECIDED
            .iter()
            .find(|(_, policy)| *policy == builtin::UNDECIDED)
            .map(|(name, _)| *name),
    );
    keys.add_with(
        "extend",
        "How far to measure on where the data cannot decide: `2x` (at most twice what is planned, in all), a duration (on top), or `off`.",
        json!({ "anyOf": [
            text(&format!(r"^\s*{NUMBER}\s*[x×]\s*$|{VARIABLE}"), &["2x"]),
            duration(&["60s"]),
            { "enum": ["off", false] },
        ] }),
        builtin::EXTEND.to_string(),
    );
    keys.add(
        "noise",
        "How much measurements vary by themselves: between sessions (server starts), or by metric between runs and sessions. What `prony calibrate` finds out.",
        reference("noise"),
    );
    keys.add_with(
        "allow_errors",
        "Bound of the implicit assertion `error_rate <= …` of every case.",
        json!({ "anyOf": [
            text(&format!(r"^\s*({NUMBER}\s*%|0)\s*$|{VARIABLE}"), &["0%", "1%"]),
            { "const": 0 },
        ] }),
        show_share(builtin::ALLOW_ERRORS),
    );
    keys.add(
        "client",
        "From where on the client itself counts as the limit, and the case as `invalid`.",
        client(),
    );
    keys.add_with(
        "restart",
        "When the target is started anew: `never` (one start serves all cases), `case` (every case has its own), `repeat` (every run has its own).",
        one_of(&Restart::ALL.map(|(name, _)| name)),
        builtin::RESTART.name(),
    );
    launch::hooks_keys(keys, "the case");
    keys.add_with(
        "scrape",
        "As under `target`, over what stands there.",
        cases::scrape(),
        show_duration(EVERY),
    );
    keys.add(
        "timeout",
        "How long the whole case may take, waiting for the target included; when it is used up, the case is an error.",
        duration(&["10m"]),
    );
    keys.add(
        "skip",
        "Why the case is not run; `false` takes back what a layer below says.",
        cases::skip(),
    );
    keys.add(
        "known_issue",
        "A failure that people know of: until its day has passed, a `fail` does not fail the run. `false` takes back what a layer below says.",
        cases::known_issue(),
    );
    keys.add(
        "stream",
        "As under `target`, over what stands there.",
        boolean(),
    );
    keys.add(
        "tokenizer",
        "As under `target`, over what stands there.",
        reference("tokenizer"),
    );
    keys.add(
        "headers",
        "As under `target`, over what stands there.",
        reference("headers"),
    );
    keys.add(
        "body",
        "As under `target`, over what stands there.",
        reference("body"),
    );
}

/// Assertions worth starting from.
const ASSERTIONS: [&str; 5] = [
    "ttft.p99 < 500ms",
    "tpot.p95 <= 40ms",
    "e2e_latency.p95 < 5s",
    "tokens_per_second > 500tok/s",
    "goodput(ttft < 500ms, tpot < 40ms) >= 99%",
];

/// A share for all metrics, or by metric.
fn noise() -> Json {
    let of_metric = json!({ "anyOf": [variation(), reference("noise_levels")] });
    json!({ "anyOf": [
        variation(),
        { "type": "object", "additionalProperties": of_metric },
    ] })
}

fn noise_levels() -> Json {
    let mut levels = Keys::default();
    levels.add("run", "Between runs of one session.", variation());
    levels.add("session", "Between sessions.", variation());
    let mut levels = levels.mapping(&[]);
    levels["minProperties"] = json!(1);
    levels
}

fn variation() -> Json {
    json!({ "anyOf": [
        text(&format!(r"^\s*({NUMBER}\s*%|0)\s*$|{VARIABLE}"), &["3%"]),
        { "const": 0 },
    ] })
}

fn client() -> Json {
    let mut keys = Keys::default();
    let mut bounds = ClientBounds::default();
    for (key, about, place) in client_setting::KEYS {
        let share = json!({ "anyOf": [
            text(&format!(r"^\s*({NUMBER}\s*%|0)\s*$|{VARIABLE}"), &["5%"]),
            { "const": 0 },
        ] });
        keys.add_with(key, about, share, show_share(*place(&mut bounds)));
    }
    keys.add(
        client_setting::THREADS,
        "Threads that measure, each on a core of its own; without it as many as the load may need and the machine has cores for.",
        whole(1, u64::from(client_setting::MOST_THREADS)),
    );
    keys.mapping(&[])
}

fn timeouts() -> Json {
    let mut keys = Keys::default();
    keys.add_with(
        "connect",
        "For a connection.",
        duration(&["5s"]),
        show_duration(builtin::CONNECT),
    );
    keys.add_with(
        "first_token",
        "From sending to the first token; at most `total`.",
        duration(&["30s"]),
        show_duration(builtin::FIRST_TOKEN),
    );
    keys.add_with(
        "total",
        "From sending to the end of the answer.",
        duration(&["60s"]),
        show_duration(builtin::TOTAL),
    );
    keys.mapping(&[])
}

/// A whole number; in quotes too, as a variable needs them.
fn whole(least: u64, most: u64) -> Json {
    let mut number = json!({ "type": "integer", "minimum": least });
    if most < u64::MAX {
        number["maximum"] = json!(most);
    }
    json!({ "anyOf": [number, text(&format!("^[0-9]+$|{VARIABLE}"), &[])] })
}

fn boolean() -> Json {
    json!({ "anyOf": [
        { "type": "boolean" },
        text(&format!("^(true|false)$|{VARIABLE}"), &[]),
    ] })
}

fn one_of(names: &[&str]) -> Json {
    json!({ "anyOf": [{ "enum": names }, text(VARIABLE, &[])] })
}

fn duration(examples: &[&str]) -> Json {
    text(
        &format!(r"^\s*({NUMBER}\s*(ns|us|ms|s|m|h)\s*)+$|{VARIABLE}"),
        examples,
    )
}

fn rate() -> Json {
    text(
        &format!(r"^\s*{NUMBER}\s*/\s*(s|min|m|h)\s*$|{VARIABLE}"),
        &["20/s", "600/min"],
    )
}

/// A single value that is taken as text, whatever type its text suggests.
fn scalar() -> Json {
    json!({ "type": ["string", "number", "boolean"] })
}

/// Text of a form.
fn text(pattern: &str, examples: &[&str]) -> Json {
    let mut out = json!({ "type": "string", "pattern": pattern });
    if !examples.is_empty() {
        out["examples"] = json!(examples);
    }
    out
}
