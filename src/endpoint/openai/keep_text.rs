use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::endpoint::sse::{SseDecoder, SseEvent};
use crate::endpoint::{Decoder, Event, Protocol};
use crate::record::{AnswerText, RequestError};
use crate::workload::PlannedRequest;

/// Most bytes of an answer's text that are kept.
const MOST: usize = 4 << 20;

/// A protocol whose answers bring their text along ([`Event::Text`]), so that its tokens can be counted
/// once the run is over. Reads every event once more: for servers that do not count for themselves.
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
    said: Said,
    /// Chunks with output that `inner` saw.
    chunks: usize,
}

/// What an answer has said so far; `None` once there is something in it that is no text.
struct Said(Option<AnswerText>);

impl Keeping {
    fn new(inner: Box<dyn Decoder>, streams: bool) -> Self {
        Keeping {
            inner,
            sse: streams.then(SseDecoder::default),
            whole: Vec::new(),
            said: Said(Some(AnswerText::default())),
            chunks: 0,
        }
    }

    /// Passes on what `step` has the inner decoder do.
    fn watched(
        &mut self,
        events: &mut Vec<Event>,
        step: impl FnOnce(&mut dyn Decoder, &mut Vec<Event>) -> Result<(), RequestError>,
    ) -> Result<(), RequestError> {
        let from = events.len();
        let done = step(self.inner.as_mut(), events);
        let output = |event: &&Event| matches!(event, Event::Output { .. });
        self.chunks += events[from..].iter().filter(output).count();
        done
    }
}

impl Decoder for Keeping {
    fn feed(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> Result<(), RequestError> {
        let fed = self.watched(events, |inner, events| inner.feed(bytes, events));
        match &mut self.sse {
            None if self.whole.len() + bytes.len() <= MOST => self.whole.extend_from_slice(bytes),
            None => self.said.0 = None,
            Some(sse) => self.said.take_all(|take| sse.feed(bytes, take)),
        }
        fed
    }

    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), RequestError> {
        let finished = self.watched(events, |inner, events| inner.finish(events));
        match &mut self.sse {
            None => self.said.take(&std::mem::take(&mut self.whole)),
            Some(sse) => self.said.take_all(|take| sse.finish(take)),
        }
        if let Some(mut answer) = self.said.0.take().filter(|a| !a.text.is_empty()) {
            if self.sse.is_none() || answer.ends.len() != self.chunks {
                answer.ends.clear();
            }
            events.push(Event::Text(answer));
        }
        finished
    }
}

/// The parts of a chunk, or of a whole answer, that hold text.
#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: u32,
    text: Option<String>,
    delta: Option<Message>,
    message: Option<Message>,
}

#[derive(Deserialize)]
struct Message {
    reasoning: Option<String>,
    reasoning_content: Option<String>,
    content: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<IgnoredAny>,
    function_call: Option<IgnoredAny>,
}

