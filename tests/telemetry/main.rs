//! The server's own counters, from its `/metrics` to the verdict.
//!
//! `engine`: against the embedded engine's own truth, in virtual time and over TCP. `lost`: pages of
//! metrics that die, and a prony that is killed.

mod engine;
mod gpus;
mod lost;
mod place;
