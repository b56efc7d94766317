//! What a baseline keeps of the answers of a whole case.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metrics::Unit;

/// What a case answered as a whole, such as its capacity: one number each, with what it is known to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnswersBaseline {
    /// What must be the same for a comparison to mean something. Of a search `load` is what was looked
    /// for.
    pub identity: BTreeMap<String, String>,
    /// One-sided confidence of each bound.
    pub confidence: f64,
    /// How exact a search was to be, as a share of its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<f64>,
    /// Loads that a search tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probes: Option<usize>,
    /// Runs of all phases, or of all loads that were tried.
    pub runs: usize,
    /// Server starts that the answers rest on: of a search those of the two loads that its answer lies
    /// between.
    pub sessions: usize,
    /// The answers by name, such as `capacity`.
    pub found: BTreeMap<String, AcceptedAnswer>,
}

/// One answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AcceptedAnswer {
    /// Unit of value and interval.
    pub unit: Unit,
    /// The answer; null: without bound.
    pub value: Option<f64>,
    /// Two one-sided confidence bounds; null: without bound.
    pub interval: [Option<f64>; 2],
}

impl AnswersBaseline {
    /// What cannot be so, in words: a confidence that is none, or an answer outside of its bounds.
    pub(super) fn damage(&self) -> Option<String> {
        if !(self.confidence > 0.5 && self.confidence < 1.0) {
            return Some(format!(
                "the confidence of its answers is {}",
                self.confidence
            ));
        }
        let outside = |a: &AcceptedAnswer| {
            let [lower, upper] = a.interval;
            let value = a.value.unwrap_or(f64::INFINITY);
            lower.is_some_and(|l| l > value) || upper.is_some_and(|u| u < value)
        };
        let (name, _) = self.found.iter().find(|(_, a)| outside(a))?;
        Some(format!("`{name}` lies outside of its interval"))
    }

    /// What it rests on, in words: `8 loads, 9 runs in 1 session`.
    pub fn sample(&self) -> String {
        let s = |n: usize| if n == 1 { "" } else { "s" };
        let probes = self.probes.map(|n| format!("{n} load{}, ", s(n)));
        format!(
            "{}{} run{} in {} session{}",
            probes.unwrap_or_default(),
            self.runs,
            s(self.runs),
            self.sessions,
            s(self.sessions)
        )
    }
}
