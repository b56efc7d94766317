//! Settings → what a kind measures.

use crate::suite::assertion::{self, AssertionContext, ExprKind, Levels};
use crate::suite::diagnostic::Diagnostic;
use crate::suite::model::{Kind, Load, LoadShape, PromptSource, SlaAssertion, Target, TargetUrl};
use crate::suite::reader::{Placed, Problems};
use crate::suite::resolve::{scrape, target as finished};
use crate::suite::settings::Settings;
use crate::suite::sla;
use crate::suite::source::Location;

use super::model::{
    Axis, Disaggregation, Flush, Goal, KindPlan, Replicas, Scaling, Search, Sweep, SweepLevels,
};
use super::sweep::LayerLevels;

/// What a scenario measures, and where.
pub(in crate::suite) struct Planned {
    pub plan: KindPlan,
    /// Where requests go; of several targets the first.
    pub target: Target,
    /// The load; of several levels the lowest.
    pub load: Load,
}

/// Problems of keys that belong to another kind, or that say the same thing twice.
pub(in crate::suite) fn check_kind_keys(settings: &Settings, problems: &mut Problems) {
    let Some(kind) = settings.kind.as_ref().map(|k| k.value) else {
        return;
    };
    let keys: [(&str, Kind, Option<&Location>); 5] = [
        ("search", Kind::Throughput, place(&settings.search)),
        ("sweep", Kind::Scalability, place(&settings.sweep)),
        ("cache", Kind::Cache, place(&settings.cache)),
        ("targets", Kind::Disaggregation, place(&settings.targets)),
        (
            "interference",
            Kind::Disaggregation,
            place(&settings.interference),
        ),
    ];
    for (key, of, at) in keys {
        if let Some(at) = at
            && of != kind
        {
            let help = format!("leave it out, or write `kind: {}`", of.name());
            let message = format!(
                "`{key}` belongs to kind `{}`, and this scenario is of kind `{}`",
                of.name(),
                kind.name()
            );
            problems.push(Diagnostic::new(message).at(at.clone()).help(help));
        }
    }
    if let Some(load) = &settings.load
        && let Some((key, what)) = own_load(settings)
    {
        problems.add_at(
            &load.location,
            format!("`{key}` says itself {what}"),
            format!("leave `load` out; `arrivals` and `max_concurrency` stand under `{key}`"),
        );
    }
    if let Some(target) = &settings.target
        && let Some(key) = own_targets(settings)
    {
        problems.add_at(
            &target.location,
            format!("`{key}` says where requests go, and so does `target`"),
            "keep one of the two",
        );
    }
}

fn place<T>(setting: &Option<Placed<T>>) -> Option<&Location> {
    setting.as_ref().map(|s| &s.location)
}

/// The key that brings the load of a scenario, and what it says.
fn own_load(settings: &Settings) -> Option<(&'static str, &'static str)> {
    if settings.search.is_some() {
        Some(("search", "which loads are tried"))
    } else {
        let sweep = settings.sweep.as_ref()?;
        sweep
            .value
            .brings_load()
            .then_some(("sweep", "which loads are measured"))
    }
}

/// The key that brings the targets of a scenario.
fn own_targets(settings: &Settings) -> Option<&'static str> {
    if settings.targets.is_some() {
        return Some("targets");
    }
    let sweep = settings.sweep.as_ref()?;
    sweep.value.targets().next().map(|_| "replicas")
}

impl Settings {
    /// Whether some key besides `load` says what load there is.
    pub fn brings_load(&self) -> bool {
        own_load(self).is_some()
            || self
                .kind
                .as_ref()
                .is_some_and(|kind| kind.value == Kind::Cache)
            || ["search", "sweep"]
                .iter()
                .any(|key| self.broken.contains(key))
    }

