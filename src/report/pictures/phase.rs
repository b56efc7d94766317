use super::client::client;
use super::distribution::distributions;
use super::errors::errors_over_time;
use super::heat::ttft_heat;
use super::interference::interference;
use super::lengths::lengths;
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
    out.extend(percentiles(case, phase));
    out.extend(interference(phase));
    if let Some(series) = series {
        out.extend(over_time(phase, series));
        out.extend(errors_over_time(phase, series));
        match ttft_heat(series) {
            // Of one run it has all that the quantiles say, and more.
            Some(heat) if series.runs.len() == 1 => {
                out.retain(|p| p.name != "ttft_over_time");
                out.push(heat);
            }
            heat => out.extend(heat),
        }
        out.extend(server(series));
        out.extend(client(series));
    }
    out.extend(lengths(phase));
    out.into_iter().map(Picture::printable).collect()
}
