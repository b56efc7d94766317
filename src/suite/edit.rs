//! Suites changed in place: one key of a scenario is put in or replaced, and everything else, comments
//! and layout included, stays as it is.

use std::sync::Arc;

use super::source::{SourceFile, Span};
use super::yaml::{self, Node, NodeValue};

/// What is to stand in a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit<'a> {
    /// Name of the scenario, as written.
    pub scenario: &'a str,
    /// The key.
    pub key: &'a str,
    /// Its value as YAML, in flow style, on one line.
    pub value: &'a str,
    /// Comment lines above it, without `#`; where one that begins like the first of them stands there
    /// already, they take its place. Scenarios in flow style get none.
    pub comment: &'a [String],
}

/// `text`, the suite that stands in `path`, with `edit` made in it.
///
/// # Errors
/// Why it cannot be done without touching anything else, as a fragment for people.
pub fn edited(path: &str, text: &str, edit: &Edit<'_>) -> Result<String, String> {
    let root = parsed(path, text)?;
    let scenario = scenario_of(&root, edit.scenario)?;
    let entries = scenario.entries().unwrap_or_default();
    let flow = text[scenario.span.start..].starts_with('{');
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let written = format!("{}: {}", edit.key, edit.value);
    let changed = match entries.iter().find(|e| e.key == edit.key) {
        Some(entry) => {
            let end = end_of(&entry.value, text).max(entry.key_span.end);
            let value = entry.value.span;
            if value.start < entry.key_span.end && !entry.value.is_null() {
                return Err(format!(
                    "`{}` of `{}` is an alias (`*…`); write its value out",
                    edit.key, edit.scenario
                ));
            }
            let end = if entry.value.is_null() && value.end <= entry.key_span.end {
                // `key:` with nothing behind it.
                text[entry.key_span.end..]
                    .find(':')
                    .map_or(entry.key_span.end, |colon| entry.key_span.end + colon + 1)
            } else {
                end
            };
            let span = Span {
                start: entry.key_span.start,
                end,
            };
            let (before, after) = (&text[..span.start], &text[span.end..]);
            if flow {
                format!("{before}{written}{after}")
            } else {
                let line = before.rfind('\n').map_or(0, |i| i + 1);
                let indent = &before[line..];
                if indent.trim().is_empty() {
                    let kept = without_comment(&before[..line], edit.comment);
                    let comment = comment_lines(edit.comment, indent, newline);
                    format!("{kept}{comment}{indent}{written}{after}")
                } else {
                    // The key stands behind the `-` of its scenario.
                    format!("{before}{written}{after}")
                }
            }
        }
        None => {
            let last = entries
                .last()
                .ok_or_else(|| format!("the scenario `{}` is empty", edit.scenario))?;
            let end = end_of(&last.value, text).max(last.key_span.end);
            if flow {
                format!("{}, {written}{}", &text[..end], &text[end..])
            } else {
                let first = &entries[0];
                let line = text[..first.key_span.start]
                    .rfind('\n')
                    .map_or(0, |i| i + 1);
                let column = text[line..first.key_span.start].chars().count();
                let indent = " ".repeat(column);
                let end = text[end..].find('\n').map_or(text.len(), |i| end + i);
                let end = end - usize::from(text[..end].ends_with('\r'));
                let comment = comment_lines(edit.comment, &indent, newline);
                format!(
                    "{}{newline}{comment}{indent}{written}{}",
                    &text[..end],
                    &text[end..]
                )
            }
        }
    };
    unharmed(path, &root, &changed, edit)?;
    Ok(changed)
}

fn parsed(path: &str, text: &str) -> Result<Node, String> {
    let file = SourceFile {
        path: Arc::from(path),
        text: Arc::from(text),
    };
    yaml::parse(&file).map_err(|problem| problem.message)
}

fn scenario_of<'n>(root: &'n Node, name: &str) -> Result<&'n Node, String> {
    let missing = || format!("there is no scenario `{name}` in it");
    let scenarios = root.entries().into_iter().flatten();
    let mut scenarios = scenarios.filter(|e| e.key == "scenarios");
    let NodeValue::Sequence(items) = &scenarios.next().ok_or_else(missing)?.value.value else {
        return Err(missing());
    };
    let is_named = |node: &&Node| {
        let mut entries = node.entries().into_iter().flatten();
        entries.any(|e| e.key == "name" && e.value.scalar().is_some_and(|s| s.text == name))
    };
    items.iter().find(is_named).ok_or_else(missing)
}

