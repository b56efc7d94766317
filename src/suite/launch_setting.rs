//! `launch:`, `ready:` and the commands of suites.

use std::path::PathBuf;
use std::time::Duration;

use super::interpolate::is_variable;
use super::later::Place;
use super::launch::{CommandLine, Launch, Probe, Ready};
use super::model::TargetUrl;
use super::reader::{Fields, Problems};
use super::settings::{Surroundings, duration};
use super::source::Span;
use super::target_setting::beside;
use super::yaml::{Node, NodeValue};

/// Stands in a url for a port that prony finds free, and in commands for the port of the url.
pub(super) const PORT: &str = "{port}";

/// How long a started target may take, where the suite does not say: weights are read meanwhile.
pub(super) const LAUNCH_TIMEOUT: Duration = Duration::from_secs(300);
/// How long a target that is there already may take.
pub(super) const READY_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause between two probes.
pub(super) const INTERVAL: Duration = Duration::from_millis(100);
/// From SIGTERM to SIGKILL.
pub(super) const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// What `probe:` can ask for.
#[derive(Clone, Copy)]
pub(super) enum Asked {
    Health,
    Models,
    Token,
}

/// Probes by name.
pub(super) const PROBES: [(&str, Asked); 3] = [
    ("health", Asked::Health),
    ("models", Asked::Models),
    ("token", Asked::Token),
];

/// The built-in `ready:` of a target that is there already.
pub(super) fn plain_ready() -> Ready {
    Ready {
        probe: Probe::Auto,
        timeout: READY_TIMEOUT,
        interval: INTERVAL,
    }
}

/// What `launch:` and `ready:` of a target came to.
pub(super) struct Started {
    pub launch: Option<Launch>,
    pub ready: Ready,
    /// What must not be shown, as `(NAME, value)`.
    pub hidden: Vec<(String, String)>,
}

