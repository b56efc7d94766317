use super::whole::whole;
use crate::report::pictures::{Picture, of_case, of_configurations, of_phase};
use crate::report::seam::ReportError;
use crate::result::{CaseResult, CaseSeries, ConfigurationsResult};
use crate::text::slug;

/// A picture as a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// Its path under `plots/`, with slashes: `<case-slug>/<phase>/NAME.svg`, or without a phase where it is
    /// of the whole case.
    pub path: String,
    /// The file's content.
    pub bytes: Vec<u8>,
}

/// The pictures of `case`: each as SVG and, with the feature `plots`, as PNG. What has no data has no
/// picture.
///
/// # Errors
/// When a picture cannot be drawn.
pub fn plots(case: &CaseResult, series: Option<&CaseSeries>) -> Result<Vec<Plot>, ReportError> {
    let mut out = Vec::new();
    for picture in of_case(case) {
        files(&mut out, &case.slug, &picture)?;
    }
    for phase in &case.phases {
        let series = series.and_then(|s| s.phases.iter().find(|p| p.name == phase.name));
        let folder = format!("{}/{}", case.slug, folder_of(&phase.name));
        for picture in of_phase(case, phase, series) {
            files(&mut out, &folder, &picture)?;
        }
    }
    Ok(out)
}

/// The pictures of configurations side by side, below `configurations/<slug of suite::scenario>/`.
///
/// # Errors
/// When a picture cannot be drawn.
pub fn configuration_plots(found: &ConfigurationsResult) -> Result<Vec<Plot>, ReportError> {
    let mut out = Vec::new();
    let scenario = slug(&format!("{}::{}", found.suite, found.scenario));
    for picture in of_configurations(found) {
        files(&mut out, &format!("configurations/{scenario}"), &picture)?;
    }
    Ok(out)
}

/// A phase's name where it can be a folder's, else its slug.
fn folder_of(phase: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '(' | ')');
    if !phase.is_empty() && phase.len() <= 80 && phase.chars().all(plain) {
        phase.to_owned()
    } else {
        slug(phase)
    }
}

fn files(out: &mut Vec<Plot>, folder: &str, picture: &Picture) -> Result<(), ReportError> {
    let svg = whole(&picture.svg);
    let path = format!("{folder}/{}", picture.name);
    out.extend(raster(&path, &svg)?);
    out.push(Plot {
        path: format!("{path}.svg"),
        bytes: svg.into_bytes(),
    });
    Ok(())
}

#[cfg(feature = "plots")]
fn raster(path: &str, svg: &str) -> Result<Option<Plot>, ReportError> {
    let bytes = super::png::png(svg).map_err(|e| ReportError {
        report: "plots",
        message: format!("{path}: {e}"),
    })?;
    Ok(Some(Plot {
        path: format!("{path}.png"),
        bytes,
    }))
}

#[cfg(not(feature = "plots"))]
fn raster(_: &str, _: &str) -> Result<Option<Plot>, ReportError> {
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::folder_of;

    #[test]
    fn a_phase_is_a_folder_by_its_name_or_its_slug() {
        assert_eq!(folder_of("main"), "main");
        assert_eq!(folder_of("at(8)"), "at(8)");
        assert!(!folder_of("../../etc").contains('/'));
        assert!(!folder_of("..").starts_with("..") || folder_of("..").len() > 2);
        assert!(!folder_of("at(5/s)").contains('/'));
    }
}
