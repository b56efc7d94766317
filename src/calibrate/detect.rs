use super::ask::LEAST_REPEATS;
use super::proposal::from_result;
use crate::judge::{Against, Design, Known, MetricNoise, detectable};
use crate::metrics::metric;
use crate::plan::{Case, Look};
use crate::result::CaseResult;
use crate::suite::Extend;

/// What is looked at where nothing says what is gated on.
const CHIEF: [&str; 4] = ["ttft.p50", "ttft.p99", "tpot.p50", "tokens_per_second"];
/// A change that people mean to find where they name none.
const ASKED: f64 = 0.05;

/// The smallest changes that the plan of `case` tells from none, and what it would cost to tell 5 %: by
/// what the suite says of noise, else by what `measured` (an earlier result of the case) has shown. The
/// first value names the source. Nothing where neither says anything.
pub fn detectable_changes(case: &Case, measured: Option<&CaseResult>) -> (String, Vec<String>) {
    let scenario = &case.scenario;
    let (from, noise) = if scenario.noise.metrics.is_empty() {
        ("by what the latest results vary by", of_result(measured))
    } else {
        ("by `noise:`", of_suite(case))
    };
    let sessions = if case.session_each() {
        scenario.repeats
    } else {
        1
    };
    let design = Design {
        repeats: scenario.repeats,
        sessions,
        against: if case.compares() {
            Against::Paired
        } else {
            Against::Same
        },
        confidence: scenario.confidence,
        look: if case.compares() && scenario.extend != Extend::Off {
            Look { index: 0, of: 2 }
        } else {
            Look::ONLY
        },
    };
    if scenario.repeats < LEAST_REPEATS && !noise.is_empty() {
        let why = format!(
            "nothing relative: that takes {LEAST_REPEATS} repeats, and {} is planned",
            scenario.repeats
        );
        return (from.to_owned(), vec![why]);
    }
    let told = noise
        .iter()
        .filter_map(|n| detectable(n, &design, Some(ASKED)))
        .map(|told| told.to_string());
    (from.to_owned(), told.collect())
}

fn of_result(measured: Option<&CaseResult>) -> Vec<MetricNoise> {
    let phases = measured.into_iter().flat_map(|case| &case.phases);
    phases
        .flat_map(|phase| {
            phase
                .noise
                .iter()
                .filter_map(|n| from_result(&phase.name, n))
        })
        .filter(|n| CHIEF.contains(&n.name().as_str()))
        .collect()
}

/// What `noise:` says, as far as it says what runs vary by.
fn of_suite(case: &Case) -> Vec<MetricNoise> {
    let known = |sd| Known {
        sd,
        freedom: f64::INFINITY,
    };
    let chief = CHIEF
        .iter()
        .filter(|name| case.scenario.noise.metrics.contains_key(**name));
    let names: Vec<&str> = if chief.clone().next().is_some() {
        chief.copied().collect()
    } else {
        let all = case.scenario.noise.metrics.keys();
        all.map(String::as_str).collect()
    };
    names
        .into_iter()
        .filter_map(|name| {
            let said = case.scenario.noise.of(name);
            let (metric_name, statistic) = match name.split_once('.') {
                Some((metric, statistic)) => (metric, Some(statistic.to_owned())),
                None => (name, None),
            };
            Some(MetricNoise {
                phase: String::new(),
                metric: metric(metric_name)?.name,
                statistic,
                runs: 0,
                sessions: 0,
                typical: f64::NAN,
                sampling: None,
                run: None,
                within: said.run.map(known),
                session: said.session.map(known),
                between: None,
            })
        })
        .collect()
}
