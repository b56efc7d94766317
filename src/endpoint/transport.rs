use std::future::Future;

use bytes::Bytes;

use crate::driver::Nanos;
use crate::record::ErrorKind;

/// One POST, as bytes. Where it goes and which headers it bears is the transport's, made per target.
#[derive(Clone, Debug)]
pub struct WireRequest {
    /// Path below the target's base URL, without a leading slash, such as `chat/completions`.
    pub path: &'static str,
    /// The JSON body, serialised before the request is due.
    pub body: Bytes,
}

/// Bytes out, stamped bytes in. The protocol above never sees a socket, so HTTP over TCP and the
/// engine model in virtual time are two transports.
pub trait Transport: Clone + 'static {
    /// A response under way.
    type Exchange: Exchange;

    /// Sends `request` and waits for the response's head.
    ///
    /// # Errors
    /// When no connection could be had, or it broke before a head arrived.
    fn send(
        &self,
        request: WireRequest,
    ) -> impl Future<Output = Result<Self::Exchange, TransportError>> + 'static;
}

/// A response under way: its head is known, its body arrives piece by piece.
pub trait Exchange: 'static {
    /// When the request left.
    fn timing(&self) -> SendTiming;

    /// HTTP status.
    fn status(&self) -> u16;

    /// The value of header `name` (lower case), where it is text.
    fn header(&self, name: &str) -> Option<&str>;

    /// The next bytes of the body as they came, with the time at which they were read; `None` at its
    /// regular end.
    ///
    /// # Errors
    /// When the connection broke before the body's end.
    fn next(&mut self) -> impl Future<Output = Result<Option<Stamped>, TransportError>>;
}

/// When a request left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendTiming {
    /// Handed over on a ready connection.
    pub sent: Nanos,
    /// How long this request had to wait for its connection to be made; absent when one was ready.
    pub connect: Option<Nanos>,
}

/// Bytes and the time at which they were read.
#[derive(Clone, Debug)]
pub struct Stamped {
    /// When they were read.
    pub at: Nanos,
    /// Any part of the body: an event may be split over several, and several may be in one.
    pub bytes: Bytes,
}

/// The transport could not carry a request through.
#[derive(Clone, Debug)]
pub struct TransportError {
    /// `Connect`, `ConnectTimeout`, `Transport` or `Truncated`.
    pub kind: ErrorKind,
    /// What happened, for a person; without secrets.
    pub message: String,
    /// When it happened.
    pub at: Nanos,
    /// Present when the request had been handed over before it failed.
    pub timing: Option<SendTiming>,
}
