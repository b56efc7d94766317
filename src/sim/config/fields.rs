use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Everything that can be set of the embedded engine. `docs/engine.md` has the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SimConfig {
    /// The name that `/v1/models` lists.
    pub model: String,
    /// Most tokens of a request, prompt and output together.
    pub max_model_len: u32,
    /// Output tokens of a request that states no limit.
    pub default_output_tokens: u32,
    /// Mean length at which the model ends an answer by itself, in tokens: at every token it ends
    /// with probability 1 / mean. 0: it never does, and every answer is as long as its limit.
    pub stop_mean_tokens: f64,
    /// Time between a request's arrival and its entry into the queue (parsing, tokenizing), in ms.
    pub overhead_ms: f64,
    /// Share of requests answered with status 500.
    pub error_rate: f64,
    /// Batching.
    pub scheduler: SchedulerConfig,
    /// How long a step takes.
    pub cost: CostConfig,
    /// KV cache memory and prefix cache.
    pub kv: KvConfig,
    /// Speculative decoding.
    pub speculative: SpeculativeConfig,
    /// Replicas, router, separate pools for prefill and decode.
    pub topology: TopologyConfig,
    /// Noise.
    pub variation: VariationConfig,
    /// A slowdown of known size, for tests of prony itself.
    pub regression: RegressionConfig,
    /// Requests that go wrong, and how. The first that applies to a request is used.
    pub faults: Vec<Fault>,
}

/// Continuous batching.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SchedulerConfig {
    /// Most requests in a batch.
    pub max_num_seqs: u32,
    /// Most tokens computed in one step.
    pub max_num_batched_tokens: u32,
    /// On: prompts are computed in pieces beside decoding. Off: a prompt is computed whole in a step
    /// of its own, and decoding waits meanwhile.
    pub chunked_prefill: bool,
    /// Who goes first.
    pub policy: Policy,
}

/// The order of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// First come, first served.
    Fcfs,
    /// By the request's `priority` (lower first), then by arrival.
    Priority,
}

/// A step takes `base + prefill tokens · prefill + sequences · sequence + context tokens · context`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CostConfig {
    /// Per step, in ms: reading the weights, launching kernels, scheduling.
    pub base_ms: f64,
    /// Per prompt token computed, in µs.
    pub prefill_us: f64,
    /// Per sequence that decodes, in µs.
    pub sequence_us: f64,
    /// Per token of context that the step's sequences read, in ns.
    pub context_ns: f64,
}

/// KV cache.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KvConfig {
    /// Blocks of memory per replica.
    pub blocks: u32,
    /// Tokens in a block.
    pub block_tokens: u32,
    /// Whether full blocks are found again by their content.
    pub prefix_cache: bool,
}

/// Speculative decoding: a draft of `tokens` tokens is checked in every decode step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SpeculativeConfig {
    /// Tokens drafted per step; 0 turns it off.
    pub tokens: u32,
    /// Probability that a drafted token is accepted, given that those before it were.
    pub acceptance: f64,
    /// Time to make the draft, per step, in µs.
    pub draft_us: f64,
}

/// Replicas and what connects them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TopologyConfig {
    /// Replicas of the engine; with `prefill_replicas` those that decode.
    pub replicas: u32,
    /// How a request finds its replica.
    pub router: RouterKind,
    /// More than 0: prompts are computed on that many replicas of their own, and their KV cache is
    /// transferred to the decoding ones.
    pub prefill_replicas: u32,
    /// Fixed time of a KV transfer, in ms.
    pub transfer_ms: f64,
    /// Bandwidth of a prefill replica's link, in GB/s (10⁹ bytes); transfers share it one after the other.
    pub transfer_gb_per_s: f64,
    /// KV cache of one token, in KiB.
    pub kv_kib_per_token: f64,
    /// σ of the universal scalability law: with n busy replicas a step takes
    /// `1 + σ(n − 1) + κn(n − 1)` times as long.
    pub contention: f64,
    /// κ of the universal scalability law.
    pub crosstalk: f64,
    /// How many times as long a step takes on the last replica; 1: as long as on the others.
    pub straggler: f64,
}

/// How a request finds its replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RouterKind {
    /// One after the other.
    RoundRobin,
    /// The one with the fewest requests.
    LeastOutstanding,
    /// The one that holds most of the prompt in its prefix cache, unless it is much busier than others.
    PrefixAware,
}

