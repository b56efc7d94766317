//! The engine as a pure discrete-event model: no clock, no I/O, no hash-map order in any output.

mod blocks;
mod cost;
mod engine;
mod histogram;
mod random;
mod replica;
mod request;
mod router;
mod sequence;
mod stats;
#[cfg(test)]
mod tests;

pub use engine::{Engine, SubmitError};
pub use histogram::Histogram;
pub use random::{Random, hash_pair};
pub use request::{
    EngineEvent, EngineEventKind, EngineRequest, Pause, PromptTokens, RequestId, VOCABULARY,
};
pub use stats::ReplicaStats;
