//! `--set load.rate=40/s`: single settings from the command line, over what every scenario says.

use std::rc::Rc;
use std::sync::Arc;

use super::diagnostic::Diagnostic;
use super::interpolate::{Env, Variables, replace};
use super::later::Place;
use super::reader::{Fields, Placed, Problems};
use super::settings::{Origin, Settings, Surroundings};
use super::source::{Location, SourceFile, Span};
use super::target_setting::{self, TargetLayer};
use super::yaml::{self, Entry, Node, NodeValue};
use super::{load_setting, prompts_setting};

/// What messages call the place of an argument.
const PLACE: &str = "--set";
const EXAMPLE: &str =
    "write `--set load.rate=40/s`: a key with its parents, and a value as in suites";

/// Settings that are made of others, which `--set` changes one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Target,
    Load,
    Prompts,
}

/// Ways to say how high a load is: one replaces the others, with what belongs to them.
const LEVELS: [(&str, &[&str]); 3] = [
    ("rate", &["concurrency", "stages", "start"]),
    (
        "concurrency",
        &["rate", "stages", "arrivals", "max_concurrency"],
    ),
    ("stages", &["rate", "concurrency"]),
];

/// One value inside a section.
#[derive(Clone, Debug)]
struct Patch {
    section: Section,
    /// Keys below the section, with their places.
    path: Vec<(String, Span)>,
    value: Node,
    file: SourceFile,
}

/// What the `--set` arguments say.
#[derive(Clone, Debug, Default)]
pub(super) struct Overrides {
    /// Whole settings: a layer like others.
    pub settings: Settings,
    patches: Vec<Patch>,
}

/// Reads the arguments; problems point into them.
pub(super) fn read(
    arguments: &[String],
    env: Env<'_>,
    around: &Surroundings<'_>,
    found: &mut Vec<Diagnostic>,
) -> Overrides {
    let mut overrides = Overrides::default();
    let mut seen: Vec<(Vec<String>, Location)> = Vec::new();
    for text in arguments {
        let file = SourceFile {
            path: Arc::from(PLACE),
            text: Arc::from(text.as_str()),
        };
        let mut problems = Problems::new(file);
        if let Some((path, mut value)) = split(text, &mut problems) {
            let variables = Variables {
                env,
                secret: &|_| false,
                matrix: None,
            };
            replace(&mut value, &variables, &mut problems, None);
            let keys: Vec<String> = path.iter().map(|(key, _)| key.clone()).collect();
            let whole = problems.location(Span {
                start: 0,
                end: text.len(),
            });
            let clash = seen
                .iter()
                .find(|(other, _)| other.starts_with(&keys) || keys.starts_with(other));
            if let Some((other, first)) = clash {
                let other = other.join(".");
                problems.push(
                    Diagnostic::new(format!("`{}` is set twice", keys.join(".")))
                        .at(whole)
                        .related(first.clone(), format!("`{other}` is set here first"))
                        .help("keep one of the two"),
                );
            } else {
                seen.push((keys, whole));
                one(path, value, around, &mut overrides, &mut problems);
            }
        }
        found.extend(problems.into_found());
    }
    overrides
}

/// The keys and the value of an argument.
fn split(text: &str, problems: &mut Problems) -> Option<(Vec<(String, Span)>, Node)> {
    let whole = Span {
        start: 0,
        end: text.len(),
    };
    let Some((keys, value)) = text.split_once('=') else {
        problems.add(whole, "this has no `=`", EXAMPLE);
        return None;
    };
    let mut path = Vec::new();
    let mut at = 0;
    for key in keys.split('.') {
        let span = Span {
            start: at,
            end: at + key.len(),
        };
        if key.trim() != key || key.is_empty() {
            problems.add(span, "a key is missing here", EXAMPLE);
            return None;
        }
        path.push((key.to_owned(), span));
        at += key.len() + 1;
    }
    if value.trim().is_empty() {
        problems.add(whole, "this has no value", EXAMPLE);
        return None;
    }
    // Blanks in place of the keys: what is read then stands where it stands in the argument.
    let blank = SourceFile {
        path: Arc::from(PLACE),
        text: Arc::from(format!("{}{value}", " ".repeat(keys.len() + 1))),
    };
    match yaml::parse(&blank) {
        Ok(node) => Some((path, node)),
        Err(mut wrong) => {
            if let Some(location) = &mut wrong.location {
                location.file = problems.file().clone();
            }
            problems.push(wrong);
            None
        }
    }
}

fn one(
    path: Vec<(String, Span)>,
    value: Node,
    around: &Surroundings<'_>,
    overrides: &mut Overrides,
    problems: &mut Problems,
) {
    let Some(((first, span), rest)) = path.split_first() else {
        return;
    };
    let section = match first.as_str() {
        "target" => Some(Section::Target),
        "load" => Some(Section::Load),
        "prompts" => Some(Section::Prompts),
        _ => None,
    };
    if section == Some(Section::Target) {
        if around.ignore_targets {
            problems.add(
                *span,
                "`--target` stands in for the whole target, so that this would change nothing",
                "name the target in `prony.yaml`, with all it needs, and write `--target NAME`",
            );
            return;
        }
        if rest.first().is_some_and(|(key, _)| key == "url") {
            problems.add(
                *span,
                "another address would get the keys of this target",
                "write `--target URL`, which sends no keys, or `--target NAME` for a target of `prony.yaml`",
            );
            return;
        }
    }
    match section {
        Some(section) if !rest.is_empty() => overrides.patches.push(Patch {
            section,
            path: rest.to_vec(),
            value,
            file: problems.file().clone(),
        }),
        _ => {
            let node = nested(&path, value);
            let Some(mut fields) = Fields::of(&node, "load.rate=40/s", problems) else {
                return;
            };
            let settings = Settings::read(&mut fields, around, problems);
            fields.finish(Place::Defaults, problems);
            let below = std::mem::take(&mut overrides.settings);
            overrides.settings = below.overlay(&settings);
        }
    }
}

