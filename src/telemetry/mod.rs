//! What is known of a run beside its requests: the server's own counters, the client's own machine.

pub mod host;
pub mod server;
