use super::unit::Unit;

/// One metric: what it is called, what it means, and which way is better.
#[derive(Debug)]
pub struct MetricDef {
    /// The name in suites and in `summary.json`.
    pub name: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// Which way is better.
    pub direction: Direction,
    /// How many values a phase has of it.
    pub shape: Shape,
    /// Whether `goodput(…)` may bound it.
    pub in_goodput: bool,
    /// Whether it can be 0 on a healthy system, so that a percentage of it means nothing.
    pub can_be_zero: bool,
    /// One sentence for a user.
    pub meaning: &'static str,
    /// How it is computed.
    pub formula: &'static str,
    /// Whether this version measures it.
    pub availability: Availability,
    /// Who counted.
    pub provenance: Provenance,
}

/// Who counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provenance {
    /// prony, from its requests.
    Client,
    /// The server, of itself; read from its `/metrics` while the load is on.
    Server,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Smaller is better.
    LowerIsBetter,
    /// Larger is better.
    HigherIsBetter,
    /// Neither: a description of the load.
    Neutral,
}

/// How many values a phase has of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One per request: needs a statistic.
    PerRequest,
    /// Several per request (gaps between chunks): needs a statistic; inside `goodput` as `.mean` or `.max`.
    PerChunk,
    /// One per phase: takes no statistic.
    Phase,
    /// A level that is looked at from time to time: needs a statistic, and times weigh.
    Gauge,
    /// A histogram that the server keeps: needs a statistic, `mean` or a quantile.
    Histogram,
}

