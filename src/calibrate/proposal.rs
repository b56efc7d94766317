use std::collections::BTreeMap;

use super::ask::gate_repeats;
use super::design::{Cost, Plan, best_within, smallest_change};
use crate::judge::{Known, MetricNoise};
use crate::metrics::metric;
use crate::plan::{Case, PAIR};
use crate::result::{CaseResult, NoiseResult, PhaseResult};

/// Least tolerance that is proposed: under it rounding alone decides.
const LEAST_TOLERANCE: f64 = 0.01;
/// A tolerance past this catches nothing.
const MOST_TOLERANCE: f64 = 1.0;

/// What a phase of a calibrated case varies by, and what can be gated on therefore.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibrated {
    /// `suite::name` of the case.
    pub case: String,
    /// The phase.
    pub phase: String,
    /// Runs that were measured.
    pub runs: u32,
    /// Sessions that they are spread over.
    pub sessions: u32,
    /// What runs and starts take.
    pub cost: Cost,
    /// What each metric varies by.
    pub noise: Vec<NoiseResult>,
    /// What the suite's own plan can hold, then what fits into the time that was asked for.
    pub proposals: Vec<Proposal>,
}

/// Tolerances that a plan can hold: an unchanged system is found within each four times out of five, and
/// all but never beyond.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// How each side is measured.
    pub plan: Plan,
    /// By metric, as shares; those of metrics that vary by too much are absent.
    pub tolerances: BTreeMap<String, f64>,
}

impl Calibrated {
    /// Reads `result`, which `case` (as the suite has it) came to under a calibration. `budget`: the
    /// time that a gated run may take, in seconds.
    pub fn of(case: &Case, result: &CaseResult, budget: Option<f64>) -> Vec<Calibrated> {
        let all: Vec<&PhaseResult> = result.phases.iter().collect();
        let cost = cost(case, result, &all);
        let own = all.iter().filter(|p| !p.labels.contains_key(PAIR));
        own.map(|phase| {
            let mut sessions: Vec<u32> = phase.runs.iter().map(|r| r.session).collect();
            sessions.sort_unstable();
            sessions.dedup();
            let noise: Vec<MetricNoise> = phase
                .noise
                .iter()
                .filter_map(|n| from_result(&phase.name, n))
                .collect();
            let confidence = case.scenario.confidence;
            let repeats = gate_repeats(case.scenario.repeats);
            let as_planned = cost.plan(repeats, if case.session_each() { repeats } else { 1 });
            let within = budget.and_then(|s| best_within(&noise, &cost, s, confidence));
            let proposals = std::iter::once(as_planned)
                .chain(within)
                .map(|plan| Proposal {
                    plan,
                    tolerances: tolerances(&noise, plan, confidence),
                })
                .collect();
            Calibrated {
                case: result.full_name(),
                phase: phase.name.clone(),
                runs: u32::try_from(phase.runs.len()).unwrap_or(u32::MAX),
                sessions: u32::try_from(sessions.len()).unwrap_or(u32::MAX),
                cost,
                noise: phase.noise.clone(),
                proposals,
            }
        })
        .collect()
    }
}

/// What a run and a start take on average.
fn cost(case: &Case, result: &CaseResult, phases: &[&PhaseResult]) -> Cost {
    let runs = || phases.iter().flat_map(|p| &p.runs);
    let n = runs().count().max(1) as f64;
    let warmup = case.scenario.warmup.as_secs_f64();
    let run_s = runs().map(|r| r.window_s).sum::<f64>() / n + warmup;
    let mut sessions: Vec<u32> = runs().map(|r| r.session).collect();
    sessions.sort_unstable();
    sessions.dedup();
    let rest = (result.duration_s - n * run_s).max(0.0);
    Cost {
        run_s,
        start_s: rest / sessions.len().max(1) as f64,
        restarts: sessions.len() > 1,
    }
}

fn tolerances(noise: &[MetricNoise], plan: Plan, confidence: f64) -> BTreeMap<String, f64> {
    noise
        .iter()
        .filter_map(|n| Some((n.name(), smallest_change(n, plan, confidence)?)))
        .map(|(name, change)| (name, rounded_up(change)))
        .filter(|(_, tolerance)| *tolerance <= MOST_TOLERANCE)
        .collect()
}

/// A tolerance for people: to the next half percent up to ten, to the next whole one above.
fn rounded_up(change: f64) -> f64 {
    let step = if change <= 0.1 { 200.0 } else { 100.0 };
    // What lies on a step but for rounding stays there.
    let up = (change * step - 1e-9).ceil() / step;
    up.max(LEAST_TOLERANCE)
}

/// What a result says of a metric's noise, for the judge.
pub fn from_result(phase: &str, noise: &NoiseResult) -> Option<MetricNoise> {
    let (name, statistic) = match noise.metric.split_once('.') {
        Some((name, statistic)) => (name, Some(statistic.to_owned())),
        None => (noise.metric.as_str(), None),
    };
    let known = |level: Option<crate::result::LevelNoise>| {
        level.map(|l| Known {
            sd: l.sd,
            freedom: l.freedom,
        })
    };
    Some(MetricNoise {
        phase: phase.to_owned(),
        metric: metric(name)?.name,
        statistic,
        runs: noise.runs,
        sessions: noise.sessions,
        typical: noise.typical,
        sampling: noise.requests,
        run: known(noise.run),
        within: known(noise.within),
        session: known(noise.session),
        between: known(noise.between),
    })
}

/// The value of `noise:` that says what was found, one metric after the other; of several phases or
/// cases the largest. `None`: nothing was found.
///
/// What a suite says is taken as given, so what sessions differ by is never said to be less than could be
/// seen: the standard error of their spread if they did not differ at all (`between² √(2 / (S − 1))`).
pub fn noise_setting<'a>(found: impl IntoIterator<Item = &'a Calibrated>) -> Option<String> {
    let mut metrics: BTreeMap<&str, [Option<f64>; 2]> = BTreeMap::new();
    for noise in found.into_iter().flat_map(|c| &c.noise) {
        let session = noise.session.or(if noise.within.is_none() {
            noise.between
        } else {
            None
        });
        let seen = noise
            .between
            .map_or(0.0, |b| b.sd * (2.0 / b.freedom).powf(0.25));
        let found = [noise.within.map(|l| l.sd), session.map(|l| l.sd.max(seen))];
        let levels = metrics.entry(&noise.metric).or_default();
        for (level, found) in levels.iter_mut().zip(found) {
            *level = [*level, found].into_iter().flatten().reduce(f64::max);
        }
    }
    let entries: Vec<String> = metrics
        .iter()
        .filter_map(|(metric, levels)| {
            let said: Vec<String> = ["run", "session"]
                .iter()
                .zip(levels)
                .filter_map(|(name, level)| Some(format!("{name}: {}", written(level.as_ref()?))))
                .collect();
            (!said.is_empty()).then(|| format!("{metric}: {{ {} }}", said.join(", ")))
        })
        .collect();
    (!entries.is_empty()).then(|| format!("{{ {} }}", entries.join(", ")))
}

/// A share as suites have it, with two digits.
pub(super) fn written(share: &f64) -> String {
    let percent = share * 100.0;
    let digits = if percent >= 10.0 {
        0
    } else if percent >= 1.0 {
        1
    } else {
        2
    };
    let text = format!("{percent:.digits$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{text}%")
}
