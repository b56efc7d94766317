//! What stays of an accepted measurement when another takes its place: how much its runs varied.
//!
//! Spread is taken inside measurements only, never between them: between two acceptances the system
//! may have changed, and that was accepted.

use std::collections::BTreeMap;

use super::file::{BaselineFile, History, PastSpread, PhaseBaseline};
use super::values::{STATISTICS, VALUE, joined};

/// Measurements that a history keeps.
pub const HISTORY: usize = 8;

/// `candidate` in the place of `before`: what `before` knew of noise stays.
pub fn accepted(mut candidate: BaselineFile, before: Option<&BaselineFile>) -> BaselineFile {
    candidate.proposal = None;
    for phase in &mut candidate.phases {
        phase.history = before
            .and_then(|before| before.phase(&phase.name))
            .filter(|old| old.accepted != phase.accepted)
            .map_or_else(
                || {
                    before
                        .and_then(|b| b.phase(&phase.name))
                        .map_or_else(History::default, |p| p.history.clone())
                },
                history_with,
            );
    }
    candidate
}

/// The history of `phase` with its own measurement at the head.
fn history_with(phase: &PhaseBaseline) -> History {
    let measured = &phase.accepted;
    let old = &phase.history;
    let mut history = History {
        runs: pushed(&old.runs, measured.runs()),
        sessions: pushed(&old.sessions, measured.session_count()),
        spread: BTreeMap::new(),
    };
    let none = vec![None; old.runs.len()];
    for (metric, runs) in &measured.metrics {
        for (statistic, values) in &runs.statistics {
            if statistic != VALUE
                && !STATISTICS.contains(&statistic.as_str())
                && !is_quantile(statistic)
            {
                continue;
            }
            let key = joined(metric, statistic);
            let before = old.spread.get(&key);
            let (of_runs, of_sessions) = spread_of(values, &measured.sessions);
            let spread = PastSpread {
                runs: pushed(before.map_or(&none, |b| &b.runs), of_runs),
                sessions: pushed(before.map_or(&none, |b| &b.sessions), of_sessions),
            };
            if spread
                .runs
                .iter()
                .chain(&spread.sessions)
                .any(Option::is_some)
            {
                history.spread.insert(key, spread);
            }
        }
    }
    history
}

fn is_quantile(statistic: &str) -> bool {
    statistic
        .strip_prefix('p')
        .is_some_and(|q| q.parse::<f64>().is_ok())
}

fn pushed<T: Clone>(list: &[T], first: T) -> Vec<T> {
    std::iter::once(first)
        .chain(list.iter().cloned())
        .take(HISTORY)
        .collect()
}

/// Standard deviations of the logarithm of `values` between runs of one session, and between sessions
/// with the share that runs have in the spread of their means taken off. `None` where too little is
/// known, or a value has no logarithm.
pub fn spread_of(values: &[Option<f64>], sessions: &[u32]) -> (Option<f64>, Option<f64>) {
    let logs: Option<Vec<f64>> = values
        .iter()
        .map(|v| v.filter(|v| *v > 0.0 && v.is_finite()).map(f64::ln))
        .collect();
    let Some(logs) = logs else {
        return (None, None);
    };
    let mut by_session: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for (session, log) in sessions.iter().zip(&logs) {
        by_session.entry(*session).or_default().push(*log);
    }
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let squares = |x: &[f64]| {
        let m = mean(x);
        x.iter().map(|v| (v - m) * (v - m)).sum::<f64>()
    };
    let within: f64 = by_session.values().map(|runs| squares(runs)).sum();
    let freedom = logs.len().saturating_sub(by_session.len());
    let runs = (freedom > 0).then(|| within / freedom as f64);
    let means: Vec<f64> = by_session.values().map(|runs| mean(runs)).collect();
    let sessions = (means.len() > 1).then(|| {
        let between = squares(&means) / (means.len() - 1) as f64;
        let each = by_session
            .values()
            .map(|runs| 1.0 / runs.len() as f64)
            .sum::<f64>()
            / means.len() as f64;
        (between - runs.unwrap_or(0.0) * each).max(0.0)
    });
    (runs.map(f64::sqrt), sessions.map(f64::sqrt))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(values: &[f64]) -> Vec<Option<f64>> {
        values.iter().map(|v| Some(v.exp())).collect()
    }

    #[test]
    fn runs_of_one_session_say_nothing_of_sessions() {
        let (runs, sessions) = spread_of(&some(&[0.0, 2.0]), &[0, 0]);
        assert!((runs.unwrap() - 2f64.sqrt()).abs() < 1e-12);
        assert_eq!(sessions, None);
    }

    #[test]
    fn what_runs_add_to_the_means_of_sessions_is_taken_off() {
        // Means 0 and 2: variance 2. Runs inside: variance 2, two a session, so 1 of it.
        let (runs, sessions) = spread_of(&some(&[-1.0, 1.0, 1.0, 3.0]), &[0, 0, 1, 1]);
        assert!((runs.unwrap() - 2f64.sqrt()).abs() < 1e-12);
        assert!((sessions.unwrap() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn where_every_run_is_a_session_only_their_spread_together_is_known() {
        let (runs, sessions) = spread_of(&some(&[0.0, 2.0]), &[0, 1]);
        assert_eq!(runs, None);
        assert!((sessions.unwrap() - 2f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn a_value_without_a_logarithm_leaves_the_spread_unknown() {
        assert_eq!(spread_of(&[Some(0.0), Some(1.0)], &[0, 0]), (None, None));
        assert_eq!(spread_of(&[None, Some(1.0)], &[0, 0]), (None, None));
    }
}
