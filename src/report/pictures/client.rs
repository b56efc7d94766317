use super::over_time::{Course, drawn_over_time, of_client};
use super::picture::Picture;
use crate::report::chart::{LineStyle, Series};
use crate::result::PhaseSeries;

const COURSE: Course = Course {
    name: "client_over_time",
    title: "Cores that the client used",
    caption: "Processor time of prony itself. Of `sim://` the engine is part of it.",
    unit: "",
    lines: &[("client_cpu", "cores", Series::Nth(1))],
    style: LineStyle::Area,
    factor: 1.0,
};

/// What the client was busy with, on the time axis of the other pictures.
pub(super) fn client(series: &PhaseSeries) -> Option<Picture> {
    drawn_over_time(series, &COURSE, of_client)
}
