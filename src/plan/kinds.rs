//! What a scenario measures → the phases of its case, and what one repeat of them is.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;

use super::auto::AutoRates;
use super::case::{Asks, Case, NamedTarget, PhasePlan, Role};
use super::procedure::{Measure, Procedure};
use super::rounds::{Abba, OnePhase, Rounds};
use super::search::LoadSearch;
use crate::suite::assertion::MAIN_PHASE;
use crate::suite::{
    Axis, CachePlan, Disaggregation, Flush, Hook, HookAction, KindPlan, Load, LoadShape,
    PromptSource, Replicas, Scale, Scaling, Scenario, Sweep, SweepLevels, SweepOrder,
};
use crate::workload::{Priming, stream};

/// The phases of a scenario as far as they are known before anything is measured, in the order of the
/// report. A search knows only where it begins.
pub(super) fn phases(scenario: &Scenario) -> Vec<PhasePlan> {
    let windowed = |phase: PhasePlan| match phase.role {
        Role::Measured => PhasePlan {
            requests: scenario.requests,
            duration: scenario.duration,
            ..phase
        },
        // It has a window of its own.
        Role::Prepares => phase,
    };
    let phases = match &scenario.plan {
        KindPlan::One => vec![PhasePlan::new(MAIN_PHASE, scenario.load.clone())],
        KindPlan::Search(search) => vec![PhasePlan::new(
            search.axis.phase(search.from),
            scenario.load.clone(),
        )],
        KindPlan::Sweep(sweep) => levels(sweep, scenario),
        KindPlan::Cache(plan) => cache(plan, scenario),
        KindPlan::Disaggregation(plan) => targets(plan, scenario),
    };
    phases.into_iter().map(windowed).collect()
}

fn levels(sweep: &Sweep, scenario: &Scenario) -> Vec<PhasePlan> {
    let at = |name: String, load: Load, level: String| PhasePlan {
        idle: sweep.idle,
        labels: [("level".to_owned(), level)].into(),
        ..PhasePlan::new(name, load)
    };
    match &sweep.levels {
        SweepLevels::Load { axis, levels } => levels
            .iter()
            .map(|&level| at(axis.phase(level), axis.load(level), level.to_string()))
            .collect(),
        // Its levels follow from what it measures first.
        SweepLevels::Auto { .. } => vec![AutoRates::probe(&auto_level(sweep, scenario), 1)],
        SweepLevels::Replicas { replicas, mode } => {
            let load = |n: u32| match mode {
                Scaling::Weak => times(&scenario.load, n),
                Scaling::Strong => scenario.load.clone(),
            };
            let named = |n: u32| at(format!("at({n})"), load(n), n.to_string());
            match replicas {
                Replicas::Targets(targets) => targets
                    .iter()
                    .map(|(n, target)| PhasePlan {
                        at: Some(NamedTarget {
                            name: n.to_string(),
                            target: Arc::new(target.clone()),
                        }),
                        ..named(*n)
                    })
                    .collect(),
                Replicas::Scaled { levels, scale } => levels
                    .iter()
                    .map(|&n| PhasePlan {
                        before: vec![scaled(scale, n)],
                        ..named(n)
                    })
                    .collect(),
            }
        }
    }
}

/// A level of a sweep whose rates are not known yet.
fn auto_level(sweep: &Sweep, scenario: &Scenario) -> PhasePlan {
    PhasePlan {
        idle: sweep.idle,
        requests: scenario.requests,
        duration: scenario.duration,
        ..PhasePlan::new("", scenario.load.clone())
    }
}

/// `n` times the load: a single level, as the suite was checked to have.
fn times(load: &Load, n: u32) -> Load {
    let shape = match &load.shape {
        LoadShape::Concurrency(c) => LoadShape::Concurrency(c.saturating_mul(n)),
        LoadShape::Rate {
            per_second,
            arrivals,
        } => LoadShape::Rate {
            per_second: per_second * f64::from(n),
            arrivals: *arrivals,
        },
        stages @ LoadShape::Stages { .. } => stages.clone(),
    };
    Load {
        shape,
        max_concurrency: load.max_concurrency.map(|c| c.saturating_mul(n)),
        start: load.start,
    }
}

