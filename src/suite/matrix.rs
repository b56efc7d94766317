//! `matrix:`: one scenario written, several cases run.
//!
//! Variables and lists as in the matrices of CI systems: every combination of their values is a
//! case, `exclude` takes combinations away, `include` adds values to combinations or combinations.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::diagnostic::Diagnostic;
use super::interpolate::{is_variable, matrix_names};
use super::names::nearest;
use super::reader::{Problems, list};
use super::source::Span;
use super::yaml::{Entry, Node, NodeValue};

/// Most cases of a suite.
pub(super) const MOST_CASES: usize = 10_000;
/// Longest value of a variable, in characters.
const LONGEST_VALUE: usize = 200;
/// Longest value inside the name of a case, in characters.
const LONGEST_IN_NAME: usize = 40;

const EXAMPLE: &str =
    "write `matrix: { c: [1, 4, 16], model: [a, b] }`, and `${matrix.c}` where its values belong";

/// One case of a matrix.
#[derive(Clone, Debug)]
pub(super) struct Combination {
    /// The variables with their values, in the order written.
    pub values: Vec<(String, String)>,
    /// `c=4,model=a`, as it stands in the name of the case.
    pub label: String,
    /// Where each of the values stands.
    pub spans: Vec<Span>,
}

/// A value and its place.
#[derive(Clone, Debug)]
struct Value {
    text: String,
    span: Span,
}

/// A variable with all its values.
struct Variable<'n> {
    name: &'n str,
    span: Span,
    values: Vec<Value>,
}

/// A combination while it is put together; places of `values` are those of the names.
#[derive(Clone, Debug)]
struct Row {
    values: Vec<Option<Value>>,
}

/// The cases of `entry`, the `matrix:` of `scenario`; at most `room` of them. Variables of the
/// environment are replaced already.
pub(super) fn read(
    entry: &Entry,
    scenario: &Node,
    room: usize,
    problems: &mut Problems,
) -> Option<Vec<Combination>> {
    let node = &entry.value;
    let Some(entries) = node.entries() else {
        let what = node.describe();
        problems.add(
            node.span,
            format!("a matrix is a mapping, and this is {what}"),
            EXAMPLE,
        );
        return None;
    };
    let mut sound = true;
    let mut variables = Vec::new();
    let (mut include, mut exclude) = (None, None);
    for entry in entries {
        match entry.key.as_str() {
            "include" => include = Some(&entry.value),
            "exclude" => exclude = Some(&entry.value),
            name => match variable(name, entry, problems) {
                Some(variable) => variables.push(variable),
                None => sound = false,
            },
        }
    }
    let include = rows(include, "include", problems);
    let exclude = rows(exclude, "exclude", problems);
    let (Some(include), Some(exclude), true) = (include, exclude, sound) else {
        return None;
    };
    if variables.is_empty() && include.is_empty() {
        problems.add(entry.key_span, "this matrix is empty", EXAMPLE);
        return None;
    }
    let count = variables
        .iter()
        .try_fold(1usize, |n, v| n.checked_mul(v.values.len()));
    if count.is_none_or(|n| n.saturating_add(include.len()) > room) {
        let n = count.map_or_else(|| "too many".to_owned(), |n| n.to_string());
        problems.add(
            entry.key_span,
            format!("this matrix makes {n} cases, and a suite has at most {MOST_CASES}"),
            "take values away, or spread them over several suites",
        );
        return None;
    }
    let names = names(&variables, &include);
    sound &= all_used(&names, scenario, problems);
    let mut table = product(&variables, names.len());
    sound &= remove(&mut table, &variables, &exclude, problems);
    let excluded_all = table.is_empty() && !variables.is_empty() && include.is_empty();
    if sound && excluded_all {
        problems.add(
            entry.key_span,
            "`exclude` leaves nothing of this matrix",
            "keep at least one combination",
        );
        sound = false;
    }
    sound &= add(&mut table, &variables, &names, &include, problems);
    let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
    let cases = labelled(table, &names, problems);
    cases.filter(|_| sound)
}

