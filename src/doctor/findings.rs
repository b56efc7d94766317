use serde::Serialize;

use crate::result::OwnError;

/// What one probe of a target found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was asked.
    pub what: &'static str,
    /// Whether it is so.
    pub answer: Answer,
    /// How that is known, for a person.
    pub why: String,
}

impl Finding {
    pub(super) fn new(what: &'static str, answer: Answer, why: impl Into<String>) -> Self {
        let why = crate::text::printable(&why.into()).into_owned();
        Finding { what, answer, why }
    }
}

/// Whether a target supports something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It could not be found out.
    Unknown,
}

impl Answer {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Answer::Yes => "yes",
            Answer::No => "no",
            Answer::Unknown => "unknown",
        }
    }
}

/// All that was found of a target.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TargetReport {
    /// Its address, without secrets.
    pub target: String,
    /// The model that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// In the order in which they were asked.
    pub findings: Vec<Finding>,
    /// What this client can read of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sustained: Option<Sustained>,
}

impl TargetReport {
    /// What was found of `what`.
    pub fn answer(&self, what: &str) -> Option<Answer> {
        let found = self.findings.iter().find(|f| f.what == what)?;
        Some(found.answer)
    }

    /// Whether anything can be measured: it answers in one of the protocols.
    pub fn usable(&self) -> bool {
        ["chat", "completions"]
            .iter()
            .any(|what| self.answer(what) == Some(Answer::Yes))
    }
}

/// An estimate of how many streams of a target this client can read on one core.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sustained {
    /// Tokens per second of one stream of the target, alone.
    pub stream_tokens_per_second: f64,
    /// Tokens per second that the client reads.
    pub client_tokens_per_second: f64,
    /// How many such streams that is.
    pub streams: u64,
}

impl Sustained {
    pub(super) fn of(stream: f64, client: &OwnError) -> Option<Sustained> {
        let client = client.tokens_per_second;
        (stream > 0.0 && client > 0.0).then(|| Sustained {
            stream_tokens_per_second: stream,
            client_tokens_per_second: client,
            streams: (client / stream) as u64,
        })
    }
}
