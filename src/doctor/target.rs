use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Map, Value, json};

use super::findings::{Answer, Finding, Sustained, TargetReport};
use crate::driver::RealDriver;
use crate::endpoint::{
    HttpCarrier, HttpSettings, Observation, ProbeError, Protocol, Transport, models, openai::Chat,
    openai::Completions, perform,
};
use crate::result::OwnError;
use crate::suite::{Api, TargetUrl, Timeouts};
use crate::workload::{PlannedRequest, Prompt};

use Answer::{No, Unknown, Yes};

/// How long a server may take for one answer.
const PATIENCE: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    first_token: Duration::from_secs(60),
    total: Duration::from_secs(120),
};
/// The same of what generates nothing.
const ONE_CALL: Duration = Duration::from_secs(10);
/// Tokens of the answers that are asked for.
const TOKENS: u32 = 24;
/// A question whose answer ends long before that, if it is left to the model.
const SHORT: &str = "Answer with the single word yes.";
/// A path that no server has.
const NOWHERE: &str = "/prony-asks-for-a-path-that-cannot-be";
/// Most bytes read of an answer that is not timed.
const MOST_BYTES: usize = 4 << 20;

/// Every probe, in the order in which they are asked.
const PROBES: [&str; 13] = [
    "reachable",
    "models",
    "chat",
    "completions",
    "streaming",
    "token counts in the stream",
    "cached tokens",
    "ignore_eos",
    "min_tokens",
    "tokenize",
    "metrics",
    "prefix-cache reset",
    "keep-alive",
];

/// Asks the target at `settings` what it supports; `model` stands in for the first that it lists.
/// `client` is what this client can read, for the estimate at the end. Every answer comes from a real
/// request; none of them changes anything on the target but its caches.
pub async fn examine(
    driver: &RealDriver,
    settings: &HttpSettings,
    model: Option<&str>,
    client: Option<&OwnError>,
) -> TargetReport {
    let mut probe = Probe {
        driver: driver.clone(),
        settings: settings.clone(),
        model: model.map(str::to_owned),
        findings: Vec::new(),
    };
    let sustained = probe.all(client).await;
    // What was not asked is not left out: it is not known.
    let asked = probe.findings.len();
    if asked < PROBES.len() {
        let why = match &probe.findings.last() {
            Some(last) if last.what == "reachable" => "not asked: the target was not reached",
            _ => "not asked: the target answers neither chat nor completions",
        };
        for what in PROBES {
            if probe.findings.iter().all(|f| f.what != what) {
                probe.add(what, Unknown, why);
            }
        }
    }
    let place = |f: &Finding| PROBES.iter().position(|p| *p == f.what);
    probe.findings.sort_by_key(place);
    TargetReport {
        target: shown(settings),
        model: probe.model,
        findings: probe.findings,
        sustained,
    }
}

fn shown(settings: &HttpSettings) -> String {
    let mut url = settings.base_url.clone();
    // Both fail only for URLs without a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    TargetUrl::Http(url).shown()
}

struct Probe {
    driver: RealDriver,
    settings: HttpSettings,
    model: Option<String>,
    findings: Vec<Finding>,
}

impl Probe {
    fn add(&mut self, what: &'static str, answer: Answer, why: impl Into<String>) {
        self.findings.push(Finding::new(what, answer, why));
    }

    async fn all(&mut self, client: Option<&OwnError>) -> Option<Sustained> {
        let plain = match self.settings.plain_client() {
            Ok(plain) => plain,
            Err(e) => {
                self.add("reachable", No, e.to_string());
                return None;
            }
        };
        if !self.reached().await {
            return None;
        }
        self.metrics(&plain).await;
        self.reset(&plain).await;
        self.tokenize(&plain).await;
        let api = self.protocols().await?;
        let transport = self.transport()?;
        let one = self.stream(&transport, api).await;
        self.cached(&transport, api).await;
        self.lengths(&transport, api).await;
        self.keep_alive(api).await;
        Sustained::of(one?, client?)
    }

