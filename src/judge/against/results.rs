use std::collections::BTreeMap;

use crate::baseline::{differences, not_comparable};
use crate::judge::compare::{
    Noise, Pairing, Rule, RunValue, Scale, Side, assumed_session_sd, compare, compare_answers,
};
use crate::judge::{Known, Look};
use crate::metrics::{Direction, metric};
use crate::plan::SIDES;
use crate::result::{CaseResult, Change, ChangeKind, MetricSummary, PhaseResult, RunPart};

use super::answered::{answers_of, side_of};

/// What two results are compared by where nobody says otherwise: the level and the tail of what users
/// feel, and how much is served.
const COMPARED: [(&str, &str); 9] = [
    ("ttft", "p50"),
    ("ttft", "p95"),
    ("ttft", "p99"),
    ("tpot", "p50"),
    ("itl", "p95"),
    ("e2e_latency", "p50"),
    ("e2e_latency", "p95"),
    ("throughput", ""),
    ("tokens_per_second", ""),
];

/// How two results are compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResultsRule {
    /// How much worse is tolerated, as a share.
    pub tolerance: f64,
    /// What starts of the server differ by, where it is known; else it is assumed.
    pub session: Option<f64>,
    /// One-sided, per decision.
    pub confidence: f64,
    /// How many cases are compared in all.
    pub cases: u32,
}

/// What changed from `base` to `candidate`, two results of one case, metric by metric. Why nothing can be
/// said, where that is so.
///
/// # Errors
/// What is not the same on both sides, in words.
pub fn compare_results(
    base: &CaseResult,
    candidate: &CaseResult,
    rule: ResultsRule,
) -> Result<Vec<Change>, String> {
    if !(base.path.is_empty() && candidate.path.is_empty()) {
        return searched(base, candidate, rule);
    }
    let mut changes = Vec::new();
    for now in &candidate.phases {
        let Some(then) = base.phases.iter().find(|p| p.name == now.name) else {
            return Err(format!(
                "not comparable (phase `{}` is only in one)",
                now.name
            ));
        };
        same(then, now)?;
        let prefix = match candidate.phases.len() {
            1 => String::new(),
            _ => format!("{}.", now.name),
        };
        let comparing = Comparing {
            rule,
            tolerances: &BTreeMap::new(),
            pairing: Pairing::None,
        };
        changes.extend(comparing.phases(then, now, &prefix));
    }
    Ok(changes)
}

/// The same of a search: which loads it tries follows from what it finds, so its answers are compared.
fn searched(
    base: &CaseResult,
    candidate: &CaseResult,
    rule: ResultsRule,
) -> Result<Vec<Change>, String> {
    let facts = |case: &CaseResult| {
        let model = case.phases.first().and_then(|p| p.model.clone());
        let asked = case.search.as_ref().map(|s| s.asked.clone());
        let known = |what: Option<String>| what.unwrap_or_else(|| "unknown".to_owned());
        BTreeMap::from([
            ("model".to_owned(), known(model)),
            ("load".to_owned(), known(asked)),
        ])
    };
    let different = differences(&facts(base), &facts(candidate));
    if !different.is_empty() {
        return Err(not_comparable(&different));
    }
    let none = || "not comparable (a side has no answers with intervals)".to_owned();
    let of = |case: &CaseResult| answers_of(case, BTreeMap::new()).ok_or_else(none);
    let (then, now) = (of(base)?, of(candidate)?);
    let session = rule.session.map(|sd| Known {
        sd,
        freedom: f64::INFINITY,
    });
    let mut changes = Vec::new();
    for (name, answer) in &now.found {
        let sides = (side_of(&then, name), side_of(&now, name));
        let (Some(def), (Some(b), Some(c))) = (metric(name), sides) else {
            continue;
        };
        if def.direction == Direction::Neutral {
            continue;
        }
        let rule = Rule {
            direction: def.direction,
            tolerance: rule.tolerance,
            absolute_floor: None,
            scale: Scale::Ratio,
            pairing: Pairing::None,
            m: rule.cases.max(1).saturating_mul(COMPARED.len() as u32),
            confidence: rule.confidence,
            look: Look::default(),
            assumed: assumed_session_sd(def.unit),
        };
        let found = compare_answers(&b, &c, session, &rule);
        changes.push(Change {
            metric: name.clone(),
            change: found.change,
            ratio: found.ratio,
            interval: found.interval,
            tolerance: Some(rule.tolerance),
            floor: None,
            unit: Some(answer.unit),
            accepted: found.base,
            observed: found.candidate,
            accepted_runs: vec![found.base],
            observed_runs: vec![found.candidate],
            reason: found.reason,
        });
    }
    Ok(changes)
}