fn scaled(scale: &Scale, n: u32) -> Hook {
    Hook {
        action: HookAction::Command {
            command: scale.command(n),
            env: vec![("PRONY_REPLICAS".to_owned(), n.to_string())],
            cwd: None,
        },
        timeout: scale.timeout,
        restarts: false,
    }
}

/// The phase of kind `cache` whose prompts share nothing.
pub const COLD: &str = "cold";
/// The phase of kind `cache` whose prompts a cache can hold.
pub const WARM: &str = "warm";
/// What brings them there.
pub const PRIMING: &str = "priming";

fn cache(plan: &CachePlan, scenario: &Scenario) -> Vec<PhasePlan> {
    let flush: Vec<Hook> = match &plan.flush {
        Flush::Hook(hook) => vec![(**hook).clone()],
        Flush::None | Flush::Restart => Vec::new(),
    };
    [COLD, WARM]
        .map(|name| PhasePlan {
            before: if name == COLD {
                flush.clone()
            } else {
                Vec::new()
            },
            asks: if name == COLD {
                Asks::Apart
            } else {
                Asks::Planned
            },
            labels: [("cache".to_owned(), name.to_owned())].into(),
            ..PhasePlan::new(name, scenario.load.clone())
        })
        .into()
}

fn targets(plan: &Disaggregation, scenario: &Scenario) -> Vec<PhasePlan> {
    let one = plan.targets.len() == 1;
    plan.targets
        .iter()
        .map(|(name, target)| PhasePlan {
            at: (!one).then(|| NamedTarget {
                name: name.clone(),
                target: Arc::new(target.clone()),
            }),
            // Both are asked the same.
            content: Some("both".to_owned()),
            beside: plan.interference.clone(),
            labels: [("target".to_owned(), name.clone())].into(),
            ..PhasePlan::new(name, scenario.load.clone())
        })
        .collect()
}

impl Case {
    /// What one repeat of this kind of case consists of.
    pub fn rounds(&self) -> Box<dyn Rounds> {
        let session_each = self.session_each();
        match (&self.scenario.plan, self.phases.as_slice()) {
            (KindPlan::Disaggregation(_), [a, b]) => Box::new(Abba {
                sides: [a.clone(), b.clone()],
                first: usize::from(
                    stream(self.scenario.seed, "which target begins", 0).random::<bool>(),
                ),
                session_each,
            }),
            (KindPlan::Sweep(sweep), _) => Box::new(Levels {
                phases: self.phases.clone(),
                order: sweep.order,
                seed: self.scenario.seed,
                session_each,
            }),
            (KindPlan::Cache(plan), [cold, warm]) => Box::new(ColdWarm {
                cold: cold.clone(),
                warm: warm.clone(),
                flush: plan.flush.clone(),
                groups: match &self.scenario.prompts.source {
                    PromptSource::Synthetic { prefix, .. } => prefix.map_or(0, |p| p.groups),
                    PromptSource::File { .. } => 0,
                },
                find_block_size: plan.block_size.is_none(),
                session_each,
            }),
            (_, phases) => Box::new(OnePhase {
                phase: phases[0].clone(),
                session_each,
            }),
        }
    }

    /// The sweep that measures this case, where its levels are not known before.
    pub(super) fn auto_rates(&self) -> Option<Arc<dyn Procedure>> {
        let scenario = &self.scenario;
        let KindPlan::Sweep(sweep) = &scenario.plan else {
            return None;
        };
        let SweepLevels::Auto { axis } = &sweep.levels else {
            return None;
        };
        Some(Arc::new(AutoRates {
            phase: auto_level(sweep, scenario),
            axis: *axis,
            order: sweep.order,
            seed: scenario.seed,
            session_each: self.session_each(),
            repeats: scenario.repeats,
            extend: scenario.extend,
            whole_repeats: self.compares(),
        }))
    }

