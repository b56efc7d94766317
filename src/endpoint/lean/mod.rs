//! The measuring transport: HTTP/1.1 straight on TCP, or on TLS over it, as near to the socket as a client can stamp.

mod choice;
mod chunked;
mod connect;
mod head;
mod pace;
mod pool;
mod socket;
mod tls;
mod transport;

pub use choice::{Choice, choose};
pub use chunked::{BadChunk, ChunkedDecoder, Decoded};
pub use transport::{LeanExchange, LeanTransport, StampCounts};
