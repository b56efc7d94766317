//! Cases of one matrix that each looked for a load: which configuration serves the most.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::summary::{AnswerResult, CaseResult, MetricSummary};
use crate::metrics::Unit;

/// Answers that say how much a target serves, in the order in which they are looked for.
const SERVES: [(&str, &str); 2] = [
    ("capacity", "capacity_per_gpu"),
    ("saturation", "saturation_per_gpu"),
];

/// A scenario whose cases each looked for the load that a configuration serves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigurationsResult {
    /// Suite.
    pub suite: String,
    /// Scenario, without the values of its matrix.
    pub scenario: String,
    /// The answer that they are compared by, such as `capacity`.
    pub answer: String,
    /// Its unit.
    pub unit: Unit,
    /// The configurations, the one that serves the most first; those without an answer last.
    pub cases: Vec<ConfigurationResult>,
}

/// What one configuration serves, and how fast it is then. Unknown is absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigurationResult {
    /// The case's folder under `cases/`.
    pub slug: String,
    /// The values of the matrix, as in the case's name: `tp=2,batch=64`.
    pub values: String,
    /// What it serves; absent: not known, or without bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serves: Option<f64>,
    /// Two one-sided confidence bounds; null: without bound.
    pub interval: [Option<f64>; 2],
    /// The same per GPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_gpu: Option<f64>,
    /// The highest load that was tried and held, by its phase: the latencies are from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// The 99th percentile of `ttft` there, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttft_p99: Option<f64>,
    /// The median of `tpot` there, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpot_p50: Option<f64>,
    /// Output tokens per second there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_second: Option<f64>,
    /// The same per GPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_second_per_gpu: Option<f64>,
    /// None is known to serve more: its bounds reach up to those of the first.
    pub best: bool,
    /// No other one serves as much (per GPU, where that is known of all) at as low a `ttft`, and more or
    /// at a lower one: it lies on the Pareto front of the two.
    pub pareto: bool,
}

impl ConfigurationResult {
    fn of(case: &CaseResult, values: &str, answer: &str, per_gpu: &str) -> Self {
        let answer_of = |name: &str| case.answers.iter().find(|a: &&AnswerResult| a.name == name);
        let found = answer_of(answer);
        let held = case.path.iter().filter(|probe| probe.held);
        let phase = held
            .reduce(|a, b| if b.level > a.level { b } else { a })
            .map(|probe| probe.phase.clone());
        let metrics = case
            .phases
            .iter()
            .find(|p| Some(&p.name) == phase.as_ref())
            .map(|p| &p.metrics);
        let distribution = |name: &str| match metrics.and_then(|m| m.get(name)) {
            Some(MetricSummary::Distribution(d)) => Some(d),
            _ => None,
        };
        let value = |name: &str| match metrics.and_then(|m| m.get(name)) {
            Some(MetricSummary::Value(v)) => Some(v.value),
            _ => None,
        };
        ConfigurationResult {
            slug: case.slug.clone(),
            values: values.to_owned(),
            serves: found.and_then(|a| a.value),
            interval: found.map_or([None, None], |a| a.interval),
            per_gpu: answer_of(per_gpu).and_then(|a| a.value),
            ttft_p99: distribution("ttft").and_then(|d| d.p99),
            tpot_p50: distribution("tpot").and_then(|d| d.p50),
            tokens_per_second: value("tokens_per_second"),
            tokens_per_second_per_gpu: value("tokens_per_second_per_gpu"),
            phase,
            best: false,
            pareto: false,
        }
    }
}

/// The scenarios of `cases` that have several cases by a matrix, at least two of which say what they serve.
pub fn configurations(cases: &[CaseResult]) -> Vec<ConfigurationsResult> {
    let mut found: Vec<ConfigurationsResult> = Vec::new();
    for case in cases {
        let Some((scenario, values)) = of_matrix(&case.name) else {
            continue;
        };
        let known = found
            .iter_mut()
            .find(|c| c.suite == case.suite && c.scenario == scenario);
        let group = match known {
            Some(group) => group,
            None => {
                let mut of_scenario = cases
                    .iter()
                    .filter(|c| c.suite == case.suite)
                    .filter(|c| of_matrix(&c.name).is_some_and(|(name, _)| name == scenario));
                let Some((answer, unit)) = of_scenario.find_map(answer_of) else {
                    continue;
                };
                found.push(ConfigurationsResult {
                    suite: case.suite.clone(),
                    scenario: scenario.to_owned(),
                    answer: answer.to_owned(),
                    unit,
                    cases: Vec::new(),
                });
                let last = found.len() - 1;
                &mut found[last]
            }
        };
        let per_gpu = SERVES.iter().find(|(answer, _)| *answer == group.answer);
        let per_gpu = per_gpu.map_or("", |(_, per_gpu)| per_gpu);
        let one = ConfigurationResult::of(case, values, &group.answer, per_gpu);
        group.cases.push(one);
    }
    found.retain(|group| group.cases.iter().filter(|c| c.serves.is_some()).count() >= 2);
    for group in &mut found {
        compare(&mut group.cases);
    }
    found
}