/// What sets the candidate of a case apart that two targets served by turns ([`side_by_side`]): repeats
/// are pairs. `tolerances`: of single metrics (`ttft.p99`), in place of the rule's.
///
/// # Errors
/// What is not the same on both sides, or was not measured, in words.
///
/// [`side_by_side`]: crate::plan::side_by_side
pub fn compare_sides(
    result: &CaseResult,
    rule: ResultsRule,
    tolerances: &BTreeMap<String, f64>,
) -> Result<Vec<Change>, String> {
    let side = |name: &str| {
        let found = result.phases.iter().find(|p| p.name == name);
        found.ok_or_else(|| format!("nothing was measured of `{name}`"))
    };
    let (base, candidate) = (side(SIDES[0])?, side(SIDES[1])?);
    same(base, candidate)?;
    let comparing = Comparing {
        rule,
        tolerances,
        pairing: Pairing::TwoServers,
    };
    Ok(comparing.phases(base, candidate, ""))
}

fn same(then: &PhaseResult, now: &PhaseResult) -> Result<(), String> {
    let load = |p: &PhaseResult| (p.load.text.clone(), p.model.clone());
    let ((load_then, model_then), (load_now, model_now)) = (load(then), load(now));
    if model_then != model_now {
        let shown = |m: Option<String>| m.unwrap_or_else(|| "unknown".to_owned());
        return Err(format!(
            "not comparable (model: {} → {})",
            shown(model_then),
            shown(model_now)
        ));
    }
    if load_then != load_now {
        return Err(format!("not comparable (load: {load_then} → {load_now})"));
    }
    Ok(())
}

fn values(phase: &PhaseResult, name: &str, statistic: &str) -> Option<Vec<RunValue>> {
    let of = |run: &RunPart| -> Option<RunValue> {
        let value = match run.metrics.get(name)? {
            MetricSummary::Value(v) => v.value,
            MetricSummary::Distribution(d) => {
                let (q, value) = match statistic {
                    "p50" => (0.5, d.p50),
                    "p95" => (0.95, d.p95),
                    _ => (0.99, d.p99),
                };
                let unbounded = d.beyond.is_some_and(|b| q >= b);
                value.unwrap_or(if unbounded { f64::INFINITY } else { f64::NAN })
            }
        };
        Some(RunValue {
            session: run.session,
            value,
            sampling_var: f64::NAN,
        })
    };
    phase.runs.iter().map(of).collect()
}

/// How phases are compared.
struct Comparing<'a> {
    rule: ResultsRule,
    tolerances: &'a BTreeMap<String, f64>,
    pairing: Pairing,
}

impl Comparing<'_> {
    /// What changed from one phase to the other, by metric. Names get `prefix`.
    fn phases(&self, then: &PhaseResult, now: &PhaseResult, prefix: &str) -> Vec<Change> {
        let mut changes = Vec::new();
        for (name, statistic) in COMPARED {
            let whole = if statistic.is_empty() {
                name.to_owned()
            } else {
                format!("{name}.{statistic}")
            };
            let sides = (values(then, name, statistic), values(now, name, statistic));
            let (Some(def), (Some(base), Some(candidate))) = (metric(name), sides) else {
                continue;
            };
            let tolerance = self.tolerances.get(&whole).copied();
            let rule = Rule {
                direction: def.direction,
                tolerance: tolerance.unwrap_or(self.rule.tolerance),
                absolute_floor: None,
                scale: Scale::Ratio,
                pairing: self.pairing,
                m: self.rule.cases.max(1).saturating_mul(COMPARED.len() as u32),
                confidence: self.rule.confidence,
                look: Look::default(),
                assumed: assumed_session_sd(def.unit),
            };
            changes.push(Change {
                metric: format!("{prefix}{whole}"),
                unit: Some(def.unit),
                ..self.change(&base, &candidate, &rule)
            });
        }
        changes
    }

    fn change(&self, base: &[RunValue], candidate: &[RunValue], rule: &Rule) -> Change {
        let noise = Noise {
            session: self.rule.session.map(|sd| Known {
                sd,
                freedom: f64::INFINITY,
            }),
            ..Noise::default()
        };
        let side = |runs| Side { runs, noise };
        let found = compare(&side(base), &side(candidate), rule);
        let shown = |runs: &[RunValue]| -> Vec<Option<f64>> {
            let all = runs.iter().map(|r| Some(r.value).filter(|v| v.is_finite()));
            all.collect()
        };
        let settle = super::words::to_settle(&found);
        Change {
            metric: String::new(),
            change: found.change,
            ratio: found.ratio,
            interval: found.interval,
            tolerance: Some(rule.tolerance),
            floor: None,
            unit: None,
            accepted: found.base,
            observed: found.candidate,
            accepted_runs: shown(base),
            observed_runs: shown(candidate),
            reason: match found.change {
                ChangeKind::Undecided => found.reason.or(settle),
                _ => found.reason,
            },
        }
    }
}
