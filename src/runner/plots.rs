use std::io;
use std::path::Path;

use super::folder::write_atomically;
use crate::report::plots;
use crate::result::{CaseResult, SeriesFile};

/// Writes the pictures of `cases` below `folder`, and says how many files that were.
///
/// # Errors
/// When one cannot be drawn or written.
pub fn write_plots<'a>(
    folder: &Path,
    cases: impl IntoIterator<Item = &'a CaseResult>,
    series: &SeriesFile,
) -> io::Result<usize> {
    let mut written = 0;
    for case in cases {
        let series = series.cases.iter().find(|s| s.slug == case.slug);
        for plot in plots(case, series).map_err(|e| io::Error::other(e.to_string()))? {
            let path = folder.join(&plot.path);
            if let Some(parent) = path.parent() {
                let named =
                    |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", parent.display()));
                std::fs::create_dir_all(parent).map_err(named)?;
            }
            write_atomically(&path, &plot.bytes)?;
            written += 1;
        }
    }
    Ok(written)
}