/// One variable of the matrix.
fn variable<'n>(name: &'n str, entry: &'n Entry, problems: &mut Problems) -> Option<Variable<'n>> {
    if !named(name, entry.key_span, problems) {
        return None;
    }
    let NodeValue::Sequence(items) = &entry.value.value else {
        let what = entry.value.describe();
        problems.add(
            entry.value.span,
            format!("expected a list of values of `{name}`, found {what}"),
            format!("write `{name}: [a, b]`"),
        );
        return None;
    };
    if items.is_empty() {
        problems.add(
            entry.value.span,
            format!("`{name}` has no values, so that there would be no case"),
            format!("write `{name}: [a, b]`, or leave it out"),
        );
        return None;
    }
    let mut values: Vec<Value> = Vec::new();
    let mut sound = true;
    for item in items {
        let Some(value) = value(item, problems) else {
            sound = false;
            continue;
        };
        if let Some(first) = values.iter().find(|v| v.text == value.text) {
            problems.push(
                Diagnostic::new(format!("`{name}` has the value `{}` twice", value.text))
                    .at(problems.location(value.span))
                    .related(problems.location(first.span), "it stands here first")
                    .help("keep one of the two; to measure the same thing several times there is `repeats`"),
            );
            sound = false;
        } else {
            values.push(value);
        }
    }
    sound.then_some(Variable {
        name,
        span: entry.key_span,
        values,
    })
}

fn named(name: &str, span: Span, problems: &mut Problems) -> bool {
    if is_variable(name) {
        return true;
    }
    problems.add(
        span,
        format!("`{name}` cannot be the name of a variable"),
        "names begin with a letter or `_` and go on with letters, digits and `_`",
    );
    false
}

fn value(node: &Node, problems: &mut Problems) -> Option<Value> {
    if node.is_broken() {
        return None;
    }
    let Some(scalar) = node.scalar() else {
        let what = node.describe();
        problems.add(
            node.span,
            format!("a value of a matrix is a single one, and this is {what}"),
            "to change several settings together, add combinations of several variables under `include`",
        );
        return None;
    };
    let text = problems.text_of(node)?.value;
    if scalar.shown != scalar.text {
        problems.add(
            node.span,
            "this value holds a secret, and values of a matrix stand in the names of cases",
            "use the variable in the scenario itself",
        );
        return None;
    }
    if text.chars().count() > LONGEST_VALUE || text.chars().any(char::is_control) {
        problems.add(
            node.span,
            format!("a value of a matrix is one line of at most {LONGEST_VALUE} characters"),
            "values stand in the names of cases; put longer texts into files",
        );
        return None;
    }
    Some(Value {
        text,
        span: node.span,
    })
}

/// An item of `include` or `exclude`.
struct Item<'n> {
    span: Span,
    pairs: Vec<(&'n str, Span, Value)>,
}

fn rows<'n>(node: Option<&'n Node>, what: &str, problems: &mut Problems) -> Option<Vec<Item<'n>>> {
    let Some(node) = node else {
        return Some(Vec::new());
    };
    let help = format!("write `{what}: [{{ c: 4, model: a }}]`");
    let NodeValue::Sequence(items) = &node.value else {
        let found = node.describe();
        problems.add(
            node.span,
            format!("expected a list of combinations, found {found}"),
            help,
        );
        return None;
    };
    let mut out = Vec::new();
    let mut sound = true;
    for item in items {
        let Some(entries) = item.entries().filter(|e| !e.is_empty()) else {
            let found = item.describe();
            problems.add(
                item.span,
                format!("expected a combination of values, found {found}"),
                help.clone(),
            );
            sound = false;
            continue;
        };
        let mut pairs = Vec::new();
        for entry in entries {
            let name = entry.key.as_str();
            match value(&entry.value, problems) {
                Some(value) if named(name, entry.key_span, problems) => {
                    pairs.push((name, entry.key_span, value));
                }
                _ => sound = false,
            }
        }
        out.push(Item {
            span: item.span,
            pairs,
        });
    }
    sound.then_some(out)
}

/// All variables, those of the lists first, each with the place where it first stands.
fn names<'n>(variables: &[Variable<'n>], include: &[Item<'n>]) -> Vec<(&'n str, Span)> {
    let mut names: Vec<(&str, Span)> = variables.iter().map(|v| (v.name, v.span)).collect();
    for (name, span, _) in include.iter().flat_map(|item| &item.pairs) {
        if !names.iter().any(|(known, _)| known == name) {
            names.push((name, *span));
        }
    }
    names
}

