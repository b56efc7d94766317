//! `prony.yaml`: what all suites of a project share: named targets, defaults, profiles.

use std::rc::Rc;

use super::diagnostic::Diagnostic;
use super::interpolate::{Env, Variables, replace};
use super::later::Place;
use super::loader::{SuiteInput, decode, secret_names};
use super::model::{SimOverrides, TargetUrl};
use super::named_targets::{NamedTarget, NamedTargets};
use super::names::{is_name, nearest};
use super::reader::{Fields, Problems, list};
use super::settings::{Origin, Settings, Surroundings};
use super::target_setting::{self, TargetLayer};
use super::yaml::{self, Entry, Node};

const EXAMPLE: &str = "targets: { local: { url: \"http://localhost:8000/v1\" } }";
const NAMES: &str =
    "names begin with a letter or digit and go on with letters, digits, `_`, `.` and `-`";

/// What `prony.yaml` says, as far as it could be read.
#[derive(Default)]
pub(super) struct Project {
    pub targets: NamedTargets,
    /// Its `defaults`, with the profile over them.
    pub settings: Settings,
    /// The variables that its `secrets` names.
    pub secrets: Vec<String>,
}

/// What reading it depends on.
pub(super) struct Wanted<'a> {
    pub env: Env<'a>,
    pub validate_sim: super::loader::ValidateSim<'a>,
    pub read_file: super::loader::ReadFile<'a>,
    pub profile: Option<&'a str>,
    /// `--target` stands in for whatever layers say.
    pub ignore_targets: bool,
}

/// Reads `prony.yaml`, where there is one.
pub(super) fn read(
    input: Option<&SuiteInput>,
    wanted: &Wanted<'_>,
    found: &mut Vec<Diagnostic>,
) -> Project {
    let Some(input) = input else {
        if let Some(profile) = wanted.profile {
            found.push(
                Diagnostic::new(format!(
                    "there is no profile `{profile}`: there is no `prony.yaml`"
                ))
                .help(
                    "profiles stand under `profiles:` in `prony.yaml`, beside the folder of suites",
                ),
            );
        }
        return Project::default();
    };
    let mut project = Project::default();
    project.targets.project = true;
    let parsed = decode(input).and_then(|file| {
        let root = yaml::parse(&file).map_err(Box::new)?;
        Ok((file, root))
    });
    let (file, root) = match parsed {
        Ok(parsed) => parsed,
        Err(problem) => {
            project.targets.broken = true;
            found.push(*problem);
            return project;
        }
    };
    let mut problems = Problems::new(file);
    project.secrets = secret_names(&root, &mut problems);
    read_root(&root, wanted, &mut project, &mut problems);
    found.extend(problems.into_found());
    project
}