/// Whether this version measures a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// It does.
    Here,
    /// Only where the target states `gpus`.
    NeedsGpus,
    /// Phases of one kind of scenario have it; without a phase it is of the kind's main one. The text says
    /// which kind.
    OfKind(&'static str),
    /// A case answers it as a whole, where its kind does; the text says which.
    Answer(&'static str),
    /// The name is taken; the text says what it comes with.
    Comes(&'static str),
}

/// The metric called `name`.
pub fn metric(name: &str) -> Option<&'static MetricDef> {
    METRICS.iter().find(|m| m.name == name)
}

impl MetricDef {
    /// Whether a phase has values of it: this version measures it, and it is no answer of a whole case.
    pub fn is_of_a_phase(&self) -> bool {
        matches!(
            self.availability,
            Availability::Here | Availability::NeedsGpus | Availability::OfKind(_)
        )
    }

    /// Whether it is counted from the time at which a request was due, which only an open loop has.
    pub fn needs_open_loop(&self) -> bool {
        matches!(
            self.name,
            "ttft_scheduled" | "e2e_latency_scheduled" | "slot_wait" | "send_lag"
        )
    }

    /// Whether it is observed from the chunks of a streamed answer.
    pub fn needs_stream(&self) -> bool {
        matches!(
            self.name,
            "ttft" | "ttft_scheduled" | "itl" | "tpot" | "chunk_tokens"
        )
    }
}

const BASE: MetricDef = MetricDef {
    name: "",
    unit: Unit::Milliseconds,
    direction: Direction::LowerIsBetter,
    shape: Shape::PerRequest,
    in_goodput: false,
    can_be_zero: false,
    meaning: "",
    formula: "",
    availability: Availability::Here,
    provenance: Provenance::Client,
};

const SERVER: MetricDef = MetricDef {
    unit: Unit::Count,
    direction: Direction::Neutral,
    shape: Shape::Phase,
    can_be_zero: true,
    provenance: Provenance::Server,
    ..BASE
};
const TIMES: MetricDef = MetricDef {
    unit: Unit::Milliseconds,
    direction: Direction::LowerIsBetter,
    shape: Shape::Histogram,
    can_be_zero: false,
    ..SERVER
};
const CAPACITY: Availability = Availability::Answer("`search: { maximize: … }`");
const SATURATION: Availability = Availability::Answer("`search: { saturate: … }`");
const SWEEP: Availability = Availability::Answer("kind `scalability`");
const CACHE: Availability = Availability::OfKind("kind `cache`");

/// Every metric that prony knows, in the order in which reports show them.
pub static METRICS: &[MetricDef] = &[
    MetricDef {
        name: "ttft",
        in_goodput: true,
        meaning: "Time to first token: from the request handed to the transport on a ready connection to the first chunk with generated output (content, reasoning or tool call; a role-only or empty delta does not count). Connecting is recorded apart.",
        formula: "first_us − sent_us",
        ..BASE
    },
    MetricDef {
        name: "itl",
        shape: Shape::PerChunk,
        in_goodput: true,
        can_be_zero: true,
        meaning: "Inter-token latency: the gaps between consecutive chunks with output. `chunk_tokens` says how many tokens a chunk held. Inside `goodput` as `itl.mean` or `itl.max` of a request.",
        formula: "gap_us of every chunk but the first",
        ..BASE
    },
    MetricDef {
        name: "tpot",
        in_goodput: true,
        meaning: "Time per output token after the first, per request.",
        formula: "(last token − first token) / (output tokens − 1)",
        ..BASE
    },
    MetricDef {
        name: "e2e_latency",
        in_goodput: true,
        meaning: "End-to-end latency: from the same start as `ttft` to the end of the response.",
        formula: "end_us − sent_us",
        ..BASE
    },
    MetricDef {
        name: "ttft_scheduled",
        in_goodput: true,
        meaning: "`ttft` counted from when the request was due, so free of coordinated omission. Open loop only.",
        formula: "first_us − due_us",
        ..BASE
    },
    MetricDef {
        name: "e2e_latency_scheduled",
        in_goodput: true,
        meaning: "`e2e_latency` counted from when the request was due. Open loop only.",
        formula: "end_us − due_us",
        ..BASE
    },
    MetricDef {
        name: "throughput",
        unit: Unit::PerSecond,
        direction: Direction::HigherIsBetter,
        shape: Shape::Phase,
        meaning: "Requests completed successfully inside the window, per second.",
        formula: "responses that ended well inside the window / window",
        ..BASE
    },
    MetricDef {
        name: "tokens_per_second",
        unit: Unit::TokensPerSecond,
        direction: Direction::HigherIsBetter,
        shape: Shape::Phase,
        meaning: "Output tokens that arrived inside the window, whoever asked for them, per second.",
        formula: "output tokens in the window / window",
        ..BASE
    },
    MetricDef {
        name: "input_tokens_per_second",
        unit: Unit::TokensPerSecond,
        direction: Direction::HigherIsBetter,
        shape: Shape::Phase,
        meaning: "Prompt tokens of the requests whose first token arrived inside the window, per second.",
        formula: "input tokens first answered in the window / window",
        ..BASE
    },
    MetricDef {
        name: "total_tokens_per_second",
        unit: Unit::TokensPerSecond,
        direction: Direction::HigherIsBetter,
        shape: Shape::Phase,
        meaning: "Input and output tokens per second together.",
        formula: "input_tokens_per_second + tokens_per_second",
        ..BASE
    },
    MetricDef {
        name: "throughput_per_gpu",
        unit: Unit::PerSecond,
        direction: Direction::HigherIsBetter,
        shape: Shape::Phase,
        meaning: "`throughput` divided by the target's `gpus`.",
        formula: "throughput / gpus",
        availability: Availability::NeedsGpus,
        ..BASE
    },
    MetricDef {
        name: "tokens_per_second_per_gpu",
        unit: Unit::TokensPerSecond,
        direction: Direction::HigherIsBetter,
        shape: Shape::Phase,
        meaning: "`tokens_per_second` divided by the target's `gpus`.",
        formula: "tokens_per_second / gpus",
        availability: Availability::NeedsGpus,
        ..BASE
    },
    MetricDef {
        name: "input_tokens_per_second_per_gpu",
        unit: Unit::TokensPerSecond,
        direction: Direction::HigherIsBetter,
        shape: Shape::Phase,
        meaning: "`input_tokens_per_second` divided by the target's `gpus`.",
        formula: "input_tokens_per_second / gpus",
        availability: Availability::NeedsGpus,
        ..BASE
    },
    MetricDef {
        name: "total_tokens_per_second_per_gpu",
        unit: Unit::TokensPerSecond,
        direction: Direction::HigherIsBetter,
        shape: Shape::Phase,
        meaning: "`total_tokens_per_second` divided by the target's `gpus`.",
        formula: "total_tokens_per_second / gpus",
        availability: Availability::NeedsGpus,
        ..BASE
    },
    MetricDef {
        name: "error_rate",
        unit: Unit::Ratio,
        shape: Shape::Phase,
        can_be_zero: true,
        meaning: "Share of the window's requests that failed: transport or HTTP error, error object inside a 200, no token, no finish reason, cut short.",
        formula: "failed / all",
        ..BASE
    },
    MetricDef {
        name: "concurrency",
        unit: Unit::Count,
        direction: Direction::Neutral,
        shape: Shape::Phase,
        meaning: "Requests in flight, averaged over the window.",
        formula: "time in flight inside the window / window",
        ..BASE
    },
    MetricDef {
        name: "input_tokens",
        unit: Unit::Tokens,
        direction: Direction::Neutral,
        meaning: "Prompt tokens of a request.",
        formula: "usage.prompt_tokens, else what was planned, by a tokenizer or estimated",
        ..BASE
    },
    MetricDef {
        name: "output_tokens",
        unit: Unit::Tokens,
        direction: Direction::Neutral,
        meaning: "Generated tokens of a request.",
        formula: "usage.completion_tokens, else counted by a tokenizer here, else chunks",
        ..BASE
    },
    MetricDef {
        name: "cached_tokens",
        unit: Unit::Tokens,
        direction: Direction::Neutral,
        can_be_zero: true,
        meaning: "Prompt tokens that the server took from its prefix cache.",
        formula: "usage.prompt_tokens_details.cached_tokens",
        ..BASE
    },
    MetricDef {
        name: "chunk_tokens",
        unit: Unit::Tokens,
        direction: Direction::Neutral,
        shape: Shape::PerChunk,
        meaning: "Tokens in a chunk: where the server tells, or a tokenizer here has counted them after the run. A token belongs to the chunk that completes it, so that a chunk may have 0.",
        formula: "tokens of every chunk with output",
        ..BASE
    },
    MetricDef {
        name: "connect_time",
        can_be_zero: true,
        meaning: "How long connecting took, for the requests that had to open a connection.",
        formula: "connect_us",
        ..BASE
    },
    MetricDef {
        name: "slot_wait",
        can_be_zero: true,
        meaning: "How long a due request waited because `max_concurrency` requests were in flight. Open loop only.",
        formula: "wait_us",
        ..BASE
    },
    MetricDef {
        name: "send_lag",
        can_be_zero: true,
        meaning: "The client's own lateness: actual send − due, less the waiting for a slot and for the connection. Open loop only.",
        formula: "sent_us − due_us − wait_us − connect_us",
        ..BASE
    },
    MetricDef {
        name: "cached_token_ratio",
        unit: Unit::Ratio,
        direction: Direction::HigherIsBetter,
        shape: Shape::Phase,
        can_be_zero: true,
        meaning: "Share of the prompt tokens of the window's requests that the server says, in the answer to each, it took from its prefix cache. `cache_hit_ratio` is the same by the server's counters. Missing where an answer of the window does not tell.",
        formula: "Σ usage.prompt_tokens_details.cached_tokens / Σ usage.prompt_tokens, over successes",
        ..BASE
    },
    MetricDef {
        name: "queue_depth",
        direction: Direction::LowerIsBetter,
        shape: Shape::Gauge,
        meaning: "Requests waiting inside the server, all replicas together.",
        formula: "the server's gauge; each look stands for the time nearest to it",
        ..SERVER
    },
    MetricDef {
        name: "running",
        shape: Shape::Gauge,
        meaning: "Requests being worked on inside the server, all replicas together.",
        formula: "the server's gauge; each look stands for the time nearest to it",
        ..SERVER
    },
    MetricDef {
        name: "kv_usage",
        unit: Unit::Ratio,
        shape: Shape::Gauge,
        meaning: "Share of the server's KV cache in use, the mean over replicas.",
        formula: "the server's gauge; each look stands for the time nearest to it",
        ..SERVER
    },
    MetricDef {
        name: "gpu_utilization",
        unit: Unit::Ratio,
        shape: Shape::Gauge,
        meaning: "Share of the time in which a GPU worked on anything, the mean over GPUs, where a page of an exporter tells.",
        formula: "the exporter's gauge; each look stands for the time nearest to it",
        ..SERVER
    },
    MetricDef {
        name: "gpu_sm_active",
        unit: Unit::Ratio,
        shape: Shape::Gauge,
        meaning: "Share of its multiprocessors that a GPU kept busy, the mean over GPUs, where a page of an exporter tells.",
        formula: "the exporter's gauge; each look stands for the time nearest to it",
        ..SERVER
    },
    MetricDef {
        name: "gpu_memory_used",
        unit: Unit::Ratio,
        shape: Shape::Gauge,
        meaning: "Share of a GPU's memory in use, the mean over GPUs, where a page of an exporter tells.",
        formula: "used / (used + free), or used / all; each look stands for the time nearest to it",
        ..SERVER
    },
    MetricDef {
        name: "preemptions",
        direction: Direction::LowerIsBetter,
        meaning: "Requests that the server preempted (SGLang: retracted) inside the window.",
        formula: "the counter at the window's end − at its start",
        ..SERVER
    },
    MetricDef {
        name: "cache_hit_ratio",
        unit: Unit::Ratio,
        direction: Direction::HigherIsBetter,
        meaning: "Share of the prompt tokens looked up in the window that came from the prefix cache, by the server's counters.",
        formula: "cache_hits / cache_queries",
        ..SERVER
    },
    MetricDef {
        name: "cache_queries",
        unit: Unit::Tokens,
        meaning: "Prompt tokens looked up in the prefix cache inside the window.",
        formula: "the counter at the window's end − at its start",
        ..SERVER
    },
    MetricDef {
        name: "cache_hits",
        unit: Unit::Tokens,
        meaning: "Prompt tokens found in the prefix cache inside the window.",
        formula: "the counter at the window's end − at its start",
        ..SERVER
    },
    MetricDef {
        name: "server_ttft",
        meaning: "Time to first token as the server counts it: from a request's arrival there. Its quantiles are no finer than the buckets of its histogram, which stand beside them.",
        formula: "the histogram's growth over the window: sum / count, linear inside a bucket",
        ..TIMES
    },
    MetricDef {
        name: "server_e2e_latency",
        meaning: "Whole time of a request as the server counts it.",
        formula: "the histogram's growth over the window: sum / count, linear inside a bucket",
        ..TIMES
    },
    MetricDef {
        name: "server_itl",
        can_be_zero: true,
        meaning: "Time between tokens as the server counts it.",
        formula: "the histogram's growth over the window: sum / count, linear inside a bucket",
        ..TIMES
    },
    MetricDef {
        name: "server_queue_time",
        can_be_zero: true,
        meaning: "How long requests waited inside the server before they were first worked on.",
        formula: "the histogram's growth over the window: sum / count, linear inside a bucket",
        ..TIMES
    },
    MetricDef {
        name: "server_requests",
        meaning: "Requests that the server finished inside the window, whoever sent them.",
        formula: "the counter at the window's end − at its start",
        ..SERVER
    },
    MetricDef {
        name: "server_prompt_tokens",
        unit: Unit::Tokens,
        meaning: "Prompt tokens that the server took in inside the window, cached ones included.",
        formula: "the counter at the window's end − at its start",
        ..SERVER
    },
    MetricDef {
        name: "server_generation_tokens",
        unit: Unit::Tokens,
        meaning: "Tokens that the server generated inside the window.",
        formula: "the counter at the window's end − at its start",
        ..SERVER
    },
    MetricDef {
        name: "prompt_tokens_computed",
        unit: Unit::Tokens,
        meaning: "Prompt tokens that the server computed itself inside the window: neither cached nor transferred.",
        formula: "the counter at the window's end − at its start",
        ..SERVER
    },
    MetricDef {
        name: "prompt_tokens_transferred",
        unit: Unit::Tokens,
        meaning: "Prompt tokens whose KV came from another server inside the window.",
        formula: "the counter at the window's end − at its start",
        ..SERVER
    },
    MetricDef {
        name: "kv_transfers",
        meaning: "KV transfers between servers inside the window.",
        formula: "the counter at the window's end − at its start",
        ..SERVER
    },
    MetricDef {
        name: "kv_transfer_bytes",
        meaning: "Bytes of KV transferred between servers inside the window.",
        formula: "the counter at the window's end − at its start",
        ..SERVER
    },
    MetricDef {
        name: "kv_transfer_failures",
        direction: Direction::LowerIsBetter,
        meaning: "KV transfers that failed inside the window.",
        formula: "the counter at the window's end − at its start",
        ..SERVER
    },
    MetricDef {
        name: "kv_transfer_time",
        can_be_zero: true,
        meaning: "How long a KV transfer took.",
        formula: "the histogram's growth over the window: sum / count, linear inside a bucket",
        ..TIMES
    },
    MetricDef {
        name: "replica_skew",
        unit: Unit::Ratio,
        direction: Direction::LowerIsBetter,
        can_be_zero: false,
        meaning: "How much more the busiest replica generated than the mean of all, where the server tells of several: 1 is even.",
        formula: "most server_generation_tokens of a replica / their mean",
        ..SERVER
    },
    MetricDef {
        name: "ideal_cache_hit_ratio",
        unit: Unit::Ratio,
        direction: Direction::Neutral,
        shape: Shape::Phase,
        can_be_zero: true,
        meaning: "Kind `cache`: the share of prompt tokens that a perfect prefix cache would find. prony made the prompts, and knows. Counted in whole blocks (`cache.block_size`, else as found out); for a cache that never forgets, or one of `cache.capacity` tokens that forgets what was used longest ago. Without a phase: of `warm`.",
        formula: "Σ ideal_cached_tokens / Σ usage.prompt_tokens, over successes; the last token of a prompt is always computed",
        availability: CACHE,
        ..BASE
    },
    MetricDef {
        name: "cache_efficiency",
        unit: Unit::Ratio,
        direction: Direction::HigherIsBetter,
        shape: Shape::Phase,
        can_be_zero: true,
        meaning: "Kind `cache`: how much of what a perfect prefix cache would find the server's did. By the answers' `cached_tokens`; where they do not tell, by the server's counters. Without a phase: of `warm`.",
        formula: "Σ cached_tokens / Σ ideal_cached_tokens, over successes; else cache_hit_ratio / ideal_cache_hit_ratio",
        availability: CACHE,
        ..BASE
    },
    MetricDef {
        name: "ttft_saved_per_cached_token",
        unit: Unit::Milliseconds,
        direction: Direction::HigherIsBetter,
        shape: Shape::Phase,
        can_be_zero: true,
        meaning: "By how much a cached token makes the first token come sooner: prompts of the same lengths, cold and warm.",
        formula: "(mean ttft of cold − of warm) / (mean cached_tokens of warm − of cold)",
        availability: Availability::Answer("kind `cache`"),
        ..BASE
    },
    MetricDef {
        name: "capacity",
        unit: Unit::PerSecond,
        direction: Direction::HigherIsBetter,
        shape: Shape::Phase,
        can_be_zero: true,
        meaning: "Requests per second at the highest load at which all bounds of `subject_to` hold: the rate itself, or, where `concurrency` is raised, the throughput there. 0 where they do not hold at the lowest load.",
        formula: "where the isotonic fit of ln(value / limit) over the probes first reaches 0, for the bound that breaks first",
        availability: CAPACITY,
        ..BASE
    },
    MetricDef {
        name: "capacity_concurrency",
        unit: Unit::Count,
        direction: Direction::HigherIsBetter,
        shape: Shape::Phase,
        can_be_zero: true,
        meaning: "The highest number of requests in flight at which all bounds of `subject_to` hold; where `concurrency` is raised.",
        formula: "as `capacity`",
        availability: CAPACITY,
        ..BASE
    },
    MetricDef {
        name: "capacity_per_gpu",
        unit: Unit::PerSecond,
        direction: Direction::HigherIsBetter,
        shape: Shape::Phase,
        meaning: "`capacity` divided by the target's `gpus`.",
        formula: "capacity / gpus",
        availability: Availability::Answer(
            "`search: { maximize: … }` where the target states `gpus`",
        ),
        ..BASE
    },
    MetricDef {
        name: "saturation",
        unit: Unit::PerSecond,
        direction: Direction::HigherIsBetter,
        shape: Shape::Phase,
        can_be_zero: true,
        meaning: "The throughput past which more load brings no more: the most that the target does.",
        formula: "the highest point of the isotonic fit of throughput over the probes",
        availability: SATURATION,
        ..BASE
    },
    MetricDef {
        name: "saturation_concurrency",
        unit: Unit::Count,
        direction: Direction::Neutral,
        shape: Shape::Phase,
        meaning: "The fewest requests in flight with which throughput is within `precision` of `saturation`; where `concurrency` is raised.",
        formula: "where the same fit first reaches (1 − precision) · saturation",
        availability: SATURATION,
        ..BASE
    },
    MetricDef {
        name: "saturation_per_gpu",
        unit: Unit::PerSecond,
        direction: Direction::HigherIsBetter,
        shape: Shape::Phase,
        can_be_zero: true,
        meaning: "`saturation` divided by the target's `gpus`.",
        formula: "saturation / gpus",
        availability: Availability::Answer(
            "`search: { saturate: … }` where the target states `gpus`",
        ),
        ..BASE
    },
    MetricDef {
        name: "contention",
        unit: Unit::Ratio,
        shape: Shape::Phase,
        can_be_zero: true,
        meaning: "σ of the Universal Scalability Law over the levels of a sweep: the share of the work that cannot be done at the same time.",
        formula: "least squares of ln X(N), X(N) = λN / (1 + σ(N − 1) + κN(N − 1)), σ and κ not negative",
        availability: SWEEP,
        ..BASE
    },
    MetricDef {
        name: "coherency",
        unit: Unit::Ratio,
        shape: Shape::Phase,
        can_be_zero: true,
        meaning: "κ of the Universal Scalability Law: what each pays for every other one. Above 0, more load brings less throughput in the end.",
        formula: "as `contention`",
        availability: SWEEP,
        ..BASE
    },
    MetricDef {
        name: "peak_level",
        unit: Unit::Count,
        direction: Direction::HigherIsBetter,
        shape: Shape::Phase,
        meaning: "The level at which the Universal Scalability Law has its highest throughput; unbounded without coherency. Past the last level it is a prediction.",
        formula: "√((1 − contention) / coherency)",
        availability: SWEEP,
        ..BASE
    },
];