/// Complains about variables that `scenario` makes no use of: their cases would measure the same.
fn all_used(names: &[(&str, Span)], scenario: &Node, problems: &mut Problems) -> bool {
    let mut used = Vec::new();
    for entry in scenario.entries().unwrap_or_default() {
        if entry.key != "matrix" {
            mentioned(&entry.value, &mut used);
        }
    }
    let mut sound = true;
    for (name, span) in names.iter().filter(|(name, _)| !used.contains(name)) {
        problems.add(
            *span,
            format!("nothing in this scenario uses `{name}`"),
            format!(
                "write `${{matrix.{name}}}` where its values belong; to measure the same thing several times there is `repeats`"
            ),
        );
        sound = false;
    }
    sound
}

fn mentioned<'n>(node: &'n Node, used: &mut Vec<&'n str>) {
    match &node.value {
        NodeValue::Scalar(scalar) => used.extend(matrix_names(&scalar.text)),
        NodeValue::Sequence(items) => items.iter().for_each(|n| mentioned(n, used)),
        NodeValue::Mapping(entries) => entries.iter().for_each(|e| mentioned(&e.value, used)),
    }
}

/// Every combination of the lists' values, the last variable changing fastest.
fn product(variables: &[Variable<'_>], width: usize) -> Vec<Row> {
    if variables.is_empty() {
        return Vec::new();
    }
    let mut table = vec![Row {
        values: vec![None; width],
    }];
    for (i, variable) in variables.iter().enumerate() {
        table = table
            .iter()
            .flat_map(|row| {
                variable.values.iter().map(move |value| {
                    let mut row = row.clone();
                    row.values[i] = Some(value.clone());
                    row
                })
            })
            .collect();
    }
    table
}

/// Takes away what `exclude` says.
fn remove(
    table: &mut Vec<Row>,
    variables: &[Variable<'_>],
    exclude: &[Item<'_>],
    problems: &mut Problems,
) -> bool {
    let place = |name: &str| variables.iter().position(|v| v.name == name);
    let known: Vec<&str> = variables.iter().map(|v| v.name).collect();
    let mut sound = true;
    for item in exclude {
        let mut unknown = false;
        for (name, span, _) in &item.pairs {
            if place(name).is_none() {
                let help = match nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if known.is_empty() => {
                        "`exclude` takes away from the product of the lists, and there are none"
                            .to_owned()
                    }
                    None => format!("its variables are {}", list(&known)),
                };
                problems.add(*span, format!("the matrix has no variable `{name}`"), help);
                unknown = true;
            }
        }
        if unknown {
            sound = false;
            continue;
        }
        let before = table.len();
        table.retain(|row| {
            !item.pairs.iter().all(|(name, _, value)| {
                place(name)
                    .and_then(|i| row.values[i].as_ref())
                    .is_some_and(|v| v.text == value.text)
            })
        });
        if table.len() == before {
            problems.add(
                item.span,
                "this takes nothing away: the matrix has no such combination left",
                "write values as they stand in the lists, or leave this out",
            );
            sound = false;
        }
    }
    sound
}

/// Adds what `include` says: to every combination of the lists whose values it leaves as they are;
/// where there is none, as a combination of its own.
fn add(
    table: &mut Vec<Row>,
    variables: &[Variable<'_>],
    names: &[(&str, Span)],
    include: &[Item<'_>],
    problems: &mut Problems,
) -> bool {
    let of_lists = table.len();
    let place = |name: &str| names.iter().position(|(n, _)| *n == name);
    let mut sound = true;
    for item in include {
        let pairs: Vec<(usize, &Value)> = item
            .pairs
            .iter()
            .filter_map(|(name, _, value)| Some((place(name)?, value)))
            .collect();
        let mut found = false;
        let mut changed = false;
        for row in &mut table[..of_lists] {
            let fits = pairs
                .iter()
                .filter(|(i, _)| *i < variables.len())
                .all(|(i, value)| {
                    row.values[*i]
                        .as_ref()
                        .is_some_and(|v| v.text == value.text)
                });
            if !fits {
                continue;
            }
            found = true;
            for (i, value) in pairs.iter().filter(|(i, _)| *i >= variables.len()) {
                changed |= row.values[*i].as_ref().is_none_or(|v| v.text != value.text);
                row.values[*i] = Some((*value).clone());
            }
        }
        if !found {
            let mut values = vec![None; names.len()];
            for (i, value) in pairs {
                values[i] = Some(value.clone());
            }
            table.push(Row { values });
        } else if !changed {
            problems.add(
                item.span,
                "this adds nothing: the matrix has this combination already",
                "leave it out, or give it a variable more",
            );
            sound = false;
        }
    }
    sound
}

/// The combinations with their labels, which tell them apart.
fn labelled(table: Vec<Row>, names: &[&str], problems: &mut Problems) -> Option<Vec<Combination>> {
    let mut seen: HashMap<String, (Vec<(String, String)>, Span)> = HashMap::new();
    let mut sound = true;
    let mut out = Vec::with_capacity(table.len());
    for row in table {
        let pairs = || names.iter().zip(&row.values);
        let present = || pairs().filter_map(|(name, v)| Some((*name, v.as_ref()?)));
        let values: Vec<(String, String)> = present()
            .map(|(name, v)| (name.to_owned(), v.text.clone()))
            .collect();
        let spans: Vec<Span> = present().map(|(_, v)| v.span).collect();
        let span = spans.last().copied().unwrap_or_default();
        let label: Vec<String> = values
            .iter()
            .map(|(name, value)| format!("{name}={}", in_name(value)))
            .collect();
        let label = label.join(",");
        if let Some((first, at)) = seen.get(&label) {
            let (message, help) = if *first == values {
                (
                    format!("the combination `{label}` stands here a second time"),
                    "keep one of the two",
                )
            } else {
                (
                    format!("two cases would have the name `[{label}]`"),
                    "names keep letters, digits and `_ . + - / : @ %`: write values that differ in these",
                )
            };
            problems.push(
                Diagnostic::new(message)
                    .at(problems.location(span))
                    .related(problems.location(*at), "the other one stands here")
                    .help(help),
            );
            sound = false;
            continue;
        }
        seen.insert(label.clone(), (values.clone(), span));
        out.push(Combination {
            values,
            label,
            spans,
        });
    }
    sound.then_some(out)
}

/// Whether `c` may stand in a value inside the name of a case. Commas, brackets, `=`, white space and
/// quotes may not: names are split at some of these, and typed into shells and filters.
fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '+' | '-' | '/' | ':' | '@' | '%')
}

/// `value` as it stands in the name of a case: every run of other characters is one `_`, and what is
/// too long ends in a digest of the whole.
fn in_name(value: &str) -> String {
    let mut out = String::new();
    let mut in_run = false;
    for c in value.chars() {
        let plain = is_plain(c);
        if plain || !in_run {
            out.push(if plain { c } else { '_' });
        }
        in_run = !plain;
    }
    if out.chars().count() > LONGEST_IN_NAME {
        let digest = Sha256::digest(value.as_bytes());
        out = out.chars().take(LONGEST_IN_NAME - 5).collect();
        out.push('-');
        for byte in digest.iter().take(2) {
            out.push_str(&format!("{byte:02x}"));
        }
    }
    out
}

/// The parts of `steady[c=4,model=a]`, the name of a case of a matrix.
pub(super) fn split_case_name(name: &str) -> Option<(&str, Vec<(String, String)>)> {
    let (scenario, inside) = name.strip_suffix(']')?.split_once('[')?;
    let values = inside
        .split(',')
        .map(|pair| {
            let (name, value) = pair.split_once('=')?;
            let sound = is_variable(name) && !value.is_empty() && value.chars().all(is_plain);
            sound.then(|| (name.to_owned(), value.to_owned()))
        })
        .collect::<Option<Vec<_>>>()?;
    Some((scenario, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_names_are_printable_and_never_ambiguous() {
        for (value, shown) in [
            ("4", "4"),
            ("meta-llama/Llama-3.1-70B", "meta-llama/Llama-3.1-70B"),
            ("20/s", "20/s"),
            ("50%", "50%"),
            ("a, b]=c", "a_b_c"),
            ("{ min: 1 }", "_min:_1_"),
            ("größer", "größer"),
        ] {
            assert_eq!(in_name(value), shown);
        }
        let long = |tail: &str| in_name(&format!("{}{tail}", "x".repeat(60)));
        assert_eq!(long("a").chars().count(), LONGEST_IN_NAME);
        assert_ne!(long("a"), long("b"));
    }

    #[test]
    fn the_name_of_a_case_has_its_values() {
        let values = vec![
            ("c".to_owned(), "4".to_owned()),
            ("m".to_owned(), "a/b".to_owned()),
        ];
        assert_eq!(split_case_name("one[c=4,m=a/b]"), Some(("one", values)));
        for name in ["one", "one[]", "one[c]", "one[c=]", "one[c=a b]", "one[c=4"] {
            assert_eq!(split_case_name(name), None, "{name}");
        }
    }
}
