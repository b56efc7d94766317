use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;
use url::Url;

use super::settings::{HttpSettings, SettingsError};
use crate::endpoint::openai::{error_message, snippet};
use crate::endpoint::untrusted::refused_for_good;

/// Longest wait for one answer of a probe.
const ONE_CALL: Duration = Duration::from_secs(5);
/// Pause between probes.
const PAUSE: Duration = Duration::from_millis(100);
/// Most bytes read of an answer.
const MAX_BYTES: usize = 4 << 20;

/// What a server that is ready says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerInfo {
    /// Ids under `models`, in its order; empty where it has no such list.
    pub models: Vec<String>,
    /// The `server` header.
    pub server: Option<String>,
    /// Who owns the first of the models: most servers put their own name there.
    pub owner: Option<String>,
}

/// Why a server is not ready, or cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeError {
    /// No client could be made.
    Settings(SettingsError),
    /// Nothing listens there.
    Refused(String),
    /// No connection for another reason: no such host, TLS refused, unreachable.
    Unreachable(String),
    /// No TLS connection comes about, and waiting will not help: why, and what to do.
    Tls(String),
    /// It did not answer in time.
    Timeout(Duration),
    /// 401 or 403: the key is missing or wrong.
    Unauthorized(u16),
    /// 503: it is loading.
    Loading(String),
    /// Another bad status.
    Status(u16, String),
    /// What it answered is not a list of models.
    NotModels(String),
}

impl ProbeError {
    /// Whether waiting may help.
    fn may_pass(&self) -> bool {
        match self {
            ProbeError::Refused(_)
            | ProbeError::Unreachable(_)
            | ProbeError::Timeout(_)
            | ProbeError::Loading(_) => true,
            // A gateway in front of a server that is starting.
            ProbeError::Status(status, _) => matches!(status, 429 | 500 | 502 | 504),
            ProbeError::Settings(_)
            | ProbeError::Tls(_)
            | ProbeError::Unauthorized(_)
            | ProbeError::NotModels(_) => false,
        }
    }
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProbeError::Settings(error) => error.fmt(f),
            ProbeError::Refused(_) => {
                f.write_str("connection refused: nothing listens there; is the server started?")
            }
            ProbeError::Unreachable(what) | ProbeError::Tls(what) => {
                write!(f, "no connection: {what}")
            }
            ProbeError::Timeout(d) => write!(f, "no answer within {d:?}"),
            ProbeError::Unauthorized(status) => write!(
                f,
                "status {status}: the key is missing or wrong; set it under `headers` or `auth`"
            ),
            ProbeError::Loading(what) => {
                write!(
                    f,
                    "status 503: still loading ({what}); raise `ready.timeout`"
                )
            }
            ProbeError::Status(status, what) => write!(f, "status {status}: {what}"),
            ProbeError::NotModels(what) => write!(
                f,
                "the answer to `models` is not a list of models ({what}); does the URL end in the \
                 API's base path, such as /v1?"
            ),
        }
    }
}

impl std::error::Error for ProbeError {}

/// Asks the target which models it serves. Not timed.
///
/// # Errors
/// When it does not answer with a list of models.
pub async fn models(settings: &HttpSettings) -> Result<ServerInfo, ProbeError> {
    let client = plain_client(settings)?;
    ask_models(&client, settings, ONE_CALL).await
}

/// The longest prompt and answer together, in tokens, that the target lists for `model` under
/// `max_model_len` (vLLM and SGLang do). `None`: it does not say. Not timed.
pub async fn max_model_len(settings: &HttpSettings, model: &str) -> Option<u64> {
    let client = plain_client(settings).ok()?;
    let response = get(&client, settings.url("models"), ONE_CALL).await.ok()?;
    let body = read(response, ONE_CALL).await.ok()?;
    let list: serde_json::Value = serde_json::from_slice(&body).ok()?;
    let listed = list.get("data")?.as_array()?;
    let entry = listed.iter().find(|m| m["id"].as_str() == Some(model))?;
    entry.get("max_model_len")?.as_u64()
}

