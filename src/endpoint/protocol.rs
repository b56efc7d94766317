use bytes::Bytes;

use crate::record::{AnswerText, ErrorKind, RequestError};
use crate::workload::PlannedRequest;

/// A wire protocol: how a request is written and how the answer is read. Pure: no socket, no clock.
///
/// One value is made per phase and target; it holds what all requests share (model, extra fields).
pub trait Protocol: Send + Sync {
    /// Path below the target's base URL, without a leading slash.
    fn path(&self) -> &'static str;

    /// The body of `request`.
    fn encode(&self, request: &PlannedRequest) -> Bytes;

    /// A reader for one response with a good status.
    fn decoder(&self) -> Box<dyn Decoder>;

    /// The same where the response's `content-type` is known: a reader for what really comes, which
    /// may be one that says why it is not what was asked for.
    fn decoder_for(&self, content_type: Option<&str>) -> Box<dyn Decoder> {
        let _ = content_type;
        self.decoder()
    }

    /// Whether output arrives bit by bit. Where it does not, there is no first token to time.
    fn streams(&self) -> bool {
        true
    }
}

/// Reads one response, fed with pieces of its body cut anywhere.
pub trait Decoder {
    /// Takes the next `bytes`, and appends what they completed to `events`.
    ///
    /// # Errors
    /// `Malformed` or `TooLarge`; the response is of no more use then.
    fn feed(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> Result<(), RequestError>;

    /// The body has ended: appends what is left.
    ///
    /// # Errors
    /// `Malformed` or `Truncated`, when the end came in the middle of something.
    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), RequestError>;
}

/// Something that a response said.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A chunk with generated output (content, reasoning or a tool call; never role-only or empty).
    Output {
        /// Tokens in the chunk, where the server says so.
        tokens: Option<u32>,
    },
    /// The finish reason.
    Finish(String),
    /// Token counts; may come several times, the last one counts.
    Usage(Usage),
    /// An error object inside a response with a good status.
    Error {
        /// Always an error class, `ErrorInStream` so far.
        kind: ErrorKind,
        /// The server's words.
        message: String,
    },
    /// The whole text of the answer, where the protocol was told to keep it.
    Text(AnswerText),
    /// `[DONE]`.
    Done,
}

/// What the server says of token counts. Unknown is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Prompt tokens.
    pub input: Option<u64>,
    /// Generated tokens.
    pub output: Option<u64>,
    /// Prompt tokens taken from the prefix cache.
    pub cached: Option<u64>,
}
