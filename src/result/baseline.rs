use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metrics::Unit;
use crate::stats::quantile;

/// A case against its accepted baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BaselineResult {
    /// What must match for the comparison to mean something.
    pub identity: BTreeMap<String, String>,
    /// Metric by metric.
    pub changes: Vec<Change>,
    /// Whether there was something to compare with.
    #[serde(default)]
    pub standing: BaselineStanding,
    /// Why there was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The accepted file, or the one that would be it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What the run proposes in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<CandidateResult>,
    /// By phase, then by metric: the accepted latencies, for pictures. Only what is comparable.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub accepted: BTreeMap<String, BTreeMap<String, AcceptedMetric>>,
}

/// A metric in every accepted run. Null: not known, or without bound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AcceptedMetric {
    /// Unit of the quantiles.
    pub unit: Unit,
    /// Medians.
    pub p50: Vec<Option<f64>>,
    /// 90 %.
    pub p90: Vec<Option<f64>>,
    /// 95 %.
    pub p95: Vec<Option<f64>>,
    /// 99 %.
    pub p99: Vec<Option<f64>>,
}

impl AcceptedMetric {
    /// `(share, quantile)`: of each quantile the median over the accepted runs. Without a quantile that
    /// some run does not know.
    pub fn typical(&self) -> Vec<(f64, f64)> {
        let quantiles = [
            (0.5, &self.p50),
            (0.9, &self.p90),
            (0.95, &self.p95),
            (0.99, &self.p99),
        ];
        let median = |runs: &[Option<f64>]| {
            let all: Option<Vec<f64>> = runs.iter().copied().collect();
            let mut all = all?;
            all.sort_by(f64::total_cmp);
            quantile(&all, 0.5)
        };
        let known = quantiles
            .into_iter()
            .filter_map(|(q, runs)| Some((q, median(runs)?)));
        known.collect()
    }
}

/// Whether there was an accepted baseline to compare with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BaselineStanding {
    /// There was.
    #[default]
    Compared,
    /// Nothing was accepted yet.
    Missing,
    /// What was accepted is something else.
    NotComparable,
}

/// A baseline that a run proposes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CandidateResult {
    /// Why: `new`, `regressed`, `improved`, `not comparable`, `unchanged`.
    pub why: String,
    /// The file in the results folder.
    pub file: String,
    /// The command that accepts it.
    pub accept: String,
}

/// One metric against its baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// Metric with statistic, such as `ttft.p99`.
    pub metric: String,
    /// What happened.
    pub change: ChangeKind,
    /// Candidate over baseline.
    pub ratio: Option<f64>,
    /// Bounds of the ratio.
    pub interval: [Option<f64>; 2],
    /// Tolerance as a share.
    pub tolerance: Option<f64>,
    /// Tolerance in the metric's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<f64>,
    /// Unit of the values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// Accepted value: geometric mean of the runs, arithmetic where differences are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<f64>,
    /// The same of this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<f64>,
    /// Every accepted run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted_runs: Vec<Option<f64>>,
    /// Every run of this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observed_runs: Vec<Option<f64>>,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What happened to a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Worse by more than the tolerance.
    Regressed,
    /// Better beyond noise.
    Improved,
    /// Neither.
    WithinTolerance,
    /// The data cannot tell.
    Undecided,
    /// The identities differ.
    NotComparable,
}

impl ChangeKind {
    /// In words: `within tolerance`.
    pub fn name(self) -> &'static str {
        match self {
            ChangeKind::Regressed => "regressed",
            ChangeKind::Improved => "improved",
            ChangeKind::WithinTolerance => "within tolerance",
            ChangeKind::Undecided => "undecided",
            ChangeKind::NotComparable => "not comparable",
        }
    }
}
