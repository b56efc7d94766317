use super::over_time::{seconds, shades};
use super::picture::Picture;
use crate::report::chart::{Head, HeatChart, heat};
use crate::result::PhaseSeries;

/// How the time to the first token was distributed over the course of the first run.
pub(super) fn ttft_heat(series: &PhaseSeries) -> Option<Picture> {
    let map = series.runs.first()?.ttft_heat.as_ref()?;
    let which = if series.runs.len() > 1 {
        " The first run."
    } else {
        ""
    };
    let title = "Time to first token, request by request";
    let caption =
        format!("Each cell counts first tokens, darker for more; a single slow one shows.{which}");
    let svg = heat(&HeatChart {
        head: Head {
            title,
            desc: &caption,
        },
        x: seconds(series),
        edges: &map.edges,
        unit: "ms",
        width: map.interval_s,
        columns: &map.counts,
        shades: shades(series)?,
    })?;
    Some(Picture {
        name: "ttft_heatmap",
        title: title.to_owned(),
        caption,
        svg,
    })
}
