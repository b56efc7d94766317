use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Map;
use url::Url;

use crate::driver::RealDriver;
use crate::endpoint::{
    HttpSettings, HttpTransport, Observation, ProbeError, Protocol, max_model_len, models,
    openai::Chat, openai::Completions, perform,
};
use crate::suite::{Api, Timeouts};
use crate::text::printable;
use crate::workload::{PlannedRequest, Prompt};

/// The variable that a key is taken from.
const KEY: &str = "API_KEY";
/// How long a server may take for a few tokens.
const PATIENCE: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    first_token: Duration::from_secs(60),
    total: Duration::from_secs(60),
};
/// Tokens asked for.
const TOKENS: u32 = 8;

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Its address.
    pub url: String,
    /// The API that answered.
    pub api: Api,
    /// The first model it lists.
    pub model: Option<String>,
    /// How many it lists.
    pub listed: usize,
    /// Its `server` header.
    pub server: Option<String>,
    /// Longest prompt and answer together, in tokens.
    pub max_model_len: Option<u64>,
    /// It answers bit by bit.
    pub stream: bool,
    /// It says how many tokens an answer had.
    pub usage: bool,
    /// It wants a key.
    pub key: bool,
}

impl About {
    /// The engine built into prony, which need not be asked.
    pub fn engine(url: &str) -> Self {
        About {
            url: url.to_owned(),
            api: Api::Chat,
            model: None,
            listed: 0,
            server: None,
            max_model_len: None,
            stream: true,
            usage: true,
            key: false,
        }
    }

    /// What is worth a comment in a suite, a line each; nothing for the engine.
    pub fn facts(&self) -> Vec<String> {
        if self.listed == 0 && self.server.is_none() {
            return Vec::new();
        }
        let mut says = Vec::new();
        says.extend(self.server.as_ref().map(|s| format!("server `{s}`")));
        says.push(match self.listed {
            1 => "one model".to_owned(),
            n => format!("{n} models"),
        });
        let length = self.max_model_len;
        says.extend(length.map(|n| format!("at most {n} tokens a request, prompt and answer")));
        let how = if self.stream {
            "streams"
        } else {
            "answers whole"
        };
        let counts = if self.usage {
            "says how many tokens it made"
        } else {
            "does not say how many tokens it made: chunks are counted instead"
        };
        vec![
            printable(&format!("What it said when asked: {}.", says.join(", "))).into_owned(),
            format!("It {how}, and {counts}."),
        ]
    }

    /// The same in a line, for a terminal.
    pub fn sentence(&self) -> String {
        let mut parts = vec![match self.api {
            Api::Chat => "chat works".to_owned(),
            Api::Completions => "completions works, chat does not".to_owned(),
        }];
        parts.extend(self.model.as_ref().map(|m| format!("model {m}")));
        parts.extend(self.server.as_ref().map(|s| format!("server {s}")));
        parts.extend(self.max_model_len.map(|n| format!("max_model_len {n}")));
        if !self.stream {
            parts.push("no streaming".to_owned());
        }
        if !self.usage {
            parts.push("no token counts".to_owned());
        }
        printable(&format!("{}: {}", self.url, parts.join(", "))).into_owned()
    }
}

/// Asks the server at `url` what it serves, and for a few tokens to see how it answers.
///
/// # Errors
/// Why it could not be asked, for a person.
pub fn introduce(url: &Url) -> Result<About, String> {
    let asked = RealDriver::run(|driver| async move {
        match ask(&driver, url, None).await {
            Err(Refusal::Key) => {}
            Err(Refusal::Other(text)) => return Err(text),
            Ok(about) => return Ok(about),
        }
        let key = std::env::var(KEY).ok().filter(|k| !k.is_empty());
        let Some(key) = key else {
            return Err(format!("it wants a key: set {KEY}, and run init again"));
        };
        ask(&driver, url, Some(&key))
            .await
            .map_err(|refusal| match refusal {
                Refusal::Key => format!("it does not take the key in {KEY}"),
                Refusal::Other(text) => text,
            })
    });
    asked.map_err(|e| format!("cannot start: {e}"))?
}

enum Refusal {
    Key,
    Other(String),
}

async fn ask(driver: &RealDriver, url: &Url, key: Option<&str>) -> Result<About, Refusal> {
    let mut settings = HttpSettings::new(url.clone());
    if let Some(key) = key {
        let bearer = ("Authorization".to_owned(), format!("Bearer {key}"));
        settings.headers.push(bearer);
    }
    let info = models(&settings).await.map_err(|error| match error {
        ProbeError::Unauthorized(_) => Refusal::Key,
        other => Refusal::Other(other.to_string()),
    })?;
    let Some(model) = info.models.first().cloned() else {
        return Err(Refusal::Other(
            "it lists no model, so that there is none to ask".to_owned(),
        ));
    };
    let length = max_model_len(&settings, &model).await;
    let transport =
        HttpTransport::new(settings, driver.clone()).map_err(|e| Refusal::Other(e.to_string()))?;
    let mut why = String::new();
    for (api, stream) in [
        (Api::Chat, true),
        (Api::Completions, true),
        (Api::Chat, false),
        (Api::Completions, false),
    ] {
        let protocol: Box<dyn Protocol> = match api {
            Api::Chat => Box::new(Chat::new(&model, stream, &Map::new())),
            Api::Completions => Box::new(Completions::new(&model, stream, &Map::new())),
        };
        let body = protocol.encode(&PlannedRequest {
            prompt: Prompt::Text("Count from one to ten.".to_owned()),
            input_tokens: None,
            counted: false,
            output_tokens: Some(TOKENS),
            labels: BTreeMap::new(),
        });
        let seen = perform(driver, &transport, protocol.as_ref(), body, PATIENCE).await;
        if matches!(seen.status, Some(401 | 403)) {
            return Err(Refusal::Key);
        }
        if seen.ok() {
            return Ok(About {
                url: url.as_str().trim_end_matches('/').to_owned(),
                api,
                listed: info.models.len(),
                model: Some(model),
                server: info.server,
                max_model_len: length,
                stream,
                usage: seen.usage.output.is_some(),
                key: key.is_some(),
            });
        }
        if why.is_empty() {
            why = reason(&seen);
        }
    }
    Err(Refusal::Other(format!(
        "it lists the model {model}, but answers neither chat nor completions: {why}"
    )))
}

fn reason(seen: &Observation) -> String {
    match &seen.error {
        Some(error) => printable(&error.message).into_owned(),
        None => "no answer".to_owned(),
    }
}
