use super::stream::{error_event, snippet, usage_of};
use super::wire::{Answer, parse};
use crate::endpoint::{Decoder, Event, Usage};
use crate::record::{ErrorKind, RequestError};

/// Most bytes in an answer that is not streamed.
pub(super) const MAX_WHOLE_BYTES: usize = 16 << 20;

/// Most bytes read of a body that is not what was asked for; an error object is far shorter.
const MAX_UNEXPECTED_BYTES: usize = 64 << 10;

/// Reads an answer that is one JSON object, or says why what came is not an answer.
#[derive(Debug, Default)]
pub(super) struct WholeDecoder {
    body: Vec<u8>,
    /// Set where something else was asked for: what came can only be an error.
    unexpected: Option<&'static str>,
}

impl WholeDecoder {
    /// A reader for a body that is not what was asked for. An error object in it is reported as one,
    /// anything else as malformed with `what`.
    pub(super) fn unexpected(what: &'static str) -> Self {
        WholeDecoder {
            body: Vec::new(),
            unexpected: Some(what),
        }
    }
}

impl Decoder for WholeDecoder {
    fn feed(&mut self, bytes: &[u8], _: &mut Vec<Event>) -> Result<(), RequestError> {
        if let Some(what) = self.unexpected
            && self.body.len() + bytes.len() > MAX_UNEXPECTED_BYTES
        {
            return Err(malformed(what, &self.body));
        }
        if self.body.len() + bytes.len() > MAX_WHOLE_BYTES {
            return Err(RequestError::new(
                ErrorKind::TooLarge,
                format!("the answer is longer than {MAX_WHOLE_BYTES} bytes"),
            ));
        }
        self.body.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), RequestError> {
        let body = std::mem::take(&mut self.body);
        if self.unexpected.is_none() && body.trim_ascii().is_empty() {
            return Ok(());
        }
        let lossy;
        let mut parsed = parse(&body);
        if parsed.is_err() && std::str::from_utf8(&body).is_err() {
            lossy = String::from_utf8_lossy(&body);
            parsed = parse(lossy.as_bytes());
        }
        match (parsed, self.unexpected) {
            (Ok(answer), _) if answer.is_error() => events.push(error_event(&body)),
            (_, Some(what)) => {
                return Err(malformed(what, &body));
            }
            (Ok(answer), None) => take(&answer, events),
            (Err(error), None) => {
                let kind = if error.is_eof() {
                    ErrorKind::Truncated
                } else {
                    ErrorKind::Malformed
                };
                return Err(RequestError::new(
                    kind,
                    format!(
                        "the answer is not the JSON expected ({error}): {}",
                        snippet(&body)
                    ),
                ));
            }
        }
        Ok(())
    }
}

fn take(answer: &Answer<'_>, events: &mut Vec<Event>) {
    if answer.choices.output {
        let tokens = answer.choices.tokens.and_then(|n| u32::try_from(n).ok());
        events.push(Event::Output { tokens });
    }
    let usage = usage_of(answer);
    if usage != Usage::default() {
        events.push(Event::Usage(usage));
    }
    if let Some(reason) = &answer.choices.finish {
        events.push(Event::Finish(reason.to_string()));
    }
}

fn malformed(what: &str, body: &[u8]) -> RequestError {
    RequestError::new(ErrorKind::Malformed, format!("{what}: {}", snippet(body)))
}
