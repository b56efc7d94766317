use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of the `metrics.json` format.
pub const SERIES_SCHEMA: u32 = 1;

/// Time series per second of all cases: the whole of `metrics.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeriesFile {
    /// Format version, [`SERIES_SCHEMA`].
    pub schema: u32,
    /// One entry per case that sent anything.
    pub cases: Vec<CaseSeries>,
}

/// Series of a case: also the whole of `cases/<slug>/series.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseSeries {
    /// The case's slug.
    pub slug: String,
    /// Its phases.
    pub phases: Vec<PhaseSeries>,
}

/// Series of a phase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseSeries {
    /// The phase's name.
    pub name: String,
    /// Its runs.
    pub runs: Vec<RunSeries>,
}

/// Series of a run. `series[name][i]` covers `i·interval_s .. (i + 1)·interval_s` since the run's
/// start; null: nothing to measure in that stretch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunSeries {
    /// Width of a stretch in seconds.
    pub interval_s: f64,
    /// Start and end of the measured window, in seconds since the run's start.
    pub window_s: [f64; 2],
    /// By name: `due` (open loop), `sent`, `completed`, `failed` (per second), where requests failed also
    /// `failed{kind=…}` for each kind of error of `requests.jsonl`, `tokens_per_second`, `in_flight` (mean),
    /// `ttft_p50`, `ttft_p99`, `itl_p50`, `itl_p99` (ms, of what arrived in the stretch). Of the client:
    /// `client_cpu` (cores that the process used), `client_rss` (bytes), `client_loop_delay` (worst, ms),
    /// `client_throttled` (share of the time that a processor limit stopped it).
    pub series: BTreeMap<String, Vec<Option<f64>>>,
    /// The course of the target's own counters, where it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerSeries>,
    /// How `ttft` is distributed over the course of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttft_heat: Option<HeatSeries>,
}

/// The name of the series of requests that failed by errors of `kind`, a name such as `connect`.
pub fn failed_of(kind: &str) -> String {
    format!("failed{{kind={kind}}}")
}

/// The kind of error that a series is of, where it is one of [`failed_of`].
pub fn kind_of_failed(name: &str) -> Option<&str> {
    name.strip_prefix("failed{kind=")?.strip_suffix('}')
}

/// The name of the series of the utilization of one GPU.
pub fn utilization_of(gpu: &str) -> String {
    format!("gpu_utilization{{gpu={gpu}}}")
}

/// The GPU that a series is of, where it is one of [`utilization_of`].
pub fn gpu_of(name: &str) -> Option<&str> {
    name.strip_prefix("gpu_utilization{gpu=")?.strip_suffix('}')
}

/// How often which value came when; the runs of a phase have columns and rows alike. Column `i` covers `i·interval_s .. (i + 1)·interval_s` since the
/// run's start, row `j` the values `edges[j]..edges[j + 1]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HeatSeries {
    /// Width of a column in seconds.
    pub interval_s: f64,
    /// One more than rows, ascending, in ms.
    pub edges: Vec<f64>,
    /// By column, then by row: how many first tokens came in the stretch, so late.
    pub counts: Vec<Vec<u64>>,
}

/// The target's own counters, look by look.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServerSeries {
    /// When each look was, in seconds since the run's start; the first came before it.
    pub at_s: Vec<f64>,
    /// By name, one value a look (null: it failed or did not tell): `queue_depth`, `running`, `kv_usage`,
    /// with `{replica=…}` behind the name where the server tells of several; of GPUs, where an exporter
    /// tells, `gpu_utilization`, `gpu_sm_active`, `gpu_memory_used` (means) and `gpu_utilization{gpu=…}` of
    /// each of several; and since the look before
    /// `preemptions`, `cache_hit_ratio`, `server_prompt_tokens_per_second`,
    /// `server_generation_tokens_per_second`.
    pub series: BTreeMap<String, Vec<Option<f64>>>,
}
