//! Wire protocols, the transport below them, and the decoding of what comes back.

mod protocol;
mod transport;

pub use protocol::{Decoder, Event, Protocol, Usage};
pub use transport::{Exchange, SendTiming, Stamped, Transport, TransportError, WireRequest};
