//! `RunResult`, which is `summary.json`, and the series of `metrics.json`: all that reports may read.

mod series;
mod summary;

pub use series::{CaseSeries, PhaseSeries, RunSeries, SERIES_SCHEMA, SeriesFile};
pub use summary::{
    AssertionKind, AssertionResult, BaselineResult, BaselineStanding, CandidateResult, CaseResult,
    Change, ChangeKind, ClientHealth, Distribution, ErrorCount, ExtensionResult, Histogram, Host,
    KnownIssueResult, LevelNoise, LoadResult, MetricSummary, Metrics, NoiseResult, PhaseResult,
    RatioResult, RequestCounts, RunInfo, RunPart, RunResult, SUMMARY_SCHEMA, Source, Spread, Value,
    Warning,
};
