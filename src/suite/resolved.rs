//! A suite written out as it runs: defaults merged, variables replaced, secrets as `${NAME}`.

use std::path::Path;

use serde_json::{Map, Value as Json, json};

use super::baseline_setting;
use super::client_setting;
use super::de;
use super::evidence_setting;
use super::hooks::SuiteHooks;
use super::hooks_setting;
use super::kinds;
use super::launch::{CommandLine, Probe, Ready};
use super::model::{
    Api, Arrivals, Conversation, Length, LengthTolerance, Load, LoadShape, Popularity, Prefix,
    PromptSource, Prompts, SaltMode, Scenario, Secret, Shape, StageLevel, Start, Target, TargetUrl,
    TokenizerChoice, Undecided,
};
use super::units::{show_duration, show_rate, show_share};

/// The suite `name` as it runs. Loading it again gives the same scenarios, once its secrets are set.
pub(super) fn resolved_yaml(
    name: &str,
    scenarios: &[Scenario],
    hooks: &SuiteHooks,
    secrets: &[(String, String)],
) -> String {
    let mut suite = Map::new();
    suite.insert("suite".into(), json!(name));
    let mut written: Vec<Json> = scenarios.iter().map(|s| scenario(s, secrets)).collect();
    for scenario in &mut written {
        for place in [
            "/scrape/url",
            "/before",
            "/after",
            "/between",
            "/prompts/path",
            "/prompts/input_tokens/histogram",
            "/prompts/output_tokens/histogram",
            "/sla",
        ] {
            if let Some(value) = scenario.pointer_mut(place) {
                hide(value, secrets);
            }
        }
    }
    put_suite_hooks(&mut suite, hooks, secrets);
    suite.insert("scenarios".into(), Json::Array(written));
    de::to_yaml(&Json::Object(suite))
}

/// The suite's own hooks, and the target that their paths belong to.
fn put_suite_hooks(
    suite: &mut Map<String, Json>,
    hooks: &SuiteHooks,
    secrets: &[(String, String)],
) {
    let mut put = |key: &str, mut value: Json| {
        hide(&mut value, secrets);
        suite.insert(key.to_owned(), value);
    };
    if let Some(t) = &hooks.target {
        let mut out = Map::new();
        let url = TargetUrl::Http(t.url.clone()).shown();
        out.insert("url".into(), json!(plain(&url)));
        put_headers(&mut out, &t.headers);
        put_tls(&mut out, t.ca.as_deref(), t.insecure_tls);
        put("target", Json::Object(out));
    }
    for (key, hooks) in [("before", &hooks.before), ("after", &hooks.after)] {
        if !hooks.is_empty() {
            put(key, hooks_setting::written(hooks, &show_duration));
        }
    }
}