    /// Whether anything answers there, and which models it lists.
    async fn reached(&mut self) -> bool {
        match models(&self.settings).await {
            Ok(info) => {
                let server = info
                    .server
                    .map_or_else(String::new, |s| format!(", server `{s}`"));
                self.add("reachable", Yes, format!("it answers HTTP{server}"));
                match info.models.first() {
                    Some(first) => {
                        let n = info.models.len();
                        let more = if n > 1 {
                            format!(" and {} more", n - 1)
                        } else {
                            String::new()
                        };
                        self.add("models", Yes, format!("{first}{more}"));
                        self.model.get_or_insert_with(|| first.clone());
                    }
                    None => self.add("models", No, "the list is empty; name one with --model"),
                }
                true
            }
            Err(
                error @ (ProbeError::Settings(_)
                | ProbeError::Refused(_)
                | ProbeError::Unreachable(_)
                | ProbeError::Timeout(_)),
            ) => {
                self.add("reachable", No, error.to_string());
                false
            }
            Err(error) => {
                self.add("reachable", Yes, "it answers HTTP");
                let answer =
                    if matches!(error, ProbeError::Unauthorized(_) | ProbeError::Loading(_)) {
                        Unknown
                    } else {
                        No
                    };
                self.add("models", answer, error.to_string());
                true
            }
        }
    }

    /// Chat and completions, whole; which of the two to ask further.
    async fn protocols(&mut self) -> Option<Api> {
        let transport = self.transport()?;
        let mut works = None;
        for (api, what) in [(Api::Chat, "chat"), (Api::Completions, "completions")] {
            let seen = self
                .ask(&transport, api, false, "Say hello.", 4, Map::new())
                .await;
            if seen.ok() {
                works = works.or(Some(api));
                self.add(what, Yes, "a request was answered");
            } else {
                self.add(what, No, reason(&seen));
            }
        }
        works
    }

    /// Whether answers come bit by bit; tokens per second of one stream.
    async fn stream<T: Transport>(&mut self, transport: &T, api: Api) -> Option<f64> {
        let prompt = "Count from one to a hundred, in words.";
        let seen = self
            .ask(transport, api, true, prompt, TOKENS, Map::new())
            .await;
        if !seen.ok() {
            self.add("streaming", No, reason(&seen));
            self.add("token counts in the stream", Unknown, "it does not stream");
            return None;
        }
        let chunks = seen.chunks.len();
        let (first, last) = (seen.chunks.first()?.at, seen.chunks.last()?.at);
        let seconds = last.saturating_sub(first) as f64 / 1e9;
        let whole = format!("{chunks} chunks within {:.0} ms", seconds * 1e3);
        match chunks {
            1 => self.add(
                "streaming",
                Unknown,
                "the whole answer came in one chunk: it may have been that short",
            ),
            _ => self.add("streaming", Yes, whole),
        }
        match seen.usage.output {
            Some(n) => self.add(
                "token counts in the stream",
                Yes,
                format!("it counted {n} tokens in {chunks} chunks"),
            ),
            None => self.add(
                "token counts in the stream",
                No,
                "no `usage` came, although `stream_options: { include_usage: true }` asked for it; chunks are counted instead",
            ),
        }
        let (tokens, _) = seen.output_tokens()?;
        (chunks > 1 && tokens > 1 && seconds > 0.0).then(|| (tokens - 1) as f64 / seconds)
    }

    /// Whether it says how much of a prompt came from its cache.
    async fn cached<T: Transport>(&mut self, transport: &T, api: Api) {
        let prompt = "The quick brown fox jumps over the lazy dog. ".repeat(24);
        let mut said = None;
        for _ in 0..2 {
            let seen = self.ask(transport, api, true, &prompt, 4, Map::new()).await;
            if !seen.ok() {
                self.add("cached tokens", Unknown, reason(&seen));
                return;
            }
            said = seen.usage.cached;
        }
        match said {
            Some(n) => self.add(
                "cached tokens",
                Yes,
                format!("a prompt sent twice: {n} tokens from the cache the second time"),
            ),
            None => self.add(
                "cached tokens",
                No,
                "it does not say (vLLM needs --enable-prompt-tokens-details)",
            ),
        }
    }