    /// Whether some key besides `target` says where requests go.
    pub fn brings_targets(&self) -> bool {
        own_targets(self).is_some()
            || ["targets", "sweep"]
                .iter()
                .any(|key| self.broken.contains(key))
    }
}

/// What the scenario called `name` measures; `None` with a problem, or where one is known.
pub(in crate::suite) fn plan(
    name: &Placed<String>,
    settings: &Settings,
    problems: &mut Problems,
) -> Option<Planned> {
    let kind = settings.kind.as_ref()?.value;
    let target = settings
        .target
        .as_ref()
        .map(|t| finished(&t.value, settings));
    let load = settings.load.as_ref().map(|l| l.value.clone());
    let broken = |key: &str| settings.broken.contains(&key);
    match kind {
        Kind::Throughput if settings.search.is_some() || broken("search") => {
            let search = settings.search.as_ref()?.value.clone();
            let target = target?;
            check_subject_to(&search, &target, settings, problems);
            Some(Planned {
                load: search.axis.load(search.from),
                plan: KindPlan::Search(search),
                target,
            })
        }
        Kind::Latency | Kind::Throughput => Some(Planned {
            plan: KindPlan::One,
            target: target?,
            load: load?,
        }),
        Kind::Scalability => {
            if settings.sweep.is_none() && !broken("sweep") {
                problems.add_at(
                    &name.location,
                    format!("the scenario `{}` has no `sweep`", name.value),
                    "write the levels to compare: `sweep: { concurrency: [1, 2, 4, 8, 16] }`",
                );
            }
            sweep(settings, target, load, problems)
        }
        Kind::Cache => {
            let cache = settings.cache.as_ref();
            let plan =
                cache.map_or_else(super::model::CachePlan::default, |c| c.value.plan.clone());
            let target = target?;
            if let (Flush::Restart, Some(cache)) = (&plan.flush, cache)
                && target.launch.is_none()
                && !matches!(target.url, TargetUrl::Sim(_))
            {
                problems.add_at(
                    &cache.location,
                    "this target cannot be restarted: prony does not start it",
                    "add `launch: { command: … }` to the target, or empty its cache in another way: `flush: { post: /reset_prefix_cache }`",
                );
            }
            check_shared(settings, problems);
            // Alone, so that nothing but the cache makes an answer come sooner.
            let alone = || Axis::Concurrency.load(1.0);
            Some(Planned {
                plan: KindPlan::Cache(plan),
                target,
                load: load.unwrap_or_else(alone),
            })
        }
        Kind::Disaggregation => disaggregation(name, settings, target, load, problems),
    }
}

/// A problem where a cache has nothing to find, or nobody knows what.
fn check_shared(settings: &Settings, problems: &mut Problems) {
    let Some(prompts) = &settings.prompts else {
        return;
    };
    let message = match &prompts.value.source {
        PromptSource::Synthetic {
            prefix: Some(_), ..
        }
        | PromptSource::Synthetic {
            conversation: Some(_),
            ..
        } => return,
        PromptSource::Synthetic { .. } => "these prompts share nothing that a cache could find",
        PromptSource::File { .. } => "of prompts from a file prony does not know what they share",
    };
    problems.add_at(
        &prompts.location,
        message,
        "let made-up ones begin alike: `prompts: { type: synthetic, prefix: { tokens: 1000, groups: 8 }, input_tokens: 100, output_tokens: 20 }`",
    );
}

