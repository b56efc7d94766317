//! Records → distributions, series, summaries; and the one table of metrics.

mod docs;
mod table;
mod unit;

pub use docs::markdown;
pub use table::{Availability, Direction, METRICS, MetricDef, Shape, metric};
pub use unit::{Dimension, Unit};
