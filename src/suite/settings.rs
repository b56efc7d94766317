//! One layer of settings: what `defaults:` or a scenario says, and nothing else.
//!
//! Built-in values, those of `prony.yaml`, a profile, `defaults:`, a scenario, `--set` and the flags are
//! layers. [`Settings::overlay`] is the one place that knows how layers combine.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value as Json;

use super::baseline_setting::{self, BaselineRule};
use super::client_setting::ClientLayer;
use super::evidence::{AssumedNoise, Extend};
use super::hooks_setting::{self, HookList};
use super::interpolate::Env;
use super::kinds::{self, Interference, Search, SweepLayer, TargetsLayer};
use super::later::Place;
use super::launch::Restart;
use super::model::{Kind, KnownIssue, Load, LoadShape, Prompts, TokenizerChoice, Undecided};
use super::named_targets::NamedTargets;
use super::reader::{Fields, Placed, Problems};
use super::scrape_setting::{self, Scrape};
use super::secrets::{self, Header};
use super::source::SourceFile;
use super::target_setting::TargetLayer;
use super::units::{Fraction, Share, Span as Time};
use super::yaml::Node;
use super::{
    evidence_setting, exceptions, load_setting, prompts_setting, sla, target_setting,
    tokenizer_setting,
};

/// Most requests of a window.
pub(super) const MOST_REQUESTS: u64 = 100_000_000;
/// Most runs of a phase.
pub(super) const MOST_REPEATS: u32 = 1000;

/// Policies for `undecided` by name.
pub(super) const UNDECIDED: [(&str, Undecided); 3] = [
    ("lean", Undecided::Lean),
    ("warn", Undecided::Warn),
    ("fail", Undecided::Fail),
];

/// What one layer says.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    pub kind: Option<Placed<Kind>>,
    pub target: Option<Placed<TargetLayer>>,
    pub load: Option<Placed<Load>>,
    pub search: Option<Placed<Search>>,
    pub sweep: Option<Placed<SweepLayer>>,
    pub cache: Option<Placed<kinds::CacheLayer>>,
    pub targets: Option<Placed<TargetsLayer>>,
    pub interference: Option<Placed<Interference>>,
    pub requests: Option<Placed<u64>>,
    pub duration: Option<Placed<Duration>>,
    pub warmup: Option<Placed<Duration>>,
    pub drain: Option<Placed<Duration>>,
    pub connect: Option<Placed<Duration>>,
    pub first_token: Option<Placed<Duration>>,
    pub total: Option<Placed<Duration>>,
    pub repeats: Option<Placed<u32>>,
    pub seed: Option<Placed<u64>>,
    pub prompts: Option<Placed<Prompts>>,
    pub sla: Option<Placed<Vec<sla::Written>>>,
    pub baseline: Option<Placed<Vec<BaselineRule>>>,
    pub measure_only: Option<Placed<bool>>,
    pub confidence: Option<Placed<f64>>,
    pub undecided: Option<Placed<Undecided>>,
    pub extend: Option<Placed<Extend>>,
    pub noise: Option<Placed<AssumedNoise>>,
    pub allow_errors: Option<Placed<f64>>,
    pub client: ClientLayer,
    pub restart: Option<Placed<Restart>>,
    pub before: Option<Placed<HookList>>,
    pub after: Option<Placed<HookList>>,
    pub between: Option<Placed<HookList>>,
    pub scrape: Option<Placed<Scrape>>,
    pub stream: Option<Placed<bool>>,
    pub tokenizer: Option<Placed<TokenizerChoice>>,
    pub timeout: Option<Placed<Duration>>,
    pub skip: Option<Placed<Option<String>>>,
    pub known_issue: Option<Placed<Option<KnownIssue>>>,
    pub headers: Vec<Header>,
    pub body: BTreeMap<String, Json>,
    /// What `target`, `load` and `prompts` were read from: `--set` changes single values in it.
    pub target_from: Option<Rc<Origin>>,
    pub load_from: Option<Rc<Origin>>,
    pub prompts_from: Option<Rc<Origin>>,
    /// Keys that were there but could not be read: their problems are known, and that they are
    /// missing is not another one.
    pub broken: Vec<&'static str>,
}

