//! Layers → a scenario that cannot be wrong.

use std::time::Duration;

use super::assertion::Operand;
use super::baseline_setting::{self, FEWEST_REPEATS};
use super::hooks::{Hook, Hooks};
use super::hooks_setting::HookList;
use super::kinds::{self, Planned};
use super::later::Place;
use super::launch::Restart;
use super::launch_setting::PORT;
use super::matrix::{Combination, split_case_name};
use super::model::{LoadShape, Scenario, Target, TargetUrl, Timeouts, Undecided};
use super::names::is_name;
use super::reader::{Fields, Placed, Problems};
use super::scrape_setting::Scrape;
use super::secrets;
use super::set_flag::Overrides;
use super::settings::{Settings, Surroundings};
use super::sla;
use super::source::Span;
use super::target_setting::TargetLayer;
use super::yaml::Node;

/// Values where no layer says anything.
pub(super) mod builtin {
    use std::time::Duration;

    use crate::suite::evidence::Extend;
    use crate::suite::launch::Restart;
    use crate::suite::model::Undecided;

    pub const WARMUP: Duration = Duration::from_secs(10);
    pub const DURATION: Duration = Duration::from_secs(60);
    pub const CONNECT: Duration = Duration::from_secs(5);
    pub const FIRST_TOKEN: Duration = Duration::from_secs(120);
    pub const TOTAL: Duration = Duration::from_secs(300);
    pub const REPEATS: u32 = 1;
    /// Where measured phases are compared, with each other or with accepted results.
    pub const REPEATS_TO_COMPARE: u32 = 5;
    pub const EXTEND: Extend = Extend::Factor(2.0);
    pub const SEED: u64 = 0;
    pub const CONFIDENCE: f64 = 0.95;
    pub const UNDECIDED: Undecided = Undecided::Lean;
    pub const ALLOW_ERRORS: f64 = 0.01;
    pub const RESTART: Restart = Restart::Case;
}

/// A scenario as far as it could be made out.
pub(super) struct Resolved {
    pub name: Placed<String>,
    /// Present when nothing is wrong with it.
    pub scenario: Option<Scenario>,
    /// What must not be shown, as `(NAME, value)`.
    pub secrets: Vec<(String, String)>,
}

/// The layers below and above a scenario.
#[derive(Clone, Copy)]
pub(super) struct Layers<'a> {
    /// What `prony.yaml`, the profile and the suite say.
    pub below: &'a Settings,
    /// What `--set` says.
    pub set: &'a Overrides,
    /// The other flags.
    pub flags: &'a Settings,
}

