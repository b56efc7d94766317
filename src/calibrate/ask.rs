use std::sync::Arc;
use std::time::Duration;

use crate::plan::{Calibration, Case, PairRestart, Pairs};
use crate::suite::{Extend, Restart, TargetUrl};

/// Sessions where prony can start the target anew and nobody says how many.
const SESSIONS: u32 = 5;
/// Runs of each of them.
const REPEATS: u32 = 5;
/// Runs where there is only one session.
const REPEATS_OF_ONE: u32 = 10;
/// Runs of a gate where the suite plans fewer than tell anything.
pub(super) const GATE_REPEATS: u32 = 5;
/// Fewer runs decide nothing relative.
pub(super) const LEAST_REPEATS: u32 = 3;

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Runs in each session.
    pub repeats: Option<u32>,
    /// Starts of the target.
    pub sessions: Option<u32>,
    /// How long the sessions of a case may take.
    pub time: Option<Duration>,
    /// Pairs to verify with.
    pub pairs: u32,
}

/// `case` so that it is measured over and over, and asserts nothing.
///
/// # Errors
/// When sessions are asked for and nobody can start the target anew.
pub fn calibrating(mut case: Case, asked: &Asked) -> Result<Case, String> {
    let scenario = Arc::make_mut(&mut case.scenario);
    let launched = scenario.target.launch.is_some();
    let own = launched || matches!(scenario.target.url, TargetUrl::Sim(_));
    let by_hook = scenario.hooks.restart_between();
    if asked.sessions.is_some_and(|n| n > 1) && !own && !by_hook {
        return Err(format!(
            "{}::{}: prony cannot start this target anew; add `launch: {{ command: … }}` to it or a hook `between: {{ …, restarts: true }}`, or leave --sessions out",
            case.suite, case.name
        ));
    }
    let session_each = by_hook || (own && scenario.restart == Restart::Repeat);
    let gate = gate_repeats(scenario.repeats);
    let (sessions, repeats) = if by_hook {
        // The hook stands between all runs.
        let sessions = asked.sessions.unwrap_or(SESSIONS);
        (sessions * asked.repeats.unwrap_or(1), 1)
    } else if own {
        let sessions = asked.sessions.unwrap_or(SESSIONS);
        let repeats = if sessions == 1 {
            REPEATS_OF_ONE
        } else {
            REPEATS
        };
        (sessions, asked.repeats.unwrap_or(repeats))
    } else {
        (1, asked.repeats.unwrap_or(REPEATS_OF_ONE))
    };
    scenario.sla.clear();
    scenario.measure_only = true;
    scenario.extend = Extend::Off;
    scenario.timeout = None;
    scenario.known_issue = None;
    if sessions > 1 && own {
        scenario.restart = Restart::Repeat;
    }
    let pairs = (asked.pairs > 0).then_some(Pairs {
        number: asked.pairs,
        repeats: gate,
        restart: match (session_each, own && sessions > 1) {
            (true, _) => PairRestart::Repeat,
            (false, true) => PairRestart::Side,
            (false, false) => PairRestart::Never,
        },
    });
    let rounds = case.rounds();
    case.measured_by = Some(Arc::new(Calibration {
        rounds,
        repeats: repeats.max(1),
        sessions: sessions.max(1),
        budget: asked.time,
        pairs,
    }));
    Ok(case)
}

/// Repeats of a gated run that the suite plans so many for.
pub(super) fn gate_repeats(repeats: u32) -> u32 {
    if repeats < LEAST_REPEATS {
        GATE_REPEATS
    } else {
        repeats
    }
}
