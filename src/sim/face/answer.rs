use std::fmt::Write as _;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::sim::config::{Fault, FaultKind};
use crate::sim::model::EngineRequest;

use super::api_error::ApiError;
use super::body::{Api, Asked};
use super::exchange::{Head, Piece};
use super::tokens;

/// An answer under way: turns the tokens of one request into pieces of a response.
pub(super) struct Answer {
    api: Api,
    stream: bool,
    include_usage: bool,
    usage_everywhere: bool,
    token_ids: bool,
    prompt_ids: Option<Vec<u32>>,
    id: String,
    model: String,
    created: u64,
    prompt_tokens: u32,
    stops: bool,
    seed: u64,
    fault: Option<Fault>,
    cached: u32,
    produced: u32,
    chunks: u32,
    text: Vec<u8>,
    /// The begin of every event, up to what the choice says.
    opening: String,
}

/// Identity of an answer.
pub(super) struct Identity {
    pub id: String,
    pub model: String,
    pub created: u64,
    pub seed: u64,
}

impl Answer {
    pub(super) fn new(api: Api, asked: Asked, identity: Identity, fault: Option<Fault>) -> Answer {
        let Identity {
            id,
            model,
            created,
            seed,
        } = identity;
        let object = match api {
            Api::Chat => "chat.completion.chunk",
            Api::Completions => "text_completion",
        };
        let everywhere = fault
            .as_ref()
            .is_some_and(|f| f.kind == FaultKind::UsageInEveryChunk);
        Answer {
            opening: format!(
                "data: {{\"id\":\"{id}\",\"object\":\"{object}\",\"created\":{created},\"model\":{},\"choices\":[",
                Value::from(model.as_str())
            ),
            api,
            stream: asked.stream,
            include_usage: asked.include_usage,
            usage_everywhere: asked.usage_everywhere || everywhere,
            token_ids: asked.token_ids,
            prompt_ids: asked.prompt_ids,
            id,
            model,
            created,
            prompt_tokens: asked.prompt.count(),
            stops: asked.stops,
            seed,
            fault,
            cached: 0,
            produced: 0,
            chunks: 0,
            text: Vec::new(),
        }
    }

    /// The request is in the queue: a stream's head goes out.
    pub(super) fn queued(&self, pieces: &mut Vec<Piece>) {
        if self.stream {
            let content = match self.fault_kind() {
                Some(FaultKind::Html) => "text/html; charset=utf-8",
                _ => "text/event-stream; charset=utf-8",
            };
            pieces.push(Piece::Head(Head::new(200, content)));
        }
    }

    /// Tokens came. The answer is complete when the last of `pieces` is an end.
    pub(super) fn tokens(
        &mut self,
        start: u32,
        count: u32,
        cached: u32,
        last: bool,
        pieces: &mut Vec<Piece>,
    ) {
        self.cached = cached;
        self.produced = start + count;
        if self.stream {
            self.stream_tokens(start, count, last, pieces);
        } else {
            self.collect_tokens(start, count, last, pieces);
        }
    }

    fn fault_kind(&self) -> Option<FaultKind> {
        self.fault.as_ref().map(|fault| fault.kind)
    }

    /// The fault, when the chunks before it are out.
    fn due(&self) -> Option<&Fault> {
        self.fault
            .as_ref()
            .filter(|fault| self.chunks >= fault.after_chunks)
    }

