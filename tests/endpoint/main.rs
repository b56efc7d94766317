//! The endpoint on real sockets: captures replayed, servers that lie, connections and TLS.

mod captures;
mod connections;
mod happy;
mod liars;
mod probing;
mod reference;
mod server;
mod sse;
mod tls;

/// What carries the requests; `tests/lean` runs the same tests over the other one.
pub const TRANSPORT: prony::suite::TransportKind = prony::suite::TransportKind::Reqwest;
