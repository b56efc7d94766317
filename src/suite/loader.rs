//! Files → suites, or every problem of every file.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::diagnostic::Diagnostic;
use super::expansion::{self, Expansion};
use super::hooks_setting;
use super::interpolate::{Variables, is_variable, replace};
use super::later::Place;
use super::matrix::MOST_CASES;
use super::model::{SimOverrides, Suite, TargetUrl};
use super::names::{is_name, nearest};
use super::project::{self, Project};
use super::reader::{Fields, Placed, Problems};
use super::resolve::Layers;
use super::resolved::resolved_yaml;
use super::set_flag::{self, Overrides};
use super::settings::{Settings, Surroundings};
use super::source::{Location, SourceFile, Span};
use super::target_setting::{self, TargetLayer};
use super::yaml::{self, Node, NodeValue};

/// A suite file as read from disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuiteInput {
    /// Path for messages, relative to the working directory where possible.
    pub path: String,
    /// Its content, whatever that is.
    pub bytes: Vec<u8>,
}

/// A problem of an embedded engine's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimProblem {
    /// The key of `sim:` it is about; absent: the preset.
    pub key: Option<String>,
    /// The key's value is wrong, rather than the key.
    pub in_value: bool,
    /// What is wrong: a lower-case fragment.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Says whether there is such an embedded engine.
pub type ValidateSim<'a> = &'a dyn Fn(&SimOverrides) -> Result<(), SimProblem>;

/// Reads the text of a file that a suite names; the error is in words.
pub type ReadFile<'a> = &'a dyn Fn(&Path) -> Result<String, String>;

/// What suites depend on besides their text.
pub struct LoadOptions<'a> {
    /// Looks up environment variables.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// `prony.yaml`, where there is one.
    pub project: Option<SuiteInput>,
    /// `--profile`: the profile of `prony.yaml` that is put over its defaults.
    pub profile: Option<String>,
    /// `--set`: `key=value` each, put over what every scenario says.
    pub set: Vec<String>,
    /// `--seed`: stands in for every seed of every suite.
    pub seed: Option<u64>,
    /// `--target`: an address, or the name of a target of `prony.yaml`, that stands in for every
    /// target, whole. Nothing of what suites say under `target:` is used then, headers and keys
    /// included; what they say elsewhere (`stream`, `body` and `headers` of `defaults:` and
    /// scenarios) is.
    pub target: Option<String>,
    /// Checks `sim://` targets.
    pub validate_sim: ValidateSim<'a>,
    /// Reads histograms of lengths.
    pub read_file: ReadFile<'a>,
}

impl Default for LoadOptions<'_> {
    /// No variables, no flags, no files beside the suites; every engine is a good one.
    fn default() -> Self {
        LoadOptions {
            env: &|_| None,
            project: None,
            profile: None,
            set: Vec::new(),
            seed: None,
            target: None,
            validate_sim: &|_| Ok(()),
            read_file: &|_| Err("files are not read here".to_owned()),
        }
    }
}

/// Largest suite file, in bytes.
const LARGEST: usize = 4 << 20;

/// A target given on the command line.
const TARGET_FLAG: &str = "`--target`";

/// Reads `files`.
///
/// # Errors
/// Every problem: of `prony.yaml` and the flags, then of every file, in the order of the files and
/// of their lines.
pub fn load(
    files: &[SuiteInput],
    options: &LoadOptions<'_>,
) -> Result<Vec<Suite>, Vec<Diagnostic>> {
    let (mut found, each) = load_all(files, options);
    let mut suites = Vec::new();
    for result in each {
        match result {
            Ok(suite) => suites.push(suite),
            Err(problems) => {
                for problem in problems {
                    // What is wrong with `--set` is found with every suite anew.
                    if !found.contains(&problem) {
                        found.push(problem);
                    }
                }
            }
        }
    }
    if found.is_empty() {
        Ok(suites)
    } else {
        Err(found)
    }
}

