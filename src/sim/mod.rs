//! The embedded engine: a discrete-event model of an inference server, and the faces that expose it.
//!
//! - [`model`] is the engine itself: pure, integer nanoseconds, no clock, no I/O.
//! - [`face`] turns HTTP requests into engine requests and engine events into response bytes; pure
//!   too, so that a server on a socket and a client in virtual time see the same bytes.
//! - [`server`] puts a face on real TCP, in real time.
//! - [`config`] is what can be set, and the presets.

pub mod config;
pub mod face;
pub mod model;
pub mod server;

pub use config::{DEFAULT_PRESET, PRESETS, PresetInfo, SimConfig, SimConfigError};
pub use face::{ExchangeId, Face, Head, Output, Piece};
pub use model::{Engine, EngineEvent, EngineRequest, RequestId};
pub use server::SimServer;
