use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::assertion::AssertionResult;
use super::baseline::BaselineResult;
use super::client::ClientHealth;
use super::configurations::ConfigurationsResult;
use super::lengths::TokenLengths;
use crate::judge::Verdict;
use crate::metrics::Unit;

/// Version of the `summary.json` format. A reader refuses a larger one.
pub const SUMMARY_SCHEMA: u32 = 1;

/// What a run of prony found: the whole of `summary.json`. A number that is not known is absent
/// (or null inside a statistic), never 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunResult {
    /// Format version, [`SUMMARY_SCHEMA`].
    pub schema: u32,
    /// The run itself.
    pub run: RunInfo,
    /// Cases in the order of the suites.
    pub cases: Vec<CaseResult>,
    /// Which configuration serves the most, of scenarios with several cases that looked for that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub configurations: Vec<ConfigurationsResult>,
}

/// The run itself: when, where, by what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunInfo {
    /// Name of the results folder.
    pub id: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// RFC 3339, UTC; absent while the run goes on, or when it was killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
    /// prony's version.
    pub version: String,
    /// `--seed`, where given; each suite's own otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Ended before its time: by a signal, or killed.
    pub interrupted: bool,
    /// The machine prony ran on.
    pub host: Host,
    /// The command line, secrets as `${NAME}`.
    pub command: Vec<String>,
    /// `--label k=v`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// The machine prony ran on. Unknown is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Host {
    /// Host name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Operating system and architecture, such as `linux x86_64`.
    pub os: String,
    /// Processor model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// Cores prony may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cores: Option<u32>,
}

/// One case: also the whole of `cases/<slug>/result.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseResult {
    /// Suite.
    pub suite: String,
    /// Scenario with its matrix values, without the suite: `steady` or `steady[k=v]`.
    pub name: String,
    /// Folder under `cases/`.
    pub slug: String,
    /// Kind of scenario.
    pub kind: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Why, where the verdict is not `pass`; one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Wall time of the case in seconds (virtual time in virtual runs).
    pub duration_s: f64,
    /// The scenario's place.
    pub source: Source,
    /// The scenario as written, for reports.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub yaml: String,
    /// Phases in the order in which they were measured.
    pub phases: Vec<PhaseResult>,
    /// Assertions in the order of the suite, the implicit error bound last.
    pub assertions: Vec<AssertionResult>,
    /// What the case answers as a whole, such as its capacity.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<AnswerResult>,
    /// What was looked for, where the case is a search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchResult>,
    /// The loads that a search tried, in the order in which it did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<ProbeResult>,
    /// Against the accepted baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<BaselineResult>,
    /// Where the target's log is, and so on: lines a person should see with a failure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// More was measured than planned, or was to be, because something was open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extended: Option<ExtensionResult>,
    /// A failure that people know of, where it is in effect: until its day has passed this case does
    /// not fail the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_issue: Option<KnownIssueResult>,
    /// The process was killed before the case ended: what there is comes from its records alone, and
    /// nothing was judged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unfinished: bool,
}

impl CaseResult {
    /// `suite::name`, the libtest name.
    pub fn full_name(&self) -> String {
        format!("{}::{}", self.suite, self.name)
    }

    /// Whether the case fails and does not fail the run, because its issue is known.
    pub fn excused(&self) -> bool {
        self.verdict == Verdict::Fail && self.known_issue.is_some()
    }
}

/// That, and why, a case was measured on after what was planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExtensionResult {
    /// Repeats on top of the planned ones; 0 where there was no time or no leave for any.
    pub repeats: u32,
    /// The assertions that were open after what was planned.
    pub because_of: Vec<String>,
    /// In one line.
    pub text: String,
}

/// An answer of a whole case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnswerResult {
    /// The metric, such as `capacity`.
    pub name: String,
    /// Its unit.
    pub unit: Unit,
    /// The answer; null: without bound.
    pub value: Option<f64>,
    /// Two one-sided confidence bounds; null: without bound.
    pub interval: [Option<f64>; 2],
    /// One-sided confidence of each bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
}