/// Reads `files` like [`load`], each with its own result: for harnesses in which a broken suite is
/// one failing test beside the good ones.
///
/// # Errors
/// When `prony.yaml` or a flag is wrong, which concerns all files.
pub fn load_each(
    files: &[SuiteInput],
    options: &LoadOptions<'_>,
) -> Result<Vec<Result<Suite, Vec<Diagnostic>>>, Vec<Diagnostic>> {
    let (found, each) = load_all(files, options);
    if found.is_empty() {
        Ok(each)
    } else {
        Err(found)
    }
}

/// The problems that concern all files, and the result of each.
fn load_all(
    files: &[SuiteInput],
    options: &LoadOptions<'_>,
) -> (Vec<Diagnostic>, Vec<Result<Suite, Vec<Diagnostic>>>) {
    let mut found = Vec::new();
    let wanted = project::Wanted {
        env: options.env,
        validate_sim: options.validate_sim,
        read_file: options.read_file,
        profile: options.profile.as_deref(),
        ignore_targets: options.target.is_some(),
    };
    let project = project::read(options.project.as_ref(), &wanted, &mut found);
    let around = Surroundings {
        env: options.env,
        validate_sim: options.validate_sim,
        read_file: options.read_file,
        ignore_targets: options.target.is_some(),
        targets: &project.targets,
        secrets: &project.secrets,
    };
    let set = set_flag::read(&options.set, options.env, &around, &mut found);
    let mut flags = Settings {
        seed: options.seed.map(from_flag),
        ..Settings::default()
    };
    if let Some(text) = &options.target {
        flags.target = flag_target(text, options, &project, &mut found).map(from_flag);
        if flags.target.is_none() {
            flags.broken.push("target");
        }
    }
    let shared = Shared {
        project: &project,
        set: &set,
        flags: &flags,
        around,
    };
    let mut names: HashMap<String, Location> = HashMap::new();
    let each = files.iter().map(|input| {
        let (suite, name, mut problems) = load_one(input, &shared);
        if let Some((name, location)) = name {
            if let Some(first) = names.get(&name) {
                problems.push(
                    Diagnostic::new(format!("there are two suites of the name `{name}`"))
                        .at(location)
                        .related(first.clone(), "the other one stands here")
                        .help("give one of them another name with `suite:`"),
                );
            } else {
                names.insert(name, location);
            }
        }
        match suite {
            Some(suite) if problems.is_empty() => Ok(suite),
            _ => Err(problems),
        }
    });
    let each = each.collect();
    (found, each)
}

/// What all files have in common.
struct Shared<'a> {
    project: &'a Project,
    set: &'a Overrides,
    flags: &'a Settings,
    around: Surroundings<'a>,
}

fn flag_target(
    text: &str,
    options: &LoadOptions<'_>,
    project: &Project,
    found: &mut Vec<Diagnostic>,
) -> Option<TargetLayer> {
    if is_name(text) {
        return match project.targets.find(text) {
            Ok(target) => {
                let mut layer = target.layer.clone()?;
                found.append(&mut layer.unset);
                Some(layer)
            }
            Err(wrong) => {
                found.extend(wrong.map(|(message, help)| {
                    Diagnostic::new(format!("{TARGET_FLAG}: {message}")).help(help)
                }));
                None
            }
        };
    }
    let url = match target_setting::parse_url(text) {
        Ok(url) => url,
        Err((message, help)) => {
            let wrong = Diagnostic::new(format!("{TARGET_FLAG} `{text}`: {message}"));
            found.push(wrong.help(help));
            return None;
        }
    };
    if let TargetUrl::Sim(engine) = &url
        && let Err(problem) = (options.validate_sim)(engine)
    {
        found.push(Diagnostic {
            help: problem.help,
            ..Diagnostic::new(format!("{TARGET_FLAG} `{text}`: {}", problem.message))
        });
        return None;
    }
    Some(TargetLayer::plain(url))
}

type Loaded = (Option<Suite>, Option<(String, Location)>, Vec<Diagnostic>);