/// Waits until the target is ready, at most `timeout`: until it lists its models, or, where it has no
/// such list, until `/health` beside the API's base (then below it) is well. Not timed.
///
/// # Errors
/// The last reason for which it was not ready; at once where waiting cannot help.
pub async fn probe_ready(
    settings: &HttpSettings,
    timeout: Duration,
) -> Result<ServerInfo, ProbeError> {
    let check = ReadyCheck {
        when: ReadyWhen::ModelsOrHealth,
        timeout,
        interval: PAUSE,
    };
    probe_until(settings, &check, &mut |_| ()).await
}

/// What is asked of a target to know that it is ready, and how patiently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadyCheck {
    /// What is asked.
    pub when: ReadyWhen,
    /// The longest wait.
    pub timeout: Duration,
    /// Pause between two probes.
    pub interval: Duration,
}

/// What makes a target ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadyWhen {
    /// A list of models, or, where it has no such list, a `/health` that is well.
    ModelsOrHealth,
    /// The same, and no `/health` that says 503: there are servers (llama.cpp) that list their models
    /// while they still load them.
    NotLoading,
    /// A list of models, nothing else.
    Models,
    /// A good status for a GET of this path below the server's root.
    Path(String),
}

/// Waits until the target is ready as `check` says; `waiting` hears why it is not yet. Not timed.
///
/// # Errors
/// The last reason for which it was not ready; at once where waiting cannot help.
pub async fn probe_until(
    settings: &HttpSettings,
    check: &ReadyCheck,
    waiting: &mut dyn FnMut(&ProbeError),
) -> Result<ServerInfo, ProbeError> {
    let timeout = check.timeout;
    let client = plain_client(settings)?;
    let began = Instant::now();
    // The last reason that is not "no answer yet" says more than a timeout cut short by the end.
    let mut reason = ProbeError::Timeout(timeout);
    loop {
        let left = timeout.saturating_sub(began.elapsed());
        if left.is_zero() {
            return Err(reason);
        }
        match ask_when(&client, settings, &check.when, left.min(ONE_CALL)).await {
            Ok(info) => return Ok(info),
            Err(error) if !error.may_pass() => return Err(error),
            Err(ProbeError::Timeout(_)) => reason = ProbeError::Timeout(timeout),
            Err(error) => {
                waiting(&error);
                reason = error;
            }
        }
        tokio::time::sleep(check.interval.min(timeout.saturating_sub(began.elapsed()))).await;
    }
}

async fn ask_when(
    client: &Client,
    settings: &HttpSettings,
    when: &ReadyWhen,
    wait: Duration,
) -> Result<ServerInfo, ProbeError> {
    match when {
        ReadyWhen::ModelsOrHealth => ask(client, settings, wait).await,
        ReadyWhen::NotLoading => {
            let info = ask(client, settings, wait).await?;
            for url in health_urls(settings) {
                let response = get(client, url, wait).await?;
                match response.status() {
                    StatusCode::SERVICE_UNAVAILABLE => return Err(refusal(response, wait).await),
                    status if status.is_success() => break,
                    _ => {}
                }
            }
            Ok(info)
        }
        ReadyWhen::Models => ask_models(client, settings, wait).await,
        ReadyWhen::Path(path) => {
            let response = get(client, settings.beside(path), wait).await?;
            if !response.status().is_success() {
                return Err(refusal(response, wait).await);
            }
            let server = server_header(&response);
            // Whether it lists models is another matter: it may have none.
            let info = ask_models(client, settings, wait).await;
            Ok(info.unwrap_or(ServerInfo {
                server,
                ..ServerInfo::default()
            }))
        }
    }
}

