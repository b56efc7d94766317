use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::summary::Source;
use crate::judge::Verdict;
use crate::metrics::Unit;

/// What a measurement tells for an assertion, and what it would cost to tell its tolerance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TellsResult {
    /// The smallest change (of an absolute one: distance from its limit) that is told from none four times
    /// out of five, as a share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smallest_change: Option<f64>,
    /// The tolerance of the assertion as a share; of a line that is no margin the distance at which it was
    /// observed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
    /// Repeats from which on that can be told, in sessions as they were. Absent: no sane number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats_for_tolerance: Option<u32>,
    /// Sessions, of as many repeats each, from which on it can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions_for_tolerance: Option<u32>,
    /// The same in words.
    pub text: String,
}

/// One assertion and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AssertionResult {
    /// As written; `error_rate <= 1%` for the implicit one.
    pub text: String,
    /// Its place in the suite.
    pub source: Source,
    /// Added by prony (the error bound), not written in the suite.
    #[serde(default)]
    pub implicit: bool,
    /// The verdict.
    pub verdict: Verdict,
    /// Why, where there is more to say than the numbers do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Left side as observed. Null: missing, or unbounded because of failures.
    pub observed: Option<f64>,
    /// Right side.
    pub limit: Option<f64>,
    /// Comparison, `<`, `<=`, `>` or `>=`.
    pub op: String,
    /// Unit of observed, limit, margin and interval.
    pub unit: Unit,
    /// How far inside the limit, as a share of it: positive holds, negative is a violation.
    pub margin: Option<f64>,
    /// The two one-sided confidence bounds; null: unbounded or not known.
    pub interval: [Option<f64>; 2],
    /// One-sided confidence of each bound.
    pub confidence: f64,
    /// The data could not decide; the observed value did.
    pub borderline: bool,
    /// One measured phase against a constant, or several phases.
    pub kind: AssertionKind,
    /// Requests (or other values) behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u64>,
    /// The interval leaves it open, and more data could settle it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
    /// Repeats behind a relative assertion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<u32>,
    /// Left side over right side, and its two one-sided bounds (absent where differences are compared).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<RatioResult>,
    /// What the measurement tells, by what its own runs vary by. Absent where too few runs show that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tells: Option<TellsResult>,
    /// Relative: how many repeats more are expected to settle it. Absent: settled, or no sane number
    /// would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats_to_settle: Option<u32>,
    /// Relative: all of it in one line for a person, from what was observed to what would settle it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
}

/// A ratio of two measured sides.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RatioResult {
    /// Left over right.
    pub value: f64,
    /// The two one-sided bounds; null: unbounded or not known.
    pub interval: [Option<f64>; 2],
    /// What the ratio is held against: 0.4 of `a < 0.4 * b`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
}

/// What an assertion compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AssertionKind {
    /// One measured phase against a constant.
    Absolute,
    /// Two or more measured phases.
    Relative,
}
