//! HTTP: the measured transport on reqwest, and the calls that are not timed.

mod connect;
mod error;
mod probe;
mod settings;
mod stamped_body;
mod transport;

pub use probe::{ProbeError, ServerInfo, max_model_len, models, probe_ready};
pub use settings::{HttpSettings, SettingsError};
pub use transport::HttpTransport;
