use std::io;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::folder::{case_is_claimed, run_is_left_behind};
use super::recover::recover;
use crate::result::{
    CaseResult, CaseSeries, RunResult, SERIES_SCHEMA, SUMMARY_SCHEMA, SeriesFile, configurations,
};

///
/// # Errors
/// When the folder is no results folder, was written by a newer prony, or cannot be read.
pub fn rebuild(folder: &Path) -> io::Result<(RunResult, SeriesFile)> {
    let (mut result, series) = read_folder(folder)?;
    let left_behind =
        |c: &CaseResult| c.unfinished && !case_is_claimed(&folder.join("cases").join(&c.slug));
    result.run.interrupted |=
        run_is_left_behind(folder, &result.run) || result.cases.iter().any(left_behind);
    Ok((result, series))
}

/// Reads a results folder as it stands, the run under way or over: the run's part from
/// `summary.json`, the cases from their own folders. Those that have no end yet are made from their
/// records.
pub(super) fn read_folder(folder: &Path) -> io::Result<(RunResult, SeriesFile)> {
    let mut result: RunResult = read_json(&folder.join("summary.json"))?;
    let mut series = SeriesFile {
        schema: SERIES_SCHEMA,
        cases: Vec::new(),
    };
    let mut cases = Vec::new();
    let dir = folder.join("cases");
    let mut slugs: Vec<_> = match std::fs::read_dir(&dir) {
        Ok(entries) => entries.collect::<io::Result<_>>()?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(e),
    };
    slugs.sort_by_key(std::fs::DirEntry::file_name);
    for slug in slugs {
        let dir = slug.path();
        if !dir.join("result.json").exists() {
            continue;
        }
        let mut case: CaseResult = read_json(&dir.join("result.json"))?;
        let (case, case_series) = if case.unfinished && case_is_claimed(&dir) {
            case.reason = Some("still being measured".to_owned());
            (case, None)
        } else if case.unfinished {
            recover(&dir, case)?
        } else {
            let path = dir.join("series.json");
            let case_series: Option<CaseSeries> =
                path.exists().then(|| read_json(&path)).transpose()?;
            (case, case_series)
        };
        cases.push(case);
        series.cases.extend(case_series);
    }
    cases.sort_by(|a: &CaseResult, b| {
        (&a.source.file, a.source.line, &a.name).cmp(&(&b.source.file, b.source.line, &b.name))
    });
    result.configurations = configurations(&cases);
    result.cases = cases;
    Ok((result, series))
}

/// Reads a JSON file, and refuses a `schema` newer than this version knows.
fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    let invalid = |text: String| io::Error::new(io::ErrorKind::InvalidData, text);
    let shown = path.display();
    let bytes = std::fs::read(path)
        .map_err(|e| io::Error::new(e.kind(), format!("cannot read {shown}: {e}")))?;
    let value: serde_json::Value =
        serde_json::from_slice(&bytes).map_err(|e| invalid(format!("{shown}: not JSON: {e}")))?;
    let newest = u64::from(SUMMARY_SCHEMA.max(SERIES_SCHEMA));
    if let Some(schema) = value.get("schema").and_then(serde_json::Value::as_u64)
        && schema > newest
    {
        return Err(invalid(format!(
            "{shown}: written by a newer prony (schema {schema}, this one reads up to {newest}); update prony"
        )));
    }
    serde_json::from_value(value).map_err(|e| invalid(format!("{shown}: {e}")))
}