/// `scenario[values]`.
fn of_matrix(name: &str) -> Option<(&str, &str)> {
    name.strip_suffix(']')?.split_once('[')
}

/// The answer that says what a case serves.
fn answer_of(case: &CaseResult) -> Option<(&'static str, Unit)> {
    SERVES.iter().find_map(|(name, _)| {
        let answer = case.answers.iter().find(|a| a.name == *name)?;
        Some((*name, answer.unit))
    })
}

fn compare(cases: &mut [ConfigurationResult]) {
    let serves = |c: &ConfigurationResult| c.serves.unwrap_or(f64::NEG_INFINITY);
    cases.sort_by(|a, b| serves(b).total_cmp(&serves(a)));
    // What the first one serves at least.
    let first = cases.first().map(|c| c.interval[0].or(c.serves));
    let least = first.flatten().unwrap_or(f64::INFINITY);
    let by_gpu = cases
        .iter()
        .all(|c| c.per_gpu.is_some() || c.serves.is_none());
    let value = |c: &ConfigurationResult| if by_gpu { c.per_gpu } else { c.serves };
    let points: Vec<Option<(f64, f64)>> = cases.iter().map(|c| value(c).zip(c.ttft_p99)).collect();
    let front = on_front(&points);
    for (i, case) in cases.iter_mut().enumerate() {
        let reaches = case.interval[1].unwrap_or(f64::INFINITY) >= least;
        case.best = case.serves.is_some() && (i == 0 || reaches);
        case.pareto = front[i];
    }
}

/// Which of `points`, what one gets and what it costs, lie on their Pareto front: no other one has as much at
/// as low a cost, and more or at a lower one. What is not known lies nowhere.
pub fn on_front(points: &[Option<(f64, f64)>]) -> Vec<bool> {
    let on = |point: &Option<(f64, f64)>| {
        point.is_some_and(|(x, y)| {
            let beaten = |&(a, b): &(f64, f64)| a >= x && b <= y && (a > x || b < y);
            !points.iter().flatten().any(beaten)
        })
    };
    points.iter().map(on).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(serves: Option<f64>, ttft: Option<f64>, per_gpu: Option<f64>) -> ConfigurationResult {
        ConfigurationResult {
            slug: String::new(),
            values: String::new(),
            serves,
            interval: [serves.map(|x| x * 0.95), serves.map(|x| x * 1.05)],
            per_gpu,
            phase: None,
            ttft_p99: ttft,
            tpot_p50: None,
            tokens_per_second: None,
            tokens_per_second_per_gpu: None,
            best: false,
            pareto: false,
        }
    }

    fn compared(mut cases: Vec<ConfigurationResult>) -> Vec<(Option<f64>, bool, bool)> {
        compare(&mut cases);
        cases.iter().map(|c| (c.serves, c.best, c.pareto)).collect()
    }

    #[test]
    fn the_one_that_serves_the_most_is_first_and_ties_are_said() {
        let cases = vec![
            one(Some(30.0), Some(200.0), None),
            one(None, None, None),
            one(Some(50.0), Some(400.0), None),
            one(Some(48.0), Some(500.0), None),
        ];
        let seen = compared(cases);
        assert_eq!(
            seen,
            [
                (Some(50.0), true, true),
                // Its bounds reach up to what the first serves at least; it is slower, too.
                (Some(48.0), true, false),
                (Some(30.0), false, true),
                (None, false, false),
            ]
        );
    }

    #[test]
    fn the_front_is_per_gpu_where_that_is_known() {
        // Twice the GPUs serve more in all, and less with each.
        let cases = vec![
            one(Some(50.0), Some(300.0), Some(12.5)),
            one(Some(30.0), Some(300.0), Some(15.0)),
        ];
        let seen = compared(cases);
        assert_eq!(seen[0], (Some(50.0), true, false));
        assert_eq!(seen[1], (Some(30.0), false, true));
    }

    #[test]
    fn a_name_of_a_matrix_has_its_values_in_brackets() {
        assert_eq!(
            of_matrix("capacity[tp=2,n=64]"),
            Some(("capacity", "tp=2,n=64"))
        );
        assert_eq!(of_matrix("capacity"), None);
    }
}