fn load_one(input: &SuiteInput, shared: &Shared<'_>) -> Loaded {
    let around = &shared.around;
    let file = match decode(input) {
        Ok(file) => file,
        Err(diagnostic) => return (None, None, vec![*diagnostic]),
    };
    let mut root = match yaml::parse(&file) {
        Ok(root) => root,
        Err(diagnostic) => return (None, None, vec![diagnostic]),
    };
    let mut problems = Problems::new(file);
    let mut secret_names = secret_names(&root, &mut problems);
    secret_names.extend(shared.project.secrets.iter().cloned());
    let secret = |name: &str| secret_names.iter().any(|s| s == name);
    let variables = Variables {
        env: around.env,
        secret: &secret,
        matrix: None,
    };
    let around = &Surroundings {
        secrets: &secret_names,
        ..*around
    };
    interpolate(&mut root, &variables, around.ignore_targets, &mut problems);
    let example = "suite: chat";
    let Some(mut fields) = Fields::of(&root, example, &mut problems) else {
        return (None, None, problems.into_found());
    };
    let name = suite_name(&mut fields, &mut problems);
    fields.take("secrets");
    let mut top = Settings::default();
    match fields.take("target") {
        Some(node) if !around.ignore_targets => {
            top.read_target(node, around, &mut problems);
        }
        _ => {}
    }
    let defaults = fields.take("defaults").and_then(|node| {
        let mut fields = Fields::of(node, "defaults: { warmup: 5s }", &mut problems)?;
        let mut settings = Settings::read(&mut fields, around, &mut problems);
        settings
            .broken
            .extend(fields.finish(Place::Defaults, &mut problems));
        Some(settings)
    });
    let flag_target = shared.flags.target.as_ref();
    let of_suite = flag_target.or(top.target.as_ref()).map(|t| &t.value);
    let (suite_hooks, hidden) = hooks_setting::suite(&mut fields, of_suite, around, &mut problems);
    top.between = hooks_setting::read("between", &mut fields, around, &mut problems);
    let scenarios_node = fields.take("scenarios");
    let meant = fields.finish(Place::Suite, &mut problems);
    if meant.contains(&"defaults") {
        // What stands there may be all that scenarios seem to lack.
        top.broken
            .extend(["kind", "target", "load", "prompts", "sla"]);
    }
    top.broken.extend(&meant);
    let below = shared
        .project
        .settings
        .clone()
        .overlay(&top)
        .overlay(&defaults.unwrap_or_default());
    let layers = Layers {
        below: &below,
        set: shared.set,
        flags: shared.flags,
    };
    let (scenarios, mut secrets) = scenarios(
        &root,
        scenarios_node,
        layers,
        &variables,
        around,
        &mut problems,
    );
    secrets.extend(hidden);
    for secret in &secret_names {
        let value = (around.env)(secret).filter(|v| !v.is_empty());
        secrets.extend(value.map(|v| (secret.clone(), v)));
    }
    // A secret may be part of another one: the longer comes first, so that nothing of it is left.
    secrets.sort_by(|a, b| (b.1.len(), a).cmp(&(a.1.len(), b)));
    secrets.dedup();
    let suite = match (&name, problems.is_empty()) {
        (Some(name), true) => Some(Suite {
            resolved_yaml: resolved_yaml(&name.value, &scenarios, &suite_hooks, &secrets),
            name: name.value.clone(),
            location: name.location.clone(),
            scenarios,
            secrets: secrets.clone(),
            hooks: suite_hooks,
        }),
        _ => None,
    };
    let name = name.map(|n| (n.value, n.location));
    let found = problems.into_found().into_iter();
    let found = found.map(|d| without_secrets(d, &secrets)).collect();
    (suite, name, found)
}

/// Shortest secret that is looked for in messages; shorter ones are parts of ordinary words.
const SHORTEST_SECRET: usize = 4;

