use super::table::{CaseRow, Cell, MetricRow, Runs};
use crate::text::{MISSING, margin, number};

/// What a person must know of every figure on the page.
pub(in crate::report) const NOT_JUDGED: &str = "Changes are against A. They are shown, not judged: noise and an effect look alike here. `prony compare` tells them apart.";

/// A value as shown.
pub(in crate::report) fn value(cell: &Cell, row: &MetricRow) -> String {
    if cell.unbounded {
        "∞".to_owned()
    } else {
        number(cell.value, row.unit)
    }
}

/// A change as shown.
pub(in crate::report) fn change(cell: &Cell) -> String {
    margin(cell.change)
}

/// The verdict of a case in each run.
pub(in crate::report) fn verdicts(case: &CaseRow, runs: &Runs) -> Vec<(String, &'static str)> {
    let shown = case
        .verdicts
        .iter()
        .map(|v| v.map_or(MISSING, |v| v.name()));
    let letters = runs.runs.iter().map(|r| r.letter.clone());
    letters.zip(shown).collect()
}
