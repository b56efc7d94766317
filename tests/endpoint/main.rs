//! The endpoint on real sockets: captures replayed, servers that lie, connections and TLS.

mod captures;
mod happy;
mod liars;
mod reference;
mod server;
mod sse;
