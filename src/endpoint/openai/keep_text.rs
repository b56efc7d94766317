use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::endpoint::sse::{SseDecoder, SseEvent};
use crate::endpoint::{Decoder, Event, Protocol};
use crate::record::RequestError;
use crate::workload::PlannedRequest;

/// Most bytes of an answer's text that are kept.
const MOST: usize = 4 << 20;

/// A protocol whose answers bring their text along ([`Event::Text`]), so that it can be counted
/// afterwards. Reads every event once more: for servers that count no tokens themselves.
pub struct KeepText(pub Arc<dyn Protocol>);

impl Protocol for KeepText {
    fn path(&self) -> &'static str {
        self.0.path()
    }

    fn encode(&self, request: &PlannedRequest) -> Bytes {
        self.0.encode(request)
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(Keeping::new(self.0.decoder(), self.0.streams()))
    }

    fn decoder_for(&self, content_type: Option<&str>) -> Box<dyn Decoder> {
        let inner = self.0.decoder_for(content_type);
        Box::new(Keeping::new(inner, self.0.streams()))
    }

    fn streams(&self) -> bool {
        self.0.streams()
    }
}

struct Keeping {
    inner: Box<dyn Decoder>,
    /// Absent where the answer comes whole.
    sse: Option<SseDecoder>,
    whole: Vec<u8>,
    text: Text,
}

/// The text of an answer; `None` once there is something in it that is no text.
struct Text(Option<String>);

impl Keeping {
    fn new(inner: Box<dyn Decoder>, streams: bool) -> Self {
        Keeping {
            inner,
            sse: streams.then(SseDecoder::default),
            whole: Vec::new(),
            text: Text(Some(String::new())),
        }
    }
}

impl Decoder for Keeping {
    fn feed(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> Result<(), RequestError> {
        let fed = self.inner.feed(bytes, events);
        match &mut self.sse {
            None if self.whole.len() + bytes.len() <= MOST => self.whole.extend_from_slice(bytes),
            None => self.text.0 = None,
            Some(sse) => {
                let text = &mut self.text;
                let read: Result<(), RequestError> = sse.feed(bytes, |event: SseEvent<'_>| {
                    text.take(event.data);
                    Ok(())
                });
                if read.is_err() {
                    self.text.0 = None;
                }
            }
        }
        fed
    }

    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), RequestError> {
        if self.sse.is_none() {
            let whole = std::mem::take(&mut self.whole);
            self.text.take(&whole);
        }
        if let Some(text) = self.text.0.take().filter(|text| !text.is_empty()) {
            events.push(Event::Text(text));
        }
        self.inner.finish(events)
    }
}

impl Text {
    fn take(&mut self, json: &[u8]) {
        let Some(text) = &mut self.0 else {
            return;
        };
        let Ok(answer) = serde_json::from_slice::<Value>(json) else {
            return;
        };
        for choice in answer["choices"].as_array().into_iter().flatten() {
            for place in [choice, &choice["delta"], &choice["message"]] {
                // What a call of a tool costs in tokens, its text does not tell.
                let called = ["tool_calls", "function_call"]
                    .iter()
                    .any(|key| place.get(*key).is_some_and(|v| !v.is_null()));
                if called {
                    self.0 = None;
                    return;
                }
                for key in ["reasoning", "reasoning_content", "content", "text"] {
                    if let Some(said) = place[key].as_str() {
                        text.push_str(said);
                    }
                }
            }
        }
        if text.len() > MOST {
            self.0 = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::openai::Chat;

    fn texts(stream: bool, answer: &str) -> Vec<Event> {
        let chat = Chat::new("m", stream, &serde_json::Map::new());
        let mut decoder = KeepText(Arc::new(chat)).decoder();
        let mut events = Vec::new();
        for byte in answer.as_bytes() {
            decoder.feed(&[*byte], &mut events).expect("it is good");
        }
        decoder.finish(&mut events).expect("it is good");
        events.retain(|e| matches!(e, Event::Text(_)));
        events
    }

    #[test]
    fn text_is_put_together_from_chunks() {
        let answer = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n\
            data: {\"choices\":[{\"delta\":{\"reasoning\":\"Hm.\"}}]}\n\n\
            data: {\"choices\":[{\"delta\":{\"content\":\" Grüße\"}}]}\n\n\
            data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
        assert_eq!(texts(true, answer), [Event::Text("Hm. Grüße".into())]);
        let whole = r#"{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}"#;
        assert_eq!(texts(false, whole), [Event::Text("Hi".into())]);
    }

    #[test]
    fn a_call_of_a_tool_is_not_counted_by_its_text() {
        let answer = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n\
            data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0}]}}]}\n\n";
        assert_eq!(texts(true, answer), []);
    }
}