/// `value` under the keys of `path`.
fn nested(path: &[(String, Span)], value: Node) -> Node {
    path.iter().rev().fold(value, |value, (key, span)| Node {
        span: Span {
            start: span.start,
            end: value.span.end,
        },
        value: NodeValue::Mapping(vec![Entry {
            key: key.clone(),
            key_span: *span,
            value,
        }]),
    })
}

impl Overrides {
    /// Puts the single values over what the layers of a scenario came to.
    pub fn apply(
        &self,
        settings: &mut Settings,
        around: &Surroundings<'_>,
        problems: &mut Problems,
    ) {
        for section in [Section::Target, Section::Load, Section::Prompts] {
            let patches: Vec<&Patch> = self
                .patches
                .iter()
                .filter(|p| p.section == section)
                .collect();
            if patches.is_empty() {
                continue;
            }
            match section {
                Section::Target => {
                    let unset = settings.target.as_ref().map(|t| t.value.unset.clone());
                    if unset.as_ref().is_some_and(|unset| !unset.is_empty()) {
                        // What is not known of the target is a problem that comes with it.
                        continue;
                    }
                    let from = settings.target_from.as_ref();
                    settings.target = self.patched(&patches, from, problems, |n, p| {
                        let layer: TargetLayer = target_setting::read(n, around, p)?;
                        Some(p.placed(layer, n.span))
                    });
                    note(settings.target.is_none(), "target", settings);
                }
                Section::Load => {
                    let from = settings.load_from.as_ref();
                    settings.load = self.patched(&patches, from, problems, load_setting::read);
                    note(settings.load.is_none(), "load", settings);
                    // As where a layer brings stages: they say themselves how long they take.
                    if patches.iter().any(|p| p.path[0].0 == "stages") {
                        settings.duration.clone_from(&self.settings.duration);
                    }
                }
                Section::Prompts => {
                    let from = settings.prompts_from.as_ref();
                    settings.prompts = self.patched(&patches, from, problems, |n, p| {
                        prompts_setting::read(n, around, p)
                    });
                    note(settings.prompts.is_none(), "prompts", settings);
                }
            }
        }
    }

    /// What `from` says with `patches` in it. The nodes of both lie in one tree then; spans tell which
    /// file each is of.
    fn patched<T>(
        &self,
        patches: &[&Patch],
        from: Option<&Rc<Origin>>,
        problems: &mut Problems,
        read: impl FnOnce(&Node, &mut Problems) -> Option<Placed<T>>,
    ) -> Option<Placed<T>> {
        let first = patches.first()?;
        let (file, mut node) = match from {
            Some(origin) => (origin.file.clone(), origin.node.clone()),
            None => (
                first.file.clone(),
                Node {
                    value: NodeValue::Mapping(Vec::new()),
                    span: Span::default(),
                },
            ),
        };
        let mut own = Problems::new(file);
        for patch in patches {
            let by = own.also(patch.file.clone());
            let mut path = patch.path.clone();
            for (_, span) in &mut path {
                span.shift(by);
            }
            let mut value = patch.value.clone();
            shift(&mut value, by);
            if patch.section == Section::Load {
                replace_level(&mut node, &path);
            }
            put(&mut node, &path, value, &mut own);
        }
        // What could not be put in is a problem already.
        let sound = own.is_empty();
        let value = if sound { read(&node, &mut own) } else { None };
        for problem in own.into_found() {
            problems.push(problem);
        }
        value
    }
}

fn note(broken: bool, key: &'static str, settings: &mut Settings) {
    if broken {
        settings.broken.push(key);
    }
}

/// Takes away what another way to say the level of a load would contradict.
fn replace_level(load: &mut Node, path: &[(String, Span)]) {
    let Some((key, _)) = path.first() else {
        return;
    };
    let replaced = LEVELS.iter().find(|(level, _)| level == key);
    if let (Some((_, others)), NodeValue::Mapping(entries)) = (replaced, &mut load.value) {
        entries.retain(|e| !others.contains(&e.key.as_str()));
    }
}

/// Puts `value` into `node` at `path`.
fn put(node: &mut Node, path: &[(String, Span)], value: Node, problems: &mut Problems) {
    let Some(((key, span), rest)) = path.split_first() else {
        *node = value;
        return;
    };
    match &mut node.value {
        NodeValue::Mapping(entries) => match entries.iter_mut().find(|e| e.key == *key) {
            Some(entry) if rest.is_empty() => {
                entry.key_span = *span;
                entry.value = value;
            }
            Some(entry) => put(&mut entry.value, rest, value, problems),
            None => entries.push(Entry {
                key: key.clone(),
                key_span: *span,
                value: nested(rest, value),
            }),
        },
        NodeValue::Sequence(_) => problems.add(
            *span,
            "what stands here is a list, and `--set` replaces lists as a whole",
            "write the list out: `--set 'load.stages=[{ duration: 30s, rate: 5/s }]'`",
        ),
        NodeValue::Scalar(_) => *node = nested(path, value),
    }
}

fn shift(node: &mut Node, by: usize) {
    node.span.shift(by);
    match &mut node.value {
        NodeValue::Scalar(_) => {}
        NodeValue::Sequence(items) => items.iter_mut().for_each(|n| shift(n, by)),
        NodeValue::Mapping(entries) => {
            for entry in entries {
                entry.key_span.shift(by);
                shift(&mut entry.value, by);
            }
        }
    }
}

impl Span {
    fn shift(&mut self, by: usize) {
        self.start += by;
        self.end += by;
    }
}
