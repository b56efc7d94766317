use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::assertion::{Assertion, Operand};
use super::baseline_setting::BaselineRule;
use super::evidence::{AssumedNoise, Extend};
use super::histogram::Histogram;
use super::hooks::{Hooks, SuiteHooks};
use super::kinds::KindPlan;
use super::launch::{Launch, Ready, Restart};
use super::scrape_setting::Scrape;
use super::source::Location;

/// One suite file, checked and resolved: every scenario carries all its settings, layers merged and
/// matrices expanded.
#[derive(Clone, Debug)]
pub struct Suite {
    /// Unique among the suites of an invocation.
    pub name: String,
    /// Where it stands; the span covers the `suite:` value or the start of the file.
    pub location: Location,
    /// In the order of the file, those of a matrix once for each of its combinations.
    pub scenarios: Vec<Scenario>,
    /// Values that must not appear in any output: what stands under `headers`, `auth`, and what
    /// `secrets:` names, as `(NAME, value)`.
    pub secrets: Vec<(String, String)>,
    /// What is done around all its cases.
    pub hooks: SuiteHooks,
    /// The suite as run: defaults merged, variables replaced, secrets as `${NAME}`.
    pub resolved_yaml: String,
}

/// One named test, all settings resolved.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// `[A-Za-z0-9][A-Za-z0-9_.-]*`; the cases of a matrix share it.
    pub name: String,
    /// The name of the case, unique in its suite: `name`, with a matrix `name[k=v,…]`.
    pub case: String,
    /// Variables of the matrix with their values as written, in the order of the case's name.
    pub matrix: Vec<(String, String)>,
    /// Where it stands: the scenario's `name` value.
    pub location: Location,
    /// The lines of the scenario in the file as written.
    pub yaml: String,
    /// What kind of test it is.
    pub kind: Kind,
    /// What it measures beside one load on one target.
    pub plan: KindPlan,
    /// Where requests go; of several targets the first.
    pub target: Target,
    /// How they are sent; of several levels the lowest.
    pub load: Load,
    /// The window ends after that many requests.
    pub requests: Option<u64>,
    /// The window ends after that time. At least one of the two is present.
    pub duration: Option<Duration>,
    /// Unmeasured load before the window.
    pub warmup: Duration,
    /// How long after the window's end its requests may take to end.
    pub drain: Duration,
    /// Timeouts of one request.
    pub timeouts: Timeouts,
    /// Runs of each phase.
    pub repeats: u32,
    /// Fixes arrivals, lengths and order.
    pub seed: u64,
    /// What is asked.
    pub prompts: Prompts,
    /// Assertions as written, in order.
    pub sla: Vec<SlaAssertion>,
    /// How much worse than the accepted results metrics may be.
    pub baseline: Vec<BaselineRule>,
    /// The case may have no assertion.
    pub measure_only: bool,
    /// One-sided confidence per decision, 0.5 to 1 exclusive.
    pub confidence: f64,
    /// What becomes of an assertion that the data cannot decide.
    pub undecided: Undecided,
    /// How much may be measured on top of the plan where the data cannot decide.
    pub extend: Extend,
    /// How much measurements vary by themselves, as far as the suite says.
    pub noise: AssumedNoise,
    /// Bound of the implicit `error_rate` assertion, a share.
    pub allow_errors: f64,
    /// From where on the client itself counts as the limit.
    pub client: ClientBounds,
    /// How many threads measure; absent: as many as the load may need.
    pub threads: Option<u32>,
    /// When the target is started anew.
    pub restart: Restart,
    /// What is done around the case and between its runs.
    pub hooks: Hooks,
    /// How the counters of its targets are read, over what each of them says.
    pub scrape: Scrape,
    /// How long the whole case may take.
    pub timeout: Option<Duration>,
    /// Why the case is not run.
    pub skip: Option<String>,
    /// A failure that people know of.
    pub known_issue: Option<KnownIssue>,
}

impl Scenario {
    /// Whether it is compared with accepted results.
    pub fn has_baseline(&self) -> bool {
        let speaks = |a: &SlaAssertion| a.assertion.operands().iter().any(Operand::is_baseline);
        !self.baseline.is_empty() || self.sla.iter().any(speaks)
    }
}

