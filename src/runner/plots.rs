use std::io;
use std::path::Path;

use super::folder::write_atomically;
use crate::report::{Plot, ReportError, configuration_plots, plots};
use crate::result::{CaseResult, ConfigurationsResult, SeriesFile};

/// Writes the pictures of `cases` and of `configurations` below `folder`, and says how many files that were.
///
/// # Errors
/// When one cannot be drawn or written.
pub fn write_plots<'a>(
    folder: &Path,
    cases: impl IntoIterator<Item = &'a CaseResult>,
    configurations: &[ConfigurationsResult],
    series: &SeriesFile,
) -> io::Result<usize> {
    let mut written = 0;
    for case in cases {
        let series = series.cases.iter().find(|s| s.slug == case.slug);
        written += write(folder, plots(case, series))?;
    }
    for found in configurations {
        written += write(folder, configuration_plots(found))?;
    }
    Ok(written)
}

fn write(folder: &Path, drawn: Result<Vec<Plot>, ReportError>) -> io::Result<usize> {
    let drawn = drawn.map_err(|e| io::Error::other(e.to_string()))?;
    for plot in &drawn {
        let path = folder.join(&plot.path);
        if let Some(parent) = path.parent() {
            let named =
                |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", parent.display()));
            std::fs::create_dir_all(parent).map_err(named)?;
        }
        write_atomically(&path, &plot.bytes)?;
    }
    Ok(drawn.len())
}
