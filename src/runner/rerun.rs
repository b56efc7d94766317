use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::rebuild::rebuild;
use crate::judge::Verdict;
use crate::plan::Case;

/// The results folder that a person means by `run`: its path, or its name under `results`.
pub fn find_run(run: &Path, results: &Path) -> Option<PathBuf> {
    [run.to_owned(), results.join(run)]
        .into_iter()
        .find(|dir| dir.join("summary.json").is_file())
}

/// The cases of an earlier run that did not pass, to be run again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedCases {
    /// Where they were found.
    pub folder: PathBuf,
    /// Their full names.
    pub names: BTreeSet<String>,
    /// The suite files they stand in.
    pub files: Vec<PathBuf>,
}

impl FailedCases {
    /// The cases of `run` that ended `fail`, `error` or `invalid`.
    ///
    /// # Errors
    /// When there is no such results folder, or it cannot be read.
    pub fn of(run: &Path, results: &Path) -> Result<Self, String> {
        let folder = find_run(run, results).ok_or_else(|| {
            format!(
                "--rerun-failed: no results folder {}; give its path or its name under {}, and paths of suites before `--rerun-failed`",
                run.display(),
                results.display()
            )
        })?;
        let (result, _) = rebuild(&folder).map_err(|e| format!("--rerun-failed: {e}"))?;
        let failed: Vec<_> = result
            .cases
            .iter()
            .filter(|c| matches!(c.verdict, Verdict::Fail | Verdict::Error | Verdict::Invalid))
            .collect();
        let files: BTreeSet<&str> = failed.iter().map(|c| c.source.file.as_str()).collect();
        Ok(FailedCases {
            folder,
            names: failed.iter().map(|c| c.full_name()).collect(),
            files: files.into_iter().map(PathBuf::from).collect(),
        })
    }

    /// Those of `cases` that failed then, and the names of failed ones that are not among them any
    /// more.
    pub fn among(&self, cases: Vec<Case>) -> (Vec<Case>, Vec<String>) {
        let (mut kept, mut gone) = (Vec::new(), self.names.clone());
        for case in cases {
            if gone.remove(&case.full_name()) {
                kept.push(case);
            }
        }
        (kept, gone.into_iter().collect())
    }
}
