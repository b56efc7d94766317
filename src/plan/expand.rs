use std::sync::Arc;

use super::case::Case;
use super::kinds;
use super::procedure::{Look, Procedure};
use super::sequential::Sequential;
use crate::suite::{Extend, Restart, Suite};
use crate::text::slug;

/// Every case of `suites`, in the order of the files.
pub fn expand(suites: &[Suite]) -> Vec<Case> {
    let mut cases = Vec::new();
    for suite in suites {
        let secrets: Arc<[(String, String)]> = suite.secrets.clone().into();
        let suite_hooks = Arc::new(suite.hooks.clone());
        let relative = suite.scenarios.iter().flat_map(|s| &s.sla);
        let relative = relative.filter(|a| a.assertion.is_relative()).count();
        let accepted = suite.scenarios.iter().map(|s| s.baseline.len());
        let relative = relative + accepted.sum::<usize>();
        for scenario in &suite.scenarios {
            cases.push(Case {
                suite: suite.name.clone(),
                name: scenario.case.clone(),
                slug: slug(&format!("{}::{}", suite.name, scenario.case)),
                secrets: secrets.clone(),
                suite_hooks: suite_hooks.clone(),
                phases: kinds::phases(scenario),
                relative_in_suite: u32::try_from(relative).unwrap_or(u32::MAX),
                scenario: Arc::new(scenario.clone()),
                measured_by: None,
            });
        }
    }
    cases
}

impl Case {
    /// How the case is measured.
    pub fn procedure(&self) -> Arc<dyn Procedure> {
        if let Some(procedure) = &self.measured_by {
            return procedure.clone();
        }
        if let Some(own) = self.search().or_else(|| self.auto_rates()) {
            return own;
        }
        Arc::new(Sequential {
            rounds: self.rounds(),
            repeats: self.scenario.repeats,
            extend: self.scenario.extend,
            whole_repeats: self.compares(),
        })
    }

    /// Whether every repeat is a session of its own: prony starts the target anew, or a hook does.
    pub fn session_each(&self) -> bool {
        self.scenario.restart == Restart::Repeat || self.scenario.hooks.restart_between()
    }

    /// Whether it is measured on where the planned repeats leave something open, and so looked at twice.
    pub fn measures_on(&self) -> bool {
        let scenario = &self.scenario;
        let asserts = !scenario.sla.is_empty() || scenario.has_baseline();
        let by_repeats = self.measured_by.is_none() && self.search().is_none();
        asserts && by_repeats && scenario.extend != Extend::Off && scenario.skip.is_none()
    }

    /// The look at which what is planned is judged.
    pub fn first_look(&self) -> Look {
        if self.measures_on() {
            Look { index: 0, of: 2 }
        } else {
            Look::ONLY
        }
    }

    /// Whether measured phases are compared.
    pub fn compares(&self) -> bool {
        let mut sla = self.scenario.sla.iter();
        self.scenario.has_baseline() || sla.any(|a| a.assertion.is_relative())
    }
}
