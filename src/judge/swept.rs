use crate::metrics::summarize_run;
use crate::plan::{Answer, Case, Found};
use crate::result::{MetricSummary, Metrics};
use crate::stats::{Usl, knee};
use crate::suite::{KindPlan, SweepLevels};

use super::cached::cached;
use super::input::JudgePhase;
use super::levels::level_of;

/// Resamples behind the bounds of the scalability law.
const REPLICATES: usize = 500;

/// What the levels of a sweep say together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Swept {
    /// The scalability law, where levels are numbers of something.
    pub found: Found,
    /// The phase past which latency grows faster than throughput.
    pub knee: Option<String>,
}

/// The answers of a sweep and its knee, or those of a cold and a warm cache, from the measured phases;
/// nothing for other cases.
pub fn swept(case: &Case, phases: &[JudgePhase<'_>]) -> Option<Swept> {
    if let Some(found) = cached(case, phases) {
        return Some(Swept { found, knee: None });
    }
    let KindPlan::Sweep(sweep) = &case.scenario.plan else {
        return None;
    };
    let mut levels: Vec<(f64, bool, &str, Vec<Metrics>)> = phases
        .iter()
        .filter_map(|p| {
            let (level, rate) = level_of(p.name)?;
            let runs = p.runs.iter();
            let runs = runs.map(|run| summarize_run(run, p.gpus, p.interrupted).metrics);
            Some((level, rate, p.name, runs.collect()))
        })
        .collect();
    levels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let value = |m: &Metrics, name: &str| match m.get(name) {
        Some(MetricSummary::Value(v)) => Some(v.value),
        _ => None,
    };
    let tokens = levels
        .iter()
        .flat_map(|l| &l.3)
        .all(|m| value(m, "tokens_per_second").is_some());
    let name = if tokens {
        "tokens_per_second"
    } else {
        "throughput"
    };
    let points: Vec<(f64, f64)> = levels
        .iter()
        .flat_map(|(level, _, _, runs)| runs.iter().map(move |m| (*level, value(m, name))))
        .filter_map(|(level, x)| Some((level, x?)))
        .collect();
    let mut out = Swept::default();
    let counts = levels.iter().all(|l| !l.1) && !matches!(sweep.levels, SweepLevels::Auto { .. });
    if counts {
        out.found = law(case, &points);
    }
    // Load and replicas: more replicas have no knee, they are what moves it.
    if !matches!(sweep.levels, SweepLevels::Replicas { .. }) {
        let curve: Vec<(f64, f64)> = levels
            .iter()
            .map(|(_, _, _, runs)| {
                let mean = |of: &dyn Fn(&Metrics) -> Option<f64>| {
                    let all: Option<Vec<f64>> = runs.iter().map(of).collect();
                    let all = all.filter(|v| !v.is_empty());
                    all.map_or(f64::INFINITY, |v| v.iter().sum::<f64>() / v.len() as f64)
                };
                (mean(&|m| value(m, name)), mean(&median_latency))
            })
            .collect();
        out.knee = knee(&curve).map(|i| levels[i].2.to_owned());
    }
    Some(out)
}

fn median_latency(m: &Metrics) -> Option<f64> {
    match m.get("e2e_latency") {
        Some(MetricSummary::Distribution(d)) => d.p50,
        _ => None,
    }
}

fn law(case: &Case, points: &[(f64, f64)]) -> Found {
    let scenario = &case.scenario;
    let fit = Usl::fit_with_bounds(points, scenario.confidence, REPLICATES, scenario.seed);
    let Some(fit) = fit else {
        return Found {
            notes: vec!["the scalability law takes three levels with a throughput".to_owned()],
            ..Found::default()
        };
    };
    let answer = |name, value, bounds| Answer {
        name,
        value,
        bounds,
    };
    Found {
        answers: vec![
            answer("contention", fit.usl.sigma, fit.sigma),
            answer("coherency", fit.usl.kappa, fit.kappa),
            answer("peak_level", fit.usl.peak(), fit.peak),
        ],
        ..Found::default()
    }
}