/// `diagnostic` with `${NAME}` for secret values: messages quote what variables were replaced with.
fn without_secrets(mut diagnostic: Diagnostic, secrets: &[(String, String)]) -> Diagnostic {
    for (name, value) in secrets {
        if value.len() < SHORTEST_SECRET {
            continue;
        }
        let shown = format!("${{{name}}}");
        diagnostic.message = diagnostic.message.replace(value, &shown);
        diagnostic.help = diagnostic.help.map(|help| help.replace(value, &shown));
    }
    diagnostic
}

/// The scenarios and what must not be shown of them.
fn scenarios(
    root: &Node,
    node: Option<&Node>,
    layers: Layers<'_>,
    variables: &Variables<'_>,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> (Vec<super::model::Scenario>, Vec<(String, String)>) {
    let mut scenarios = Vec::new();
    let mut secrets = Vec::new();
    let help = "write `scenarios:`, and below it `- name: steady` with `kind`, `load` and `sla`";
    let Some(node) = node else {
        if layers.below.broken.contains(&"scenarios") {
            return (scenarios, secrets);
        }
        let start = Span {
            start: root.span.start,
            end: root.span.start,
        };
        problems.add(start, "this suite has no `scenarios`", help);
        return (scenarios, secrets);
    };
    let NodeValue::Sequence(items) = &node.value else {
        let what = node.describe();
        problems.add(
            node.span,
            format!("expected a list of scenarios, found {what}"),
            help,
        );
        return (scenarios, secrets);
    };
    if items.is_empty() {
        problems.add(node.span, "this suite has no scenarios", help);
    }
    let mut seen: HashMap<String, Span> = HashMap::new();
    let mut room = MOST_CASES;
    for item in items {
        let expansion = Expansion {
            layers,
            variables,
            around,
        };
        let cases = expansion.cases(item, room, problems);
        room = room.saturating_sub(cases.len());
        if let Some(first) = cases.first() {
            let name = &first.name;
            if let Some(first) = seen.get(&name.value) {
                let diagnostic = Diagnostic::new(format!(
                    "there are two scenarios of the name `{}`",
                    name.value
                ))
                .at(name.location.clone())
                .related(problems.location(*first), "the other one stands here")
                .help("give one of them another name");
                problems.push(diagnostic);
            } else {
                seen.insert(name.value.clone(), name.span());
            }
        }
        for resolved in cases {
            scenarios.extend(resolved.scenario);
            secrets.extend(resolved.secrets);
        }
        // Every case of a matrix has the same ones, mostly.
        secrets.sort();
        secrets.dedup();
    }
    (scenarios, secrets)
}

/// The text of a file.
pub(super) fn decode(input: &SuiteInput) -> Result<SourceFile, Box<Diagnostic>> {
    let bytes = input
        .bytes
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(&input.bytes);
    let path: Arc<str> = Arc::from(input.path.as_str());
    if bytes.len() > LARGEST {
        return Err(Box::new(
            Diagnostic::new(format!(
                "this file is larger than {} MiB, which no suite is",
                LARGEST >> 20
            ))
            .at(start_of(path))
            .help("name another file; prompts go into a file of their own"),
        ));
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(Box::new(
            Diagnostic::new("this file is written in UTF-16")
                .at(start_of(path))
                .help("save it as UTF-8"),
        ));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(SourceFile {
            path,
            text: Arc::from(text),
        }),
        Err(error) => {
            // The line is shown with a mark for what cannot be read.
            let text: Arc<str> = Arc::from(&*String::from_utf8_lossy(bytes));
            let start = error.valid_up_to();
            let end = start + '\u{fffd}'.len_utf8();
            let file = SourceFile { path, text };
            Err(Box::new(
                Diagnostic::new("this file is not UTF-8: a byte here stands for no character")
                    .at(Location {
                        file,
                        span: Span { start, end },
                    })
                    .help("save it as UTF-8"),
            ))
        }
    }
}