/// What a search looked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SearchResult {
    /// In words: `the highest rate, poisson, at which ttft.p99 < 500ms`.
    pub asked: String,
    /// How exact the answer was to be, as a share of it.
    pub precision: f64,
}

/// A load that a search tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeResult {
    /// Its phase.
    pub phase: String,
    /// Requests per second, or requests in flight.
    pub level: f64,
    /// Whether it counted as holding what was asked for.
    pub held: bool,
    /// Whether the data could tell; otherwise what was observed counted.
    pub decided: bool,
    /// Runs that it took.
    pub runs: u32,
    /// What did not hold, as written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broke: Vec<String>,
    /// Requests completed per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput: Option<f64>,
    /// Why its last run was ended before its time: its requests piled up without end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

/// A failure that people know of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KnownIssueResult {
    /// Where people can read about it.
    pub url: String,
    /// The last day on which it has an effect, `YYYY-MM-DD` in UTC.
    pub until: String,
}

impl std::fmt::Display for KnownIssueResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "known issue: {} (until {})", self.url, self.until)
    }
}

/// A place in a suite file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// The file as the user named it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// Length of the marked stretch in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<usize>,
    /// The line's text, so that a report can show it without the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A stretch of a case with its own load and measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseResult {
    /// Such as `main`.
    pub name: String,
    /// The target's address, without secrets.
    pub target: String,
    /// The model asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What load was asked for.
    pub load: LoadResult,
    /// Length of all measured windows together, in seconds.
    pub window_s: f64,
    /// Requests of the windows.
    pub requests: RequestCounts,
    /// Metrics by name, pooled over the runs.
    pub metrics: Metrics,
    /// Gaps between tokens by when they were, where long prompts were sent beside the load: those
    /// that any part of lies in a stretch from the sending of such a prompt to its first token (`prefill`),
    /// and the others (`quiet`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub itl_during: BTreeMap<String, Distribution>,
    /// One entry per run.
    pub runs: Vec<RunPart>,
    /// Health of the client while it measured.
    pub client: ClientHealth,
    /// Tokens asked for against tokens counted.
    #[serde(default, skip_serializing_if = "TokenLengths::is_empty")]
    pub tokens: TokenLengths,
    /// What is known of the target's own counters. Absent: nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerResult>,
    /// Failures by kind, the most frequent first.
    pub errors: Vec<ErrorCount>,
    /// What a reader of the numbers should know.
    pub warnings: Vec<Warning>,
    /// What sets it apart from its case's other phases, such as `level: 8`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What its metrics vary by, where it has several runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub noise: Vec<NoiseResult>,
}

/// What a metric varies by at three levels, and what can be told of it therefore. Deviations are
/// standard deviations of logarithms, that is relative ones: 0.03 is 3 %. What the runs cannot tell is
/// absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NoiseResult {
    /// Metric with statistic, such as `ttft.p99`.
    pub metric: String,
    /// Runs that had a value.
    pub runs: u32,
    /// Their sessions.
    pub sessions: u32,
    /// Geometric mean of the runs' values.
    pub typical: f64,
    /// Unit of `typical`.
    pub unit: Unit,
    /// Within a run: what its own requests leave open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<f64>,
    /// Between runs of a session, that of requests taken out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<LevelNoise>,
    /// Between runs of a session as seen, that of requests included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<LevelNoise>,
    /// Between sessions, that of runs taken out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<LevelNoise>,
    /// Between the means of sessions as seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub between: Option<LevelNoise>,
    /// The smallest change of the metric that this plan tells from none four times out of five, measured
    /// on two sides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smallest_change: Option<f64>,
    /// The same in words, with what it would cost to tell less.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

/// A standard deviation and how well it is known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LevelNoise {
    /// The standard deviation.
    pub sd: f64,
    /// Its degrees of freedom.
    pub freedom: f64,
}

