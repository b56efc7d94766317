//! HTTP: the measured transport on reqwest, and the calls that are not timed.

mod asker;
mod connect;
mod error;
mod probe;
mod settings;
mod stamped_body;
mod transport;

pub use asker::Asker;
pub use probe::{
    ProbeError, ReadyCheck, ReadyWhen, ServerInfo, max_model_len, models, probe_ready, probe_until,
};
pub(super) use settings::IDLE;
pub use settings::{HttpSettings, SettingsError};
pub(super) use transport::MAX_STALE;
pub use transport::{HttpExchange, HttpTransport};