/// The scenario `node`, its variables replaced; `cell` is its combination where it has a matrix.
pub(super) fn scenario(
    node: &Node,
    layers: Layers<'_>,
    cell: Option<&Combination>,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> Option<Resolved> {
    let mut fields = Fields::of(node, "- { name: steady, kind: latency, … }", problems)?;
    let name = name(&mut fields, problems);
    fields.take("matrix");
    let mut own = Settings::read(&mut fields, around, problems);
    own.broken.extend(fields.finish(Place::Scenario, problems));
    let name = name?;
    let mut settings = layers
        .below
        .clone()
        .overlay(&own)
        .overlay(&layers.set.settings);
    layers.set.apply(&mut settings, around, problems);
    let settings = settings.overlay(layers.flags);
    let secrets = hidden(&settings);
    let mut scenario = build(node, &name, settings, &own, problems);
    let mut case = name.value.clone();
    if let Some(scenario) = &mut scenario {
        if let Some(cell) = cell {
            case = format!("{}[{}]", name.value, cell.label);
            scenario.matrix.clone_from(&cell.values);
        } else if let Some((base, values)) = split_case_name(&name.value) {
            scenario.name = base.to_owned();
            scenario.matrix = values;
        }
        scenario.case.clone_from(&case);
    }
    Some(Resolved {
        name,
        scenario,
        secrets,
    })
}

fn name(fields: &mut Fields<'_>, problems: &mut Problems) -> Option<Placed<String>> {
    let pattern =
        "names begin with a letter or digit and go on with letters, digits, `_`, `.` and `-`";
    let Some(node) = fields.take("name") else {
        problems.add(
            first_line(fields.span(), problems),
            "this scenario has no `name`",
            "write `name: steady`",
        );
        return None;
    };
    let name = problems.text_of(node)?;
    // What a run writes down of a matrix is a scenario for each of its cases.
    let base = split_case_name(&name.value).map_or(name.value.as_str(), |(base, _)| base);
    if is_name(base) {
        return Some(name);
    }
    problems.add(
        name.span(),
        format!("`{}` cannot be the name of a scenario", name.value),
        pattern,
    );
    None
}

/// The first line of `span`, so that a caret does not run over a whole scenario.
fn first_line(span: Span, problems: &Problems) -> Span {
    let length = problems.text(span).lines().next().map_or(0, str::len);
    Span {
        start: span.start,
        end: span.start + length,
    }
}

fn hidden(settings: &Settings) -> Vec<(String, String)> {
    let of_targets = targets(settings).flat_map(|t| &t.value.headers);
    let of_cache = settings.cache.iter().map(|c| &c.value.hidden);
    of_targets
        .chain(&settings.headers)
        .flat_map(secrets::Header::hidden)
        .chain(targets(settings).flat_map(|t| t.value.hidden.clone()))
        .chain(of_cache.flatten().cloned())
        .chain(hook_lists(settings).flat_map(|list| list.value.hidden.clone()))
        .chain(settings.scrape.iter().flat_map(|s| s.value.hidden()))
        .chain(targets(settings).flat_map(|t| t.value.target.scrape.hidden()))
        .collect()
}

/// Every target that the settings name.
fn targets(settings: &Settings) -> impl Iterator<Item = &Placed<TargetLayer>> {
    let named = settings.targets.iter().flat_map(|t| &t.value.0);
    let of_sweep = settings.sweep.iter().flat_map(|s| s.value.targets());
    let own = settings.target.iter();
    own.chain(named.map(|(_, target)| target)).chain(of_sweep)
}

fn hook_lists(settings: &Settings) -> impl Iterator<Item = &Placed<HookList>> {
    [&settings.before, &settings.after, &settings.between]
        .into_iter()
        .flatten()
}

fn hooks(list: &Option<Placed<HookList>>) -> Vec<Hook> {
    list.as_ref()
        .map_or_else(Vec::new, |list| list.value.hooks.clone())
}

/// Restarts that nobody could carry out.
fn check_restart(settings: &Settings, target: Option<&Target>, problems: &mut Problems) {
    let Some(target) = target else {
        return;
    };
    let own = target.launch.is_some() || matches!(target.url, TargetUrl::Sim(_));
    let between = settings.between.as_ref().filter(|list| {
        let mut hooks = list.value.hooks.iter();
        hooks.any(|hook| hook.restarts)
    });
    match (&settings.restart, between) {
        (_, Some(list)) if own => problems.add(
            list.span(),
            "this hook restarts the target, which prony itself starts",
            "leave `restarts` out, and write `restart: repeat`",
        ),
        (Some(restart), None) if restart.value == Restart::Repeat && !own => problems.add(
            restart.span(),
            "this target cannot be restarted: prony does not start it",
            "add `launch: { command: … }` to the target, or restart it in a hook: `between: { command: …, restarts: true }`",
        ),
        _ => {}
    }
}

fn build(
    node: &Node,
    name: &Placed<String>,
    settings: Settings,
    own: &Settings,
    problems: &mut Problems,
) -> Option<Scenario> {
    let at = name.span();
    let missing = |key: &'static str| !settings.broken.contains(&key);
    if settings.kind.is_none() && missing("kind") {
        problems.add(
            at,
            format!("the scenario `{}` has no `kind`", name.value),
            "write `kind: latency` or `kind: throughput`",
        );
    }
    if settings.target.is_none() && missing("target") && !settings.brings_targets() {
        problems.add(
            at,
            format!("there is no target for the scenario `{}`", name.value),
            "write `target: { url: \"http://localhost:8000/v1\" }` at the top of the suite, or `sim://` for the embedded engine",
        );
    }
    if settings.load.is_none() && missing("load") && !settings.brings_load() {
        problems.add(
            at,
            format!("the scenario `{}` has no `load`", name.value),
            "write `load: { concurrency: 8 }` or `load: { rate: 20/s }`",
        );
    }
    if settings.prompts.is_none() && missing("prompts") {
        problems.add(
            at,
            format!("the scenario `{}` has no `prompts`", name.value),
            "write `prompts: { type: synthetic, input_tokens: 500, output_tokens: 200 }`, here or under `defaults:`",
        );
    }
    check_sla_present(name, &settings, problems);
    for target in targets(&settings) {
        for unset in &target.value.unset {
            let at = target.location.clone();
            problems.push(unset.clone().related(at, "the target is named here"));
        }
    }
    kinds::check_kind_keys(&settings, problems);
    let planned = kinds::plan(name, &settings, problems);
    check_assertions(&settings, planned.as_ref(), problems);
    check_restart(&settings, planned.as_ref().map(|p| &p.target), problems);
    let timeouts = timeouts(&settings, own, at, problems);
    let duration = window(&settings, problems);
    let planned = planned?;
    Some(Scenario {
        name: name.value.clone(),
        case: name.value.clone(),
        matrix: Vec::new(),
        location: problems.location(at),
        yaml: lines_of(node, problems),
        kind: settings.kind.as_ref()?.value,
        plan: planned.plan,
        scrape: settings
            .scrape
            .as_ref()
            .map_or_else(Scrape::default, |scrape| scrape.value.clone()),
        target: planned.target,
        load: planned.load,
        requests: settings.requests.as_ref().map(|r| r.value),
        duration,
        warmup: or(&settings.warmup, builtin::WARMUP),
        drain: or(&settings.drain, timeouts.total),
        timeouts,
        repeats: repeats(&settings, at, problems),
        seed: or(&settings.seed, builtin::SEED),
        prompts: settings.prompts.as_ref()?.value.clone(),
        sla: settings
            .sla
            .iter()
            .flat_map(|sla| sla.value.iter().map(|w| w.0.clone()))
            .collect(),
        baseline: settings.baseline.clone().map_or_else(Vec::new, |b| b.value),
        measure_only: or(&settings.measure_only, false),
        confidence: or(&settings.confidence, builtin::CONFIDENCE),
        undecided: or::<Undecided>(&settings.undecided, builtin::UNDECIDED),
        extend: or(&settings.extend, builtin::EXTEND),
        noise: settings.noise.map(|n| n.value).unwrap_or_default(),
        allow_errors: or(&settings.allow_errors, builtin::ALLOW_ERRORS),
        client: settings.client.bounds(),
        threads: settings.client.threads(),
        restart: or(&settings.restart, builtin::RESTART),
        hooks: Hooks {
            before: hooks(&settings.before),
            after: hooks(&settings.after),
            between: hooks(&settings.between),
        },
        timeout: settings.timeout.as_ref().map(|t| t.value),
        skip: settings.skip.and_then(|skip| skip.value),
        known_issue: settings.known_issue.and_then(|issue| issue.value),
    })
}

/// How many runs. Against accepted results one run decides nothing.
fn repeats(settings: &Settings, at: Span, problems: &mut Problems) -> u32 {
    let rules = settings.baseline.as_ref().filter(|b| !b.value.is_empty());
    let sla = || settings.sla.iter().flat_map(|sla| &sla.value);
    let against = |w: &sla::Written| w.0.assertion.operands().iter().any(Operand::is_baseline);
    let accepted = rules.is_some() || sla().any(against);
    let default = if accepted || sla().any(|w| w.0.assertion.is_relative()) {
        builtin::REPEATS_TO_COMPARE
    } else {
        builtin::REPEATS
    };
    // Loads that a search tries are measured as often as it takes to tell.
    if settings.search.is_some() {
        return or(&settings.repeats, builtin::REPEATS);
    }
    let repeats = or(&settings.repeats, default);
    if accepted && repeats < FEWEST_REPEATS {
        let place = settings
            .repeats
            .as_ref()
            .map_or_else(|| problems.location(at), |r| r.location.clone());
        let runs = if repeats == 1 { "run" } else { "runs" };
        problems.add_at(
            &place,
            format!("{repeats} {runs} cannot be compared with a baseline"),
            format!(
                "ask for {FEWEST_REPEATS} at least; {} are the default",
                builtin::REPEATS_TO_COMPARE
            ),
        );
    }
    repeats
}

fn or<T: Copy>(value: &Option<Placed<T>>, otherwise: T) -> T {
    value.as_ref().map_or(otherwise, |v| v.value)
}

fn check_sla_present(name: &Placed<String>, settings: &Settings, problems: &mut Problems) {
    let measure_only = or(&settings.measure_only, false);
    let compared = settings
        .baseline
        .as_ref()
        .is_some_and(|b| !b.value.is_empty());
    let asserted = settings.sla.as_ref().is_some_and(|s| !s.value.is_empty());
    if measure_only && compared && !asserted {
        if let Some(at) = &settings.measure_only {
            problems.add_at(
                &at.location,
                "a scenario with `measure_only` has no assertions, and this one has a `baseline`",
                "keep one of the two",
            );
        }
    } else if measure_only && asserted {
        if let Some(at) = &settings.measure_only {
            problems.add_at(
                &at.location,
                "a scenario with `measure_only` has no assertions, and this one has an `sla`",
                "keep one of the two",
            );
        }
    } else if !measure_only
        && !asserted
        && !compared
        && !settings.broken.contains(&"sla")
        && !settings.broken.contains(&"baseline")
    {
        problems.add_at(
            &name.location,
            format!("the scenario `{}` asserts nothing", name.value),
            "write an `sla:` such as `- ttft.p99 < 500ms`, a `baseline:`, or `measure_only: true`",
        );
    }
}

/// A target with what the settings say over it.
pub(super) fn target(layer: &TargetLayer, settings: &Settings) -> Target {
    let mut target = layer.target.clone();
    let mut headers = layer.headers.clone();
    for header in &settings.headers {
        secrets::set_header(&mut headers, header.clone());
    }
    target.headers = headers.into_iter().map(|h| (h.name, h.secret)).collect();
    for (key, value) in &settings.body {
        target.body.insert(key.clone(), value.clone());
    }
    if let Some(stream) = &settings.stream {
        target.stream = stream.value;
    }
    if let Some(tokenizer) = &settings.tokenizer {
        target.tokenizer.clone_from(&tokenizer.value);
    }
    target
}

/// How the counters of `target` are read: what the settings say wins.
pub(super) fn scrape(settings: &Settings, target: &Target) -> Scrape {
    match &settings.scrape {
        Some(scrape) => scrape.value.over(&target.scrape),
        None => target.scrape.clone(),
    }
}

fn check_assertions(settings: &Settings, planned: Option<&Planned>, problems: &mut Problems) {
    let (Some(kind), Some(planned)) = (&settings.kind, planned) else {
        return;
    };
    let context = kinds::context(kind.value, planned, settings);
    for written in settings.sla.iter().flat_map(|sla| &sla.value) {
        sla::check(&written.0, &context, problems);
    }
    for rule in settings.baseline.iter().flat_map(|b| &b.value) {
        baseline_setting::check(rule, &context, problems);
    }
}

fn timeouts(settings: &Settings, own: &Settings, at: Span, problems: &mut Problems) -> Timeouts {
    let total = or(&settings.total, builtin::TOTAL);
    let timeouts = Timeouts {
        connect: or(&settings.connect, builtin::CONNECT),
        // A short total bounds the first token too, unless the suite says otherwise.
        first_token: or(&settings.first_token, builtin::FIRST_TOKEN.min(total)),
        total,
    };
    if timeouts.first_token > timeouts.total {
        let place = [
            &own.first_token,
            &own.total,
            &settings.first_token,
            &settings.total,
        ]
        .into_iter()
        .flatten()
        .next()
        .map_or_else(|| problems.location(at), |s| s.location.clone());
        problems.add_at(
            &place,
            "the timeout of the first token is longer than that of the whole answer",
            "raise `total`, or lower `first_token`",
        );
    }
    timeouts
}

/// How long the window lasts at most.
fn window(settings: &Settings, problems: &mut Problems) -> Option<Duration> {
    if let Some(load) = &settings.load
        && let LoadShape::Stages { stages, .. } = &load.value.shape
    {
        if let Some(duration) = &settings.duration {
            problems.add_at(
                &duration.location,
                "the stages say how long the load lasts",
                "leave `duration` out: it is the sum of the stages",
            );
        }
        return Some(stages.iter().map(|s| s.duration).sum());
    }
    match (&settings.duration, &settings.requests) {
        (Some(duration), _) => Some(duration.value),
        (None, Some(_)) => None,
        (None, None) => Some(builtin::DURATION),
    }
}

/// The whole lines that `node` stands on.
fn lines_of(node: &Node, problems: &Problems) -> String {
    let text = &problems.file().text;
    let start = text[..node.span.start].rfind('\n').map_or(0, |i| i + 1);
    let end = text[node.span.end..]
        .find('\n')
        .map_or(text.len(), |i| node.span.end + i);
    text[start..end].trim_end().to_owned()
}

impl TargetUrl {
    /// As written in suites; the embedded engine without its `sim:` settings.
    pub fn shown(&self) -> String {
        match self {
            TargetUrl::Http(url) => {
                let text = url.as_str().trim_end_matches('/');
                match url.port() {
                    // The address of a host never holds `:0` followed by anything but the path.
                    Some(0) => text.replacen(":0", &format!(":{PORT}"), 1),
                    _ => text.to_owned(),
                }
            }
            TargetUrl::Sim(engine) => format!("sim://{}", engine.preset),
        }
    }
}