fn scenario(s: &Scenario, secrets: &[(String, String)]) -> Json {
    let mut out = Map::new();
    out.insert("name".into(), json!(s.case));
    out.insert("kind".into(), json!(s.kind.name()));
    kinds::put(&mut out, s, secrets);
    let mut put = |key: &str, value: Json| {
        out.insert(key.to_owned(), value);
    };
    if let Some(requests) = s.requests {
        put("requests", json!(requests));
    }
    if let Some(duration) = s.duration
        && !matches!(s.load.shape, LoadShape::Stages { .. })
    {
        put("duration", json!(show_duration(duration)));
    }
    put("warmup", json!(show_duration(s.warmup)));
    put("drain", json!(show_duration(s.drain)));
    put(
        "timeouts",
        json!({
            "connect": show_duration(s.timeouts.connect),
            "first_token": show_duration(s.timeouts.first_token),
            "total": show_duration(s.timeouts.total),
        }),
    );
    put("repeats", json!(s.repeats));
    put("seed", json!(s.seed));
    put("prompts", prompts(&s.prompts));
    if s.measure_only {
        put("measure_only", json!(true));
    } else if !s.sla.is_empty() {
        let texts: Vec<_> = s.sla.iter().map(|a| plain(&a.assertion.text)).collect();
        put("sla", json!(texts));
    }
    if !s.baseline.is_empty() {
        let rules = s.baseline.iter();
        let rules = rules.map(|r| (plain(&r.text), baseline_setting::written(r)));
        put("baseline", Json::Object(rules.collect()));
    }
    put("confidence", json!(s.confidence));
    let undecided = match s.undecided {
        Undecided::Lean => "lean",
        Undecided::Warn => "warn",
        Undecided::Fail => "fail",
    };
    put("undecided", json!(undecided));
    put("extend", json!(s.extend.to_string()));
    if !s.noise.is_empty() {
        put("noise", evidence_setting::written(&s.noise));
    }
    put("allow_errors", json!(show_share(s.allow_errors)));
    let mut values = s.client;
    let mut bounds: Map<String, Json> = client_setting::KEYS
        .iter()
        .map(|(key, _, place)| ((*key).to_owned(), json!(show_share(*place(&mut values)))))
        .collect();
    if let Some(threads) = s.threads {
        bounds.insert(client_setting::THREADS.to_owned(), json!(threads));
    }
    put("client", Json::Object(bounds));
    put("restart", json!(s.restart.name()));
    for (key, hooks) in [
        ("before", &s.hooks.before),
        ("after", &s.hooks.after),
        ("between", &s.hooks.between),
    ] {
        if !hooks.is_empty() {
            put(key, hooks_setting::written(hooks, &show_duration));
        }
    }
    if let Some(scrape) = s.scrape.written() {
        put("scrape", scrape);
    }
    if let Some(timeout) = s.timeout {
        put("timeout", json!(show_duration(timeout)));
    }
    if let Some(reason) = &s.skip {
        put("skip", json!({ "reason": plain(reason) }));
    }
    if let Some(issue) = &s.known_issue {
        put(
            "known_issue",
            json!({ "url": plain(&issue.url), "until": issue.until.to_string() }),
        );
    }
    Json::Object(out)
}

/// `text` so that loading it again gives `text`: a plain `${` is escaped.
pub(super) fn plain(text: &str) -> String {
    text.replace("${", "$${")
}

pub(super) fn plain_json(value: &Json) -> Json {
    match value {
        Json::String(text) => json!(plain(text)),
        Json::Array(items) => Json::Array(items.iter().map(plain_json).collect()),
        Json::Object(fields) => Json::Object(
            fields
                .iter()
                .map(|(k, v)| (k.clone(), plain_json(v)))
                .collect(),
        ),
        other => other.clone(),
    }
}

/// A target, `${NAME}` for secret values.
pub(super) fn target(t: &Target, secrets: &[(String, String)]) -> Json {
    let mut out = target_as_is(t);
    for key in [
        "url",
        "model",
        "sim",
        "body",
        "ca",
        "launch",
        "tokenizer",
        "scrape",
    ] {
        if let Some(value) = out.get_mut(key) {
            hide(value, secrets);
        }
    }
    Json::Object(out)
}

fn target_as_is(t: &Target) -> Map<String, Json> {
    let mut out = Map::new();
    out.insert("url".into(), json!(plain(&t.url.shown())));
    if let TargetUrl::Sim(engine) = &t.url
        && !engine.overrides.is_empty()
    {
        out.insert(
            "sim".into(),
            plain_json(&Json::Object(engine.overrides.clone())),
        );
    }
    let api = match t.api {
        Api::Chat => "chat",
        Api::Completions => "completions",
    };
    out.insert("api".into(), json!(api));
    let tokenizer = match &t.tokenizer {
        TokenizerChoice::Auto => None,
        TokenizerChoice::Server => Some(json!("server")),
        TokenizerChoice::None => Some(json!("none")),
        TokenizerChoice::File { path, .. } => {
            Some(json!({ "file": plain(&path.to_string_lossy()) }))
        }
        TokenizerChoice::Tiktoken(name) => Some(json!({ "tiktoken": name })),
    };
    if let Some(tokenizer) = tokenizer {
        out.insert("tokenizer".into(), tokenizer);
    }
    if let Some(model) = &t.model {
        out.insert("model".into(), json!(plain(model)));
    }
    out.insert("stream".into(), json!(t.stream));
    put_headers(&mut out, &t.headers);
    if !t.body.is_empty() {
        out.insert("body".into(), plain_json(&Json::Object(t.body.clone())));
    }
    if let Some(gpus) = t.gpus {
        out.insert("gpus".into(), json!(gpus));
    }
    put_tls(&mut out, t.ca.as_deref(), t.insecure_tls);
    if let Some(transport) = t.transport {
        out.insert("transport".into(), json!(transport.name()));
    }
    out.insert("ready".into(), ready(&t.ready));
    if let Some(scrape) = t.scrape.written() {
        out.insert("scrape".into(), scrape);
    }
    if let Some(launch) = &t.launch {
        let mut inner = Map::new();
        let cwd = launch.cwd.as_deref();
        put_command(&mut inner, &launch.command, &launch.env, cwd);
        inner.insert(
            "stop".into(),
            json!({ "timeout": show_duration(launch.stop_timeout) }),
        );
        out.insert("launch".into(), Json::Object(inner));
    }
    out
}

