use crate::driver::Nanos;
use crate::record::{AnswerText, Chunk, Provenance, RequestError, RequestRecord, TokenSource};

use super::{Event, SendTiming, Usage};

/// What was observed of one request, in the driver's time. Missing is missing: a request that broke
/// off keeps what had come until then.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observation {
    /// When the request left. Absent: it never did.
    pub timing: Option<SendTiming>,
    /// How long it had waited for a connection when it gave up, where it never left.
    pub connecting: Option<Nanos>,
    /// First chunk with generated output. Absent where the answer is not streamed.
    pub first: Option<Nanos>,
    /// All chunks with generated output in order. Several in one read share a stamp: each event is a
    /// chunk, and a gap of 0 says truly that they arrived together.
    pub chunks: Vec<OutputChunk>,
    /// When the response ended, or when the request failed.
    pub end: Nanos,
    /// HTTP status.
    pub status: Option<u16>,
    /// The server's finish reason.
    pub finish: Option<String>,
    /// Why the request failed.
    pub error: Option<RequestError>,
    /// The server's token counts, each the last that it gave.
    pub usage: Usage,
    /// Whether there was generated output at all (an answer that is not streamed has no chunks).
    pub output: bool,
    /// Tokens listed in an answer that is not streamed.
    pub whole_tokens: Option<u32>,
    /// The answer's text, where it is kept to be counted.
    pub text: Option<Box<AnswerText>>,
    /// Chunks that had come when the server last gave an output count.
    pub counted_chunks: usize,
}

/// A chunk with generated output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputChunk {
    /// When it was read.
    pub at: Nanos,
    /// Tokens it held, where the server says.
    pub tokens: Option<u32>,
}

impl Observation {
    /// Whether the request was answered completely and correctly.
    pub fn ok(&self) -> bool {
        self.error.is_none()
    }

    /// Takes what the answer said at `at`; `streamed` decides whether output is timed.
    pub(super) fn take(&mut self, event: Event, at: Nanos, streamed: bool) {
        match event {
            Event::Output { tokens } => {
                self.output = true;
                if streamed {
                    self.first.get_or_insert(at);
                    self.chunks.push(OutputChunk { at, tokens });
                } else {
                    self.whole_tokens = tokens;
                }
            }
            Event::Finish(reason) => self.finish = Some(reason),
            Event::Usage(usage) => {
                self.usage.input = usage.input.or(self.usage.input);
                self.usage.cached = usage.cached.or(self.usage.cached);
                if usage.output.is_some() {
                    self.usage.output = usage.output;
                    self.counted_chunks = self.chunks.len();
                }
            }
            Event::Error { kind, message } => self.error = Some(RequestError::new(kind, message)),
            Event::Text(answer) => self.text = Some(Box::new(answer)),
            Event::Done => {}
        }
    }

    /// Generated tokens and who counted them.
    ///
    /// The server's count stands unless output came after it (then it is stale: a response that broke
    /// off while `usage` was in every chunk but the last). Next come counts listed with every chunk,
    /// last one token a chunk.
    pub fn output_tokens(&self) -> Option<(u64, TokenSource)> {
        if let Some(n) = self.usage.output
            && self.counted_chunks == self.chunks.len()
        {
            return Some((n, TokenSource::Server));
        }
        if let Some(n) = self.whole_tokens {
            return Some((u64::from(n), TokenSource::Server));
        }
        if self.chunks.is_empty() {
            return None;
        }
        let listed: Option<u64> = self.chunks.iter().map(|c| c.tokens.map(u64::from)).sum();
        Some(match listed {
            Some(n) => (n, TokenSource::Server),
            None => {
                let n = self
                    .chunks
                    .iter()
                    .map(|c| u64::from(c.tokens.unwrap_or(1)))
                    .sum();
                (n, TokenSource::Chunks)
            }
        })
    }

    /// Writes what was observed into `record`, in µs since `start`.
    ///
    /// Every instant is rounded down on its own, and gaps are differences of rounded instants, so that
    /// `first_us` plus all gaps is the last chunk's instant exactly.
    pub fn fill(&self, record: &mut RequestRecord, start: Nanos) {
        let us = |t: Nanos| t.saturating_sub(start) / 1000;
        record.sent_us = self.timing.map(|t| us(t.sent));
        record.connect_us = self
            .timing
            .map_or(self.connecting, |t| t.connect)
            .map(|d| d / 1000);
        record.first_us = self.first.map(us);
        let mut before = record.first_us.unwrap_or_default();
        record.chunks = self
            .chunks
            .iter()
            .map(|chunk| {
                let at = us(chunk.at);
                let gap_us = at.saturating_sub(before);
                before = at;
                Chunk {
                    gap_us,
                    tokens: chunk.tokens,
                }
            })
            .collect();
        record.end_us = Some(us(self.end));
        record.status = self.status;
        record.finish.clone_from(&self.finish);
        record.error.clone_from(&self.error);
        record.input_tokens = self.usage.input;
        record.cached_tokens = self.usage.cached;
        let output = self.output_tokens();
        let by_server = matches!(output, Some((_, TokenSource::Server)));
        if !by_server || self.chunks.iter().any(|chunk| chunk.tokens.is_none()) {
            record.uncounted.clone_from(&self.text);
        }
        record.output_tokens = output.map(|(n, _)| n);
        record.provenance = Provenance {
            input: self.usage.input.map(|_| TokenSource::Server),
            output: output.map(|(_, source)| source),
            chunks: None,
        };
    }
}