    /// Whether what is measured first decides which loads are measured after it.
    pub fn finds_its_loads(&self) -> bool {
        match &self.scenario.plan {
            KindPlan::Search(_) => true,
            KindPlan::Sweep(sweep) => matches!(sweep.levels, SweepLevels::Auto { .. }),
            KindPlan::One | KindPlan::Cache(_) | KindPlan::Disaggregation(_) => false,
        }
    }

    /// The search that measures this case, where it is one.
    pub(super) fn search(&self) -> Option<Arc<dyn Procedure>> {
        let KindPlan::Search(search) = &self.scenario.plan else {
            return None;
        };
        Some(Arc::new(LoadSearch {
            search: search.clone(),
            phase: self.phases[0].clone(),
            confidence: self.scenario.confidence,
            seed: self.scenario.seed,
            session_each: self.session_each(),
            stops_early: true,
        }))
    }
}

/// The levels of a sweep, one after the other.
#[derive(Clone, Debug)]
pub struct Levels {
    /// One phase a level, the lowest first.
    pub phases: Vec<PhasePlan>,
    /// In which order they are measured.
    pub order: SweepOrder,
    /// Fixes a random order.
    pub seed: u64,
    /// Every repeat is a session of its own, rather than all of one.
    pub session_each: bool,
}

impl Rounds for Levels {
    fn round(&self, round: u32) -> Vec<Measure> {
        let mut order: Vec<&PhasePlan> = self.phases.iter().collect();
        if self.order == SweepOrder::Random {
            let mut rng = stream(self.seed, "order of levels", u64::from(round));
            for i in (1..order.len()).rev() {
                order.swap(i, rng.random_range(0..=i));
            }
        }
        let measure = |phase: &PhasePlan| Measure {
            phase: phase.clone(),
            run: round,
            session: if self.session_each { round } else { 0 },
        };
        order.into_iter().map(measure).collect()
    }

    fn phases(&self) -> Vec<PhasePlan> {
        self.phases.clone()
    }
}

/// A cold cache, then one that was asked for what is to come.
#[derive(Clone, Debug)]
pub struct ColdWarm {
    /// Prompts that no cache can hold.
    pub cold: PhasePlan,
    /// Prompts of which a cache can hold a part.
    pub warm: PhasePlan,
    /// How the cache is emptied.
    pub flush: Flush,
    /// Groups of prompts that share a prefix.
    pub groups: u32,
    /// The first priming shows the size of the cache's blocks, too.
    pub find_block_size: bool,
    /// Every repeat is a session of its own, rather than all of one.
    pub session_each: bool,
}

impl Rounds for ColdWarm {
    fn round(&self, round: u32) -> Vec<Measure> {
        let prime = PhasePlan {
            role: Role::Prepares,
            content: Some(self.warm.content().to_owned()),
            before: self.cold.before.clone(),
            asks: Asks::Prefixes,
            requests: Some(Priming::count(
                self.groups,
                self.find_block_size && round == 0,
            )),
            warmup: Some(Duration::ZERO),
            at: self.warm.at.clone(),
            // One after the other, so that it is known in which order the cache takes them up.
            ..PhasePlan::new(PRIMING, Axis::Concurrency.load(1.0))
        };
        // Two phases to a restarted cache: the cold one, and the warm one with what warms it.
        let [cold, warm] = match (&self.flush, self.session_each) {
            (Flush::Restart, _) => [2 * round, 2 * round + 1],
            (_, true) => [round, round],
            (_, false) => [0, 0],
        };
        let measure = |phase: &PhasePlan, session| Measure {
            phase: phase.clone(),
            run: round,
            session,
        };
        if prime.requests == Some(0) {
            // Conversations warm the cache themselves.
            let warm_phase = PhasePlan {
                before: self.cold.before.clone(),
                ..self.warm.clone()
            };
            return vec![measure(&self.cold, cold), measure(&warm_phase, warm)];
        }
        vec![
            measure(&self.cold, cold),
            measure(&prime, warm),
            measure(&self.warm, warm),
        ]
    }

    fn phases(&self) -> Vec<PhasePlan> {
        vec![self.cold.clone(), self.warm.clone()]
    }
}
