//! Records → distributions, series, summaries; and the one table of metrics.

mod docs;
mod histogram;
mod lengths;
mod rates;
mod samples;
mod series;
mod summary;
mod table;
mod unit;
mod warnings;

#[cfg(test)]
pub(crate) mod synthetic;
#[cfg(test)]
mod tests;

pub use docs::markdown;
pub use histogram::histogram;
pub use lengths::{
    ASKED_INPUT_TOKENS, ASKED_OUTPUT_TOKENS, ESTIMATED_INPUT_TOKENS, asked_input, token_lengths,
};
pub use rates::{PhaseRates, Rate, phase_value};
pub use samples::{
    Arrival, PhaseSamples, Row, RunSamples, Sample, chunk_values, column, counts_failures,
    quantile_of, request_value, visit,
};
pub use series::series;
pub use summary::{counts, errors, summarize_phase, summarize_run};
pub use table::{Availability, Direction, METRICS, MetricDef, Shape, metric};
pub use unit::{Dimension, Unit};
pub use warnings::phase_warnings;
