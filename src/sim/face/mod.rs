//! HTTP requests in, engine events out as response bytes: pure code that a server on a socket and a
//! client in virtual time share.

mod answer;
mod api_error;
mod body;
mod endpoints;
mod exchange;
mod exposition;
mod fault;
#[cfg(test)]
mod tests;
pub mod tokens;

pub use exchange::{ExchangeId, Face, Head, Output, Piece};