/// From where on the client itself counts as the limit, all as shares (`docs/verdicts.md`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClientBounds {
    /// Open loop: largest p99 of `send_lag` over the tightest bound asserted on a latency that counts from
    /// sending.
    pub send_lag: f64,
    /// Smallest share of what was asked for that must have been sent: open loop, of the requests due, in
    /// time, while slots were free; closed loop, of the requests that were to be under way.
    pub achieved: f64,
    /// Largest lateness of what the client sees (p99) over the tightest latency bound asserted, before
    /// it is asked whether it could change a verdict.
    pub loop_delay: f64,
    /// Share of the time a measuring thread runs or waits for a core, from which on it has no room left.
    pub busy: f64,
    /// Largest share of the time that a processor limit may have stopped the client, before it is asked
    /// whether that could change a verdict.
    pub throttled: f64,
    /// Share of the open files or ports in use from which on a warning says that they run out.
    pub supplies: f64,
}

impl Default for ClientBounds {
    fn default() -> Self {
        ClientBounds {
            send_lag: 0.05,
            achieved: 0.98,
            loop_delay: 0.05,
            busy: 0.8,
            throttled: 0.05,
            supplies: 0.9,
        }
    }
}

/// A failure that people know of: until its day has passed it does not fail the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownIssue {
    /// Where people can read about it.
    pub url: String,
    /// The last day on which it has an effect, in UTC.
    pub until: jiff::civil::Date,
    /// Where it stands.
    pub location: Location,
}

/// Kinds of scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Latency at a stated load.
    Latency,
    /// Throughput at a stated load (a search for the most later).
    Throughput,
    /// A sweep over load levels or replicas.
    Scalability,
    /// Cold against warm prefix cache.
    Cache,
    /// Aggregated against disaggregated prefill and decode.
    Disaggregation,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 5] = [
        Kind::Latency,
        Kind::Throughput,
        Kind::Scalability,
        Kind::Cache,
        Kind::Disaggregation,
    ];

    /// The name in suites.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Latency => "latency",
            Kind::Throughput => "throughput",
            Kind::Scalability => "scalability",
            Kind::Cache => "cache",
            Kind::Disaggregation => "disaggregation",
        }
    }
}

/// Where requests go.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its address.
    pub url: TargetUrl,
    /// Which protocol it speaks.
    pub api: Api,
    /// `None`: the first that `/v1/models` lists.
    pub model: Option<String>,
    /// Whether answers are streamed.
    pub stream: bool,
    /// Extra headers; values are secrets.
    pub headers: Vec<(String, Secret)>,
    /// Extra fields of the body, merged over prony's own.
    pub body: serde_json::Map<String, serde_json::Value>,
    /// Makes per-GPU metrics available.
    pub gpus: Option<u32>,
    /// PEM file of a certificate authority to trust besides the system's.
    pub ca: Option<PathBuf>,
    /// Accept any certificate.
    pub insecure_tls: bool,
    /// What carries the requests; `None`: prony chooses.
    pub transport: Option<TransportKind>,
    /// When it counts as ready, and how long prony waits for that.
    pub ready: Ready,
    /// How prony starts it; `None`: it is there already.
    pub launch: Option<Launch>,
    /// What counts its tokens.
    pub tokenizer: TokenizerChoice,
    /// How its own counters are read, as far as the target says.
    pub scrape: Scrape,
}

/// A target's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetUrl {
    /// Base URL of an OpenAI-compatible API, such as `http://127.0.0.1:8000/v1`; no trailing slash.
    /// Port 0, written `{port}`: one that prony finds free when it launches the target.
    Http(url::Url),
    /// The embedded engine.
    Sim(SimOverrides),
}

/// Which embedded engine: a preset, and single fields of its configuration set otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SimOverrides {
    /// Name of a preset; empty: the default one.
    pub preset: String,
    /// `key = value`, checked against the engine's configuration; from the target's `sim:`.
    pub overrides: serde_json::Map<String, serde_json::Value>,
}

/// Protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// `POST chat/completions`
    Chat,
    /// `POST completions`
    Completions,
}

/// What carries requests over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportKind {
    /// The measuring transport, straight on TCP.
    Lean,
    /// reqwest.
    Reqwest,
}

impl TransportKind {
    /// The name in suites and results.
    pub fn name(self) -> &'static str {
        match self {
            TransportKind::Lean => "lean",
            TransportKind::Reqwest => "reqwest",
        }
    }
}