/// A setting from the command line.
fn from_flag<T>(value: T) -> Placed<T> {
    Placed {
        value,
        location: start_of(Arc::from("command line")),
    }
}

/// The start of a file whose text is not known.
fn start_of(path: Arc<str>) -> Location {
    Location {
        file: SourceFile {
            path,
            text: Arc::from(""),
        },
        span: Span::default(),
    }
}

/// The variables that `secrets:` names.
pub(super) fn secret_names(root: &Node, problems: &mut Problems) -> Vec<String> {
    let mut names = Vec::new();
    let entry = root
        .entries()
        .and_then(|entries| entries.iter().find(|e| e.key == "secrets"));
    let Some(entry) = entry else {
        return names;
    };
    let help = "write `secrets: [API_KEY]`: the names of variables whose values nobody may see";
    let NodeValue::Sequence(items) = &entry.value.value else {
        problems.add(entry.value.span, "expected a list of names", help);
        return names;
    };
    for item in items {
        match item.scalar() {
            Some(scalar) if is_variable(&scalar.text) => names.push(scalar.text.clone()),
            _ => problems.add(item.span, "this is not the name of a variable", help),
        }
    }
    names
}

/// Replaces variables everywhere but in `secrets:`, in targets that are not used, and in scenarios
/// with a matrix: those are replaced case by case.
fn interpolate(
    root: &mut Node,
    variables: &Variables<'_>,
    ignore_targets: bool,
    problems: &mut Problems,
) {
    if ignore_targets {
        drop_targets(root, 0);
    }
    let NodeValue::Mapping(entries) = &mut root.value else {
        return;
    };
    for entry in entries {
        match (entry.key.as_str(), &mut entry.value.value) {
            ("secrets", _) => {}
            ("scenarios", NodeValue::Sequence(items)) => {
                for item in items.iter_mut().filter(|i| expansion::matrix(i).is_none()) {
                    replace(item, variables, problems, None);
                }
            }
            _ => replace(&mut entry.value, variables, problems, None),
        }
    }
}

/// Empties the `target` of a layer.
pub(super) fn drop_target(layer: &mut Node) {
    drop_targets(layer, 2);
}

/// Empties the `target`s of the suite, of `defaults` and of scenarios.
fn drop_targets(node: &mut Node, depth: usize) {
    match &mut node.value {
        NodeValue::Mapping(entries) => {
            for entry in entries {
                if entry.key == "target" {
                    entry.value.value = NodeValue::Mapping(Vec::new());
                } else if depth == 0 && matches!(entry.key.as_str(), "defaults" | "scenarios") {
                    drop_targets(&mut entry.value, 1);
                }
            }
        }
        NodeValue::Sequence(items) if depth == 1 => {
            for item in items {
                drop_targets(item, 2);
            }
        }
        _ => {}
    }
}

/// The suite's name: `suite:`, or the file's stem.
fn suite_name(fields: &mut Fields<'_>, problems: &mut Problems) -> Option<Placed<String>> {
    let pattern =
        "names begin with a letter or digit and go on with letters, digits, `_`, `.` and `-`";
    if let Some(node) = fields.take("suite") {
        let name = problems.text_of(node)?;
        if !is_name(&name.value) {
            problems.add(
                name.span(),
                format!("`{}` cannot be the name of a suite", name.value),
                pattern,
            );
            return None;
        }
        return Some(name);
    }
    let path = problems.file().path.clone();
    let stem = Path::new(&*path)
        .file_stem()
        .and_then(|s| s.to_str())
        .unwrap_or("")
        .to_owned();
    let span = Span {
        start: fields.span().start,
        end: fields.span().start,
    };
    if is_name(&stem) {
        return Some(problems.placed(stem, span));
    }
    problems.add(
        span,
        format!("`{stem}`, the file's name, cannot be the name of a suite"),
        format!("write `suite: NAME` at the top; {pattern}"),
    );
    None
}

/// The nearest of `names` to `given`, for other parts that take names from people.
pub fn nearest_name<'a>(given: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest(given, names)
}