/// Noise at three levels, and changes over time. Everything is seeded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VariationConfig {
    /// Standard deviation of the logarithm of a step's duration.
    pub step: f64,
    /// Standard deviation of the logarithm of a run's speed.
    pub run: f64,
    /// Standard deviation of the logarithm of a session's speed (one draw per start).
    pub session: f64,
    /// Share of steps that stall.
    pub stall_rate: f64,
    /// Mean length of a stall (exponential), in ms.
    pub stall_ms: f64,
    /// Slow drift: how much longer steps take after an hour, as a share; linear.
    pub drift_per_hour: f64,
    /// Amplitude of a slow wave in the steps' duration, as a share.
    pub wave: f64,
    /// Period of that wave, in s; its phase is drawn per session.
    pub wave_s: f64,
    /// Mean time between a noisy neighbour's bursts (exponential), in s; 0: none.
    pub burst_every_s: f64,
    /// Mean length of a burst (exponential), in s.
    pub burst_s: f64,
    /// How much longer steps take in a burst, as a share.
    pub burst_slowdown: f64,
}

/// A change for the worse of known size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RegressionConfig {
    /// By what share every time to first token grows (0.05: + 5 %). All later tokens of the request
    /// come later by the same time, so gaps stay as they are.
    pub ttft: f64,
    /// By what share all times of the requests in the tail grow.
    pub tail: f64,
    /// Share of requests in that tail.
    pub tail_share: f64,
    /// Change of the engine's speed (−0.08: 8 % fewer tokens per second when it is busy).
    pub throughput: f64,
}

/// Requests that go wrong in one way: a share of them, or those with the given numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// Share of requests, drawn by seed and number.
    #[serde(default)]
    pub rate: f64,
    /// Numbers of requests; the first completion request of a session is number 1.
    #[serde(default)]
    pub requests: Vec<u64>,
    /// Chunks with output that come before it goes wrong, where that applies.
    #[serde(default = "one")]
    pub after_chunks: u32,
    /// For `stall`: how long the silence lasts, 0 for ever. For `slow_first_byte`: the delay. For
    /// `too_many_requests`: the `Retry-After`.
    #[serde(default)]
    pub seconds: f64,
    /// For `long_line`: its length.
    #[serde(default = "mebibyte")]
    pub bytes: u32,
}

fn one() -> u32 {
    1
}

fn mebibyte() -> u32 {
    1 << 20
}

/// What can go wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The connection is reset before any answer.
    Refuse,
    /// Status 429 with `Retry-After`.
    TooManyRequests,
    /// Status 500.
    ServerError,
    /// Status 200, then an error object in place of the rest.
    ErrorInStream,
    /// Silence after some chunks.
    Stall,
    /// The connection is reset after some chunks.
    Reset,
    /// The connection is closed in the middle of an event.
    Truncate,
    /// The regular end without a finish reason.
    NoFinishReason,
    /// An event that is no JSON.
    MalformedJson,
    /// A role and a finish reason, no output.
    RoleOnly,
    /// Nothing but `[DONE]`.
    EmptyStream,
    /// Usage in every chunk, as with vLLM's `continuous_usage_stats`. Not an error.
    UsageInEveryChunk,
    /// A line of `bytes` bytes.
    LongLine,
    /// The answer's head comes late.
    SlowFirstByte,
    /// An HTML page with status 200.
    Html,
}

impl FaultKind {
    /// All kinds, with their names in a configuration.
    pub const ALL: [(FaultKind, &'static str); 15] = [
        (FaultKind::Refuse, "refuse"),
        (FaultKind::TooManyRequests, "too_many_requests"),
        (FaultKind::ServerError, "server_error"),
        (FaultKind::ErrorInStream, "error_in_stream"),
        (FaultKind::Stall, "stall"),
        (FaultKind::Reset, "reset"),
        (FaultKind::Truncate, "truncate"),
        (FaultKind::NoFinishReason, "no_finish_reason"),
        (FaultKind::MalformedJson, "malformed_json"),
        (FaultKind::RoleOnly, "role_only"),
        (FaultKind::EmptyStream, "empty_stream"),
        (FaultKind::UsageInEveryChunk, "usage_in_every_chunk"),
        (FaultKind::LongLine, "long_line"),
        (FaultKind::SlowFirstByte, "slow_first_byte"),
        (FaultKind::Html, "html"),
    ];
}
