//! Charts as SVG text. One implementation for the page and for files: shapes bear classes, the
//! colours stand in `templates/chart.css`. What positions mean stands in `data-` attributes, so that a
//! page can show values under the pointer.

mod heat;
mod histogram;
mod lines;
mod margin;
mod scale;
mod spans;
mod svg;

pub use heat::{HeatChart, HeatPart, heat};
pub use histogram::{HistogramChart, histogram};
pub use lines::{Label, Line, LineChart, LineStyle, Range, Series, Shade, lines};
pub use margin::{MarginBar, margin_bar};
pub use scale::Scale;
pub use spans::{Span, SpanChart, spans};
pub use svg::{Axis, Head, Mark, MarkKind, fit_legend};