/// A value that never appears in an output.
///
/// Its variables are looked up only when the case runs; `Err` names the variable that is not set.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// What to show instead, such as `Bearer ${API_KEY}`.
    pub shown: String,
    /// The value, or the name of the unset variable.
    pub value: Result<String, String>,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Secret").field(&self.shown).finish()
    }
}

/// How requests are sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// Its course.
    pub shape: LoadShape,
    /// At most that many requests in flight (open loop); the waiting is recorded.
    pub max_concurrency: Option<u32>,
    /// How the first requests of a closed loop begin.
    pub start: Start,
}

/// How the first requests of a closed loop begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// Spread over a part of the warm-up: streams that begin together meet again and again.
    #[default]
    Spread,
    /// All in one instant.
    Together,
}

/// Course of the load.
#[derive(Clone, Debug, PartialEq)]
pub enum LoadShape {
    /// Closed loop: that many requests in flight at all times.
    Concurrency(u32),
    /// Open loop at a rate per second.
    Rate {
        /// Requests per second.
        per_second: f64,
        /// How they are spaced.
        arrivals: Arrivals,
    },
    /// One stage after the other; all of one sort.
    Stages {
        /// In order; their durations add up to the window.
        stages: Vec<Stage>,
        /// Spacing inside stages of a rate.
        arrivals: Arrivals,
    },
}

/// Spacing of arrivals in open loop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arrivals {
    /// Equal gaps.
    Constant,
    /// Exponential gaps.
    Poisson,
    /// Gamma gaps of that shape: 1 is Poisson, less is burstier, more is smoother.
    Gamma(f64),
}

/// A stage of a load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// How long it lasts.
    pub duration: Duration,
    /// Level at its start.
    pub from: StageLevel,
    /// Level at its end; equal to `from` in a step, else a linear ramp.
    pub to: StageLevel,
}

/// A level of a stage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StageLevel {
    /// Requests per second.
    Rate(f64),
    /// Requests in flight.
    Concurrency(u32),
}

/// Timeouts of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection.
    pub connect: Duration,
    /// From sending to the first token.
    pub first_token: Duration,
    /// From sending to the end.
    pub total: Duration,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompts {
    /// Where prompts come from.
    pub source: PromptSource,
    /// Whether every run gets content of its own.
    pub salt: SaltMode,
    /// How far the server's count of a prompt may lie from what was asked for.
    pub length_tolerance: LengthTolerance,
}

/// How far the server's count of a prompt may lie from what was asked for: the larger of the two.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LengthTolerance {
    /// As a share of the length asked for.
    pub share: f64,
    /// In tokens.
    pub tokens: u32,
}

impl Default for LengthTolerance {
    fn default() -> Self {
        LengthTolerance {
            share: 0.01,
            tokens: 2,
        }
    }
}

impl LengthTolerance {
    /// Whether `got` tokens can stand for `asked`.
    pub fn covers(&self, asked: u64, got: u64) -> bool {
        let bound = (self.share * asked as f64).max(f64::from(self.tokens));
        asked.abs_diff(got) as f64 <= bound
    }
}

/// Prompts in groups that begin alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prefix {
    /// Tokens that all prompts of a group share, before `input_tokens` of their own.
    pub tokens: u32,
    /// How many groups.
    pub groups: u32,
    /// Share of the requests that belong to a group; the others are as long, and share nothing.
    pub ratio: f64,
    /// Which group a request belongs to.
    pub popularity: Popularity,
}

/// How often each of several is chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Popularity {
    /// All alike.
    Uniform,
    /// The k-th as often as 1/k to this power.
    Zipf(f64),
}

/// What counts tokens on the client's side.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum TokenizerChoice {
    /// The server's `/tokenize` where it has one, else nothing.
    #[default]
    Auto,
    /// The server's `/tokenize`, needed.
    Server,
    /// Nothing: a word is taken for a token, and lengths are estimates.
    None,
    /// Hugging Face's `tokenizer.json`, or a folder with one.
    File {
        /// As resolved against the suite's folder.
        path: PathBuf,
        /// Where the suite names it.
        location: Location,
    },
    /// A vocabulary of OpenAI's by name, one of [`TIKTOKEN_NAMES`].
    Tiktoken(&'static str),
}

