//! What stands in a baseline's file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answers::AnswersBaseline;
use crate::metrics::Unit;

/// Version of the format. A reader refuses a larger one.
pub const BASELINE_SCHEMA: u32 = 1;

/// The accepted result of a case: `baselines/<suite>/<case-slug>[@variant].json`.
///
/// Only what a comparison or a person needs: no latencies of single requests, no times of day inside
/// phases, numbers of six digits, so that accepting twice what did not change is a small difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BaselineFile {
    /// Format version, [`BASELINE_SCHEMA`].
    pub schema: u32,
    /// Suite.
    pub suite: String,
    /// Scenario with its matrix values: `steady` or `steady[k=v]`.
    pub case: String,
    /// Tells machines apart; absent: the file stands for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Why a run proposes it; present only while nobody has decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal: Option<Proposal>,
    /// What was under test; only shown, free to differ: engine version, commit, image, flags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub subject: BTreeMap<String, String>,
    /// Where the numbers come from; only shown: run, date, host, prony's version.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, String>,
    /// Phases in the order in which they were measured; none of a search, whose loads are found anew each
    /// time.
    pub phases: Vec<PhaseBaseline>,
    /// What the case answered as a whole, where it does. Readers from before it was there pass over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<AnswersBaseline>,
}

/// What was accepted of a phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseBaseline {
    /// Such as `main`.
    pub name: String,
    /// What must be the same for a comparison to mean something.
    pub identity: BTreeMap<String, String>,
    /// The accepted runs.
    #[serde(flatten)]
    pub accepted: Measurement,
    /// What earlier accepted measurements say about noise.
    #[serde(default, skip_serializing_if = "History::is_empty")]
    pub history: History,
}

/// Runs of a phase, column by column: entry `i` of every list is run `i`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measurement {
    /// Session (server start) that each run belongs to.
    pub sessions: Vec<u32>,
    /// Requests of each window.
    pub requests: Vec<u64>,
    /// By metric, or by expression for functions such as `goodput(ttft < 500ms)`.
    pub metrics: BTreeMap<String, MetricRuns>,
}

/// A metric in every run. Null: the run has no such value, or failures make it unbounded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricRuns {
    /// Unit of all statistics but `n`, `log_mean` and `log_sd`.
    pub unit: Unit,
    /// By statistic: `value` of metrics that are one number; of distributions `n`, `mean`, `p50`,
    /// `p90`, `p95`, `p99` and further quantiles that the suite asserts, and `log_mean` and `log_sd`,
    /// mean and standard deviation of the natural logarithms over successes.
    #[serde(flatten)]
    pub statistics: BTreeMap<String, Vec<Option<f64>>>,
}

/// Earlier accepted measurements: no longer what is compared with, but they know how much runs vary.
/// Entry `i` of every list is one measurement, the latest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct History {
    /// How many runs.
    pub runs: Vec<usize>,
    /// How many sessions they were.
    pub sessions: Vec<usize>,
    /// By `metric.statistic`.
    pub spread: BTreeMap<String, PastSpread>,
}

/// Standard deviations of the natural logarithm of a value: 0.03 is 3 %. Null: not known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PastSpread {
    /// Between runs of one session.
    pub runs: Vec<Option<f64>>,
    /// Between sessions.
    pub sessions: Vec<Option<f64>>,
}

/// What a run proposes, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Proposal {
    /// Why.
    pub why: Why,
    /// Name of the results folder.
    pub run: String,
    /// What would be different.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ProposedChange>,
}

/// Why a run proposes a baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// There is none yet.
    New,
    /// There is one, and it cannot be compared with.
    NotComparable,
    /// Something got worse by more than is tolerated.
    Regressed,
    /// Something got better beyond noise.
    Improved,
    /// Nothing of all this: kept in case somebody wants it.
    Unchanged,
}

/// A metric that would be different.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProposedChange {
    /// Metric with statistic, such as `ttft.p99`.
    pub metric: String,
    /// As in `summary.json`.
    pub change: crate::result::ChangeKind,
    /// Candidate over baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
}

impl Why {
    /// In words: `regressed`.
    pub fn name(self) -> &'static str {
        match self {
            Why::New => "new",
            Why::NotComparable => "not comparable",
            Why::Regressed => "regressed",
            Why::Improved => "improved",
            Why::Unchanged => "unchanged",
        }
    }

    /// Whether a person has to decide: outside of CI it is put beside the accepted file.
    pub fn wants_review(self) -> bool {
        self != Why::Unchanged
    }
}

impl BaselineFile {
    /// `suite::case`.
    pub fn full_name(&self) -> String {
        format!("{}::{}", self.suite, self.case)
    }

    /// The phase called `name`.
    pub fn phase(&self, name: &str) -> Option<&PhaseBaseline> {
        self.phases.iter().find(|p| p.name == name)
    }
}

impl History {
    /// Whether nothing was accepted before.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

impl Measurement {
    /// How many runs.
    pub fn runs(&self) -> usize {
        self.sessions.len()
    }

    /// How many sessions they were.
    pub fn session_count(&self) -> usize {
        let mut sessions = self.sessions.clone();
        sessions.sort_unstable();
        sessions.dedup();
        sessions.len()
    }
}
