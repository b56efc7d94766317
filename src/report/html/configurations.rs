use serde::Serialize;

use super::page::clean;
use super::picture::PictureView;
use crate::report::configurations;
use crate::report::pictures::of_configurations;
use crate::result::RunResult;

/// Configurations side by side.
#[derive(Serialize)]
pub(super) struct ConfigurationsView {
    /// `suite::scenario`.
    name: String,
    headings: Vec<String>,
    rows: Vec<RowView>,
    pictures: Vec<PictureView>,
}

#[derive(Serialize)]
struct RowView {
    /// The case's anchor.
    slug: String,
    /// No other one is known to serve more.
    best: bool,
    /// As many as there are headings.
    cells: Vec<String>,
}

pub(super) fn configurations(result: &RunResult) -> Vec<ConfigurationsView> {
    let all = result.configurations.iter();
    all.map(|found| ConfigurationsView {
        name: clean(&format!("{}::{}", found.suite, found.scenario)),
        headings: configurations::headings(found)
            .iter()
            .map(|(name, _)| clean(name))
            .collect(),
        rows: configurations::rows(found)
            .into_iter()
            .zip(&found.cases)
            .map(|(cells, case)| RowView {
                slug: clean(&case.slug),
                best: case.best,
                cells,
            })
            .collect(),
        pictures: PictureView::all(of_configurations(found)),
    })
    .collect()
}