    /// Whether the length of answers can be forced.
    async fn lengths<T: Transport>(&mut self, transport: &T, api: Api) {
        let free = self
            .ask(transport, api, true, SHORT, TOKENS, Map::new())
            .await;
        let by_itself = tokens(&free).filter(|n| free.ok() && *n < u64::from(TOKENS));
        for (what, value) in [("ignore_eos", json!(true)), ("min_tokens", json!(TOKENS))] {
            let mut extra = Map::new();
            extra.insert(what.to_owned(), value);
            let seen = self.ask(transport, api, true, SHORT, TOKENS, extra).await;
            let (answer, why) = match (seen.ok(), tokens(&seen), by_itself) {
                (false, ..) => (No, reason(&seen)),
                (true, Some(n), Some(free)) if n >= u64::from(TOKENS) => (
                    Yes,
                    format!("{n} tokens where the model alone stops after {free}"),
                ),
                (true, Some(n), _) if n < u64::from(TOKENS) => (
                    No,
                    format!("accepted, but the answer had {n} of {TOKENS} tokens"),
                ),
                (true, Some(n), None) => (
                    Unknown,
                    format!(
                        "accepted, and {n} of {TOKENS} tokens came, but so they did without it"
                    ),
                ),
                (true, ..) => (Unknown, "accepted; nobody counted the tokens".to_owned()),
            };
            self.add(what, answer, why);
        }
    }

    async fn tokenize(&mut self, plain: &Client) {
        let url = self.settings.beside("/tokenize");
        // vLLM and SGLang read `prompt`, llama.cpp `content`.
        let mut body = json!({ "prompt": "one two three", "content": "one two three" });
        if let Some(model) = &self.model {
            body["model"] = json!(model);
        }
        let asked = plain
            .post(url)
            .header("content-type", "application/json")
            .body(body.to_string());
        let (answer, why) = match text(asked).await {
            Ok((200, body)) => {
                let said: Value = serde_json::from_str(&body).unwrap_or_default();
                let n = said["count"]
                    .as_u64()
                    .or_else(|| Some(said["tokens"].as_array()?.len() as u64));
                match n {
                    Some(n) => (Yes, format!("`one two three` is {n} tokens")),
                    None => (No, "POST /tokenize answers something else".to_owned()),
                }
            }
            Ok((status @ (404 | 405 | 501), _)) => (No, format!("POST /tokenize: status {status}")),
            Ok((status, _)) => (Unknown, format!("POST /tokenize: status {status}")),
            Err(why) => (Unknown, format!("POST /tokenize: {why}")),
        };
        self.add("tokenize", answer, why);
    }

    async fn metrics(&mut self, plain: &Client) {
        let (answer, why) = match text(plain.get(self.settings.beside("/metrics"))).await {
            Ok((200, body)) => match vocabulary(&body) {
                Some(words) => (Yes, words),
                None => (
                    No,
                    "GET /metrics is not the text format of Prometheus".to_owned(),
                ),
            },
            Ok((status, _)) => {
                let hint =
                    " (llama.cpp needs --metrics; a router may have them on a port of its own)";
                (No, format!("GET /metrics: status {status}{hint}"))
            }
            Err(why) => (Unknown, format!("GET /metrics: {why}")),
        };
        self.add("metrics", answer, why);
    }

    /// Whether there is a way to empty the prefix cache. Asked with OPTIONS, which resets nothing: a
    /// path that is there answers it otherwise than one that cannot be.
    async fn reset(&mut self, plain: &Client) {
        let options = |path: &str| {
            let url = self.settings.beside(path);
            text(plain.request(Method::OPTIONS, url))
        };
        let nowhere = options(NOWHERE).await.map(|(status, _)| status);
        let mut seen = Vec::new();
        for path in ["/reset_prefix_cache", "/flush_cache"] {
            let status = options(path).await.map(|(status, _)| status);
            seen.push((path, status));
        }
        let found = seen
            .iter()
            .find(|(_, status)| matches!((status, &nowhere), (Ok(a), Ok(404)) if *a != 404));
        let (answer, why) = match (found, nowhere) {
            (Some((path, _)), _) => (Yes, format!("POST {path} is there; it was not called")),
            (None, Ok(404)) => (
                No,
                "neither /reset_prefix_cache (vLLM in development mode) nor /flush_cache (SGLang) is there".to_owned(),
            ),
            (None, Ok(status)) => (
                Unknown,
                format!("it answers OPTIONS with {status} for any path"),
            ),
            (None, Err(why)) => (Unknown, why),
        };
        self.add("prefix-cache reset", answer, why);
    }