/// Reads `launch:` and `ready:` among the fields of a target; `url` is the target's.
pub(super) fn read(
    fields: &mut Fields<'_>,
    url: Option<(&TargetUrl, Span)>,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> Started {
    let mut out = Started {
        launch: None,
        ready: plain_ready(),
        hidden: Vec::new(),
    };
    let ready_entry = fields.entry("ready");
    let launch_entry = fields.entry("launch");
    if let Some(entry) = launch_entry {
        out.ready.timeout = LAUNCH_TIMEOUT;
        let example = "launch: { command: \"vllm serve …\", ready: { timeout: 5m } }";
        if let Some(mut launch) = Fields::of(&entry.value, example, problems) {
            let inner = launch.entry("ready");
            if let (Some(inner), Some(_)) = (inner, ready_entry) {
                problems.add(
                    inner.key_span,
                    "`ready` stands under `target:` too",
                    "keep one of the two",
                );
            }
            if let Some(inner) = inner {
                ready(&inner.value, &mut out.ready, problems);
            }
            out.launch = launch_fields(launch, around, &mut out.hidden, problems);
        }
        if let Some((TargetUrl::Sim(_), _)) = url {
            problems.add(
                entry.key_span,
                "the embedded engine is started by prony itself",
                "leave `launch` out; `restart: repeat` starts it anew for every run",
            );
        }
    }
    if let Some(entry) = ready_entry {
        ready(&entry.value, &mut out.ready, problems);
    }
    if let Some((TargetUrl::Http(url), span)) = url
        && url.port() == Some(0)
        && launch_entry.is_none()
    {
        problems.add(
            span,
            "only a target that prony starts can have a free port",
            "write the port that the target listens on, or add `launch: { command: … }`",
        );
    }
    out
}

fn launch_fields(
    mut fields: Fields<'_>,
    around: &Surroundings<'_>,
    hidden: &mut Vec<(String, String)>,
    problems: &mut Problems,
) -> Option<Launch> {
    let command_node = fields.take("command");
    let command = command_node.and_then(|node| command_line(node, problems));
    let (env, cwd) = env_and_cwd(&mut fields, around, hidden, problems);
    let mut stop_timeout = STOP_TIMEOUT;
    if let Some(node) = fields.take("stop")
        && let Some(mut stop) = Fields::of(node, "stop: { timeout: 10s }", problems)
    {
        if let Some(timeout) = stop
            .take("timeout")
            .and_then(|n| duration(n, true, problems))
        {
            stop_timeout = timeout.value;
        }
        stop.finish(Place::Other, problems);
    }
    if let Some(entry) = fields.misplaced("restart") {
        problems.add(
            entry.key_span,
            "`restart` is a setting of scenarios: it says when the target is started anew",
            "write it in a scenario or under `defaults:`",
        );
    }
    if let Some(entry) = fields.misplaced("port") {
        problems.add(
            entry.key_span,
            "the port stands in the target's `url`",
            "for a free one write `url: \"http://127.0.0.1:{port}/v1\"`, and `{port}` or $PORT in the command",
        );
    }
    let at = fields.span();
    let meant = fields.finish(Place::Launch, problems);
    if command_node.is_none() && !meant.contains(&"command") {
        problems.add(
            at,
            "this `launch` has no `command`",
            "write `command: \"vllm serve …\"`, or a list of program and arguments",
        );
    }
    Some(Launch {
        command: command?,
        env,
        cwd,
        stop_timeout,
    })
}

fn ready(node: &Node, ready: &mut Ready, problems: &mut Problems) {
    let Some(mut fields) = Fields::of(node, "ready: { timeout: 5m }", problems) else {
        return;
    };
    let mut time = |key| {
        fields
            .take(key)
            .and_then(|n| duration(n, true, problems))
            .map(|d| d.value)
    };
    ready.timeout = time("timeout").unwrap_or(ready.timeout);
    ready.interval = time("interval").unwrap_or(ready.interval);
    let probe = fields
        .take("probe")
        .and_then(|node| problems.one_of(node, "a probe", &PROBES));
    let path = fields.text("path", problems);
    match (probe.map(|p| p.value), path) {
        (Some(Asked::Models | Asked::Token), Some(path)) => problems.add(
            path.span(),
            "only the probe `health` has a path",
            "leave `path` out, or write `probe: health`",
        ),
        (_, Some(path)) if !path.value.starts_with('/') => problems.add(
            path.span(),
            "this path does not begin with `/`",
            format!("write `/{}`: it is seen from the server's root", path.value),
        ),
        (_, Some(path)) => ready.probe = Probe::Path(path.value),
        (Some(Asked::Health), None) => ready.probe = Probe::Path("/health".to_owned()),
        (Some(Asked::Models), None) => ready.probe = Probe::Models,
        (Some(Asked::Token), None) => ready.probe = Probe::Token,
        (None, None) => {}
    }
    fields.finish(Place::Other, problems);
}

/// A command: text for a shell, or a list of program and arguments.
pub(super) fn command_line(node: &Node, problems: &mut Problems) -> Option<CommandLine> {
    let NodeValue::Sequence(items) = &node.value else {
        let text = problems.text_of(node)?;
        if text.value.trim().is_empty() {
            problems.add(
                text.span(),
                "this command is empty",
                "write the program to start",
            );
            return None;
        }
        return no_nul(&text.value, text.span(), problems)
            .then_some(CommandLine::Shell(text.value));
    };
    let words: Vec<String> = items
        .iter()
        .map(|item| {
            // An empty argument is one all the same.
            if item.scalar().is_some_and(|s| s.text.is_empty()) && !item.is_null() {
                return Some(String::new());
            }
            let word = problems.text_of(item)?;
            no_nul(&word.value, word.span(), problems).then_some(word.value)
        })
        .collect::<Option<_>>()?;
    if words.first().is_none_or(String::is_empty) {
        problems.add(
            node.span,
            "this command names no program",
            "write `[program, argument, …]`",
        );
        return None;
    }
    Some(CommandLine::Program(words))
}

fn no_nul(text: &str, span: Span, problems: &mut Problems) -> bool {
    if text.contains('\0') {
        problems.add(span, "no command can hold a NUL character", "leave it out");
        return false;
    }
    true
}

/// `env:` and `cwd:` of a program.
pub(super) fn env_and_cwd(
    fields: &mut Fields<'_>,
    around: &Surroundings<'_>,
    hidden: &mut Vec<(String, String)>,
    problems: &mut Problems,
) -> (Vec<(String, String)>, Option<PathBuf>) {
    let env = match fields.take("env") {
        Some(node) => env(node, around, hidden, problems),
        None => Vec::new(),
    };
    let cwd = fields.text("cwd", problems);
    (env, cwd.map(|cwd| beside(problems.file(), &cwd.value)))
}

/// `env:`, variables of a program. Those that `secrets:` names are hidden.
fn env(
    node: &Node,
    around: &Surroundings<'_>,
    hidden: &mut Vec<(String, String)>,
    problems: &mut Problems,
) -> Vec<(String, String)> {
    let Some(entries) = node.entries() else {
        let what = node.describe();
        problems.add(
            node.span,
            format!("expected a mapping, found {what}"),
            "write it like `env: { CUDA_VISIBLE_DEVICES: \"0\" }`",
        );
        return Vec::new();
    };
    let mut env = Vec::new();
    for entry in entries {
        if !is_variable(&entry.key) {
            problems.add(
                entry.key_span,
                format!("`{}` is not the name of a variable", entry.key),
                "names are letters, digits and `_`",
            );
            continue;
        }
        let empty = entry.value.scalar().is_some_and(|s| s.text.is_empty());
        let value = if empty && !entry.value.is_null() {
            String::new()
        } else {
            match problems.text_of(&entry.value) {
                Some(text) if no_nul(&text.value, text.span(), problems) => text.value,
                _ => continue,
            }
        };
        if around.secrets.contains(&entry.key) && !value.is_empty() {
            hidden.push((entry.key.clone(), value.clone()));
        }
        env.push((entry.key.clone(), value));
    }
    env
}
