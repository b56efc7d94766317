//! Charts as SVG text. One implementation for the page and for files: shapes bear classes, the
//! colours stand in `templates/chart.css`.

mod histogram;
mod lines;
mod margin;
mod scale;
mod svg;

pub use histogram::{HistogramChart, histogram};
pub use lines::{Line, LineChart, Shade, lines};
pub use margin::{MarginBar, margin_bar};
pub use scale::Scale;
pub use svg::{Axis, Head, Mark};
