use serde::Deserialize;

use crate::sim::config::SimConfig;
use crate::sim::model::{PromptTokens, Random, hash_pair};

use super::api_error::ApiError;
use super::tokens;

/// Which of the two endpoints that generate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Api {
    Chat,
    Completions,
}

/// The fields of a request's body that the engine knows; it ignores others, as vLLM does.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Body {
    pub model: Option<String>,
    pub messages: Option<Vec<Message>>,
    pub prompt: Option<Prompt>,
    pub stream: Option<bool>,
    pub stream_options: Option<StreamOptions>,
    pub max_tokens: Option<i64>,
    pub max_completion_tokens: Option<i64>,
    pub min_tokens: Option<i64>,
    pub ignore_eos: Option<bool>,
    pub n: Option<i64>,
    pub temperature: Option<f64>,
    pub priority: Option<i32>,
    pub cache_salt: Option<String>,
    pub return_token_ids: Option<bool>,
    pub add_generation_prompt: Option<bool>,
    pub tokens: Option<Vec<u32>>,
    pub return_token_strs: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StreamOptions {
    pub include_usage: Option<bool>,
    pub continuous_usage_stats: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Message {
    pub role: String,
    #[serde(default)]
    pub content: Option<Content>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Content {
    Text(String),
    Parts(Vec<ContentPart>),
}

#[derive(Debug, Deserialize)]
pub(super) struct ContentPart {
    #[serde(default)]
    pub text: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Prompt {
    Text(String),
    Ids(Vec<u32>),
    Texts(Vec<String>),
    Many(Vec<Vec<u32>>),
}

/// What a checked request asks for.
#[derive(Debug)]
pub(super) struct Asked {
    pub prompt: PromptTokens,
    pub prompt_ids: Option<Vec<u32>>,
    pub output_tokens: u32,
    /// The model ends by itself before the limit.
    pub stops: bool,
    pub priority: i32,
    pub stream: bool,
    pub include_usage: bool,
    pub usage_everywhere: bool,
    pub token_ids: bool,
}

impl Body {
    pub(super) fn parse(bytes: &[u8]) -> Result<Body, ApiError> {
        serde_json::from_slice(bytes).map_err(|e| {
            let (kind, what) = if e.is_data() {
                ("invalid_type", "Input should be valid")
            } else {
                ("json_invalid", "JSON decode error")
            };
            ApiError {
                kind: "Bad Request",
                ..ApiError::bad_request(
                    Some("body"),
                    format!("1 validation error:\n  {{'type': '{kind}', 'loc': 'body', 'msg': '{what}', 'ctx': {{'error': '{e}'}}}}"),
                )
            }
        })
    }

    /// Checks the request and works out how long its answer will be; `seed` fixes that.
    pub(super) fn check(&self, api: Api, config: &SimConfig, seed: u64) -> Result<Asked, ApiError> {
        if let Some(model) = &self.model
            && *model != config.model
            && !model.is_empty()
        {
            return Err(ApiError::no_model(model, &config.model));
        }
        if let Some(n) = self.n
            && n != 1
        {
            return Err(ApiError::bad_request(
                Some("n"),
                format!("n must be 1: this engine gives one answer per request, got {n}."),
            ));
        }
        if let Some(t) = self.temperature
            && t < 0.0
        {
            let message = format!(
                "temperature must be non-negative, got {t:?}. (parameter=temperature, value={t:?})"
            );
            return Err(ApiError::bad_request(Some("temperature"), message));
        }
        let (prompt, prompt_ids) = self.prompt(api, config)?;
        let window = config.max_model_len;
        let count = prompt.count();
        if count >= window {
            return Err(ApiError::bad_request(
                Some("input_tokens"),
                format!(
                    "This model's maximum context length is {window} tokens. However, your prompt contains at least {count} input tokens, which exceeds this limit even without any output tokens. Please reduce the length of the input prompt. (parameter=input_tokens, value={count})"
                ),
            ));
        }
        let (output_tokens, stops) = self.output(window - count, config, seed)?;
        let options = self.stream_options.as_ref();
        let on = |flag: Option<bool>| flag.unwrap_or(false);
        Ok(Asked {
            prompt,
            prompt_ids,
            output_tokens,
            stops,
            priority: self.priority.unwrap_or(0),
            stream: on(self.stream),
            include_usage: options.is_some_and(|o| on(o.include_usage)),
            usage_everywhere: options.is_some_and(|o| on(o.continuous_usage_stats)),
            token_ids: on(self.return_token_ids),
        })
    }

    /// All prompt tokens, for `/tokenize`; a chat where there are messages.
    pub(super) fn all_ids(&self) -> Result<Vec<u32>, ApiError> {
        let mut ids = Vec::new();
        let api = if self.messages.is_some() {
            Api::Chat
        } else {
            Api::Completions
        };
        self.each(api, |id| ids.push(id))?;
        Ok(ids)
    }

    fn prompt(
        &self,
        api: Api,
        config: &SimConfig,
    ) -> Result<(PromptTokens, Option<Vec<u32>>), ApiError> {
        let salt = self.cache_salt.as_deref().unwrap_or("");
        let salt = salt
            .bytes()
            .fold(0, |hash, byte| hash_pair(hash, u64::from(byte)));
        let mut prompt = PromptTokens::new(config.kv.block_tokens, salt);
        let mut kept = self.return_token_ids.unwrap_or(false).then(Vec::new);
        self.each(api, |id| {
            prompt.push(id);
            if let Some(kept) = &mut kept {
                kept.push(id);
            }
        })?;
        if prompt.count() == 0 {
            return Err(ApiError::bad_request(
                Some("prompt"),
                "The prompt is empty: it must have at least one token.".to_owned(),
            ));
        }
        Ok((prompt, kept))
    }

    fn each(&self, api: Api, mut push: impl FnMut(u32)) -> Result<(), ApiError> {
        match api {
            Api::Chat => {
                let messages = self
                    .messages
                    .as_deref()
                    .ok_or_else(|| missing("messages"))?;
                if messages.is_empty() {
                    let message = "messages must hold at least one message.".to_owned();
                    return Err(ApiError::bad_request(Some("messages"), message));
                }
                push(tokens::BEGIN);
                for message in messages {
                    push(tokens::role(&message.role));
                    match &message.content {
                        Some(Content::Text(text)) => tokens::ids(text).for_each(&mut push),
                        Some(Content::Parts(parts)) => parts
                            .iter()
                            .for_each(|part| tokens::ids(&part.text).for_each(&mut push)),
                        None => {}
                    }
                    push(tokens::END_OF_MESSAGE);
                }
                if self.add_generation_prompt.unwrap_or(true) {
                    push(tokens::role("assistant"));
                }
            }
            Api::Completions => match self.prompt.as_ref().ok_or_else(|| missing("prompt"))? {
                Prompt::Text(text) => tokens::ids(text).for_each(push),
                Prompt::Ids(ids) => ids.iter().copied().for_each(push),
                Prompt::Texts(texts) if texts.len() == 1 => tokens::ids(&texts[0]).for_each(push),
                Prompt::Many(many) if many.len() == 1 => many[0].iter().copied().for_each(push),
                Prompt::Texts(_) | Prompt::Many(_) => {
                    return Err(ApiError::bad_request(
                        Some("prompt"),
                        "This engine takes one prompt per request.".to_owned(),
                    ));
                }
            },
        }
        Ok(())
    }

    fn output(&self, room: u32, config: &SimConfig, seed: u64) -> Result<(u32, bool), ApiError> {
        let window = config.max_model_len;
        let asked = self.max_completion_tokens.or(self.max_tokens);
        let limit = match asked {
            None => config.default_output_tokens.min(room),
            Some(asked) => match u32::try_from(asked) {
                Ok(0) | Err(_) if asked <= 0 => {
                    let message = format!(
                        "max_tokens must be at least 1, got {asked}. (parameter=max_tokens, value={asked})"
                    );
                    return Err(ApiError::bad_request(Some("max_tokens"), message));
                }
                Ok(limit) if limit <= room => limit,
                _ if asked > i64::from(window) => {
                    let message = format!(
                        "max_tokens={asked} cannot be greater than max_model_len={window}. Please request fewer output tokens. (parameter=max_tokens, value={asked})"
                    );
                    return Err(ApiError::bad_request(Some("max_tokens"), message));
                }
                _ => {
                    let prompt = window - room;
                    let message = format!(
                        "This model's maximum context length is {window} tokens. However, you requested {asked} output tokens and your prompt contains {prompt} input tokens. Please reduce the length of the input prompt or the number of requested output tokens. (parameter=max_tokens, value={asked})"
                    );
                    return Err(ApiError::bad_request(Some("max_tokens"), message));
                }
            },
        };
        if config.stop_mean_tokens == 0.0 || self.ignore_eos.unwrap_or(false) {
            return Ok((limit, false));
        }
        let least = u32::try_from(self.min_tokens.unwrap_or(0))
            .unwrap_or(0)
            .max(1);
        let drawn = Random::keyed(seed, 6)
            .exponential(config.stop_mean_tokens)
            .ceil();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates"
        )]
        let natural = (drawn as u32).max(least);
        Ok((natural.min(limit), natural < limit))
    }
}

fn missing(field: &'static str) -> ApiError {
    ApiError {
        kind: "Bad Request",
        ..ApiError::bad_request(
            None,
            format!(
                "1 validation error:\n  {{'type': 'missing', 'loc': 'body.{field}', 'msg': 'Field required', 'input': '<dict>'}}"
            ),
        )
    }
}
