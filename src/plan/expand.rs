use std::sync::Arc;

use super::case::{Case, PhasePlan};
use super::fixed::FixedRepeats;
use super::procedure::Procedure;
use crate::suite::{Restart, Suite};
use crate::text::slug;

/// Every case of `suites`, in the order of the files.
pub fn expand(suites: &[Suite]) -> Vec<Case> {
    let mut cases = Vec::new();
    for suite in suites {
        let secrets: Arc<[(String, String)]> = suite.secrets.clone().into();
        let suite_hooks = Arc::new(suite.hooks.clone());
        let relative = suite.scenarios.iter().flat_map(|s| &s.sla);
        let relative = relative.filter(|a| a.assertion.is_relative()).count();
        for scenario in &suite.scenarios {
            cases.push(Case {
                suite: suite.name.clone(),
                name: scenario.case.clone(),
                slug: slug(&format!("{}::{}", suite.name, scenario.case)),
                secrets: secrets.clone(),
                suite_hooks: suite_hooks.clone(),
                phases: vec![PhasePlan {
                    name: "main".to_owned(),
                    load: scenario.load.clone(),
                    requests: scenario.requests,
                    duration: scenario.duration,
                }],
                relative_in_suite: u32::try_from(relative).unwrap_or(u32::MAX),
                scenario: Arc::new(scenario.clone()),
            });
        }
    }
    cases
}

impl Case {
    /// How this kind of case is measured.
    pub fn procedure(&self) -> Box<dyn Procedure> {
        // Both kinds that run so far measure one phase; the others are refused with the suite.
        Box::new(FixedRepeats {
            phase: self.phases[0].clone(),
            repeats: self.scenario.repeats,
            session_each: self.scenario.restart == Restart::Repeat
                || self.scenario.hooks.restart_between(),
        })
    }
}
