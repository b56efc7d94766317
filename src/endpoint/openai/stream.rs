use super::scan::Patterns;
use super::wire::{Answer, error_message, one_line, parse};
use crate::endpoint::sse::{MAX_EVENT_BYTES, SseDecoder, SseEvent, TooLong};
use crate::endpoint::{Decoder, Event, Usage};
use crate::record::{ErrorKind, RequestError};

/// Reads a streamed answer of chat completions or completions.
#[derive(Debug, Default)]
pub(super) struct StreamDecoder {
    sse: SseDecoder,
    reader: ChunkReader,
}

impl StreamDecoder {
    /// A reader that has serde read every event.
    pub(super) fn by_serde_alone() -> Self {
        let mut decoder = StreamDecoder::default();
        decoder.reader.patterns = None;
        decoder
    }
}

/// Reads one chunk after the other.
#[derive(Debug)]
struct ChunkReader {
    done: bool,
    /// Events seen before; absent where serde is to read all.
    patterns: Option<Patterns>,
    counting: Counting,
}

impl Default for ChunkReader {
    fn default() -> Self {
        ChunkReader {
            done: false,
            patterns: Some(Patterns::default()),
            counting: Counting::default(),
        }
    }
}

/// What a chunk without an end or an error says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// Counts, as [`usage_of`] gives them.
    pub(super) usage: Usage,
    /// Whether there is output.
    pub(super) output: bool,
    /// Tokens listed.
    pub(super) tokens: Option<u64>,
}

/// What must be remembered of counts from chunk to chunk.
#[derive(Debug)]
struct Counting {
    /// Tokens that the server had counted up to the last chunk with output; unknown where that one
    /// came without a count, because the difference would span several chunks.
    counted: Option<u64>,
    /// The count stood still while output came: it does not go chunk by chunk, and its differences
    /// mean nothing. Some servers send `usage` with zeros until the last chunk.
    uneven: bool,
    /// Tokens listed in chunks without text, such as half a character: their text comes with the next.
    withheld: u64,
}

impl Default for Counting {
    fn default() -> Self {
        Counting {
            counted: Some(0),
            uneven: false,
            withheld: 0,
        }
    }
}

impl From<TooLong> for RequestError {
    fn from(_: TooLong) -> Self {
        RequestError::new(
            ErrorKind::TooLarge,
            format!("a line or an event of the stream is longer than {MAX_EVENT_BYTES} bytes"),
        )
    }
}

impl Decoder for StreamDecoder {
    fn feed(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> Result<(), RequestError> {
        let reader = &mut self.reader;
        self.sse.feed(bytes, |event| reader.read(event, events))
    }

    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), RequestError> {
        let reader = &mut self.reader;
        self.sse.finish(|event| {
            reader
                .read(event, events)
                .map_err(|error| match error.kind {
                    // No blank line ended this event, so what is broken about it is that it is cut.
                    ErrorKind::Malformed => RequestError::new(
                        ErrorKind::Truncated,
                        format!(
                            "the stream ends in the middle of an event: {}",
                            snippet(event.data)
                        ),
                    ),
                    _ => error,
                })
        })
    }
}

impl ChunkReader {
    fn read(&mut self, event: SseEvent<'_>, events: &mut Vec<Event>) -> Result<(), RequestError> {
        let data = event.data.trim_ascii();
        if self.done || data.is_empty() {
            return Ok(());
        }
        if data == b"[DONE]" {
            self.done = true;
            events.push(Event::Done);
            return Ok(());
        }
        if !event.error
            && let Some(facts) = self.patterns.as_mut().and_then(|p| p.recognise(data))
        {
            self.counting.take(facts, events);
            return Ok(());
        }
        match parse(data) {
            Ok(answer) => {
                let plain = self.take(&answer, &event, events);
                if let (Some(patterns), Some(facts)) = (&mut self.patterns, plain) {
                    patterns.learn(data, facts);
                }
            }
            // The standard has the stream decoded as UTF-8 with replacement. Servers that cut text by
            // tokens write half a character now and then.
            Err(_) if std::str::from_utf8(data).is_err() => {
                let text = String::from_utf8_lossy(data);
                match parse(text.as_bytes()) {
                    Ok(answer) => {
                        self.take(&answer, &event, events);
                    }
                    Err(error) => not_json(&event, &error, events)?,
                }
            }
            Err(error) => not_json(&event, &error, events)?,
        }
        Ok(())
    }

