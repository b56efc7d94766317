//! Records → distributions, series, summaries; and the one table of metrics.

mod table;
mod unit;

pub use table::{Availability, Direction, METRICS, MetricDef, Shape, metric};
pub use unit::{Dimension, Unit};