/// A setting as written.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub file: SourceFile,
    pub node: Node,
}

/// What reading settings depends on besides their text.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub env: Env<'a>,
    /// What `secrets:` names.
    pub secrets: &'a [String],
    pub validate_sim: super::loader::ValidateSim<'a>,
    /// Reads a file that a suite names.
    pub read_file: super::loader::ReadFile<'a>,
    /// `--target` stands in for whatever suites say.
    pub ignore_targets: bool,
    /// Targets that have a name.
    pub targets: &'a NamedTargets,
}

impl Settings {
    /// Reads the settings among `fields`; what else they hold is left to the caller.
    pub fn read(
        fields: &mut Fields<'_>,
        around: &Surroundings<'_>,
        problems: &mut Problems,
    ) -> Settings {
        let mut s = Settings {
            kind: fields.take("kind").and_then(|node| {
                problems.one_of(
                    node,
                    "a kind of scenario",
                    &Kind::ALL.map(|k| (k.name(), k)),
                )
            }),
            ..Settings::default()
        };
        let kind_broken = s.kind.is_none() && fields.take("kind").is_some();
        s.note_broken("kind", kind_broken);
        if let Some(node) = fields.take("target")
            && !around.ignore_targets
        {
            s.read_target(node, around, problems);
        }
        if let Some(node) = fields.take("load") {
            s.load = load_setting::read(node, problems);
            s.load_from = Some(origin(node, problems));
            s.note_broken("load", s.load.is_none());
        }
        s.read_kind_keys(fields, around, problems);
        if let Some(node) = fields.take("requests") {
            s.requests = positive(problems.typed(node), "requests", problems)
                .and_then(|requests| at_most(MOST_REQUESTS, requests, "requests", problems));
            s.note_broken("requests", s.requests.is_none());
        }
        if let Some(node) = fields.take("duration") {
            s.duration = duration(node, true, problems);
            s.note_broken("duration", s.duration.is_none());
        }
        s.warmup = fields
            .take("warmup")
            .and_then(|node| duration(node, false, problems));
        s.drain = fields
            .take("drain")
            .and_then(|node| duration(node, false, problems));
        if let Some(node) = fields.take("timeouts")
            && let Some(mut timeouts) =
                Fields::of(node, "timeouts: { first_token: 30s, total: 60s }", problems)
        {
            let mut timeout = |key| {
                timeouts
                    .take(key)
                    .and_then(|node| duration(node, true, problems))
            };
            s.connect = timeout("connect");
            s.first_token = timeout("first_token");
            s.total = timeout("total");
            timeouts.finish(Place::Other, problems);
        }
        s.repeats = positive(fields.typed("repeats", problems), "repeats", problems)
            .and_then(|repeats| at_most(MOST_REPEATS, repeats, "repeats", problems));
        s.seed = fields.typed("seed", problems);
        if let Some(node) = fields.take("prompts") {
            s.prompts = prompts_setting::read(node, around, problems);
            s.prompts_from = Some(origin(node, problems));
            s.note_broken("prompts", s.prompts.is_none());
        }
        if let Some(node) = fields.take("sla") {
            let (sla, broken) = sla::read(node, problems);
            s.sla = sla;
            s.note_broken("sla", broken);
        }
        if let Some(node) = fields.take("baseline") {
            let (baseline, broken) = baseline_setting::read(node, problems);
            s.baseline = baseline;
            s.note_broken("baseline", broken);
        }
        s.measure_only = fields.typed("measure_only", problems);
        s.confidence = fields
            .take("confidence")
            .and_then(|n| confidence(n, problems));
        s.undecided = fields
            .take("undecided")
            .and_then(|node| problems.one_of(node, "a policy for `undecided`", &UNDECIDED));
        s.extend = fields
            .take("extend")
            .and_then(|node| evidence_setting::extend(node, problems));
        s.noise = fields
            .take("noise")
            .and_then(|node| evidence_setting::noise(node, problems));
        s.allow_errors = fields
            .typed::<Share>("allow_errors", problems)
            .map(|share| problems.placed(share.value.0, share.span()));
        if let Some(node) = fields.take("client") {
            s.client = ClientLayer::read(node, problems);
        }
        s.restart = fields
            .take("restart")
            .and_then(|node| problems.one_of(node, "a way to restart", &Restart::ALL));
        s.before = hooks_setting::read("before", fields, around, problems);
        s.after = hooks_setting::read("after", fields, around, problems);
        s.between = hooks_setting::read("between", fields, around, problems);
        s.scrape = fields
            .take("scrape")
            .and_then(|node| scrape_setting::read(node, problems));
        s.stream = fields.typed("stream", problems);
        s.tokenizer = fields
            .take("tokenizer")
            .and_then(|node| tokenizer_setting::read(node, problems));
        s.timeout = fields
            .take("timeout")
            .and_then(|node| duration(node, true, problems));
        s.skip = fields
            .take("skip")
            .and_then(|node| exceptions::skip(node, problems));
        s.known_issue = fields
            .take("known_issue")
            .and_then(|node| exceptions::known_issue(node, problems));
        if let Some(node) = fields.take("headers") {
            s.headers = secrets::headers(node, around.env, problems);
        }
        if let Some(node) = fields.take("body") {
            s.body = target_setting::body(node, problems);
        }
        s
    }

