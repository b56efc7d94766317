use std::sync::Arc;

use super::case::{Case, NamedTarget, PhasePlan};
use super::rounds::{Abba, FixedRepeats};
use crate::suite::{Extend, KindPlan, Restart, Target, TargetUrl};

/// The phases of a case that two targets serve by turns: what is compared with, and what is compared.
pub const SIDES: [&str; 2] = ["base", "candidate"];

/// Repeats where a scenario plans fewer than anything relative takes.
const REPEATS: u32 = 5;
const LEAST: u32 = 3;

/// `case` with two targets that are measured by turns (`AB BA AB BA …`), nothing else asserted of it.
/// Where prony can start both anew, it does so between repeats. `repeats`: in place of the scenario's.
///
/// # Errors
/// When the case is no single phase that two targets could serve by turns, in words.
pub fn side_by_side(
    mut case: Case,
    targets: [&Target; 2],
    repeats: Option<u32>,
) -> Result<Case, String> {
    let name = case.full_name();
    let scenario = Arc::make_mut(&mut case.scenario);
    let (KindPlan::One, [phase]) = (&scenario.plan, case.phases.as_slice()) else {
        return Err(format!(
            "{name}: not compared, because it is more than one load on one target; compare results folders instead"
        ));
    };
    let startable = |t: &Target| t.launch.is_some() || matches!(t.url, TargetUrl::Sim(_));
    let own = targets.into_iter().all(startable);
    scenario.sla.clear();
    scenario.baseline.clear();
    scenario.measure_only = true;
    scenario.extend = Extend::Off;
    scenario.known_issue = None;
    if own {
        scenario.restart = Restart::Repeat;
    }
    let repeats = repeats.unwrap_or(if scenario.repeats < LEAST {
        REPEATS
    } else {
        scenario.repeats
    });
    scenario.repeats = repeats;
    let session_each = own || scenario.hooks.restart_between();
    let [base, candidate] = [0, 1].map(|side: usize| PhasePlan {
        name: SIDES[side].to_owned(),
        at: Some(NamedTarget {
            name: SIDES[side].to_owned(),
            target: Arc::new(targets[side].clone()),
        }),
        // Both are asked the same.
        content: Some("both".to_owned()),
        labels: [("side".to_owned(), SIDES[side].to_owned())].into(),
        ..phase.clone()
    });
    case.phases = vec![base.clone(), candidate.clone()];
    case.measured_by = Some(Arc::new(FixedRepeats {
        rounds: Box::new(Abba {
            sides: [base, candidate],
            first: 0,
            session_each,
        }),
        repeats,
    }));
    Ok(case)
}