/// The target's own counters: how they were read, and what there is beside the metrics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServerResult {
    /// Whose names they have, such as `vllm`; absent: none that prony knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// Pause between two looks in seconds.
    pub every_s: f64,
    /// Looks, over all runs.
    pub scrapes: u64,
    /// Of these: failed.
    pub failed: u64,
    /// Why there is nothing, where there is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Metrics that the server told and that have no value, with the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missing: BTreeMap<String, String>,
    /// The bucket in which a quantile of the server's histograms lies, in ms, such as
    /// `server_ttft.p50: [80, 100]`; null: no bound.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub between: BTreeMap<String, [Option<f64>; 2]>,
    /// Metrics by replica, where the server tells of several.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub replicas: BTreeMap<String, Metrics>,
}

/// What load was asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadResult {
    /// In words, such as `20/s poisson, 1000 requests`.
    pub text: String,
    /// Closed loop: requests in flight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Open loop: requests per second asked for (mean over the window).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Open loop: requests per second that were sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub achieved_rate: Option<f64>,
}

/// Requests of a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RequestCounts {
    /// Due or, in a closed loop, started inside the window.
    pub due: u64,
    /// Of these: handed to the transport.
    pub sent: u64,
    /// Of these: answered completely and correctly.
    pub ok: u64,
    /// Of these: failed.
    pub failed: u64,
    /// Of these: ended by prony, because the drain was over or the run was interrupted.
    pub cut: u64,
}

/// Metrics by name. Reports show them in the order of the metric table.
pub type Metrics = BTreeMap<String, MetricSummary>;

/// A metric of a phase or a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum MetricSummary {
    /// Several values: a distribution.
    Distribution(Distribution),
    /// One value.
    Value(Value),
}

/// One value and its unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Value {
    /// Unit.
    pub unit: Unit,
    /// The value.
    pub value: f64,
}

/// A distribution. Quantiles cover every request of the window, failed ones counted as slower than
/// everything (null: unbounded); mean, stddev, min and max cover successes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Distribution {
    /// Unit.
    pub unit: Unit,
    /// Values, those of failed requests included.
    pub n: u64,
    /// Mean over successes.
    pub mean: Option<f64>,
    /// Standard deviation (n − 1) over successes.
    pub stddev: Option<f64>,
    /// Least.
    pub min: Option<f64>,
    /// Greatest over successes.
    pub max: Option<f64>,
    /// Quantiles by linear interpolation (type 7).
    pub p50: Option<f64>,
    /// 90 %.
    pub p90: Option<f64>,
    /// 95 %.
    pub p95: Option<f64>,
    /// 99 %.
    pub p99: Option<f64>,
    /// From which quantile on (a share) failures make the value unbounded; absent without failures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beyond: Option<f64>,
    /// For pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub histogram: Option<Histogram>,
}

/// Counts between edges: `counts[i]` values lie in `edges[i]..edges[i + 1]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Histogram {
    /// One more than counts, ascending, in the metric's unit.
    pub edges: Vec<f64>,
    /// Values per bin.
    pub counts: Vec<u64>,
}

/// One run of a phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunPart {
    /// Index within its phase, from 0, as `requests.jsonl` has it. In runs of one index the phases of a
    /// case have the same arrivals and lengths.
    #[serde(default)]
    pub run: u32,
    /// Session (server start) it belongs to, from 0.
    pub session: u32,
    /// What stood at the start of every prompt, so that no run warmed a prefix cache for another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
    /// Length of its window in seconds.
    pub window_s: f64,
    /// Requests of its window.
    pub requests: RequestCounts,
    /// Its metrics, without histograms.
    pub metrics: Metrics,
}

/// Failures of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorCount {
    /// Kind, as in `requests.jsonl`.
    pub kind: String,
    /// How many.
    pub count: u64,
    /// One of them, in words.
    pub example: String,
}

/// What a reader of the numbers should know, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Warning {
    /// What.
    pub text: String,
    /// What to do.
    pub remedy: String,
}