    /// Reads what single kinds have of their own.
    fn read_kind_keys(
        &mut self,
        fields: &mut Fields<'_>,
        around: &Surroundings<'_>,
        problems: &mut Problems,
    ) {
        if let Some(node) = fields.take("search") {
            self.search = kinds::read_search(node, problems);
            self.note_broken("search", self.search.is_none());
        }
        if let Some(node) = fields.take("sweep") {
            self.sweep = kinds::read_sweep(node, around, problems);
            self.note_broken("sweep", self.sweep.is_none());
        }
        if let Some(node) = fields.take("cache") {
            self.cache = kinds::read_cache(node, around, problems);
            self.note_broken("cache", self.cache.is_none());
        }
        if let Some(entry) = fields.entry("targets") {
            if around.ignore_targets {
                problems.add(
                    entry.key_span,
                    "`--target` stands in for one target, and here several are compared",
                    "leave `--target` out, or select other cases",
                );
            } else {
                self.targets = kinds::read_targets(&entry.value, around, problems);
            }
            self.note_broken("targets", self.targets.is_none());
        }
        if let Some(node) = fields.take("interference") {
            self.interference = kinds::read_interference(node, around, problems);
            self.note_broken("interference", self.interference.is_none());
        }
    }

    /// Reads `target:`, or looks up the target that it names.
    pub fn read_target(&mut self, node: &Node, around: &Surroundings<'_>, problems: &mut Problems) {
        let read = match around.targets.named_by(node) {
            Some(name) => around.targets.look_up(name, node.span, problems),
            None => target_setting::read(node, around, problems)
                .map(|layer| (layer, origin(node, problems))),
        };
        self.note_broken("target", read.is_none());
        if let Some((layer, origin)) = read {
            self.target = Some(problems.placed(layer, node.span));
            self.target_from = Some(origin);
        }
    }

    fn note_broken(&mut self, key: &'static str, broken: bool) {
        if broken {
            self.broken.push(key);
        }
    }

