//! What is known of a run beside its requests: the server's own counters.

pub mod server;