impl Said {
    /// Takes every event that `read` hands on.
    fn take_all(
        &mut self,
        read: impl FnOnce(
            &mut dyn FnMut(SseEvent<'_>) -> Result<(), RequestError>,
        ) -> Result<(), RequestError>,
    ) {
        let read = read(&mut |event| {
            self.take(event.data);
            Ok(())
        });
        if read.is_err() {
            self.0 = None;
        }
    }

    fn take(&mut self, data: &[u8]) {
        let Some(answer) = &mut self.0 else {
            return;
        };
        let data = data.trim_ascii();
        if data.is_empty() || data == b"[DONE]" {
            return;
        }
        let parsed = match std::str::from_utf8(data) {
            Ok(text) => serde_json::from_str(text),
            // As the stream's own reader has it: half a character is replaced.
            Err(_) => serde_json::from_str(&String::from_utf8_lossy(data)),
        };
        let before = answer.text.len();
        match parsed {
            Ok(Part { choices }) if choices.iter().all(|c| add(&mut answer.text, c)) => {}
            // Text that cannot be told must not be counted as if it were all.
            _ => {
                self.0 = None;
                return;
            }
        }
        if answer.text.len() > before {
            answer.ends.push(answer.text.len());
        }
        if answer.text.len() > MOST {
            self.0 = None;
        }
    }
}

/// Adds what `choice` says to `text`. Whether it says nothing but text: what a call of a tool costs in
/// tokens its text does not tell, and the tokens of several answers side by side do not run on.
fn add(text: &mut String, choice: &Choice) -> bool {
    text.push_str(choice.text.as_deref().unwrap_or_default());
    let messages = [&choice.delta, &choice.message];
    choice.index == 0
        && messages.into_iter().flatten().all(|message| {
            let parts = [
                &message.reasoning,
                &message.reasoning_content,
                &message.content,
                &message.refusal,
            ];
            for part in parts.into_iter().flatten() {
                text.push_str(part);
            }
            message.tool_calls.is_none() && message.function_call.is_none()
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::openai::Chat;

    /// What is kept of `answer`, which comes byte by byte.
    fn kept(stream: bool, answer: &[u8]) -> Option<AnswerText> {
        let chat = Chat::new("m", stream, &serde_json::Map::new());
        let mut decoder = KeepText(Arc::new(chat)).decoder();
        let mut events = Vec::new();
        for byte in answer {
            decoder.feed(&[*byte], &mut events).expect("it is good");
        }
        decoder.finish(&mut events).expect("it is good");
        events.into_iter().find_map(|event| match event {
            Event::Text(answer) => Some(answer),
            _ => None,
        })
    }

    fn chunk(delta: &str) -> String {
        format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{delta}}}]}}\n\n")
    }

    #[test]
    fn text_is_put_together_from_chunks() {
        let answer = [
            chunk(r#"{"role":"assistant","content":""}"#),
            chunk(r#"{"reasoning":"Hm."}"#),
            ": a comment\n\n".to_owned(),
            chunk(r#"{"content":" Grüße","tool_calls":null}"#),
            chunk(r#"{"refusal":"!"}"#),
            "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n".to_owned(),
            "data: {\"choices\":[],\"usage\":{}}\n\ndata: [DONE]\n\n".to_owned(),
        ];
        let expected = AnswerText {
            text: "Hm. Grüße!".to_owned(),
            ends: vec![3, 11, 12],
        };
        assert_eq!(kept(true, answer.concat().as_bytes()), Some(expected));
        let whole = r#"{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}"#;
        let expected = AnswerText {
            text: "Hi".to_owned(),
            ends: vec![],
        };
        assert_eq!(kept(false, whole.as_bytes()), Some(expected));
    }

    #[test]
    fn the_last_event_needs_no_blank_line() {
        let answer = chunk(r#"{"content":"a"}"#);
        let kept = kept(true, answer.trim_end().as_bytes()).expect("some text");
        assert_eq!((kept.text.as_str(), kept.ends), ("a", vec![1]));
    }

    #[test]
    fn what_is_not_text_alone_is_not_counted_by_its_text() {
        for other in [
            chunk(r#"{"tool_calls":[{"index":0}]}"#),
            "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"}}]}\n\n".to_owned(),
            chunk(r#"{"content":[{"type":"text","text":"b"}]}"#),
        ] {
            let answer = [chunk(r#"{"content":"a"}"#), other].concat();
            assert_eq!(kept(true, answer.as_bytes()), None, "{answer}");
        }
    }

    #[test]
    fn text_that_real_servers_sent() {
        for (capture, text, chunks) in [
            (
                include_bytes!("../../../tests/captures/xllama-compl-stream.txt").as_slice(),
                " the capital of the",
                4,
            ),
            (
                include_bytes!("../../../tests/captures/vllm-chat-stream.txt"),
                " True True True True",
                4,
            ),
        ] {
            let capture = String::from_utf8_lossy(capture);
            let events = capture.split("\r\n").filter(|l| l.starts_with("data:"));
            let answer: String = events.collect::<Vec<_>>().concat();
            let kept = kept(true, answer.as_bytes()).expect("some text");
            assert_eq!((kept.text.as_str(), kept.ends.len()), (text, chunks));
        }
    }
}
