use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::procedure::Procedure;
use crate::suite::{Hook, Interference, Load, Scenario, SuiteHooks, Target, TargetUrl};

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
    /// Measures the case otherwise than its kind would: a calibration, say.
    pub measured_by: Option<Arc<dyn Procedure>>,
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
    pub duration: Option<Duration>,
    /// Unmeasured load before the window, where it is not as long as the scenario's.
    pub warmup: Option<Duration>,
    /// Where its requests go, where that is not the case's own target.
    pub at: Option<NamedTarget>,
    /// What its runs are for.
    pub role: Role,
    /// What is done at its target before each of its runs: a cache flush, say.
    pub before: Vec<Hook>,
    /// How long the target is left alone before each of its runs.
    pub idle: Duration,
    /// Phases of one content have the same prompts, salt included, in runs of one index; each has its
    /// own where this is absent.
    pub content: Option<String>,
    /// Which prompts are asked.
    pub asks: Asks,
    /// Long prompts that arrive beside its load.
    pub beside: Option<Interference>,
    /// A run of it ends as soon as its requests are seen to pile up without end.
    pub stops_early: bool,
    /// What sets it apart from its case's other phases: `level: 8`, say. For reports.
    pub labels: BTreeMap<String, String>,
}

/// Which prompts the requests of a phase hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asks {
    /// Those that the scenario describes.
    #[default]
    Planned,
    /// As long as those, and each with a content of its own from the first token on.
    Apart,
    /// What brings their prefixes into a cache, a request for each group, and then what shows the size of
    /// the cache's blocks.
    Prefixes,
}

/// What the runs of a phase are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// They are measured: the phase stands in the results.
    #[default]
    Measured,
    /// They bring the target into a state that the next ones want. Recorded, and no part of any result.
    Prepares,
}

/// One of several targets of a case.
#[derive(Clone, Debug)]
pub struct NamedTarget {
    /// Unique within its case.
    pub name: String,
    /// Where requests go.
    pub target: Arc<Target>,
}

impl PartialEq for NamedTarget {
    /// By name, which is unique within a case.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl PhasePlan {
    /// A measured phase at the case's own target, whose window nothing ends yet.
    pub fn new(name: impl Into<String>, load: Load) -> Self {
        PhasePlan {
            name: name.into(),
            load,
            requests: None,
            duration: None,
            warmup: None,
            at: None,
            role: Role::Measured,
            before: Vec::new(),
            idle: Duration::ZERO,
            content: None,
            asks: Asks::Planned,
            beside: None,
            stops_early: false,
            labels: BTreeMap::new(),
        }
    }

    /// The target of the phase.
    pub fn target<'a>(&'a self, case: &'a Case) -> &'a Target {
        match &self.at {
            Some(named) => &named.target,
            None => &case.scenario.target,
        }
    }

    /// The name of its target within the case; the case's own has none.
    pub fn target_name(&self) -> Option<&str> {
        self.at.as_ref().map(|named| named.name.as_str())
    }

    /// Under which name its prompts are salted.
    pub fn content(&self) -> &str {
        self.content.as_deref().unwrap_or(&self.name)
    }

    /// Unmeasured load before its windows.
    pub fn warmup(&self, scenario: &Scenario) -> Duration {
        self.warmup.unwrap_or(scenario.warmup)
    }
}
