use super::distribution::distributions;
use super::over_time::over_time;
use super::percentiles::percentiles;
use super::picture::Picture;
use super::server::server;
use crate::result::{CaseResult, PhaseResult, PhaseSeries};

/// The pictures of a phase of `case`; what has no data has no picture.
pub(in crate::report) fn of_phase(
    case: &CaseResult,
    phase: &PhaseResult,
    series: Option<&PhaseSeries>,
) -> Vec<Picture> {
    let mut out = distributions(case, phase);
    out.extend(percentiles(phase));
    if let Some(series) = series {
        out.extend(over_time(series));
        out.extend(server(series));
    }
    out
}
