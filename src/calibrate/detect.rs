use super::ask::LEAST_REPEATS;
use super::proposal::from_result;
use crate::judge::{
    Against, Asked, Design, Detectable, HeldAgainst, Known, MetricNoise, asked, detectable,
};
use crate::metrics::metric;
use crate::plan::{Case, Look};
use crate::result::CaseResult;
use crate::suite::NoiseOf;

/// What is looked at where nothing is asked.
const CHIEF: [&str; 4] = ["ttft.p50", "ttft.p99", "tpot.p50", "tokens_per_second"];

/// What the plan of a case can tell for one of its assertions.
#[derive(Clone, Debug, PartialEq)]
pub struct Tells {
    /// The assertion.
    pub asked: Asked,
    /// Where what is known of noise comes from, in words.
    pub from: &'static str,
    /// What the plan tells, at its first look. `None`: nothing is known of the noise.
    pub told: Option<Detectable>,
    /// Why it cannot be decided by this plan, however much it is measured on.
    pub cannot: Option<String>,
}

/// Whose noise counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Basis<'a> {
    /// What the suite says, else what an earlier result of the case has shown; the case is still to be
    /// measured.
    Before(Option<&'a CaseResult>),
    /// What the result itself shows, measured as it was.
    Itself(&'a CaseResult, Look),
}

/// What the plan of `case` (or, of a result, what was measured) can tell for each of its written assertions,
/// and what it would cost to tell its tolerance. An assertion that is a line rather than a margin is asked
/// about the distance at which it was observed, once something was.
pub fn tells(case: &Case, basis: Basis<'_>) -> Vec<Tells> {
    asked(case)
        .into_iter()
        .map(|a| one(case, a, basis))
        .collect()
}

fn one(case: &Case, asked: Asked, basis: Basis<'_>) -> Tells {
    let (result, look) = match basis {
        Basis::Before(result) => (result, case.first_look()),
        Basis::Itself(result, look) => (Some(result), look),
    };
    let seen = || Some(("by what was measured", of_result(result?, &asked)?));
    let said = || Some(("by `noise:`", of_suite(case, &asked)?));
    let found = match basis {
        Basis::Before(_) => said().or_else(seen),
        Basis::Itself(..) => seen(),
    };
    let (repeats, sessions) = match (basis, &found) {
        (Basis::Itself(..), Some((_, noise))) => (noise.runs, noise.sessions),
        _ => (case.scenario.repeats, planned_sessions(case)),
    };
    let against = match asked.held {
        HeldAgainst::Limit => Against::Limit,
        HeldAgainst::Phase => Against::Paired,
        HeldAgainst::Server | HeldAgainst::Baseline => Against::Same,
    };
    let design = Design {
        repeats,
        sessions,
        against,
        confidence: case.scenario.confidence,
        look,
    };
    let tolerance = asked.tolerance.or_else(|| distance(result?, &asked));
    let noise = found.as_ref().map(|(_, noise)| noise);
    let cannot = cannot(case, &asked, noise, &design);
    Tells {
        told: noise.and_then(|noise| detectable(noise, &design, tolerance)),
        from: found.as_ref().map_or("", |(from, _)| *from),
        asked,
        cannot,
    }
}

/// Why no repeat that the plan allows would settle a system that did not change.
fn cannot(
    case: &Case,
    asked: &Asked,
    noise: Option<&MetricNoise>,
    design: &Design,
) -> Option<String> {
    if !asked.held.is_relative() {
        return None;
    }
    if case.scenario.repeats < LEAST_REPEATS {
        return Some(format!(
            "nothing relative is decided under {LEAST_REPEATS} repeats, and {} planned",
            several(case.scenario.repeats)
        ));
    }
    let tolerance = asked.tolerance?;
    let most = Design {
        repeats: most_repeats(case),
        sessions: if design.sessions == design.repeats {
            most_repeats(case)
        } else {
            design.sessions
        },
        ..*design
    };
    let told = [design, &most].map(|d| detectable(noise?, d, Some(tolerance)));
    let smallest = told.iter().flatten().filter_map(|t| t.smallest_change);
    let least = smallest.min_by(f64::total_cmp)?;
    (least > tolerance).then(|| {
        let told = told.into_iter().flatten().next();
        told.map_or(String::new(), |told| told.to_string())
    })
}

fn several(n: u32) -> String {
    format!("{n} {}", if n == 1 { "is" } else { "are" })
}

/// Whole repeats that the plan allows in all.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the planned repeats and a thousand at most"
)]
fn most_repeats(case: &Case) -> u32 {
    case.most_repeats().floor() as u32
}