    /// Whether a connection serves more than one request.
    async fn keep_alive(&mut self, api: Api) {
        let Some(transport) = self.transport() else {
            return;
        };
        let mut opened = Vec::new();
        for _ in 0..3 {
            let seen = self
                .ask(&transport, api, true, "Say hello.", 4, Map::new())
                .await;
            if !seen.ok() {
                self.add("keep-alive", Unknown, reason(&seen));
                return;
            }
            opened.push(seen.timing.is_some_and(|t| t.connect.is_some()));
        }
        let n = opened.iter().filter(|new| **new).count();
        let (answer, why) = match (n, transport.stale_connections()) {
            (_, 1..) => (
                No,
                "it announces to keep connections and closes them after a streamed answer"
                    .to_owned(),
            ),
            (0 | 1, 0) => (
                Yes,
                "three streamed answers came over one connection".to_owned(),
            ),
            (n, 0) => (No, format!("three streamed answers took {n} connections")),
        };
        self.add("keep-alive", answer, why);
    }

    fn transport(&mut self) -> Option<HttpCarrier<RealDriver>> {
        HttpCarrier::new(self.settings.clone(), self.driver.clone(), None).ok()
    }

    async fn ask<T: Transport>(
        &self,
        transport: &T,
        api: Api,
        stream: bool,
        prompt: &str,
        max_tokens: u32,
        extra: Map<String, Value>,
    ) -> Observation {
        let model = self.model.as_deref().unwrap_or_default();
        let protocol: Box<dyn Protocol> = match api {
            Api::Chat => Box::new(Chat::new(model, stream, &extra)),
            Api::Completions => Box::new(Completions::new(model, stream, &extra)),
        };
        let body = protocol.encode(&PlannedRequest {
            prompt: Prompt::Text(prompt.to_owned()),
            input_tokens: None,
            counted: false,
            output_tokens: Some(max_tokens),
            labels: BTreeMap::new(),
        });
        perform(&self.driver, transport, protocol.as_ref(), body, PATIENCE).await
    }
}

fn tokens(seen: &Observation) -> Option<u64> {
    seen.output_tokens().map(|(n, _)| n)
}

fn reason(seen: &Observation) -> String {
    let text = seen.error.as_ref().map(|e| e.message.clone());
    text.unwrap_or_else(|| "no answer".to_owned())
}

/// Status and text of an answer.
async fn text(asked: reqwest::RequestBuilder) -> Result<(u16, String), String> {
    let whole = async {
        let mut response = asked.send().await?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await? {
            body.extend_from_slice(&piece);
            if body.len() > MOST_BYTES {
                break;
            }
        }
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    };
    match tokio::time::timeout(ONE_CALL, whole).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            let error: reqwest::Error = error;
            Err(error.without_url().to_string())
        }
        Err(_) => Err(format!("no answer within {ONE_CALL:?}")),
    }
}

/// Whose metrics a page of them holds, by their prefixes; `None` where it is no such page.
fn vocabulary(page: &str) -> Option<String> {
    const KNOWN: [(&str, &str); 7] = [
        ("vllm:", "vLLM"),
        ("sglang:", "SGLang"),
        ("llamacpp:", "llama.cpp"),
        ("trtllm_", "TensorRT-LLM"),
        ("nv_", "Triton"),
        ("tgi_", "TGI"),
        ("dynamo_", "Dynamo"),
    ];
    let names: Vec<&str> = page
        .lines()
        .filter(|l| !l.starts_with('#'))
        .filter_map(|l| {
            let name = &l[..l.find(['{', ' '])?];
            let value = l.rsplit(' ').next()?;
            let is_number = value.parse::<f64>().is_ok();
            (!name.is_empty() && is_number).then_some(name)
        })
        .collect();
    if names.is_empty() {
        return None;
    }
    let found: Vec<String> = KNOWN
        .iter()
        .filter_map(|(prefix, whose)| {
            let n = names.iter().filter(|name| name.starts_with(prefix)).count();
            (n > 0).then(|| format!("{n} lines of {whose} (`{prefix}…`)"))
        })
        .collect();
    Some(if found.is_empty() {
        format!("{} lines, of no engine that prony knows", names.len())
    } else {
        found.join(", ")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_told_by_their_prefixes() {
        let page =
            "# HELP x\nvllm:num_requests_running{engine=\"0\"} 1.0\nvllm:x 2\nprocess_cpu 3\n";
        assert_eq!(vocabulary(page).unwrap(), "2 lines of vLLM (`vllm:…`)");
        assert_eq!(
            vocabulary("up 1\n").unwrap(),
            "1 lines, of no engine that prony knows"
        );
        assert_eq!(vocabulary("<html> <body>\n"), None);
        assert_eq!(vocabulary(""), None);
    }
}