    /// Puts `above` over `self`: it wins wherever it says something. Headers, body fields,
    /// timeouts and the client's bounds combine key by key; everything else is replaced whole.
    pub fn overlay(mut self, above: &Settings) -> Settings {
        // Stages say themselves how long they take.
        if let Some(load) = &above.load
            && matches!(load.value.shape, LoadShape::Stages { .. })
        {
            self.duration = None;
        }
        if above.search.is_some() || above.sweep.as_ref().is_some_and(|s| s.value.brings_load()) {
            self.load = None;
            self.load_from = None;
        }
        let targets = |s: &Placed<SweepLayer>| s.value.targets().next().is_some();
        if above.targets.is_some() || above.sweep.as_ref().is_some_and(targets) {
            self.target = None;
            self.target_from = None;
        }
        macro_rules! replace {
            ($($field:ident),*) => {
                $(if above.$field.is_some() {
                    self.$field.clone_from(&above.$field);
                })*
            };
        }
        replace!(
            kind,
            target,
            load,
            search,
            sweep,
            cache,
            targets,
            interference,
            requests,
            duration,
            warmup,
            drain,
            connect,
            first_token,
            total,
            repeats,
            seed,
            prompts,
            sla,
            baseline,
            measure_only,
            confidence,
            undecided,
            extend,
            noise,
            allow_errors,
            restart,
            before,
            after,
            between,
            stream,
            tokenizer,
            timeout,
            skip,
            known_issue,
            target_from,
            load_from,
            prompts_from
        );
        if let Some(scrape) = &mut self.scrape
            && let Some(above) = &above.scrape
        {
            *scrape = Placed {
                value: above.value.over(&scrape.value),
                ..above.clone()
            };
        } else if above.scrape.is_some() {
            self.scrape.clone_from(&above.scrape);
        }
        for header in &above.headers {
            secrets::set_header(&mut self.headers, header.clone());
        }
        self.client.overlay(&above.client);
        for (key, value) in &above.body {
            self.body.insert(key.clone(), value.clone());
        }
        self.broken.extend(&above.broken);
        self
    }
}

fn origin(node: &Node, problems: &Problems) -> Rc<Origin> {
    Rc::new(Origin {
        file: problems.file().clone(),
        node: node.clone(),
    })
}

fn positive<T: PartialEq + From<u8> + Copy>(
    value: Option<Placed<T>>,
    what: &str,
    problems: &mut Problems,
) -> Option<Placed<T>> {
    let value = value?;
    if value.value == T::from(0) {
        problems.add(
            value.span(),
            format!("`{what}` is 0"),
            "write a number from 1 on, or leave the key out",
        );
        return None;
    }
    Some(value)
}

fn at_most<T: PartialOrd + std::fmt::Display>(
    most: T,
    value: Placed<T>,
    what: &str,
    problems: &mut Problems,
) -> Option<Placed<T>> {
    if value.value <= most {
        return Some(value);
    }
    problems.add(
        value.span(),
        format!("{} {what} cannot be asked for", value.value),
        format!("write a number from 1 to {most}"),
    );
    None
}

/// A duration, above 0 where `positive`.
pub(super) fn duration(
    node: &Node,
    positive: bool,
    problems: &mut Problems,
) -> Option<Placed<Duration>> {
    let time = problems.typed::<Time>(node)?;
    if positive && time.value.0.is_zero() {
        problems.add(time.span(), "this duration is 0", "write a longer one");
        return None;
    }
    Some(problems.placed(time.value.0, time.span()))
}

fn confidence(node: &Node, problems: &mut Problems) -> Option<Placed<f64>> {
    let fraction = problems.typed::<Fraction>(node)?;
    let (value, span) = (fraction.value, fraction.span());
    if value.0 > 0.5 && value.0 < 1.0 {
        return Some(problems.placed(value.0, span));
    }
    problems.add(
        span,
        "confidence lies between 0.5 and 1, both excluded",
        "write `0.95`, or `0.99` to be surer with more requests",
    );
    None
}