/// Where what is written of `node` ends, without the white space and the comments that the parser counts
/// in.
fn end_of(node: &Node, text: &str) -> usize {
    let last = match &node.value {
        NodeValue::Mapping(entries) => entries
            .last()
            .map(|e| end_of(&e.value, text).max(e.key_span.end)),
        NodeValue::Sequence(items) => items.last().map(|n| end_of(n, text)),
        NodeValue::Scalar(s) if text[node.span.start..].starts_with(s.text.as_str()) => {
            Some(node.span.start + s.text.len())
        }
        NodeValue::Scalar(_) => None,
    };
    let closing = match text.as_bytes().get(node.span.start) {
        Some(b'{') => Some('}'),
        Some(b'[') => Some(']'),
        _ => None,
    };
    let end = match (closing, &node.value) {
        (Some(closing), NodeValue::Mapping(_) | NodeValue::Sequence(_)) => {
            let from = last.unwrap_or(node.span.start);
            let close = text[from..].find(closing);
            close.map_or(node.span.end, |i| from + i + 1)
        }
        _ => last.unwrap_or(node.span.end),
    };
    text[..end].trim_end().len()
}

fn comment_lines(comment: &[String], indent: &str, newline: &str) -> String {
    comment
        .iter()
        .map(|line| format!("{indent}# {line}{newline}"))
        .collect()
}

/// `before` without the comment at its end that an earlier edit has left there: one whose first line
/// begins with the same words.
fn without_comment<'t>(before: &'t str, comment: &[String]) -> &'t str {
    let Some(first) = comment.first() else {
        return before;
    };
    let words = |text: &str| {
        text.split_whitespace()
            .take(2)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let known = words(first);
    let mut end = before.len();
    for line in before.lines().rev() {
        let start = before[..end].trim_end_matches(['\r', '\n']).len() - line.len();
        let Some(text) = line.trim_start().strip_prefix('#') else {
            break;
        };
        end = start;
        if words(text) == known {
            return &before[..start];
        }
    }
    before
}

/// Sees to it that nothing but the key has changed.
fn unharmed(path: &str, before: &Node, after: &str, edit: &Edit<'_>) -> Result<(), String> {
    let after = parsed(path, after)?;
    let scenario = scenario_of(&after, edit.scenario)?;
    let value = format!("{}: {}", edit.key, edit.value);
    let wanted = parsed(path, &value)?;
    let wanted = wanted.entries().and_then(|e| e.first());
    let mut entries = scenario.entries().into_iter().flatten();
    let found = entries.find(|e| e.key == edit.key);
    let there = match (wanted, found) {
        (Some(a), Some(b)) => same(&a.value, &b.value, None),
        _ => false,
    };
    if there && same(before, &after, Some(edit)) {
        return Ok(());
    }
    Err("its layout does not allow that without touching anything else".to_owned())
}

