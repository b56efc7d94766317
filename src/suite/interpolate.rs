//! `${VAR}` and `${VAR:-default}` inside scalars, `${matrix.VAR}` inside scenarios with a matrix; `$${`
//! stands for a plain `${`.

use super::diagnostic::Diagnostic;
use super::names::nearest;
use super::reader::{Problems, list};
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

/// What is wrong with a `${…}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    pub message: String,
    /// What to write.
    pub help: String,
    /// The variable it is about, where it can be told.
    name: Option<String>,
}

fn malformed(message: &str, help: &str) -> Malformed {
    Malformed {
        message: message.to_owned(),
        help: help.to_owned(),
        name: None,
    }
}

/// Where variables take their values from.
#[derive(Clone, Copy)]
pub(super) struct Variables<'a> {
    pub env: Env<'a>,
    /// The variables that stay as `${NAME}` in what is shown.
    pub secret: &'a dyn Fn(&str) -> bool,
    /// The values of one combination of a matrix, and all names that the matrix has; absent
    /// outside of scenarios with a matrix.
    pub matrix: Option<Cell<'a>>,
}

/// One combination of a matrix.
#[derive(Clone, Copy)]
pub(super) struct Cell<'a> {
    pub values: &'a [(String, String)],
    pub names: &'a [&'a str],
}

impl Cell<'_> {
    fn value(&self, name: &str) -> Option<&str> {
        let (_, value) = self.values.iter().find(|(n, _)| n == name)?;
        Some(value)
    }
}

/// What the names of a matrix's variables begin with inside `${…}`.
const MATRIX: &str = "matrix.";

/// Replaces the environment's variables in `text`. Those for which `secret` holds stay as `${NAME}`
/// in `shown`.
pub(super) fn expand(
    text: &str,
    env: Env<'_>,
    secret: &dyn Fn(&str) -> bool,
) -> Result<Expanded, Malformed> {
    let variables = Variables {
        env,
        secret,
        matrix: None,
    };
    variables.expand(text)
}

/// A piece of a text: what stands for itself, or what stands between `${` and `}`.
enum Piece<'t> {
    Plain(&'t str),
    Escape,
    Variable {
        inside: &'t str,
        name: &'t str,
        default: Option<&'t str>,
    },
}

/// The pieces of `text`.
fn pieces(text: &str) -> Result<Vec<Piece<'_>>, Malformed> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, after) = (&rest[..at], &rest[at + 2..]);
        if let Some(before) = before.strip_suffix('$') {
            out.push(Piece::Plain(before));
            out.push(Piece::Escape);
            rest = after;
            continue;
        }
        out.push(Piece::Plain(before));
        let Some(end) = after.find('}') else {
            return Err(malformed(
                "this `${` is never closed",
                "write `${NAME}`, or `$${` for a plain `${`",
            ));
        };
        let inside = &after[..end];
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if !is_variable(name.strip_prefix(MATRIX).unwrap_or(name)) {
            return Err(malformed(
                "what stands in `${…}` is not the name of a variable",
                "write `${NAME}` or `${NAME:-default}`, or `$${` for a plain `${`",
            ));
        }
        if default.is_some_and(|d| d.contains("${")) {
            return Err(malformed(
                "a default cannot hold a variable",
                "write the default out: `${NAME:-default}`",
            ));
        }
        out.push(Piece::Variable {
            inside,
            name,
            default,
        });
        rest = &after[end + 1..];
    }
    out.push(Piece::Plain(rest));
    Ok(out)
}

/// The variables of a matrix that `text` names.
pub(super) fn matrix_names(text: &str) -> Vec<&str> {
    let pieces = pieces(text).unwrap_or_default();
    pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Variable { name, .. } => name.strip_prefix(MATRIX),
            _ => None,
        })
        .collect()
}