fn read_root(root: &Node, wanted: &Wanted<'_>, project: &mut Project, problems: &mut Problems) {
    let secret_names = project.secrets.clone();
    let secret = |name: &str| secret_names.iter().any(|s| s == name);
    let variables = Variables {
        env: wanted.env,
        secret: &secret,
        matrix: None,
    };
    let Some(mut fields) = Fields::of(root, EXAMPLE, problems) else {
        project.targets.broken = true;
        return;
    };
    fields.take("secrets");
    let targets = fields.take("targets").cloned();
    let defaults = fields.take("defaults").cloned();
    let profiles = fields.take("profiles").cloned();
    let meant = fields.finish(Place::Project, problems);
    project.targets.broken = meant.contains(&"targets");
    if let Some(node) = targets {
        read_targets(&node, wanted, &variables, project, problems);
    }
    let around = Surroundings {
        env: wanted.env,
        validate_sim: wanted.validate_sim,
        read_file: wanted.read_file,
        ignore_targets: wanted.ignore_targets,
        targets: &project.targets,
        secrets: &secret_names,
    };
    let layer = |mut node: Node, example: &str, used: bool, problems: &mut Problems| {
        let mut unset = Vec::new();
        let later = (!used).then_some(&mut unset);
        if wanted.ignore_targets {
            super::loader::drop_target(&mut node);
        }
        replace(&mut node, &variables, problems, later);
        let mut fields = Fields::of(&node, example, problems)?;
        let mut settings = Settings::read(&mut fields, &around, problems);
        settings
            .broken
            .extend(fields.finish(Place::Defaults, problems));
        Some(settings)
    };
    let mut settings = Settings::default();
    if let Some(node) = defaults
        && let Some(above) = layer(node, "defaults: { warmup: 5s }", true, problems)
    {
        settings = settings.overlay(&above);
    }
    let mut names = Vec::new();
    let mut chosen = None;
    let known = profiles.is_none() && !meant.contains(&"profiles");
    if let Some(node) = profiles
        && let Some(entries) = named_entries(
            &node,
            "profile",
            "profiles: { quick: { duration: 10s } }",
            problems,
        )
    {
        for entry in entries {
            let used = wanted.profile == Some(entry.key.as_str());
            let read = layer(
                entry.value.clone(),
                "quick: { duration: 10s }",
                used,
                problems,
            );
            if used {
                chosen = Some(read.unwrap_or_default());
            }
            names.push(entry.key.clone());
        }
    }
    match (wanted.profile, chosen) {
        (_, Some(above)) => settings = settings.overlay(&above),
        (Some(profile), None) if known || !names.is_empty() => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let help = match nearest(profile, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if names.is_empty() => {
                    format!("write `profiles: {{ {profile}: {{ duration: 10s }} }}` into it")
                }
                None => format!("it has {}", list(&names)),
            };
            problems.push(
                Diagnostic::new(format!(
                    "there is no profile `{profile}` in {}",
                    problems.file().path
                ))
                .help(help),
            );
        }
        _ => {}
    }
    project.settings = settings;
}

fn read_targets(
    node: &Node,
    wanted: &Wanted<'_>,
    variables: &Variables<'_>,
    project: &mut Project,
    problems: &mut Problems,
) {
    let Some(entries) = named_entries(node, "target", EXAMPLE, problems) else {
        project.targets.broken = true;
        return;
    };
    let none = NamedTargets::default();
    let secrets = project.secrets.clone();
    let around = Surroundings {
        env: wanted.env,
        validate_sim: wanted.validate_sim,
        read_file: wanted.read_file,
        ignore_targets: false,
        targets: &none,
        secrets: &secrets,
    };
    for entry in entries {
        let mut node = entry.value.clone();
        let mut unset = Vec::new();
        replace(&mut node, variables, problems, Some(&mut unset));
        let mut layer = target_setting::read(&node, &around, problems);
        if layer.is_none() && node.is_broken() && !unset.is_empty() {
            // Its address is not known, which matters to those who go there.
            let nowhere = TargetUrl::Sim(SimOverrides::default());
            layer = Some(TargetLayer::plain(nowhere));
        }
        if let Some(layer) = &mut layer {
            layer.unset = unset;
        }
        project.targets.all.push(NamedTarget {
            name: entry.key.clone(),
            layer,
            origin: Rc::new(Origin {
                file: problems.file().clone(),
                node,
            }),
        });
    }
}

/// The entries of a mapping from names; wrong names are problems.
fn named_entries<'n>(
    node: &'n Node,
    what: &str,
    example: &str,
    problems: &mut Problems,
) -> Option<&'n [Entry]> {
    let Some(entries) = node.entries() else {
        let found = node.describe();
        problems.add(
            node.span,
            format!("expected a mapping, found {found}"),
            format!("write it like `{example}`"),
        );
        return None;
    };
    for entry in entries.iter().filter(|e| !is_name(&e.key)) {
        problems.add(
            entry.key_span,
            format!("`{}` cannot be the name of a {what}", entry.key),
            NAMES,
        );
    }
    Some(entries)
}