/// Whether two trees say the same, but for the key of `edit`.
fn same(a: &Node, b: &Node, edit: Option<&Edit<'_>>) -> bool {
    match (&a.value, &b.value) {
        (NodeValue::Scalar(a), NodeValue::Scalar(b)) => a.text == b.text && a.plain == b.plain,
        (NodeValue::Sequence(a), NodeValue::Sequence(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b, edit))
        }
        (NodeValue::Mapping(a), NodeValue::Mapping(b)) => {
            let named = |entries: &[yaml::Entry]| {
                edit.filter(|edit| {
                    entries.iter().any(|e| {
                        e.key == "name" && e.value.scalar().is_some_and(|s| s.text == edit.scenario)
                    })
                })
                .map(|edit| edit.key.to_owned())
            };
            let left_out = named(a);
            let kept = |entries: &[yaml::Entry]| -> Vec<yaml::Entry> {
                let kept = entries.iter().filter(|e| Some(&e.key) != left_out.as_ref());
                kept.cloned().collect()
            };
            let (a, b) = (kept(a), kept(b));
            a.len() == b.len()
                && a.iter()
                    .zip(&b)
                    .all(|(a, b)| a.key == b.key && same(&a.value, &b.value, edit))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comment() -> Vec<String> {
        vec![
            "prony calibrate, today: 5 sessions".to_owned(),
            "  baseline: { ttft.p99: 9% }".to_owned(),
        ]
    }

    fn put(text: &str, scenario: &str, comment: &[String]) -> Result<String, String> {
        let edit = Edit {
            scenario,
            key: "noise",
            value: "{ ttft.p99: { run: 2%, session: 3% } }",
            comment,
        };
        edited("a.yaml", text, &edit)
    }

    const BLOCK: &str = "\
suite: chat # a comment
scenarios:
  - name: a   # the first
    kind: latency
    sla:
      - ttft.p99 < 1s   # why

  # about the second
  - name: b
    kind: latency
";

    #[test]
    fn a_key_is_put_behind_the_last_one_and_all_else_stays() {
        insta::assert_snapshot!(put(BLOCK, "a", &comment()).unwrap(), @r"
        suite: chat # a comment
        scenarios:
          - name: a   # the first
            kind: latency
            sla:
              - ttft.p99 < 1s   # why
            # prony calibrate, today: 5 sessions
            #   baseline: { ttft.p99: 9% }
            noise: { ttft.p99: { run: 2%, session: 3% } }

          # about the second
          - name: b
            kind: latency
        ");
        let end = put(BLOCK, "b", &[]).unwrap();
        assert!(
            end.ends_with("    kind: latency\n    noise: { ttft.p99: { run: 2%, session: 3% } }\n")
        );
        assert!(put(BLOCK, "c", &[]).is_err());
    }

    #[test]
    fn a_second_time_changes_the_value_and_its_comment_only() {
        let once = put(BLOCK, "a", &comment()).unwrap();
        assert_eq!(put(&once, "a", &comment()).unwrap(), once);
        let mine = once.replace("    # prony", "    # mine\n    # prony");
        assert_eq!(put(&mine, "a", &comment()).unwrap(), mine);
        for old in [
            "noise: 3%",
            "noise: { ttft.p99: 3% }",
            "noise:\n      ttft.p50: 3% # old\n      ttft.p99: { run: 1% }",
        ] {
            let text = BLOCK.replace("    sla:", &format!("    {old}   # kept\n    sla:"));
            let new = put(&text, "a", &[]).unwrap();
            let line = "    noise: { ttft.p99: { run: 2%, session: 3% } }   # kept\n    sla:";
            assert!(new.contains(line), "{old}: {new}");
        }
    }

    #[test]
    fn flow_style_and_other_line_ends() {
        let flow =
            "scenarios: [{ name: a, kind: latency, sla: [ttft.p99 < 1s] }, { name: b }] # end\n";
        assert_eq!(
            put(flow, "a", &comment()).unwrap(),
            "scenarios: [{ name: a, kind: latency, sla: [ttft.p99 < 1s], noise: { ttft.p99: { run: 2%, session: 3% } } }, { name: b }] # end\n"
        );
        let dos = BLOCK.replace('\n', "\r\n");
        let new = put(&dos, "a", &comment()).unwrap();
        assert_eq!(
            new.replace("\r\n", "\n"),
            put(BLOCK, "a", &comment()).unwrap()
        );
        assert!(!new.replace("\r\n", "").contains('\n'));
    }

    #[test]
    fn texts_over_several_lines_and_ends_without_a_newline() {
        let text = "scenarios:\n- kind: latency\n  name: a\n  skip: |\n    one\n    two\n- name: b\n  skip: why";
        let new = put(text, "a", &[]).unwrap();
        assert!(new.contains("    two\n  noise: {"), "{new}");
        let new = put(text, "b", &[]).unwrap();
        assert!(
            new.ends_with("  skip: why\n  noise: { ttft.p99: { run: 2%, session: 3% } }"),
            "{new}"
        );
    }

    #[test]
    fn what_is_shared_is_left_alone() {
        let text = "scenarios:\n  - &one { name: a, noise: &n 3% }\n  - { name: b, noise: *n }\n";
        let new = put(text, "b", &[]);
        assert!(new.is_err(), "{new:?}");
    }
}
