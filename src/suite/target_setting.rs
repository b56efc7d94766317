//! `target:`: where requests go.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};

use super::diagnostic::Diagnostic;
use super::later::Place;
use super::launch_setting::{self, PORT};
use super::model::{Api, SimOverrides, Target, TargetUrl, TokenizerChoice, TransportKind};
use super::reader::{Fields, Placed, Problems};
use super::scrape_setting::{self, Scrape};
use super::secrets::{self, Header};
use super::settings::Surroundings;
use super::source::{SourceFile, Span};
use super::tokenizer_setting;
use super::yaml::Node;

/// Protocols by name.
pub(super) const APIS: [(&str, Api); 2] = [("chat", Api::Chat), ("completions", Api::Completions)];

/// Transports by name.
pub(super) const TRANSPORTS: [(&str, TransportKind); 2] = [
    ("lean", TransportKind::Lean),
    ("reqwest", TransportKind::Reqwest),
];

/// Fields of the body that prony writes itself.
pub(super) const OWN_FIELDS: [(&str, &str); 4] = [
    ("model", "say `model:` under `target:`"),
    ("stream", "say `stream:` under `target:` or in the scenario"),
    ("messages", "prompts come from `prompts:`"),
    ("prompt", "prompts come from `prompts:`"),
];

/// A target as one layer says it; its headers still with what must not be shown of them.
#[derive(Clone, Debug)]
pub(super) struct TargetLayer {
    pub target: Target,
    pub headers: Vec<Header>,
    /// What else must not be shown, as `(NAME, value)`.
    pub hidden: Vec<(String, String)>,
    /// Variables that are not set: problems of the scenarios that go there.
    pub unset: Vec<Diagnostic>,
}

impl TargetLayer {
    /// A target that speaks chat at `url` and says nothing else.
    pub fn plain(url: TargetUrl) -> Self {
        TargetLayer {
            target: plain(url),
            headers: Vec::new(),
            hidden: Vec::new(),
            unset: Vec::new(),
        }
    }
}

/// A target that speaks chat at `url` and says nothing else.
fn plain(url: TargetUrl) -> Target {
    Target {
        url,
        api: Api::Chat,
        model: None,
        stream: true,
        headers: Vec::new(),
        body: Map::new(),
        gpus: None,
        ca: None,
        insecure_tls: false,
        transport: None,
        ready: launch_setting::plain_ready(),
        launch: None,
        tokenizer: TokenizerChoice::default(),
        scrape: Scrape::default(),
    }
}

