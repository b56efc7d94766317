//! `${VAR}` and `${VAR:-default}` inside scalars; `$${` stands for a plain `${`.

use super::reader::Problems;
use super::source::Span;
use super::yaml::{Node, NodeValue};

/// Looks up a variable.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A text with its variables replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Expanded {
    /// With the values.
    pub text: String,
    /// With `${NAME}` for the variables that were called secret.
    pub shown: String,
    /// The variables that have a value, with it.
    pub used: Vec<(String, String)>,
    /// The variables that have none.
    pub unset: Vec<String>,
    /// Whether there was anything to replace, escapes included.
    pub changed: bool,
}

/// What is wrong with a `${…}`, and what to write.
pub(super) type Malformed = (&'static str, &'static str);

/// Replaces the variables of `text`. Variables for which `secret` holds stay as `${NAME}` in `shown`.
pub(super) fn expand(
    text: &str,
    env: Env<'_>,
    secret: &dyn Fn(&str) -> bool,
) -> Result<Expanded, Malformed> {
    let mut out = Expanded::default();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        out.changed = true;
        let (before, after) = (&rest[..at], &rest[at + 2..]);
        if let Some(before) = before.strip_suffix('$') {
            out.push(before);
            out.push("${");
            rest = after;
            continue;
        }
        out.push(before);
        let Some(end) = after.find('}') else {
            return Err((
                "this `${` is never closed",
                "write `${NAME}`, or `$${` for a plain `${`",
            ));
        };
        let inside = &after[..end];
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if !is_variable(name) {
            return Err((
                "what stands in `${…}` is not the name of a variable",
                "write `${NAME}` or `${NAME:-default}`, or `$${` for a plain `${`",
            ));
        }
        if default.is_some_and(|d| d.contains("${")) {
            return Err((
                "a default cannot hold a variable",
                "write the default out: `${NAME:-default}`",
            ));
        }
        let value = match (env(name), default) {
            // As in a shell, `:-` also replaces an empty value.
            (Some(value), Some(_)) if !value.is_empty() => Some(value),
            (_, Some(default)) => Some(default.to_owned()),
            (value, None) => value,
        };
        match value {
            Some(value) => {
                out.text.push_str(&value);
                if secret(name) {
                    out.shown.push_str(&format!("${{{name}}}"));
                } else {
                    out.shown.push_str(&value);
                }
                out.used.push((name.to_owned(), value));
            }
            None => {
                out.shown.push_str(&format!("${{{name}}}"));
                out.unset.push(name.to_owned());
            }
        }
        rest = &after[end + 1..];
    }
    out.push(rest);
    Ok(out)
}

impl Expanded {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.shown.push_str(text);
    }
}

pub(super) fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Replaces variables in all scalars of `node`, except under `headers` and `auth`: those are
/// looked up on their own, because an unset one matters only when the case runs.
pub(super) fn replace(
    node: &mut Node,
    env: Env<'_>,
    secret: &dyn Fn(&str) -> bool,
    problems: &mut Problems,
) {
    let span = node.span;
    match &mut node.value {
        NodeValue::Scalar(scalar) => match expand(&scalar.text, env, secret) {
            Ok(expanded) => {
                for name in &expanded.unset {
                    let at = variable_span(problems, span, name);
                    problems.add(
                        at,
                        format!("the variable `{name}` is not set"),
                        format!("set it, or give a default: `${{{name}:-default}}`"),
                    );
                }
                if expanded.changed {
                    scalar.text = expanded.text;
                    scalar.shown = expanded.shown;
                    scalar.unset = !expanded.unset.is_empty();
                }
            }
            Err((message, help)) => {
                scalar.unset = true;
                problems.add(span, message, help);
            }
        },
        NodeValue::Sequence(items) => {
            for item in items {
                replace(item, env, secret, problems);
            }
        }
        NodeValue::Mapping(entries) => {
            for entry in entries {
                if matches!(entry.key.as_str(), "headers" | "auth") {
                    continue;
                }
                replace(&mut entry.value, env, secret, problems);
            }
        }
    }
}

/// The `${name…}` inside the scalar at `span`, where it can be found as written.
fn variable_span(problems: &Problems, span: Span, name: &str) -> Span {
    let text = problems.text(span);
    let needle = format!("${{{name}");
    match text.find(&needle) {
        Some(at) => {
            let end = text[at..].find('}').map_or(text.len(), |e| at + e + 1);
            Span {
                start: span.start + at,
                end: span.start + end,
            }
        }
        None => span,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "A" => Some("apple".into()),
            "NESTED" => Some("${A}".into()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    fn text(text: &str) -> String {
        let expanded = expand(text, &env, &|_| false).unwrap();
        assert_eq!(expanded.unset, [""; 0]);
        expanded.text
    }

    #[test]
    fn variables_defaults_and_escapes() {
        for (given, expected) in [
            ("plain", "plain"),
            ("${A}", "apple"),
            ("a ${A} and ${A}s", "a apple and apples"),
            ("${B:-pear}", "pear"),
            ("${B:-http://host:1/v1}", "http://host:1/v1"),
            ("${B:-}", ""),
            ("${EMPTY:-full}", "full"),
            ("${EMPTY}", ""),
            ("$${A}", "${A}"),
            ("$$${A}", "$${A}"),
            ("$A {A} $", "$A {A} $"),
        ] {
            assert_eq!(text(given), expected, "{given}");
        }
    }

    #[test]
    fn what_a_variable_holds_is_not_looked_at_again() {
        assert_eq!(text("${NESTED}"), "${A}");
    }

    #[test]
    fn secret_variables_stay_as_their_names_in_what_is_shown() {
        let expanded = expand("x ${A} ${EMPTY}", &env, &|name| name == "A").unwrap();
        assert_eq!(expanded.shown, "x ${A} ");
        assert_eq!(expanded.text, "x apple ");
    }

    #[test]
    fn unset_variables_are_named() {
        let expanded = expand("${B} ${A} ${C}", &env, &|_| false).unwrap();
        assert_eq!(expanded.unset, ["B", "C"]);
        assert_eq!(expanded.shown, "${B} apple ${C}");
    }

    #[test]
    fn malformed_variables_are_refused() {
        for text in [
            "${",
            "${A",
            "${}",
            "${1A}",
            "${A B}",
            "${A:+x}",
            "${A:-${B}}",
        ] {
            assert!(expand(text, &env, &|_| false).is_err(), "{text}");
        }
    }
}