async fn ask(
    client: &Client,
    settings: &HttpSettings,
    wait: Duration,
) -> Result<ServerInfo, ProbeError> {
    let error = match ask_models(client, settings, wait).await {
        Err(error @ (ProbeError::Status(404 | 405 | 501, _) | ProbeError::NotModels(_))) => error,
        other => return other,
    };
    // No list of models: being well is all that can be asked for.
    for url in health_urls(settings) {
        let response = get(client, url, wait).await?;
        let server = server_header(&response);
        match response.status() {
            status if status.is_success() => {
                return Ok(ServerInfo {
                    server,
                    ..ServerInfo::default()
                });
            }
            StatusCode::SERVICE_UNAVAILABLE => return Err(refusal(response, wait).await),
            _ => {}
        }
    }
    Err(error)
}

async fn ask_models(
    client: &Client,
    settings: &HttpSettings,
    wait: Duration,
) -> Result<ServerInfo, ProbeError> {
    #[derive(Deserialize)]
    struct List {
        data: Vec<Model>,
    }
    #[derive(Deserialize)]
    struct Model {
        id: String,
        #[serde(default)]
        owned_by: serde_json::Value,
    }
    let response = get(client, settings.url("models"), wait).await?;
    if !response.status().is_success() {
        return Err(refusal(response, wait).await);
    }
    let server = server_header(&response);
    let body = read(response, wait).await?;
    match serde_json::from_slice::<List>(&body) {
        Ok(list) => Ok(ServerInfo {
            owner: list
                .data
                .first()
                .and_then(|m| m.owned_by.as_str())
                .map(str::to_owned),
            models: list.data.into_iter().map(|m| m.id).collect(),
            server,
        }),
        Err(_) => Err(ProbeError::NotModels(snippet(&body))),
    }
}

/// `/health` beside the API's base (`/v1/` taken off), then below it.
fn health_urls(settings: &HttpSettings) -> Vec<Url> {
    let below = settings.url("health");
    let mut beside = settings.base_url.clone();
    let base = beside.path().trim_end_matches('/').to_owned();
    match base.strip_suffix("/v1") {
        Some(root) => {
            beside.set_path(&format!("{root}/health"));
            vec![beside, below]
        }
        None => vec![below],
    }
}

fn plain_client(settings: &HttpSettings) -> Result<Client, ProbeError> {
    settings.plain_client().map_err(ProbeError::Settings)
}

fn server_header(response: &Response) -> Option<String> {
    Some(response.headers().get("server")?.to_str().ok()?.to_owned())
}

async fn get(client: &Client, url: Url, wait: Duration) -> Result<Response, ProbeError> {
    match tokio::time::timeout(wait, client.get(url).send()).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(broken(error)),
        Err(_) => Err(ProbeError::Timeout(wait)),
    }
}

async fn refusal(response: Response, wait: Duration) -> ProbeError {
    let status = response.status().as_u16();
    let body = read(response, wait).await.unwrap_or_default();
    let words = error_message(&body).unwrap_or_else(|| snippet(&body));
    match status {
        401 | 403 => ProbeError::Unauthorized(status),
        503 => ProbeError::Loading(words),
        300..=399 => ProbeError::Status(status, "redirects are not followed".to_owned()),
        _ => ProbeError::Status(status, words),
    }
}

pub(super) async fn read(mut response: Response, wait: Duration) -> Result<Vec<u8>, ProbeError> {
    let whole = async {
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(broken)? {
            if body.len() + piece.len() > MAX_BYTES {
                let text = format!("longer than {MAX_BYTES} bytes");
                return Err(ProbeError::NotModels(text));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    };
    tokio::time::timeout(wait, whole)
        .await
        .unwrap_or(Err(ProbeError::Timeout(wait)))
}

pub(super) fn broken(error: reqwest::Error) -> ProbeError {
    let error = error.without_url();
    if let Some(why) = refused_for_good(&error) {
        return ProbeError::Tls(why);
    }
    let mut cause: &dyn std::error::Error = &error;
    loop {
        if let Some(io) = cause.downcast_ref::<io::Error>()
            && io.kind() == io::ErrorKind::ConnectionRefused
        {
            return ProbeError::Refused(io.to_string());
        }
        match cause.source() {
            Some(inner) => cause = inner,
            None => return ProbeError::Unreachable(cause.to_string()),
        }
    }
}
