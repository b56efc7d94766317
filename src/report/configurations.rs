//! Which configuration serves the most, as a table.

use super::console::one_line;
use super::table::Table;
use crate::metrics::Unit;
use crate::result::{ConfigurationResult, ConfigurationsResult};
use crate::text::{MISSING, number};

/// What one line says before the table.
pub(super) fn title(found: &ConfigurationsResult) -> String {
    let scenario = format!("{}::{}", found.suite, found.scenario);
    format!(
        "which configuration serves the most: {}",
        one_line(&scenario)
    )
}

/// The table in plain text, headings first.
pub(super) fn lines(found: &ConfigurationsResult, width: usize) -> Vec<String> {
    let mut table = Table::new(&headings(found));
    for row in rows(found) {
        table.row(row);
    }
    let lines = table.lines(width).into_iter();
    lines
        .map(|row| row.join("  ").trim_end().to_owned())
        .collect()
}

/// The table's headings, and whether the column is of figures.
pub(super) fn headings(found: &ConfigurationsResult) -> [(&str, bool); 7] {
    [
        ("configuration", false),
        (&found.answer, true),
        ("interval", true),
        ("per GPU", true),
        ("ttft p99", true),
        ("tpot p50", true),
        ("", false),
    ]
}

/// The table's rows, what serves the most first.
pub(super) fn rows(found: &ConfigurationsResult) -> Vec<Vec<String>> {
    let row = |case| row(case, found.unit);
    found.cases.iter().map(row).collect()
}

fn row(case: &ConfigurationResult, unit: Unit) -> Vec<String> {
    let known = number;
    let interval = match case.interval {
        [None, None] => MISSING.to_owned(),
        [lower, upper] => format!("{} to {}", known(lower, unit), known(upper, unit)),
    };
    let said = [(case.best, "best"), (case.pareto, "pareto")];
    let said: Vec<&str> = said
        .iter()
        .filter(|(so, _)| *so)
        .map(|(_, what)| *what)
        .collect();
    vec![
        one_line(&case.values),
        known(case.serves, unit),
        interval,
        known(case.per_gpu, unit),
        known(case.ttft_p99, Unit::Milliseconds),
        known(case.tpot_p50, Unit::Milliseconds),
        said.join(", "),
    ]
}