/// Vocabularies that are part of prony.
pub const TIKTOKEN_NAMES: [&str; 6] = [
    "gpt2",
    "r50k_base",
    "p50k_base",
    "cl100k_base",
    "o200k_base",
    "o200k_harmony",
];

/// Where prompts come from.
#[derive(Clone, Debug, PartialEq)]
pub enum PromptSource {
    /// Made up, of given lengths in tokens.
    Synthetic {
        /// Prompt tokens, all that the server counts; beyond the prefix where there is one.
        input_tokens: Length,
        /// Output tokens asked for.
        output_tokens: Length,
        /// What prompts begin with.
        prefix: Option<Prefix>,
        /// They are turns of conversations.
        conversation: Option<Conversation>,
    },
    /// Taken from a file in order, again from the start when it is used up: text (a prompt a line),
    /// or JSONL with `prompt` or `messages`, and optionally `output_tokens`.
    File {
        /// As resolved against the suite's folder.
        path: PathBuf,
        /// Where the suite names it.
        location: Location,
        /// Output tokens asked for where a line does not say.
        output_tokens: Option<Length>,
        /// Order drawn from the seed rather than the file's.
        shuffle: bool,
    },
}

impl PromptSource {
    /// Labels that its requests bear and that assertions may name, each with its values where they are
    /// few.
    pub fn labels(&self) -> &'static [(&'static str, &'static [&'static str])] {
        let PromptSource::Synthetic {
            prefix,
            conversation,
            ..
        } = self
        else {
            return &[];
        };
        match (prefix, conversation) {
            (None, None) => &[],
            (Some(_), None) => &[SHARED, ("group", &[])],
            (None, Some(_)) => &[SHARED, ("turn", &[])],
            (Some(_), Some(_)) => &[SHARED, ("group", &[]), ("turn", &[])],
        }
    }
}

/// The label that says whether a prompt shares what it begins with.
const SHARED: (&str, &[&str]) = ("shared", &["true", "false"]);

/// Conversations of several turns, each of which is asked with all that was said before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// Turns of each, at least two.
    pub turns: u32,
    /// How many go on at a time, by turns: between two turns of one lies a turn of each other.
    pub open: u32,
}

/// A distribution of lengths in tokens; draws are rounded and bounded to `min..=max`.
#[derive(Clone, Debug, PartialEq)]
pub enum Length {
    /// Always that many.
    Fixed(u32),
    /// A distribution, and its bounds.
    Drawn {
        /// Its shape.
        shape: Shape,
        /// Least.
        min: u32,
        /// Most.
        max: u32,
    },
}

impl Length {
    /// Every length from `min` to `max` as often.
    pub fn uniform(min: u32, max: u32) -> Self {
        Length::Drawn {
            shape: Shape::Uniform,
            min,
            max,
        }
    }
}

/// The shape of a distribution of lengths, in tokens.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Uniform between the bounds.
    Uniform,
    /// Normal.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        stddev: f64,
    },
    /// Log-normal, by the mean and standard deviation of the length itself.
    LogNormal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        stddev: f64,
    },
    /// Exponential.
    Exponential {
        /// Mean, before the bounds apply.
        mean: f64,
    },
    /// The k-th length from the least on (k = 1, 2, …) as often as 1/k to this power.
    Zipf {
        /// The power.
        s: f64,
    },
    /// As often as a file says.
    Histogram {
        /// As resolved against the suite's folder.
        path: PathBuf,
        /// What it holds.
        bins: Arc<Histogram>,
    },
}

/// Whether every run gets content of its own, so that none warms a prefix cache for the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaltMode {
    /// Yes: a salt stands at the start of every prompt.
    On,
    /// No: content is a function of the seed alone.
    Off,
}

/// An assertion of `sla:` and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct SlaAssertion {
    /// The checked assertion.
    pub assertion: Assertion,
    /// Where its text stands. Spans inside the assertion count from the start of this one, where the
    /// scalar is written plainly; otherwise only this place is known.
    pub location: Location,
}

/// What becomes of an assertion that the data cannot decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undecided {
    /// The observed value decides, marked borderline.
    Lean,
    /// It stays undecided: a warning.
    Warn,
    /// It fails.
    Fail,
}
