use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::chunks::Chunks;
use super::uncounted::AnswerText;

/// What was observed of one request: one line of `requests.jsonl`.
///
/// Times are whole microseconds since the start of the run the request belongs to. A field that is
/// not known is absent, never 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// Position in the run's schedule, from 0.
    pub id: u64,
    /// Full name of the case, `suite::scenario[k=v,…]`.
    pub case: String,
    /// Name of the phase, such as `main`.
    pub phase: String,
    /// Index of the run within its phase, from 0.
    pub run: u32,
    /// Index of the session (server start) within the case, from 0.
    pub session: u32,
    /// Where in the run the request stands; decides whether it is measured.
    pub part: Part,
    /// When it was due by the schedule. Absent in a closed loop, where nothing is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_us: Option<u64>,
    /// How long it waited, due, because `max_concurrency` requests were in flight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_us: Option<u64>,
    /// When it was handed to the transport on a ready connection. Absent: never sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_us: Option<u64>,
    /// How long connecting took, where this request had to open a connection. It lies before `sent_us`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_us: Option<u64>,
    /// When the first chunk with generated output arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_us: Option<u64>,
    /// Chunks with generated output, the first one (gap 0) included.
    #[serde(default, skip_serializing_if = "Chunks::is_empty")]
    pub chunks: Chunks,
    /// When the response ended, or when the request failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_us: Option<u64>,
    /// HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The server's finish reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<String>,
    /// Why the request failed. Absent: it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RequestError>,
    /// Prompt tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Generated tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Prompt tokens that the server says it took from its prefix cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<u64>,
    /// Prompt tokens that a perfect prefix cache would have found, where prony knows: kind `cache`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ideal_cached_tokens: Option<u64>,
    /// Where the token counts come from.
    #[serde(default, skip_serializing_if = "Provenance::is_empty")]
    pub provenance: Provenance,
    /// The answer's text, where the server has not counted all of its tokens and a tokenizer is there to
    /// do so after the run. Never written into the results.
    #[serde(skip)]
    pub uncounted: Option<Box<AnswerText>>,
    /// What distinguishes this request inside its phase, such as `shared=true`; asked lengths too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl RequestRecord {
    /// Whether the request was answered completely and correctly.
    pub fn ok(&self) -> bool {
        self.error.is_none() && self.end_us.is_some()
    }

    /// Whether prony itself ended the request (drain over, Ctrl-C).
    pub fn cut(&self) -> bool {
        matches!(&self.error, Some(e) if e.kind == ErrorKind::Cut)
    }
}

/// Where in its run a request stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Before the window opened: not measured.
    Warmup,
    /// Due (open loop) or sent (closed loop) inside the window: measured.
    #[default]
    Window,
    /// After the window closed: keeps the server loaded, not measured.
    Tail,
    /// At any time beside the load: what disturbs it, not measured itself.
    Beside,
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestError {
    /// Class, for counting.
    pub kind: ErrorKind,
    /// What happened, in words; bounded in length, without secrets.
    pub message: String,
}

impl RequestError {
    /// An error of `kind`, the message cut to 300 characters.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if let Some((cut, _)) = message.char_indices().nth(300) {
            message.truncate(cut);
            message.push('…');
        }
        RequestError { kind, message }
    }
}

/// Classes of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// No connection: refused, unreachable, name not found, TLS refused.
    Connect,
    /// No connection within the connect timeout.
    ConnectTimeout,
    /// No output within the first-token timeout.
    FirstTokenTimeout,
    /// No end within the total timeout.
    TotalTimeout,
    /// The connection broke after the request was sent.
    Transport,
    /// An HTTP status other than 2xx.
    Http,
    /// An error object inside a response with a good status.
    ErrorInStream,
    /// Not what the protocol allows: broken JSON, not an event stream, HTML.
    Malformed,
    /// The response ended without any generated output.
    NoToken,
    /// The response ended without a finish reason.
    NoFinish,
    /// The response broke off before its end.
    Truncated,
    /// Larger than the bound on responses.
    TooLarge,
    /// Ended by prony itself: the drain was over, or the run was interrupted.
    Cut,
}

impl ErrorKind {
    /// The name as it stands in `requests.jsonl` and `summary.json`.
    pub fn name(self) -> &'static str {
        match self {
            ErrorKind::Connect => "connect",
            ErrorKind::ConnectTimeout => "connect_timeout",
            ErrorKind::FirstTokenTimeout => "first_token_timeout",
            ErrorKind::TotalTimeout => "total_timeout",
            ErrorKind::Transport => "transport",
            ErrorKind::Http => "http",
            ErrorKind::ErrorInStream => "error_in_stream",
            ErrorKind::Malformed => "malformed",
            ErrorKind::NoToken => "no_token",
            ErrorKind::NoFinish => "no_finish",
            ErrorKind::Truncated => "truncated",
            ErrorKind::TooLarge => "too_large",
            ErrorKind::Cut => "cut",
        }
    }
}

/// Where the token counts of a request come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Source of `input_tokens`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<TokenSource>,
    /// Source of `output_tokens`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<TokenSource>,
    /// Source of the tokens in each of `chunks`, where that is another than the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunks: Option<TokenSource>,
}

impl Provenance {
    /// Whether no source is known.
    pub fn is_empty(&self) -> bool {
        self.input.is_none() && self.output.is_none() && self.chunks.is_none()
    }
}

/// Who counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenSource {
    /// The server's `usage` (or its like).
    Server,
    /// A tokenizer on the client.
    Client,
    /// Every chunk with output was taken for one token.
    Chunks,
    /// An estimate from the length of the text.
    Estimate,
}
