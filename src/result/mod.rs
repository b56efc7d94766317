//! `RunResult`, which is `summary.json`, and the series of `metrics.json`: all that reports may read.

mod client;
mod series;
mod summary;

pub use client::{ClientHealth, OwnError, Spread, Supply, Throttling};
pub use series::{CaseSeries, PhaseSeries, RunSeries, SERIES_SCHEMA, SeriesFile};
pub use summary::{
    AssertionKind, AssertionResult, BaselineResult, CaseResult, Change, ChangeKind, Distribution,
    ErrorCount, Histogram, Host, KnownIssueResult, LoadResult, MetricSummary, Metrics, PhaseResult,
    RequestCounts, RunInfo, RunPart, RunResult, SUMMARY_SCHEMA, Source, Value, Warning,
};