    /// Hands on what `answer` says; its facts where that is neither an error nor an end.
    fn take(
        &mut self,
        answer: &Answer<'_>,
        event: &SseEvent<'_>,
        events: &mut Vec<Event>,
    ) -> Option<Facts> {
        if event.error || answer.is_error() {
            events.push(error_event(event.data));
            return None;
        }
        let facts = Facts {
            usage: usage_of(answer),
            output: answer.choices.output,
            tokens: answer.choices.tokens,
        };
        self.counting.take(facts, events);
        match &answer.choices.finish {
            Some(reason) => {
                events.push(Event::Finish(reason.to_string()));
                None
            }
            None => Some(facts),
        }
    }
}

impl Counting {
    fn take(&mut self, facts: Facts, events: &mut Vec<Event>) {
        let usage = facts.usage;
        if let Some(listed) = facts.tokens {
            self.withheld += listed;
        }
        if facts.output {
            let listed = facts.tokens.map(|_| std::mem::take(&mut self.withheld));
            let counted = match (usage.output, self.counted) {
                (Some(now), Some(before)) => now.checked_sub(before),
                _ => None,
            };
            self.uneven |= counted == Some(0) || usage.output == Some(0);
            self.counted = usage.output;
            let tokens = listed.or(counted.filter(|_| !self.uneven));
            events.push(Event::Output {
                tokens: tokens
                    .filter(|n| *n > 0)
                    .and_then(|n| u32::try_from(n).ok()),
            });
        }
        if usage != Usage::default() {
            events.push(Event::Usage(usage));
        }
    }
}

/// `usage`, and where it is silent llama.cpp's `timings`.
///
/// Cached tokens are what the server says: llama.cpp counts the beginning-of-sequence token as taken
/// from the cache on every prompt, so 1 there means nothing was.
pub(super) fn usage_of(answer: &Answer<'_>) -> Usage {
    let (usage, timings) = (&answer.usage, &answer.timings);
    // A progress report counts only what it has processed so far.
    let prompt = match (timings.cache_n.0, timings.prompt_n.0, timings.predicted_n.0) {
        (Some(cached), Some(processed), Some(predicted)) if predicted > 0 => {
            Some(cached + processed)
        }
        _ => None,
    };
    Usage {
        input: usage.prompt_tokens.0.or(prompt),
        output: usage.completion_tokens.0.or(timings.predicted_n.0),
        cached: (usage.prompt_tokens_details.cached_tokens.0).or(timings.cache_n.0),
    }
}

pub(super) fn error_event(data: &[u8]) -> Event {
    Event::Error {
        kind: ErrorKind::ErrorInStream,
        message: error_message(data).unwrap_or_else(|| snippet(data)),
    }
}

fn not_json(
    event: &SseEvent<'_>,
    error: &serde_json::Error,
    events: &mut Vec<Event>,
) -> Result<(), RequestError> {
    if event.error {
        events.push(error_event(event.data));
        return Ok(());
    }
    Err(RequestError::new(
        ErrorKind::Malformed,
        format!(
            "an event is not the JSON expected ({error}): {}",
            snippet(event.data)
        ),
    ))
}

/// The beginning of `data` as text on one line.
pub(crate) fn snippet(data: &[u8]) -> String {
    let head = &data[..data.len().min(400)];
    let line = one_line(&String::from_utf8_lossy(head));
    match line.char_indices().nth(120) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    }
}