fn sweep(
    settings: &Settings,
    target: Option<Target>,
    load: Option<Load>,
    problems: &mut Problems,
) -> Option<Planned> {
    let layer = &settings.sweep.as_ref()?.value;
    let (levels, target, load) = match &layer.levels {
        LayerLevels::Load(levels) => {
            let lowest = match levels {
                SweepLevels::Load { axis, levels } => axis.load(*levels.first()?),
                SweepLevels::Auto { axis } => axis.load(1.0),
                SweepLevels::Replicas { .. } => load?,
            };
            (levels.clone(), target?, lowest)
        }
        LayerLevels::Targets(targets, mode) => {
            let targets: Vec<(u32, Target)> = targets
                .iter()
                .map(|(n, t)| (*n, finished(&t.value, settings)))
                .collect();
            let first = targets.first()?.1.clone();
            let replicas = Replicas::Targets(targets);
            let levels = SweepLevels::Replicas {
                replicas,
                mode: *mode,
            };
            (levels, first, load?)
        }
        LayerLevels::Scaled(levels, scale, mode) => {
            let replicas = Replicas::Scaled {
                levels: levels.clone(),
                scale: scale.clone(),
            };
            let levels = SweepLevels::Replicas {
                replicas,
                mode: *mode,
            };
            (levels, target?, load?)
        }
    };
    if let SweepLevels::Replicas {
        mode: Scaling::Weak,
        ..
    } = &levels
    {
        no_stages(
            settings,
            "a load that grows with the replicas is a single level",
            "give the load a `concurrency` or a `rate`, for one replica; or write `mode: strong`",
            problems,
        );
    }
    let sweep = Sweep {
        levels,
        order: layer.order,
        idle: layer.idle,
    };
    Some(Planned {
        plan: KindPlan::Sweep(sweep),
        target,
        load,
    })
}

fn no_stages(settings: &Settings, message: &str, help: &str, problems: &mut Problems) {
    if let Some(load) = &settings.load
        && matches!(load.value.shape, LoadShape::Stages { .. })
    {
        problems.add_at(&load.location, message, help);
    }
}

fn disaggregation(
    name: &Placed<String>,
    settings: &Settings,
    target: Option<Target>,
    load: Option<Load>,
    problems: &mut Problems,
) -> Option<Planned> {
    let interference = settings.interference.as_ref().map(|i| i.value.clone());
    let broken = |key: &str| settings.broken.contains(&key);
    let targets: Vec<(String, Target)> = match &settings.targets {
        Some(targets) => targets
            .value
            .0
            .iter()
            .map(|(name, t)| (name.clone(), finished(&t.value, settings)))
            .collect(),
        None if broken("targets") || broken("interference") => return None,
        None => {
            if interference.is_none() {
                problems.add_at(
                    &name.location,
                    format!("the scenario `{}` compares nothing", name.value),
                    "write two targets, `targets: { aggregated: { url: … }, disaggregated: { url: … } }`, or what disturbs a single one, `interference: { rate: 12/min, input_tokens: 8000 }`",
                );
                return None;
            }
            vec![(assertion::MAIN_PHASE.to_owned(), target?)]
        }
    };
    if interference.is_some() {
        no_stages(
            settings,
            "what long prompts disturb is a steady load",
            "give the load a `concurrency` or a `rate`",
            problems,
        );
    }
    let first = targets.first()?.1.clone();
    Some(Planned {
        plan: KindPlan::Disaggregation(Disaggregation {
            targets,
            interference,
        }),
        target: first,
        load: load?,
    })
}

/// Bounds that one probe cannot answer, or that are not bounds.
fn check_subject_to(
    search: &Search,
    target: &Target,
    settings: &Settings,
    problems: &mut Problems,
) {
    let Goal::Capacity { subject_to } = &search.goal else {
        return;
    };
    let context = AssertionContext {
        labels: labels_of_prompts(settings),
        scrape: scrape(settings, target).interval().is_some(),
        ..AssertionContext::one_phase(
            Kind::Throughput,
            target.stream,
            matches!(search.axis, Axis::Rate { .. }),
            target.gpus.is_some(),
        )
    };
    for bound in subject_to {
        sla::check(bound, &context, problems);
        if let Some(at) = not_absolute(bound) {
            problems.add_at(
                &at,
                "a probe is held against a limit, and this side is measured, too",
                "compare a metric with a number, as in `ttft.p99 < 500ms`",
            );
        }
    }
}

