//! Wire protocols, the transport below them, and the decoding of what comes back.

mod carrier;
mod engine_transport;
mod http;
mod lean;
mod observation;
pub mod openai;
mod perform;
mod protocol;
mod server_kind;
mod sse;
mod tokenize;
mod transport;
mod untrusted;

pub use carrier::{CarrierExchange, HttpCarrier};
pub use engine_transport::{EngineExchange, EngineTransport};
pub use http::{
    Asker, HttpExchange, HttpSettings, HttpTransport, ProbeError, ReadyCheck, ReadyWhen,
    ServerInfo, SettingsError, max_model_len, models, probe_ready, probe_until,
};
pub use lean::{
    BadChunk, Choice, ChunkedDecoder, Decoded, LeanExchange, LeanTransport, StampCounts, choose,
};
pub use observation::{Observation, OutputChunk};
pub use perform::{MAX_ERROR_BYTES, MAX_RESPONSE_BYTES, perform, perform_until};
pub use protocol::{Decoder, Event, Protocol, Usage};
pub use server_kind::{Beyond, ServerKind};
pub use sse::{MAX_EVENT_BYTES, SseDecoder, SseEvent, TooLong};
pub use tokenize::{token_ids, tokenize_chat, tokenize_text};
pub use transport::{
    Exchange, HandOver, Lent, SendTiming, Stamped, Stamps, Transport, TransportError, WireRequest,
};
