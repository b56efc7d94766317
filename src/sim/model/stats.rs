use crate::driver::Nanos;

use super::cost::seconds;
use super::histogram::Histogram;
use super::sequence::Sequence;

/// vLLM's buckets for times from a millisecond on (`time_to_first_token_seconds`).
const FIRST_TOKEN: &[f64] = &[
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    20.0, 40.0, 80.0, 160.0, 640.0, 2560.0,
];
/// vLLM's buckets for the time between tokens.
const BETWEEN_TOKENS: &[f64] = &[
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0,
    40.0, 80.0,
];
/// vLLM's buckets for times of whole requests.
const REQUEST: &[f64] = &[
    0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0,
    480.0, 960.0, 1920.0, 7680.0,
];
/// vLLM's buckets for tokens of a request, for a context of 16 384 and more.
const TOKENS: &[f64] = &[
    1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0,
    20_000.0, 50_000.0, 100_000.0,
];
/// vLLM's buckets for tokens of a step.
const STEP_TOKENS: &[f64] = &[
    1.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0, 16_384.0,
];

/// What one replica has counted since its start. Times in seconds.
#[derive(Clone, Debug)]
pub struct ReplicaStats {
    /// Requests in the batch.
    pub running: u64,
    /// Requests that wait.
    pub waiting: u64,
    /// Share of KV blocks in use.
    pub kv_usage: f64,
    /// Steps made.
    pub steps: u64,
    /// Prompt tokens looked up in the prefix cache; a request is looked up once, when first scheduled.
    pub prefix_queries: u64,
    /// Those found.
    pub prefix_hits: u64,
    /// Requests put back because blocks ran out.
    pub preemptions: u64,
    /// Prompt tokens of requests whose prefill ended here: computed, cached and transferred ones.
    pub prompt_tokens: u64,
    /// Of these, taken from the prefix cache.
    pub prompt_tokens_cached: u64,
    /// Of these, transferred from a prefill replica.
    pub prompt_tokens_transferred: u64,
    /// Generated tokens.
    pub generation_tokens: u64,
    /// Drafted tokens (speculative decoding).
    pub draft_tokens: u64,
    /// Of these, accepted.
    pub accepted_tokens: u64,
    /// Requests that reached their limit.
    pub finished_length: u64,
    /// Requests that the model ended.
    pub finished_stop: u64,
    /// Requests whose client went away.
    pub aborted: u64,
    /// Arrival to first token.
    pub first_token: Histogram,
    /// Gaps between tokens.
    pub between_tokens: Histogram,
    /// Mean time per token after the first, per request.
    pub per_token: Histogram,
    /// Arrival to end.
    pub whole: Histogram,
    /// Arrival in the queue to first being scheduled.
    pub queue: Histogram,
    /// First scheduled to first token.
    pub prefill: Histogram,
    /// First token to end.
    pub decode: Histogram,
    /// First scheduled to end.
    pub inference: Histogram,
    /// Prompt tokens per request.
    pub request_prompt: Histogram,
    /// Generated tokens per request.
    pub request_generation: Histogram,
    /// Tokens computed per step.
    pub step_tokens: Histogram,
}

impl ReplicaStats {
    pub(super) fn new() -> ReplicaStats {
        ReplicaStats {
            running: 0,
            waiting: 0,
            kv_usage: 0.0,
            steps: 0,
            prefix_queries: 0,
            prefix_hits: 0,
            preemptions: 0,
            prompt_tokens: 0,
            prompt_tokens_cached: 0,
            prompt_tokens_transferred: 0,
            generation_tokens: 0,
            draft_tokens: 0,
            accepted_tokens: 0,
            finished_length: 0,
            finished_stop: 0,
            aborted: 0,
            first_token: Histogram::new(FIRST_TOKEN),
            between_tokens: Histogram::new(BETWEEN_TOKENS),
            per_token: Histogram::new(BETWEEN_TOKENS),
            whole: Histogram::new(REQUEST),
            queue: Histogram::new(REQUEST),
            prefill: Histogram::new(REQUEST),
            decode: Histogram::new(REQUEST),
            inference: Histogram::new(REQUEST),
            request_prompt: Histogram::new(TOKENS),
            request_generation: Histogram::new(TOKENS),
            step_tokens: Histogram::new(STEP_TOKENS),
        }
    }

    /// Tokens of `sequence` reached the client at `at`.
    pub(super) fn tokens(&mut self, sequence: &mut Sequence, at: Nanos, count: u32) {
        self.generation_tokens += u64::from(count);
        match sequence.first {
            None => {
                sequence.first = Some(at);
                self.prompt_tokens += u64::from(sequence.prompt);
                if sequence.transferred {
                    self.prompt_tokens_transferred += u64::from(sequence.prompt);
                } else {
                    self.prompt_tokens_cached += u64::from(sequence.cached);
                }
                self.first_token.record(seconds(at - sequence.arrived), 1);
            }
            Some(_) => {
                let gap = seconds(at.saturating_sub(sequence.latest));
                self.between_tokens.record(gap, 1);
            }
        }
        sequence.latest = at;
    }

    /// Those were the last.
    pub(super) fn end(&mut self, sequence: &Sequence, at: Nanos) {
        if sequence.stops {
            self.finished_stop += 1;
        } else {
            self.finished_length += 1;
        }
        self.whole.record(seconds(at - sequence.arrived), 1);
        self.request_prompt.record(f64::from(sequence.prompt), 1);
        self.request_generation
            .record(f64::from(sequence.produced), 1);
        let (Some(scheduled), Some(first)) = (sequence.scheduled, sequence.first) else {
            return;
        };
        self.prefill
            .record(seconds(first.saturating_sub(scheduled)), 1);
        self.inference
            .record(seconds(at.saturating_sub(scheduled)), 1);
        let decode = seconds(at - first);
        self.decode.record(decode, 1);
        if sequence.produced > 1 {
            self.per_token
                .record(decode / f64::from(sequence.produced - 1), 1);
        }
    }
}
