//! One scenario as written → its cases.

use super::diagnostic::Diagnostic;
use super::interpolate::{Cell, Variables, matrix_names, replace};
use super::matrix::{self, Combination};
use super::reader::{Fields, Problems};
use super::resolve::{self, Layers, Resolved};
use super::settings::Surroundings;
use super::source::Span;
use super::yaml::{Entry, Node, NodeValue};

/// How many different problems of the cases of one scenario are kept.
const MOST_DIFFERENT: usize = 200;

/// What a scenario becomes cases with.
#[derive(Clone, Copy)]
pub(super) struct Expansion<'a> {
    pub layers: Layers<'a>,
    pub variables: &'a Variables<'a>,
    pub around: &'a Surroundings<'a>,
}

/// The `matrix:` of a scenario.
pub(super) fn matrix(scenario: &Node) -> Option<&Entry> {
    scenario.entries()?.iter().find(|e| e.key == "matrix")
}

impl Expansion<'_> {
    /// The cases of `scenario`, `room` of them at most: one, or with a matrix one for each of its
    /// combinations.
    pub fn cases(&self, scenario: &Node, room: usize, problems: &mut Problems) -> Vec<Resolved> {
        let Some(entry) = matrix(scenario) else {
            let one = resolve::scenario(scenario, self.layers, None, self.around, problems);
            return one.into_iter().collect();
        };
        fixed_name(scenario, problems);
        let mut entry = entry.clone();
        let before = problems.known();
        replace(&mut entry.value, self.variables, problems, None);
        let read = matrix::read(&entry, scenario, room, problems);
        let Some(combinations) = read.filter(|_| problems.known() == before) else {
            return name_alone(scenario, problems);
        };
        let names: Vec<&str> = combinations
            .iter()
            .flat_map(|c| c.values.iter().map(|(name, _)| name.as_str()))
            .fold(Vec::new(), |mut names, name| {
                if !names.contains(&name) {
                    names.push(name);
                }
                names
            });
        let mut cases = Vec::with_capacity(combinations.len());
        let mut found = Found::default();
        for combination in &combinations {
            let variables = Variables {
                matrix: Some(Cell {
                    values: &combination.values,
                    names: &names,
                }),
                ..*self.variables
            };
            let mut own = Problems::new(problems.file().clone());
            let mut node = scenario.clone();
            if let NodeValue::Mapping(entries) = &mut node.value {
                entries.retain(|e| e.key != "matrix");
            }
            replace(&mut node, &variables, &mut own, None);
            cases.extend(resolve::scenario(
                &node,
                self.layers,
                Some(combination),
                self.around,
                &mut own,
            ));
            found.gather(combination, own);
        }
        found.hand_over(&combinations, problems);
        cases
    }
}

/// The scenario's name, for what depends on names alone.
fn name_alone(scenario: &Node, problems: &Problems) -> Vec<Resolved> {
    let mut unheard = Problems::new(problems.file().clone());
    let name = Fields::of(scenario, "", &mut unheard)
        .and_then(|mut fields| fields.text("name", &mut unheard));
    name.map(|name| Resolved {
        name,
        scenario: None,
        secrets: Vec::new(),
    })
    .into_iter()
    .collect()
}

/// A name that changes with the matrix would be another scenario's in every case.
fn fixed_name(scenario: &Node, problems: &mut Problems) {
    let name = scenario
        .entries()
        .and_then(|entries| entries.iter().find(|e| e.key == "name"));
    if let Some(entry) = name
        && let Some(scalar) = entry.value.scalar()
        && !matrix_names(&scalar.text).is_empty()
    {
        problems.add(
            entry.value.span,
            "the name of a scenario cannot hold a variable of its matrix",
            "leave it out: a case's name says its values by itself, as in `steady[c=4]`",
        );
    }
}

/// The problems of the cases of one scenario.
#[derive(Default)]
struct Found<'a> {
    /// Each with the cases that have it.
    each: Vec<(Diagnostic, Vec<&'a Combination>)>,
}

impl<'a> Found<'a> {
    fn gather(&mut self, combination: &'a Combination, problems: Problems) {
        for problem in problems.into_found() {
            let full = self.each.len() >= MOST_DIFFERENT;
            match self.each.iter_mut().find(|(known, _)| *known == problem) {
                Some((_, cases)) => cases.push(combination),
                // Many cases may be wrong, each in a way of its own.
                None if full => {}
                None => self.each.push((problem, vec![combination])),
            }
        }
    }

    /// What is wrong in all cases is wrong in the scenario; anything else names the values it comes with.
    fn hand_over(self, combinations: &[Combination], problems: &mut Problems) {
        for (problem, cases) in self.each {
            let problem = match cases.first() {
                Some(first) if cases.len() < combinations.len() => {
                    let (what, span) = in_common(first, &cases);
                    problem.related(problems.location(span), format!("so with {what}"))
                }
                _ => problem,
            };
            problems.push(problem);
        }
    }
}

/// The values that all of `cases` have in common, and where the last of them stands; without any the
/// first case.
fn in_common(first: &Combination, cases: &[&Combination]) -> (String, Span) {
    let shared: Vec<usize> = (0..first.values.len())
        .filter(|&i| cases.iter().all(|c| c.values.contains(&first.values[i])))
        .collect();
    let at = |i: Option<usize>| i.and_then(|i| first.spans.get(i)).copied();
    if cases.len() == 1 || shared.is_empty() {
        let more = match cases.len() {
            1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        let span = at(first.spans.len().checked_sub(1)).unwrap_or_default();
        return (format!("`{}`{more}", first.label), span);
    }
    let values: Vec<String> = shared
        .iter()
        .map(|&i| format!("{}={}", first.values[i].0, first.values[i].1))
        .collect();
    let span = at(shared.last().copied()).unwrap_or_default();
    (format!("`{}`", values.join(",")), span)
}
