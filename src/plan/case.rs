use std::sync::Arc;

use crate::suite::{Load, Scenario, SuiteHooks, Target, TargetUrl};

/// A scenario after expansion: one libtest test, one JUnit testcase, one slug.
#[derive(Clone, Debug)]
pub struct Case {
    /// Suite name.
    pub suite: String,
    /// Scenario name, with matrix values where there are some.
    pub name: String,
    /// Folder under `cases/`.
    pub slug: String,
    /// All settings.
    pub scenario: Arc<Scenario>,
    /// Values that no output may show, as `(NAME, value)`.
    pub secrets: Arc<[(String, String)]>,
    /// What is done around all cases of the suite.
    pub suite_hooks: Arc<SuiteHooks>,
    /// Phases, in the order in which they are first measured.
    pub phases: Vec<PhasePlan>,
    /// Relative assertions of its whole suite, matrices written out: they share an error between
    /// them, whichever of them are run.
    pub relative_in_suite: u32,
}

impl Case {
    /// Whether every request goes to the embedded engine.
    pub fn is_simulated(&self) -> bool {
        let simulated = |p: &PhasePlan| matches!(p.target(self).url, TargetUrl::Sim(_));
        self.phases.iter().all(simulated)
    }

    /// `suite::name`, the libtest name.
    pub fn full_name(&self) -> String {
        format!("{}::{}", self.suite, self.name)
    }
}

/// A stretch of a case with its own load and measurement, as planned.
#[derive(Clone, Debug, PartialEq)]
pub struct PhasePlan {
    /// Such as `main`.
    pub name: String,
    /// What load.
    pub load: Load,
    /// Measured requests that end the window.
    pub requests: Option<u64>,
    /// Measured time that ends the window.
    pub duration: Option<std::time::Duration>,
}

impl PhasePlan {
    /// The target of the phase: the case's own, until scenarios with several targets come.
    pub fn target<'a>(&self, case: &'a Case) -> &'a Target {
        &case.scenario.target
    }
}
