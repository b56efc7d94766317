use bytes::Bytes;
use serde_json::{Map, Value};

use super::body::{BodyTemplate, write_json};
use super::content::decoder_for;
use crate::endpoint::{Beyond, Decoder, Protocol};
use crate::workload::{PlannedRequest, Prompt};

/// OpenAI chat completions, `POST chat/completions`.
///
/// The length asked for goes into `max_tokens`. Its successor `max_completion_tokens` is not known to
/// every server of the field, and those that know it all take `max_tokens` too; where a server insists
/// (OpenAI's own reasoning models), the suite's `body: {max_tokens: null, max_completion_tokens: 200}`
/// does it.
#[derive(Clone, Debug)]
pub struct Chat {
    template: BodyTemplate,
}

impl Chat {
    /// For `model`, streamed or not, with the suite's extra `body` fields merged over prony's own by
    /// the rules of JSON Merge Patch (`null` removes a field; `stream` there decides).
    pub fn new(model: &str, stream: bool, extra: &Map<String, Value>) -> Self {
        Self::asking(model, stream, &Beyond::default(), extra)
    }

    /// The same, asked for what lies `beyond` the protocol, which `extra` may change.
    pub fn asking(model: &str, stream: bool, beyond: &Beyond, extra: &Map<String, Value>) -> Self {
        Chat {
            template: BodyTemplate::new("messages", model, stream, beyond, extra),
        }
    }
}

impl Protocol for Chat {
    fn path(&self) -> &'static str {
        "chat/completions"
    }

    fn encode(&self, request: &PlannedRequest) -> Bytes {
        let room = match &request.prompt {
            Prompt::Text(text) => text.len(),
            Prompt::Messages(_) => 1024,
        };
        self.template.fill(request, room, |body| {
            body.extend_from_slice(b"\"messages\":");
            match &request.prompt {
                Prompt::Text(text) => {
                    body.extend_from_slice(b"[{\"role\":\"user\",\"content\":");
                    write_json(body, text);
                    body.extend_from_slice(b"}]");
                }
                Prompt::Messages(messages) => write_json(body, messages),
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
