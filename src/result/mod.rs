//! `RunResult`, which is `summary.json`, and the series of `metrics.json`: all that reports may read.

mod assertion;
mod baseline;
mod client;
mod configurations;
mod lengths;
mod series;
mod summary;

pub use assertion::{AssertionKind, AssertionResult, RatioResult, TellsResult};
pub use baseline::{
    AcceptedMetric, BaselineResult, BaselineStanding, CandidateResult, Change, ChangeKind,
};
pub use client::{ClientHealth, OwnError, Spread, Supply, Throttling};
pub use configurations::{ConfigurationResult, ConfigurationsResult, configurations, on_front};
pub use lengths::{AskedAndGot, Ending, LengthSummary, TokenLengths};
pub use series::{
    CaseSeries, HeatSeries, PhaseSeries, RunSeries, SERIES_SCHEMA, SeriesFile, ServerSeries,
    failed_of, gpu_of, kind_of_failed, utilization_of,
};
pub use summary::{
    AnswerResult, CaseResult, Distribution, ErrorCount, ExtensionResult, Histogram, Host,
    KnownIssueResult, LevelNoise, LoadResult, MetricSummary, Metrics, NoiseResult, PhaseResult,
    ProbeResult, RequestCounts, RunInfo, RunPart, RunResult, SUMMARY_SCHEMA, SearchResult,
    ServerResult, Source, Value, Warning,
};
