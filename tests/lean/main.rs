//! The measuring transport: all that the endpoint's tests ask of a transport, and what only this one
//! does; and the scan of events, which must equal serde on every input.

#[path = "../endpoint/captures.rs"]
mod captures;
#[path = "../endpoint/connections.rs"]
mod connections;
#[path = "../endpoint/happy.rs"]
mod happy;
#[path = "../endpoint/liars.rs"]
mod liars;
#[expect(
    dead_code,
    reason = "its reading of events serves the tests of the SSE decoder"
)]
#[path = "../endpoint/reference.rs"]
mod reference;
mod scan;
#[path = "../endpoint/server.rs"]
mod server;
#[path = "../endpoint/tls.rs"]
mod tls;
#[path = "tls.rs"]
mod tls_stamps;
mod wire;

/// What carries the requests.
pub const TRANSPORT: prony::suite::TransportKind = prony::suite::TransportKind::Lean;
