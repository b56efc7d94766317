use std::collections::{BTreeMap, BTreeSet};

use super::proposal::{Calibrated, from_result};
use crate::judge::{Noise, Pairing, Rule, RunValue, Scale, Side, assumed_session_sd, compare};
use crate::metrics::metric;
use crate::plan::{Look, PAIR, SIDE};
use crate::result::{CaseResult, ChangeKind, MetricSummary, PhaseResult, RunPart};

/// How pairs of sides that are the same came out, judged at the tolerances that were proposed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verified {
    /// Every metric of every pair.
    pub changes: Vec<PairChange>,
}

/// One metric of one pair.
#[derive(Clone, Debug, PartialEq)]
pub struct PairChange {
    /// Which pair, from 1.
    pub pair: u32,
    /// The metric.
    pub metric: String,
    /// What the judge says of it.
    pub change: ChangeKind,
    /// Candidate over base.
    pub ratio: Option<f64>,
    /// The tolerance, as a share.
    pub tolerance: f64,
}

impl Verified {
    /// Judges the pairs of `result` at the tolerances of the plan they were measured by.
    pub fn of(found: &Calibrated, result: &CaseResult, confidence: f64) -> Verified {
        let Some(proposal) = found.proposals.first() else {
            return Verified::default();
        };
        let of_phase = |p: &&PhaseResult| {
            let name = p.name.strip_prefix(&found.phase);
            name.is_some_and(|rest| rest.starts_with('.')) && p.labels.contains_key(PAIR)
        };
        let sides: Vec<&PhaseResult> = result.phases.iter().filter(of_phase).collect();
        let pairs: BTreeSet<u32> = sides
            .iter()
            .filter_map(|p| p.labels.get(PAIR)?.parse().ok())
            .collect();
        let side = |pair: u32, name: &str| {
            let mut all = sides.iter();
            all.find(|p| {
                p.labels.get(PAIR) == Some(&pair.to_string())
                    && p.labels.get(SIDE).is_some_and(|s| s == name)
            })
        };
        let noise: BTreeMap<&str, (Noise, f64)> = found
            .noise
            .iter()
            .filter_map(|n| {
                let sampling = n.requests.map_or(f64::NAN, |sd| sd * sd);
                let known = from_result(&found.phase, n)?.known();
                Some((n.metric.as_str(), (known, sampling)))
            })
            .collect();
        let m = u32::try_from(proposal.tolerances.len()).unwrap_or(u32::MAX);
        let mut changes = Vec::new();
        for pair in pairs {
            let (Some(base), Some(candidate)) = (side(pair, "base"), side(pair, "candidate"))
            else {
                continue;
            };
            for (name, &tolerance) in &proposal.tolerances {
                let Some(def) = metric(name.split('.').next().unwrap_or(name)) else {
                    continue;
                };
                let unknown = (Noise::default(), f64::NAN);
                let (known, sampling) = noise.get(name.as_str()).copied().unwrap_or(unknown);
                let rule = Rule {
                    direction: def.direction,
                    tolerance,
                    absolute_floor: None,
                    scale: Scale::Ratio,
                    pairing: Pairing::None,
                    m,
                    confidence,
                    look: Look::ONLY,
                    assumed: assumed_session_sd(def.unit),
                };
                let (base, candidate) = (
                    values(base, name, sampling),
                    values(candidate, name, sampling),
                );
                let side = |runs| Side { runs, noise: known };
                let compared = compare(&side(&base), &side(&candidate), &rule);
                changes.push(PairChange {
                    pair,
                    metric: name.clone(),
                    change: compared.change,
                    ratio: compared.ratio,
                    tolerance,
                });
            }
        }
        Verified { changes }
    }

    /// How many came out as `change`.
    pub fn count(&self, change: ChangeKind) -> usize {
        self.changes.iter().filter(|c| c.change == change).count()
    }

    /// Whether something that did not change was taken for a change.
    pub fn is_wrong(&self) -> bool {
        self.count(ChangeKind::Regressed) + self.count(ChangeKind::Improved) > 0
    }
}

/// The runs' values of `metric`, each of which its own requests leave the relative variance `sampling`.
fn values(phase: &PhaseResult, metric: &str, sampling: f64) -> Vec<RunValue> {
    phase
        .runs
        .iter()
        .map(|run| RunValue {
            session: run.session,
            value: value(run, metric).unwrap_or(f64::NAN),
            sampling_var: sampling,
        })
        .collect()
}

/// A metric of a run by its name with statistic.
fn value(run: &RunPart, metric: &str) -> Option<f64> {
    let (name, statistic) = metric.split_once('.').unwrap_or((metric, ""));
    match run.metrics.get(name)? {
        MetricSummary::Value(v) => Some(v.value),
        MetricSummary::Distribution(d) => match statistic {
            "p50" | "median" => d.p50,
            "p90" => d.p90,
            "p95" => d.p95,
            "p99" => d.p99,
            "mean" => d.mean,
            _ => None,
        },
    }
}