    fn stream_tokens(&mut self, start: u32, count: u32, last: bool, pieces: &mut Vec<Piece>) {
        let index = self.chunks;
        match self.fault_kind() {
            Some(FaultKind::EmptyStream) => return self.done(pieces),
            Some(FaultKind::Html) => {
                pieces.push(text(HTML));
                pieces.push(Piece::End);
                return;
            }
            Some(FaultKind::RoleOnly) => {
                if last {
                    self.role(pieces);
                    let finish = self.event(
                        "\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"",
                        "",
                    );
                    pieces.push(text(&finish));
                    self.close(pieces);
                }
                return;
            }
            _ => {}
        }
        if index == 0 && self.api == Api::Chat {
            self.role(pieces);
        }
        let chunk = self.chunk(start, count, last);
        match self
            .due()
            .map(|fault| (fault.kind, fault.after_chunks, fault.bytes))
        {
            Some((FaultKind::ErrorInStream, ..)) => {
                let error = ApiError::internal("the engine died in mid-stream").body();
                pieces.push(text(&format!("data: {error}\n\n")));
                return self.done(pieces);
            }
            Some((FaultKind::Reset, ..)) => return pieces.push(Piece::Reset),
            Some((FaultKind::Truncate, ..)) => {
                pieces.push(text(&chunk[..chunk.len() / 2]));
                return pieces.push(Piece::Cut);
            }
            Some((FaultKind::MalformedJson, after, _)) if after == index => {
                pieces.push(text(&format!("{}\n\n", &chunk[..chunk.len() / 2])));
            }
            Some((FaultKind::LongLine, after, bytes)) if after == index => {
                pieces.push(text(&lengthen(&chunk, bytes as usize)));
            }
            _ => pieces.push(Piece::Body(Bytes::from(chunk))),
        }
        self.chunks += 1;
        if last {
            self.close(pieces);
        }
    }

    fn role(&self, pieces: &mut Vec<Piece>) {
        let ids = Value::from(self.prompt_ids.clone());
        let more = format!(",\"prompt_token_ids\":{ids},\"prompt_text\":null");
        let choice = "\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\"finish_reason\":null";
        pieces.push(text(&self.event_with_usage(choice, 0, &more)));
    }