/// Headers as they are shown.
pub(super) fn put_headers(out: &mut Map<String, Json>, headers: &[(String, Secret)]) {
    if !headers.is_empty() {
        let headers: Map<_, _> = headers
            .iter()
            .map(|(name, secret)| (name.clone(), json!(secret.shown)))
            .collect();
        out.insert("headers".into(), Json::Object(headers));
    }
}

fn put_tls(out: &mut Map<String, Json>, ca: Option<&Path>, insecure_tls: bool) {
    if let Some(ca) = ca {
        out.insert("ca".into(), json!(plain(&ca.to_string_lossy())));
    }
    if insecure_tls {
        out.insert("insecure_tls".into(), json!(true));
    }
}

fn ready(ready: &Ready) -> Json {
    let mut out = Map::new();
    match &ready.probe {
        Probe::Auto => {}
        Probe::Models => drop(out.insert("probe".into(), json!("models"))),
        Probe::Token => drop(out.insert("probe".into(), json!("token"))),
        Probe::Path(path) => drop(out.insert("path".into(), json!(plain(path)))),
    }
    out.insert("timeout".into(), json!(show_duration(ready.timeout)));
    out.insert("interval".into(), json!(show_duration(ready.interval)));
    Json::Object(out)
}

/// `command`, `env` and `cwd`.
pub(super) fn put_command(
    out: &mut Map<String, Json>,
    command: &CommandLine,
    env: &[(String, String)],
    cwd: Option<&Path>,
) {
    let command = match command {
        CommandLine::Shell(text) => json!(plain(text)),
        CommandLine::Program(words) => words.iter().map(|w| json!(plain(w))).collect(),
    };
    out.insert("command".into(), command);
    if !env.is_empty() {
        let env: Map<_, _> = env
            .iter()
            .map(|(name, value)| (name.clone(), json!(plain(value))))
            .collect();
        out.insert("env".into(), Json::Object(env));
    }
    if let Some(cwd) = cwd {
        out.insert("cwd".into(), json!(plain(&cwd.to_string_lossy())));
    }
}

pub(super) fn load(l: &Load) -> Json {
    let mut out = Map::new();
    let arrivals = match &l.shape {
        LoadShape::Concurrency(n) => {
            out.insert("concurrency".into(), json!(n));
            None
        }
        LoadShape::Rate {
            per_second,
            arrivals,
        } => {
            out.insert("rate".into(), json!(show_rate(*per_second)));
            Some(arrivals)
        }
        LoadShape::Stages { stages, arrivals } => {
            let stages: Vec<_> = stages
                .iter()
                .map(|s| {
                    let (key, level) = match (s.from, s.to) {
                        (a, b) if a == b => (level_key(a), level(a)),
                        (a, b) => (level_key(a), json!({ "from": level(a), "to": level(b) })),
                    };
                    json!({ "duration": show_duration(s.duration), key: level })
                })
                .collect();
            out.insert("stages".into(), Json::Array(stages));
            l.is_open_loop().then_some(arrivals)
        }
    };
    if let Some(arrivals) = arrivals {
        out.insert("arrivals".into(), arrivals_name(arrivals));
    }
    if let Some(max) = l.max_concurrency {
        out.insert("max_concurrency".into(), json!(max));
    }
    if l.start == Start::Together {
        out.insert("start".into(), json!("together"));
    }
    Json::Object(out)
}

