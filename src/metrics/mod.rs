//! Records → distributions, series, summaries; and the one table of metrics.

mod docs;
mod during;
mod heat;
mod histogram;
mod lengths;
mod rates;
mod samples;
mod series;
mod server;
mod server_check;
mod server_series;
mod server_window;
mod summary;
mod table;
mod unit;
mod warnings;

#[cfg(test)]
mod server_tests;
#[cfg(test)]
pub(crate) mod synthetic;
#[cfg(test)]
mod tests;

pub use docs::markdown;
pub use during::{DURING, During, PREFILL, QUIET};
pub use histogram::histogram;
pub use lengths::{
    ASKED_INPUT_TOKENS, ASKED_OUTPUT_TOKENS, ESTIMATED_INPUT_TOKENS, asked_input, token_lengths,
};
pub use rates::{
    CachedTokens, IdealTokens, PhaseRates, Rate, cached_tokens, efficiency_by_counters,
    ideal_ratio, ideal_tokens, phase_value, transferred,
};
pub use samples::{
    Arrival, PhaseSamples, Row, RunSamples, Sample, chunk_values, column, counts_failures,
    quantile_of, request_value, visit,
};
pub use series::series;
pub use server::{Held, Of, Told, gauge_held, server_result, server_told};
pub use summary::{counts, errors, itl_during, summarize_phase, summarize_run};
pub use table::{Availability, Direction, METRICS, MetricDef, Provenance, Shape, metric};
pub use unit::{Dimension, Unit};
pub use warnings::phase_warnings;
