//! `RunResult`, which is `summary.json`, and the series of `metrics.json`: all that reports may read.

mod client;
mod configurations;
mod series;
mod summary;

pub use client::{ClientHealth, OwnError, Spread, Supply, Throttling};
pub use configurations::{ConfigurationResult, ConfigurationsResult, configurations};
pub use series::{
    CaseSeries, HeatSeries, PhaseSeries, RunSeries, SERIES_SCHEMA, SeriesFile, ServerSeries,
};
pub use summary::{
    AcceptedMetric, AnswerResult, AskedAndGot, AssertionKind, AssertionResult, BaselineResult,
    BaselineStanding, CandidateResult, CaseResult, Change, ChangeKind, Distribution, Ending,
    ErrorCount, ExtensionResult, Histogram, Host, KnownIssueResult, LengthSummary, LevelNoise,
    LoadResult, MetricSummary, Metrics, NoiseResult, PhaseResult, ProbeResult, RatioResult,
    RequestCounts, RunInfo, RunPart, RunResult, SUMMARY_SCHEMA, ServerResult, Source, TellsResult,
    TokenLengths, Value, Warning,
};