/// Arrivals as suites write them.
pub(super) fn arrivals_name(arrivals: &Arrivals) -> Json {
    match arrivals {
        Arrivals::Constant => json!("constant"),
        Arrivals::Poisson => json!("poisson"),
        Arrivals::Gamma(shape) => json!(format!("gamma({shape})")),
    }
}

fn level_key(level: StageLevel) -> &'static str {
    match level {
        StageLevel::Rate(_) => "rate",
        StageLevel::Concurrency(_) => "concurrency",
    }
}

fn level(level: StageLevel) -> Json {
    match level {
        StageLevel::Rate(rate) => json!(show_rate(rate)),
        StageLevel::Concurrency(n) => json!(n),
    }
}

fn prompts(p: &Prompts) -> Json {
    let mut out = Map::new();
    match &p.source {
        PromptSource::Synthetic {
            input_tokens,
            output_tokens,
            prefix,
            conversation,
        } => {
            out.insert("type".into(), json!("synthetic"));
            if let Some(Conversation { turns, open }) = conversation {
                let conversation = json!({ "turns": turns, "open": open });
                out.insert("conversation".into(), conversation);
            }
            if let Some(prefix) = prefix {
                out.insert("prefix".into(), self::prefix(prefix));
            }
            out.insert("input_tokens".into(), length(input_tokens));
            out.insert("output_tokens".into(), length(output_tokens));
        }
        PromptSource::File {
            path,
            output_tokens,
            shuffle,
            ..
        } => {
            out.insert("type".into(), json!("file"));
            out.insert("path".into(), json!(plain(&path.to_string_lossy())));
            if let Some(tokens) = output_tokens {
                out.insert("output_tokens".into(), length(tokens));
            }
            out.insert("shuffle".into(), json!(shuffle));
        }
    }
    let salt = match p.salt {
        SaltMode::On => "on",
        SaltMode::Off => "off",
    };
    out.insert("salt".into(), json!(salt));
    let LengthTolerance { share, tokens } = p.length_tolerance;
    if p.length_tolerance != LengthTolerance::default() {
        out.insert(
            "length_tolerance".into(),
            json!({ "share": show_share(share), "tokens": tokens }),
        );
    }
    Json::Object(out)
}

fn prefix(prefix: &Prefix) -> Json {
    let popularity = match prefix.popularity {
        Popularity::Uniform => "uniform".to_owned(),
        Popularity::Zipf(s) => format!("zipf({s})"),
    };
    json!({
        "tokens": prefix.tokens,
        "groups": prefix.groups,
        "ratio": show_share(prefix.ratio),
        "popularity": popularity,
    })
}

pub(super) fn length(length: &Length) -> Json {
    let (shape, min, max) = match length {
        Length::Fixed(n) => return json!(n),
        Length::Drawn { shape, min, max } => (shape, min, max),
    };
    let mut out = match shape {
        Shape::Uniform => json!({}),
        Shape::Normal { mean, stddev } => json!({ "mean": mean, "stddev": stddev }),
        Shape::LogNormal { mean, stddev } => json!({
            "distribution": "lognormal", "mean": mean, "stddev": stddev,
        }),
        Shape::Exponential { mean } => json!({ "distribution": "exponential", "mean": mean }),
        Shape::Zipf { s } => json!({ "distribution": "zipf", "s": s }),
        Shape::Histogram { path, .. } => json!({ "histogram": plain(&path.to_string_lossy()) }),
    };
    out["min"] = json!(min);
    out["max"] = json!(max);
    out
}

/// Puts `${NAME}` for every secret value.
pub(super) fn hide(value: &mut Json, secrets: &[(String, String)]) {
    match value {
        Json::String(text) => {
            for (name, secret) in secrets {
                if text.contains(secret.as_str()) {
                    *text = text.replace(secret.as_str(), &format!("${{{name}}}"));
                }
            }
        }
        Json::Number(number) => {
            let text = number.to_string();
            if let Some((name, _)) = secrets.iter().find(|(_, secret)| *secret == text) {
                *value = json!(format!("${{{name}}}"));
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|v| hide(v, secrets)),
        Json::Object(fields) => fields.values_mut().for_each(|v| hide(v, secrets)),
        Json::Null | Json::Bool(_) => {}
    }
}