/// The right side of a bound both of whose sides are measured.
fn not_absolute(bound: &SlaAssertion) -> Option<Location> {
    let constant = |kind: &ExprKind| kind.is_constant();
    let (lhs, rhs) = (&bound.assertion.lhs, &bound.assertion.rhs);
    (!constant(&lhs.kind) && !constant(&rhs.kind)).then(|| bound.place(&rhs.span))
}

/// What assertions of a scenario may refer to.
pub(in crate::suite) fn context(
    kind: Kind,
    planned: &Planned,
    settings: &Settings,
) -> AssertionContext {
    let all = targets(planned);
    let open_loop = planned.load.is_open_loop();
    let stream = all.iter().all(|t| t.stream);
    let gpus = all.iter().all(|t| t.gpus.is_some());
    let one = AssertionContext {
        labels: labels_of_prompts(settings),
        scrape: all.iter().all(|t| scrape(settings, t).interval().is_some()),
        ..AssertionContext::one_phase(kind, stream, open_loop, gpus)
    };
    let named = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect();
    match &planned.plan {
        KindPlan::One => one,
        KindPlan::Search(search) => {
            let (answer, by_concurrency, per_gpu) = match search.goal {
                Goal::Capacity { .. } => ("capacity", "capacity_concurrency", "capacity_per_gpu"),
                Goal::Saturation => ("saturation", "saturation_concurrency", "saturation_per_gpu"),
            };
            let mut answers = vec![answer];
            if search.axis == Axis::Concurrency {
                answers.push(by_concurrency);
            }
            if gpus {
                answers.push(per_gpu);
            }
            AssertionContext {
                phases: Vec::new(),
                answers,
                ..one
            }
        }
        KindPlan::Sweep(sweep) => AssertionContext {
            phases: Vec::new(),
            levels: match &sweep.levels {
                SweepLevels::Load { axis, levels } => match axis {
                    Axis::Rate { .. } => Levels::Rates(levels.clone()),
                    // Counts are whole numbers far below where floats are not exact.
                    Axis::Concurrency => Levels::Counts(levels.iter().map(|&n| n as u64).collect()),
                },
                SweepLevels::Auto { .. } => Levels::Unknown,
                SweepLevels::Replicas { replicas, .. } => {
                    Levels::Counts(replicas.levels().into_iter().map(u64::from).collect())
                }
            },
            answers: vec!["contention", "coherency", "peak_level"],
            ..one
        },
        KindPlan::Cache(_) => AssertionContext {
            phases: named(&["cold", "warm"]),
            answers: vec![
                "cache_efficiency",
                "ideal_cache_hit_ratio",
                "ttft_saved_per_cached_token",
            ],
            ..one
        },
        KindPlan::Disaggregation(plan) => {
            let during: (_, &[_]) = ("during", &["prefill", "quiet"]);
            let during = plan.interference.iter().map(|_| during);
            AssertionContext {
                phases: plan.targets.iter().map(|(name, _)| name.clone()).collect(),
                labels: one.labels.iter().copied().chain(during).collect(),
                ..one
            }
        }
    }
}

/// Labels that requests bear by their prompts.
fn labels_of_prompts(settings: &Settings) -> Vec<(&'static str, &'static [&'static str])> {
    let prompts = settings.prompts.as_ref();
    prompts.map_or_else(Vec::new, |p| p.value.source.labels().to_vec())
}

fn targets(planned: &Planned) -> Vec<&Target> {
    match &planned.plan {
        KindPlan::Disaggregation(plan) => plan.targets.iter().map(|(_, t)| t).collect(),
        KindPlan::Sweep(Sweep {
            levels:
                SweepLevels::Replicas {
                    replicas: Replicas::Targets(targets),
                    ..
                },
            ..
        }) => targets.iter().map(|(_, t)| t).collect(),
        _ => vec![&planned.target],
    }
}