    fn finish_reason(&self) -> Option<&'static str> {
        match (self.fault_kind(), self.stops) {
            (Some(FaultKind::NoFinishReason), _) => None,
            (_, true) => Some("stop"),
            (_, false) => Some("length"),
        }
    }

    fn chunk(&self, start: u32, count: u32, last: bool) -> String {
        let mut words = Vec::with_capacity(5 * count as usize);
        for index in start..start + count {
            tokens::write(EngineRequest::token(self.seed, index), &mut words);
        }
        let words = String::from_utf8_lossy(&words);
        let mut choice = String::with_capacity(160);
        let finish = match self.finish_reason().filter(|_| last) {
            Some(reason) => format!("\"{reason}\",\"stop_reason\":null"),
            None => "null".to_owned(),
        };
        let ids = self.token_ids.then(|| {
            Value::from_iter((start..start + count).map(|i| EngineRequest::token(self.seed, i)))
        });
        let ids = Value::from(ids);
        // Writing to a string cannot fail.
        let _ = match self.api {
            Api::Chat => write!(
                choice,
                "\"delta\":{{\"content\":\"{words}\"}},\"logprobs\":null,\"finish_reason\":{finish},\"token_ids\":{ids}"
            ),
            Api::Completions => {
                let prompt = Value::from(self.prompt_ids.clone().filter(|_| start == 0));
                write!(
                    choice,
                    "\"text\":\"{words}\",\"logprobs\":null,\"finish_reason\":{finish},\"prompt_token_ids\":{prompt},\"token_ids\":{ids}"
                )
            }
        };
        self.event_with_usage(&choice, start + count, "")
    }

    fn event_with_usage(&self, choice: &str, output: u32, more: &str) -> String {
        if self.usage_everywhere {
            let prompt = self.prompt_tokens;
            let total = prompt + output;
            let more = format!(
                ",\"usage\":{{\"prompt_tokens\":{prompt},\"total_tokens\":{total},\"completion_tokens\":{output}}}{more}"
            );
            self.event(choice, &more)
        } else {
            self.event(choice, more)
        }
    }

    fn event(&self, choice: &str, more: &str) -> String {
        format!("{}{{\"index\":0,{choice}}}]{more}}}\n\n", self.opening)
    }

    fn close(&self, pieces: &mut Vec<Piece>) {
        if self.include_usage {
            let usage = self.usage();
            pieces.push(text(&format!("{}],\"usage\":{usage}}}\n\n", self.opening)));
        }
        self.done(pieces);
    }

    fn done(&self, pieces: &mut Vec<Piece>) {
        pieces.push(Piece::Body(Bytes::from_static(b"data: [DONE]\n\n")));
        pieces.push(Piece::End);
    }

    fn usage(&self) -> Value {
        json!({
            "prompt_tokens": self.prompt_tokens,
            "total_tokens": self.prompt_tokens + self.produced,
            "completion_tokens": self.produced,
            "prompt_tokens_details": {"cached_tokens": self.cached},
        })
    }

    fn collect_tokens(&mut self, start: u32, count: u32, last: bool, pieces: &mut Vec<Piece>) {
        for index in start..start + count {
            tokens::write(EngineRequest::token(self.seed, index), &mut self.text);
        }
        self.chunks += 1;
        if !last {
            return;
        }
        let json = |body: String| {
            let mut head = Head::new(200, "application/json");
            head.length = Some(body.len());
            [Piece::Head(head), Piece::Body(Bytes::from(body))]
        };
        let kind = self.fault_kind();
        match kind {
            Some(FaultKind::Reset) => return pieces.push(Piece::Reset),
            Some(FaultKind::Html) => {
                pieces.push(Piece::Head(Head::new(200, "text/html; charset=utf-8")));
                pieces.push(text(HTML));
            }
            Some(FaultKind::ErrorInStream) => {
                pieces.extend(json(ApiError::internal("the engine died").body()));
            }
            Some(FaultKind::EmptyStream) => pieces.extend(json(String::new())),
            Some(FaultKind::Truncate) => {
                let [head, body] = json(self.whole());
                pieces.push(head);
                if let Piece::Body(bytes) = body {
                    pieces.push(Piece::Body(bytes.slice(..bytes.len() / 2)));
                }
                return pieces.push(Piece::Cut);
            }
            Some(FaultKind::MalformedJson) => {
                let whole = self.whole();
                pieces.extend(json(whole[..whole.len() / 2].to_owned()));
            }
            Some(FaultKind::LongLine) => {
                let bytes = self.fault.as_ref().map_or(0, |fault| fault.bytes);
                pieces.extend(json(lengthen(&self.whole(), bytes as usize)));
            }
            _ => pieces.extend(json(self.whole())),
        }
        pieces.push(Piece::End);
    }

    fn whole(&self) -> String {
        let role_only = self.fault_kind() == Some(FaultKind::RoleOnly);
        let words = if role_only {
            String::new()
        } else {
            String::from_utf8_lossy(&self.text).into_owned()
        };
        let ids = self.token_ids.then(|| {
            Value::from_iter((0..self.produced).map(|i| EngineRequest::token(self.seed, i)))
        });
        let finish = self.finish_reason();
        let (object, choice) = match self.api {
            Api::Chat => (
                "chat.completion",
                json!({
                    "index": 0,
                    "message": {"role": "assistant", "content": words, "refusal": null},
                    "logprobs": null,
                    "finish_reason": finish,
                    "stop_reason": null,
                    "token_ids": ids,
                }),
            ),
            Api::Completions => (
                "text_completion",
                json!({
                    "index": 0,
                    "text": words,
                    "logprobs": null,
                    "finish_reason": finish,
                    "stop_reason": null,
                    "token_ids": ids,
                    "prompt_token_ids": self.prompt_ids,
                }),
            ),
        };
        json!({
            "id": self.id,
            "object": object,
            "created": self.created,
            "model": self.model,
            "choices": [choice],
            "usage": self.usage(),
        })
        .to_string()
    }
}

const HTML: &str = "<!DOCTYPE html><html><body><h1>Bad gateway</h1></body></html>\n";

fn text(text: &str) -> Piece {
    Piece::Body(Bytes::copy_from_slice(text.as_bytes()))
}

/// The same JSON object with padding in it, so that its line is about `bytes` long.
fn lengthen(json: &str, bytes: usize) -> String {
    let padding = "x".repeat(bytes.saturating_sub(json.len()));
    json.replacen('{', &format!("{{\"padding\":\"{padding}\","), 1)
}
