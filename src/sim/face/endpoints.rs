use bytes::Bytes;
use serde_json::{Value, json};

use crate::sim::model::VOCABULARY;

use super::api_error::ApiError;
use super::body::{Body, Prompt};
use super::exchange::{Face, Head, Piece, reject};
use super::{exposition, tokens};

const PATHS: [&str; 12] = [
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/models",
    "/health",
    "/ping",
    "/version",
    "/load",
    "/metrics",
    "/tokenize",
    "/detokenize",
    "/reset_prefix_cache",
    "/sim/run",
];

fn detokenize(body: &[u8]) -> Result<Value, ApiError> {
    let ids = Body::parse(body)?.tokens.unwrap_or_default();
    let mut text = Vec::new();
    for id in ids {
        if id >= VOCABULARY {
            let message = format!(
                "token {id} stands for a piece of some prompt and cannot be written back; tokens below {VOCABULARY} can."
            );
            return Err(ApiError::bad_request(Some("tokens"), message));
        }
        tokens::write(id, &mut text);
    }
    Ok(json!({"prompt": String::from_utf8_lossy(&text)}))
}

/// The endpoints that generate nothing.
impl Face {
    pub(super) fn other(&mut self, method: &str, path: &str, body: &[u8], pieces: &mut Vec<Piece>) {
        let answer = match (method, path) {
            ("GET", "/v1/models") => Ok(self.models()),
            ("GET" | "HEAD", "/health" | "/ping") => {
                return reply(200, "text/plain; charset=utf-8", String::new(), pieces);
            }
            ("GET", "/version") => Ok(json!({"version": env!("CARGO_PKG_VERSION")})),
            ("GET", "/load") => Ok(json!({"server_load": self.open.len()})),
            ("GET", "/metrics") => {
                let text = exposition::text(&self.config, &mut self.engine);
                return reply(
                    200,
                    "text/plain; version=0.0.4; charset=utf-8",
                    text,
                    pieces,
                );
            }
            ("POST", "/tokenize") => self.tokenize(body),
            ("POST", "/detokenize") => detokenize(body),
            ("POST", "/reset_prefix_cache") => {
                Ok(json!({"success": self.engine.reset_prefix_cache()}))
            }
            ("POST", "/sim/run") => self.run(body),
            (_, known) if PATHS.contains(&known) => {
                let body = json!({"detail": "Method Not Allowed"}).to_string();
                return reply(405, "application/json", body, pieces);
            }
            _ => {
                let body = json!({"detail": "Not Found"}).to_string();
                return reply(404, "application/json", body, pieces);
            }
        };
        match answer {
            Ok(value) => reply(200, "application/json", value.to_string(), pieces),
            Err(error) => reject(&error, pieces),
        }
    }

    fn models(&self) -> Value {
        json!({"object": "list", "data": [{
            "id": self.config.model,
            "object": "model",
            "created": self.epoch,
            "owned_by": "prony",
            "root": self.config.model,
            "parent": null,
            "max_model_len": self.config.max_model_len,
        }]})
    }

    fn tokenize(&self, body: &[u8]) -> Result<Value, ApiError> {
        let body = Body::parse(body)?;
        let ids = body.all_ids()?;
        let strings = match (&body.prompt, body.return_token_strs) {
            (Some(Prompt::Text(text)), Some(true)) => {
                Some(tokens::pieces(text).map(str::to_owned).collect::<Vec<_>>())
            }
            _ => None,
        };
        Ok(json!({
            "count": ids.len(),
            "max_model_len": self.config.max_model_len,
            "tokens": ids,
            "token_strs": strings,
        }))
    }

    fn run(&mut self, body: &[u8]) -> Result<Value, ApiError> {
        let run = serde_json::from_slice::<Value>(body)
            .ok()
            .and_then(|value| value.get("run")?.as_u64());
        match run {
            Some(run) => {
                self.begin_run(run);
                Ok(json!({"run": run}))
            }
            None => Err(ApiError::bad_request(
                Some("run"),
                "run must be a whole number.".to_owned(),
            )),
        }
    }
}

fn reply(status: u16, content_type: &'static str, body: String, pieces: &mut Vec<Piece>) {
    let mut head = Head::new(status, content_type);
    head.length = Some(body.len());
    pieces.push(Piece::Head(head));
    if !body.is_empty() {
        pieces.push(Piece::Body(Bytes::from(body)));
    }
    pieces.push(Piece::End);
}