impl Variables<'_> {
    /// Replaces the variables of `text`.
    pub fn expand(&self, text: &str) -> Result<Expanded, Malformed> {
        let mut out = Expanded::default();
        for piece in pieces(text)? {
            let (name, default) = match piece {
                Piece::Plain(text) => {
                    out.push(text);
                    continue;
                }
                Piece::Escape => {
                    out.changed = true;
                    out.push("${");
                    continue;
                }
                Piece::Variable { name, default, .. } => (name, default),
            };
            out.changed = true;
            if let Some(of_matrix) = name.strip_prefix(MATRIX) {
                out.push(&self.of_matrix(of_matrix, default)?);
                continue;
            }
            let value = match ((self.env)(name), default) {
                // As in a shell, `:-` also replaces an empty value.
                (Some(value), Some(_)) if !value.is_empty() => Some(value),
                (_, Some(default)) => Some(default.to_owned()),
                (value, None) => value,
            };
            match value {
                Some(value) => {
                    out.text.push_str(&value);
                    if (self.secret)(name) {
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
        }
        Ok(out)
    }

    /// Replaces the variables of the matrix alone: the others are looked up later, on their own.
    fn expand_matrix(&self, text: &str) -> Result<String, Malformed> {
        let mut out = String::new();
        for piece in pieces(text)? {
            match piece {
                Piece::Plain(text) => out.push_str(text),
                Piece::Escape => out.push_str("$${"),
                Piece::Variable {
                    inside,
                    name,
                    default,
                } => match name.strip_prefix(MATRIX) {
                    // A value of a matrix is what it is.
                    Some(name) => {
                        out.push_str(&self.of_matrix(name, default)?.replace("${", "$${"));
                    }
                    None => out.push_str(&format!("${{{inside}}}")),
                },
            }
        }
        Ok(out)
    }

    fn of_matrix(&self, name: &str, default: Option<&str>) -> Result<String, Malformed> {
        let full = format!("{MATRIX}{name}");
        let wrong = |message: String, help: String| Malformed {
            message,
            help,
            name: Some(full.clone()),
        };
        let Some(matrix) = &self.matrix else {
            return Err(wrong(
                format!("`${{{full}}}` has no matrix to take its value from"),
                format!(
                    "variables of a matrix are known only in the scenario that has it: `matrix: {{ {name}: [a, b] }}`"
                ),
            ));
        };
        match (matrix.value(name), default) {
            (Some(value), _) => Ok(value.to_owned()),
            (None, Some(default)) => Ok(default.to_owned()),
            (None, None) if matrix.names.contains(&name) => Err(wrong(
                format!("this combination of the matrix has no `{name}`"),
                format!("give it a value under `include`, or a default: `${{{full}:-default}}`"),
            )),
            (None, None) => {
                let help = match nearest(name, matrix.names.iter().copied()) {
                    Some(near) => format!("did you mean `${{{MATRIX}{near}}}`?"),
                    None => format!("its variables are {}", list(matrix.names)),
                };
                Err(wrong(format!("the matrix has no variable `{name}`"), help))
            }
        }
    }
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

/// Replaces variables in all scalars of `node`. Under `headers` and `auth` only those of a matrix:
/// the others are looked up on their own there, because an unset one matters only when the case
/// runs.
///
/// `later` takes the problems of variables that are not set, where they matter only if the node is
/// used; without it they are problems now.
pub(super) fn replace(
    node: &mut Node,
    variables: &Variables<'_>,
    problems: &mut Problems,
    mut later: Option<&mut Vec<Diagnostic>>,
) {
    let span = node.span;
    match &mut node.value {
        NodeValue::Scalar(scalar) => match variables.expand(&scalar.text) {
            Ok(expanded) => {
                for name in &expanded.unset {
                    let at = variable_span(problems, span, name);
                    let unset = Diagnostic::new(format!("the variable `{name}` is not set"))
                        .at(problems.location(at))
                        .help(format!("set it, or give a default: `${{{name}:-default}}`"));
                    match &mut later {
                        Some(later) => later.push(unset),
                        None => problems.push(unset),
                    }
                }
                if expanded.changed {
                    scalar.text = expanded.text;
                    scalar.shown = expanded.shown;
                    scalar.unset = !expanded.unset.is_empty();
                }
            }
            Err(malformed) => {
                scalar.unset = true;
                add(malformed, span, problems);
            }
        },
        NodeValue::Sequence(items) => {
            for item in items {
                replace(item, variables, problems, later.as_deref_mut());
            }
        }
        NodeValue::Mapping(entries) => {
            for entry in entries {
                if matches!(entry.key.as_str(), "headers" | "auth") {
                    if variables.matrix.is_some() {
                        replace_matrix(&mut entry.value, variables, problems);
                    }
                    continue;
                }
                replace(&mut entry.value, variables, problems, later.as_deref_mut());
            }
        }
    }
}

fn replace_matrix(node: &mut Node, variables: &Variables<'_>, problems: &mut Problems) {
    let span = node.span;
    match &mut node.value {
        NodeValue::Scalar(scalar) => match variables.expand_matrix(&scalar.text) {
            Ok(text) => {
                scalar.shown.clone_from(&text);
                scalar.text = text;
            }
            Err(malformed) => {
                scalar.unset = true;
                add(malformed, span, problems);
            }
        },
        NodeValue::Sequence(items) => {
            for item in items {
                replace_matrix(item, variables, problems);
            }
        }
        NodeValue::Mapping(entries) => {
            for entry in entries {
                replace_matrix(&mut entry.value, variables, problems);
            }
        }
    }
}

fn add(malformed: Malformed, span: Span, problems: &mut Problems) {
    let at = match &malformed.name {
        Some(name) => variable_span(problems, span, name),
        None => span,
    };
    problems.add(at, malformed.message, malformed.help);
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

    #[test]
    fn variables_of_a_matrix_stand_only_where_there_is_one() {
        let values = [("c".to_owned(), "${A}".to_owned())];
        let of_matrix = Variables {
            env: &env,
            secret: &|_| false,
            matrix: Some(Cell {
                values: &values,
                names: &["c", "model"],
            }),
        };
        let expanded = of_matrix.expand("${A} ${matrix.c} $${matrix.c} ${matrix.model:-m}");
        assert_eq!(expanded.unwrap().text, "apple ${A} ${matrix.c} m");
        let in_headers = of_matrix.expand_matrix("${A:-x} ${matrix.c} $${B}");
        assert_eq!(in_headers.unwrap(), "${A:-x} $${A} $${B}");
        let wrong = |text| of_matrix.expand(text).unwrap_err().help;
        assert_eq!(wrong("${matrix.modle}"), "did you mean `${matrix.model}`?");
        assert!(wrong("${matrix.model}").contains("include"));
        assert!(expand("${matrix.c}", &env, &|_| false).is_err());
        assert_eq!(matrix_names("${matrix.a}${B}$${matrix.c}"), ["a"]);
    }
}