fn planned_sessions(case: &Case) -> u32 {
    if case.session_each() {
        case.scenario.repeats
    } else {
        1
    }
}

/// The smallest changes that the plan of `case` tells from none of the chief metrics that no assertion asks
/// about: by what the suite says of noise, else by what `measured` (an earlier result of the case) has shown.
pub fn detectable_changes(case: &Case, measured: Option<&CaseResult>) -> Vec<String> {
    if case.scenario.repeats < LEAST_REPEATS {
        return Vec::new();
    }
    let asked = asked(case);
    let compared = |name: &str| {
        let relative = asked.iter().filter(|a| a.held.is_relative());
        relative
            .into_iter()
            .any(|a| a.metric.as_deref() == Some(name))
    };
    let (repeats, sessions) = (case.scenario.repeats, planned_sessions(case));
    let design = Design {
        repeats,
        sessions,
        against: Against::Same,
        confidence: case.scenario.confidence,
        look: case.first_look(),
    };
    CHIEF
        .into_iter()
        .filter(|name| !compared(name))
        .filter_map(|name| {
            let said = case.scenario.noise.of(name);
            let noise = match said.run {
                Some(_) => suite_noise(name, said),
                None => measured.and_then(|result| of_phases(result, name, &[])),
            };
            detectable(&noise?, &design, None)
        })
        .map(|told| told.to_string())
        .collect()
}

/// How far from its line an assertion was observed, as a share.
fn distance(result: &CaseResult, asked: &Asked) -> Option<f64> {
    let seen = result.assertions.iter().find(|a| a.text == asked.text)?;
    let ratio = match (&seen.ratio, seen.observed, seen.limit) {
        (Some(ratio), ..) => ratio.value / ratio.limit?,
        (None, Some(observed), Some(limit)) => observed / limit,
        _ => return None,
    };
    Some(ratio.ln().abs().exp_m1()).filter(|d| d.is_finite() && *d > 0.0)
}

/// What `result` shows the metric to vary by: of several phases the most.
fn of_result(result: &CaseResult, asked: &Asked) -> Option<MetricNoise> {
    of_phases(result, asked.metric.as_deref()?, &asked.phases)
}

fn of_phases(result: &CaseResult, name: &str, about: &[String]) -> Option<MetricNoise> {
    let about = |phase: &str| about.is_empty() || about.iter().any(|p| p == phase);
    let phases = result.phases.iter().filter(|p| about(&p.name));
    let all = phases.flat_map(|phase| {
        let own = phase.noise.iter().filter(|n| n.metric == name);
        own.filter_map(|n| from_result(&phase.name, n))
    });
    let spread = |noise: &MetricNoise| {
        let sd = |known: Option<Known>| known.map_or(0.0, |k| k.sd);
        sd(noise.within).hypot(sd(noise.between))
    };
    all.max_by(|a, b| spread(a).total_cmp(&spread(b)))
}

/// What `noise:` says of the metric, where it says what runs vary by (or, where each is a session, starts).
fn of_suite(case: &Case, asked: &Asked) -> Option<MetricNoise> {
    let name = asked.metric.as_deref()?;
    let said = case.scenario.noise.of(name);
    if said.run.is_none() && !(case.session_each() && said.session.is_some()) {
        return None;
    }
    suite_noise(name, said)
}

fn suite_noise(name: &str, said: NoiseOf) -> Option<MetricNoise> {
    let known = |sd| Known {
        sd,
        freedom: f64::INFINITY,
    };
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
}
