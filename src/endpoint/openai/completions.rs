use bytes::Bytes;
use serde_json::{Map, Value};

use super::body::{BodyTemplate, write_json};
use super::content::decoder_for;
use crate::endpoint::{Beyond, Decoder, Protocol};
use crate::workload::{PlannedRequest, Prompt};

/// OpenAI completions, `POST completions`.
///
/// There is no place for messages in this protocol: a prompt of messages is sent as `messages`, which
/// the server refuses; nothing is made up to stand in its place.
#[derive(Clone, Debug)]
pub struct Completions {
    template: BodyTemplate,
}

impl Completions {
    /// For `model`, streamed or not, with the suite's extra `body` fields merged over prony's own by
    /// the rules of JSON Merge Patch (`null` removes a field; `stream` there decides).
    pub fn new(model: &str, stream: bool, extra: &Map<String, Value>) -> Self {
        Self::asking(model, stream, &Beyond::default(), extra)
    }

    /// The same, asked for what lies `beyond` the protocol, which `extra` may change.
    pub fn asking(model: &str, stream: bool, beyond: &Beyond, extra: &Map<String, Value>) -> Self {
        Completions {
            template: BodyTemplate::new("prompt", model, stream, beyond, extra),
        }
    }
}

impl Protocol for Completions {
    fn path(&self) -> &'static str {
        "completions"
    }

    fn encode(&self, request: &PlannedRequest) -> Bytes {
        let room = match &request.prompt {
            Prompt::Text(text) => text.len(),
            Prompt::Messages(_) => 1024,
        };
        self.template
            .fill(request, room, |body| match &request.prompt {
                Prompt::Text(text) => {
                    body.extend_from_slice(b"\"prompt\":");
                    write_json(body, text);
                }
                Prompt::Messages(messages) => {
                    body.extend_from_slice(b"\"messages\":");
                    write_json(body, messages);
                }
            })
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        decoder_for(self.template.stream, None)
    }

    fn decoder_for(&self, content_type: Option<&str>) -> Box<dyn Decoder> {
        decoder_for(self.template.stream, content_type)
    }

    fn streams(&self) -> bool {
        self.template.stream
    }
}