pub(super) fn read(
    node: &Node,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> Option<TargetLayer> {
    if let Some(scalar) = node.scalar()
        && scalar.text.contains("://")
        && !node.is_broken()
    {
        problems.add(
            node.span,
            "a target is a mapping",
            format!("write `target: {{ url: \"{}\" }}`", scalar.shown),
        );
        return None;
    }
    let mut fields = Fields::of(
        node,
        "target: { url: \"http://localhost:8000/v1\" }",
        problems,
    )?;
    let url_node = fields.take("url");
    let text = url_node.and_then(|n| problems.text_of(n));
    if url_node.is_none() {
        problems.add(
            fields.span(),
            "this target has no `url`",
            "write `url: http://localhost:8000/v1`, or `url: sim://` for the embedded engine",
        );
    }
    let mut url =
        text.and_then(
            |text| match parse_url(&text.value.replace(&format!(":{PORT}"), ":0")) {
                Ok(url) => Some(problems.placed(url, text.span())),
                Err((message, help)) => {
                    problems.add(text.span(), message, help);
                    None
                }
            },
        );
    let sim = fields.entry("sim");
    let overrides = sim.and_then(|e| problems.typed_exactly::<Map<String, Json>>(&e.value));
    if let Some(url) = &mut url {
        let at = url.span();
        match (&mut url.value, sim) {
            (TargetUrl::Sim(engine), _) => {
                if let Some(overrides) = overrides {
                    engine.overrides = overrides.value;
                }
                check_sim(engine, at, sim.map(|e| &e.value), around, problems);
            }
            (TargetUrl::Http(_), Some(entry)) => problems.add(
                entry.key_span,
                "`sim` configures the embedded engine, and this target is another one",
                "leave it out, or write `url: sim://`",
            ),
            (TargetUrl::Http(_), None) => {}
        }
    }
    let mut target = plain(TargetUrl::Sim(SimOverrides::default()));
    let api = fields
        .take("api")
        .and_then(|n| problems.one_of(n, "an API", &APIS));
    if let Some(api) = api {
        target.api = api.value;
    }
    target.model = fields.text("model", problems).map(|m| m.value);
    if let Some(stream) = fields.typed("stream", problems) {
        target.stream = stream.value;
    }
    if let Some(node) = fields.take("body") {
        target.body = body(node, problems).into_iter().collect();
    }
    target.gpus = fields
        .typed::<u32>("gpus", problems)
        .and_then(|gpus| positive_gpus(gpus, problems));
    target.ca = fields
        .text("ca", problems)
        .map(|ca| beside(&ca.location.file, &ca.value));
    if let Some(insecure) = fields.typed("insecure_tls", problems) {
        target.insecure_tls = insecure.value;
    }
    if let Some(node) = fields.take("tokenizer")
        && let Some(choice) = tokenizer_setting::read(node, problems)
    {
        target.tokenizer = choice.value;
    }
    if let Some(transport) = fields
        .take("transport")
        .and_then(|n| problems.one_of(n, "a transport", &TRANSPORTS))
    {
        target.transport = Some(transport.value);
    }
    if let Some(scrape) = fields
        .take("scrape")
        .and_then(|node| scrape_setting::read(node, problems))
    {
        target.scrape = scrape.value;
    }
    let at = url.as_ref().map(|url| (&url.value, url.span()));
    let started = launch_setting::read(&mut fields, at, around, problems);
    target.ready = started.ready;
    target.launch = started.launch;
    let headers = read_headers(&mut fields, around, problems);
    fields.finish(Place::Target, problems);
    target.url = url?.value;
    Some(TargetLayer {
        target,
        headers,
        hidden: started.hidden,
        unset: Vec::new(),
    })
}

fn read_headers(
    fields: &mut Fields<'_>,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> Vec<Header> {
    let mut headers = match fields.take("headers") {
        Some(node) => secrets::headers(node, around.env, problems),
        None => Vec::new(),
    };
    if let Some(entry) = fields.entry("auth")
        && let Some(auth) = secrets::auth(&entry.value, around.env, problems)
    {
        if headers
            .iter()
            .any(|h| h.name.eq_ignore_ascii_case(&auth.name))
        {
            problems.add(
                entry.key_span,
                "`auth` and the header `Authorization` say the same thing twice",
                "keep one of the two",
            );
        } else {
            headers.push(auth);
        }
    }
    headers
}

fn positive_gpus(gpus: Placed<u32>, problems: &mut Problems) -> Option<u32> {
    if gpus.value == 0 {
        problems.add(
            gpus.span(),
            "`gpus` is 0",
            "leave it out where there are none",
        );
        return None;
    }
    Some(gpus.value)
}

fn check_sim(
    engine: &SimOverrides,
    url: Span,
    sim: Option<&Node>,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) {
    let Err(problem) = (around.validate_sim)(engine) else {
        return;
    };
    let entry = problem.key.as_ref().and_then(|key| {
        sim.and_then(Node::entries)
            .and_then(|entries| entries.iter().find(|e| e.key == *key))
    });
    let span = match entry {
        Some(entry) if problem.in_value => entry.value.span,
        Some(entry) => entry.key_span,
        None => url,
    };
    let mut diagnostic = Diagnostic::new(problem.message).at(problems.location(span));
    diagnostic.help = problem.help;
    problems.push(diagnostic);
}

/// `path` as seen from the folder of `file`.
pub(super) fn beside(file: &SourceFile, path: &str) -> PathBuf {
    match Path::new(&*file.path).parent() {
        Some(folder) => folder.join(path),
        None => PathBuf::from(path),
    }
}

/// Extra fields of the body; prony's own are refused.
pub(super) fn body(node: &Node, problems: &mut Problems) -> BTreeMap<String, Json> {
    let Some(entries) = node.entries() else {
        let what = node.describe();
        problems.add(
            node.span,
            format!("expected a mapping, found {what}"),
            "write it like `body: { ignore_eos: true }`",
        );
        return BTreeMap::new();
    };
    let mut body = BTreeMap::new();
    for entry in entries {
        if let Some((field, help)) = OWN_FIELDS.iter().find(|(f, _)| *f == entry.key) {
            problems.add(
                entry.key_span,
                format!("prony writes the field `{field}` of the body itself"),
                *help,
            );
            continue;
        }
        if let Some(value) = problems.typed_exactly::<Json>(&entry.value) {
            body.insert(entry.key.clone(), value.value);
        }
    }
    body
}

/// Reads a target's address.
pub(super) fn parse_url(text: &str) -> Result<TargetUrl, (String, String)> {
    let help = || "write `http://host:port/v1`, `https://…` or `sim://`".to_owned();
    if let Some(preset) = text.strip_prefix("sim://") {
        return Ok(TargetUrl::Sim(SimOverrides {
            preset: preset.trim_end_matches('/').to_owned(),
            overrides: Map::new(),
        }));
    }
    let mut url = match url::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => url,
        Ok(url) if matches!(url.scheme(), "http" | "https") => {
            return Err(("this address names no host".into(), help()));
        }
        Ok(url) if text.contains("://") => {
            return Err((
                format!("`{}` is not a protocol of targets", url.scheme()),
                help(),
            ));
        }
        // `localhost:8000` reads as a scheme with a path.
        Ok(_) | Err(url::ParseError::RelativeUrlWithoutBase) => {
            return Err((
                "this address has no protocol".into(),
                format!("write `http://{}`", text.trim_start_matches('/')),
            ));
        }
        Err(error) => return Err((format!("this is not an address: {error}"), help())),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err((
            "this address holds credentials, which would be shown in reports".into(),
            "put them under `auth:` or `headers:`".into(),
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err((
            "a target's address has no `?` or `#` part".into(),
            "write the base that paths such as `chat/completions` are added to".into(),
        ));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    for endpoint in ["/chat/completions", "/completions"] {
        if let Some(base) = path.strip_suffix(endpoint) {
            url.set_path(base);
            return Err((
                format!("prony adds `{endpoint}` itself"),
                format!("write `{url}`"),
            ));
        }
    }
    url.set_path(&path);
    Ok(TargetUrl::Http(url))
}
