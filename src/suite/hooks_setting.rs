//! `before:`, `after:` and `between:`.

use std::time::Duration;

use serde_json::Value as Json;

use super::hooks::{Hook, HookAction, HookMethod, HookTarget, HookUrl, SuiteHooks};
use super::later::Place;
use super::launch_setting::{command_line, env_and_cwd};
use super::model::TargetUrl;
use super::reader::{Fields, Placed, Problems};
use super::secrets;
use super::settings::{Surroundings, duration};
use super::target_setting::TargetLayer;
use super::yaml::{Node, NodeValue};

/// How long a hook may take, where it does not say.
pub(super) const TIMEOUT: Duration = Duration::from_secs(60);

/// Hooks as one layer says them, with what must not be shown of them.
#[derive(Clone, Debug)]
pub(super) struct HookList {
    pub hooks: Vec<Hook>,
    pub hidden: Vec<(String, String)>,
    /// Where the first of them stands that needs the target to be up.
    pub first_path: Option<super::source::Span>,
}

/// Reads one hook or a list of them, under `key`.
pub(super) fn read(
    key: &'static str,
    fields: &mut Fields<'_>,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> Option<Placed<HookList>> {
    let node = fields.take(key)?;
    let items = match &node.value {
        NodeValue::Sequence(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut list = HookList {
        hooks: Vec::new(),
        hidden: Vec::new(),
        first_path: None,
    };
    for item in items {
        if let Some(hook) = hook(key, item, around, &mut list.hidden, problems) {
            if hook.action.needs_target() {
                list.first_path.get_or_insert(item.span);
            }
            list.hooks.push(hook);
        }
    }
    Some(problems.placed(list, node.span))
}

/// The hooks of a whole suite, and what must not be shown of them. `target` is the suite's own.
pub(super) fn suite(
    fields: &mut Fields<'_>,
    target: Option<&TargetLayer>,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> (SuiteHooks, Vec<(String, String)>) {
    let mut out = SuiteHooks::default();
    let mut hidden = Vec::new();
    for (key, to) in [("before", &mut out.before), ("after", &mut out.after)] {
        let Some(list) = read(key, fields, around, problems) else {
            continue;
        };
        *to = list.value.hooks;
        hidden.extend(list.value.hidden);
        let Some(at) = list.value.first_path else {
            continue;
        };
        match target.map(|t| (&t.target, &t.target.url, &t.headers)) {
            Some((target, TargetUrl::Http(url), headers)) if target.launch.is_none() => {
                let own = |h: &secrets::Header| (h.name.clone(), h.secret.clone());
                out.target = Some(Box::new(HookTarget {
                    url: url.clone(),
                    headers: headers.iter().map(own).collect(),
                    ca: target.ca.clone(),
                    insecure_tls: target.insecure_tls,
                }));
            }
            Some(_) => problems.add(
                at,
                "the target is not up yet, or not any more, when the hooks of a whole suite run: prony starts it for the cases",
                format!("write the hook under `defaults: {{ {key}: … }}`, or give a whole address"),
            ),
            None => problems.add(
                at,
                "there is no target that this path could belong to",
                "write a `target` at the top of the suite, or a whole address, `http://…`",
            ),
        }
    }
    (out, hidden)
}

fn hook(
    key: &'static str,
    node: &Node,
    around: &Surroundings<'_>,
    hidden: &mut Vec<(String, String)>,
    problems: &mut Problems,
) -> Option<Hook> {
    if node.scalar().is_some() {
        return Some(Hook {
            action: HookAction::Command {
                command: command_line(node, problems)?,
                env: Vec::new(),
                cwd: None,
            },
            timeout: TIMEOUT,
            restarts: false,
        });
    }
    let mut fields = Fields::of(node, "{ post: /reset_prefix_cache }", problems)?;
    let mut chosen = Vec::new();
    for name in ["command", "post", "get"] {
        if let Some(entry) = fields.entry(name) {
            chosen.push((name, entry));
        }
    }
    if chosen.len() != 1 {
        problems.add(
            node.span,
            if chosen.is_empty() {
                "this hook does nothing"
            } else {
                "this hook does several things"
            },
            "write one of `command`, `post` and `get`, such as `{ post: /reset_prefix_cache }` or `{ command: \"make warm\" }`; several hooks are a list",
        );
    }
    let timeout = match fields.take("timeout") {
        Some(node) => duration(node, true, problems).map_or(TIMEOUT, |d| d.value),
        None => TIMEOUT,
    };
    let mut restarts = false;
    if key == "between" {
        restarts = fields
            .typed("restarts", problems)
            .is_some_and(|restarts| restarts.value);
    } else if let Some(entry) = fields.misplaced("restarts") {
        problems.add(
            entry.key_span,
            "only a hook `between` runs can make another session of the next one",
            "leave `restarts` out",
        );
    }
    let action = match chosen.first() {
        Some(("command", entry)) => {
            let (env, cwd) = env_and_cwd(&mut fields, around, hidden, problems);
            command_line(&entry.value, problems).map(|command| HookAction::Command {
                command,
                env,
                cwd,
            })
        }
        Some((method, entry)) => {
            let headers = match fields.take("headers") {
                Some(node) => secrets::headers(node, around.env, problems),
                None => Vec::new(),
            };
            hidden.extend(headers.iter().flat_map(secrets::Header::hidden));
            let post = *method == "post";
            let body = if post {
                fields
                    .take("body")
                    .and_then(|node| problems.typed_exactly::<Json>(node))
                    .map(|body| body.value)
            } else {
                None
            };
            hook_url(&entry.value, problems).map(|url| HookAction::Http {
                method: if post {
                    HookMethod::Post
                } else {
                    HookMethod::Get
                },
                url,
                headers: headers.into_iter().map(|h| (h.name, h.secret)).collect(),
                body,
            })
        }
        None => None,
    };
    fields.finish(Place::Other, problems);
    Some(Hook {
        action: action?,
        timeout,
        restarts,
    })
}

fn hook_url(node: &Node, problems: &mut Problems) -> Option<HookUrl> {
    let text = problems.text_of(node)?;
    if text.value.starts_with('/') {
        return Some(HookUrl::Path(text.value));
    }
    let help = "write a path of the target's server, such as `/reset_prefix_cache`, or a whole address, `http://…`";
    match url::Url::parse(&text.value) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
            if url.username().is_empty() && url.password().is_none() {
                return Some(HookUrl::Absolute(url));
            }
            problems.add(
                text.span(),
                "this address holds credentials, which would be shown in reports",
                "put them under `headers:`",
            );
        }
        _ => problems.add(text.span(), "this is not an address of HTTP", help),
    }
    None
}

/// Hooks as they stand in a suite; headers as they are shown.
pub(super) fn written(hooks: &[Hook], show: &dyn Fn(Duration) -> String) -> Json {
    let plain = super::resolved::plain;
    let plain_json = super::resolved::plain_json;
    let items = hooks.iter().map(|hook| {
        let mut out = serde_json::Map::new();
        match &hook.action {
            HookAction::Command { command, env, cwd } => {
                super::resolved::put_command(&mut out, command, env, cwd.as_deref());
            }
            HookAction::Http {
                method,
                url,
                headers,
                body,
            } => {
                out.insert(
                    method.name().to_ascii_lowercase(),
                    plain(url.shown()).into(),
                );
                super::resolved::put_headers(&mut out, headers);
                if let Some(body) = body {
                    out.insert("body".into(), plain_json(body));
                }
            }
        }
        out.insert("timeout".into(), show(hook.timeout).into());
        if hook.restarts {
            out.insert("restarts".into(), true.into());
        }
        Json::Object(out)
    });
    Json::Array(items.collect())
}
