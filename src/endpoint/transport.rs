use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::driver::Nanos;
use crate::record::ErrorKind;
use crate::stats::Delays;

/// One POST, as bytes. Where it goes and which headers it bears is the transport's, made per target.
#[derive(Clone, Debug)]
pub struct WireRequest {
    /// Path below the target's base URL, without a leading slash, such as `chat/completions`.
    pub path: &'static str,
    /// The JSON body, serialised before the request is due.
    pub body: Bytes,
    /// It may be made ready before, but not written before this time.
    pub not_before: Nanos,
    /// Where the transport says how far it got.
    pub hand_over: HandOver,
}

impl WireRequest {
    /// A request that has not gone anywhere yet.
    pub fn new(path: &'static str, body: Bytes) -> Self {
        WireRequest {
            path,
            body,
            not_before: 0,
            hand_over: HandOver::default(),
        }
    }
}

/// How far a request got, told by the transport while it happens.
///
/// `send` returns only with the response's head, which a server may withhold until its first token;
/// timeouts and the record of a request that never got a head need to know earlier when it left. A
/// transport that says nothing here is taken to have handed the request over when `send` was called.
#[derive(Clone, Debug)]
pub struct HandOver(Arc<[AtomicU64; 3]>);

const UNSET: u64 = u64::MAX;

impl Default for HandOver {
    fn default() -> Self {
        HandOver(Arc::new([const { AtomicU64::new(UNSET) }; 3]))
    }
}

impl HandOver {
    /// Forgets everything: the request is about to be handed over anew.
    pub fn reset(&self) {
        self.0
            .iter()
            .for_each(|field| field.store(UNSET, Ordering::Release));
    }

    fn get(&self, field: usize) -> Option<Nanos> {
        Some(self.0[field].load(Ordering::Acquire)).filter(|t| *t != UNSET)
    }

    /// A connection is being opened for this request, since `t`. The first report counts.
    pub fn set_connecting(&self, t: Nanos) {
        let _ = self.0[0].compare_exchange(UNSET, t, Ordering::AcqRel, Ordering::Acquire);
    }

    /// That connection was ready at `t`.
    pub fn set_connected(&self, t: Nanos) {
        self.0[1].store(t, Ordering::Release);
    }

    /// The request was handed over on a ready connection at `t`. The last report counts.
    pub fn set_sent(&self, t: Nanos) {
        self.0[2].store(t, Ordering::Release);
    }

    /// Since when a connection is being opened; absent where one was ready.
    pub fn connecting(&self) -> Option<Nanos> {
        self.get(0)
    }

    /// When the request left and how long it waited for its connection; `None` before it left.
    ///
    /// The wait ends when the request's own connection is ready, or when the request leaves on
    /// another that became free before.
    pub fn timing(&self) -> Option<SendTiming> {
        let sent = self.get(2)?;
        let connect = self
            .connecting()
            .map(|from| self.get(1).unwrap_or(sent).min(sent).saturating_sub(from));
        Some(SendTiming { sent, connect })
    }
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

    /// Whether [`Transport::send`] itself keeps a request until its [`WireRequest::not_before`]: it can
    /// then do all but the writing ahead. Who calls any other waits before.
    fn keeps_until_due(&self) -> bool {
        false
    }

    /// Requests that met a kept connection already closed and were handed over anew.
    fn stale_connections(&self) -> u32 {
        0
    }

    /// Opens connections until `n` are idle, where the transport can, so that requests to come need
    /// not wait for theirs. What cannot be opened, the requests themselves will say.
    fn open_ahead(&self, _n: usize) -> impl Future<Output = ()> {
        std::future::ready(())
    }

    /// Whose clock reading the time of what was received is, as far as anything was.
    fn stamps(&self) -> Option<Stamps> {
        None
    }

    /// From when bytes could be read to when they were read, of every read so far, where the transport
    /// can tell. Clones share one count; it is copied, so it is asked for before and after a run and
    /// not in between.
    fn read_delays(&self) -> Option<Delays> {
        None
    }
}

/// Who notes when bytes came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamps {
    /// The kernel, when the segment arrived: a busy client does not make it later.
    Kernel,
    /// The client, when it had read.
    User,
    /// The kernel for most reads, the client for some.
    Mixed,
}

impl Stamps {
    /// Whose they are where some are `self` and some `other`.
    pub fn and(self, other: Stamps) -> Stamps {
        if self == other { self } else { Stamps::Mixed }
    }

    /// The name in results.
    pub fn name(self) -> &'static str {
        match self {
            Stamps::Kernel => "kernel",
            Stamps::User => "user",
            Stamps::Mixed => "mixed",
        }
    }
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

    /// The same without handing the bytes over: `take` sees each piece of the next read where it lies.
    /// It may be called any number of times, and also where this is the end.
    ///
    /// # Errors
    /// As [`Exchange::next`]; what `take` saw before the error was received.
    fn lend(
        &mut self,
        mut take: impl FnMut(&[u8], Nanos),
    ) -> impl Future<Output = Result<Lent, TransportError>> {
        async move {
            Ok(match self.next().await? {
                Some(piece) => {
                    take(&piece.bytes, piece.at);
                    Lent::More
                }
                None => Lent::Ended,
            })
        }
    }
}

/// What one [`Exchange::lend`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lent {
    /// The body goes on.
    More,
    /// The body ended regularly, with what was read at this time.
    End(Nanos),
    /// The body ended regularly; nobody knows when but that it was by now.
    Ended,
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
    /// `Connect`, `ConnectTimeout`, `Transport`, `Truncated`, `TooLarge` (the head) or `Malformed` (not HTTP).
    pub kind: ErrorKind,
    /// What happened, for a person; without secrets.
    pub message: String,
    /// When it happened.
    pub at: Nanos,
    /// Present when the request had been handed over before it failed.
    pub timing: Option<SendTiming>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hand_over_tells_how_far_a_request_got() {
        let slot = HandOver::default();
        assert_eq!((slot.connecting(), slot.timing()), (None, None));
        slot.set_sent(7);
        let ready = SendTiming {
            sent: 7,
            connect: None,
        };
        assert_eq!(slot.timing(), Some(ready));
    }

    #[test]
    fn connecting_ends_when_the_connection_is_ready_or_another_was_used() {
        let slot = HandOver::default();
        slot.set_connecting(10);
        assert_eq!((slot.connecting(), slot.timing()), (Some(10), None));
        slot.set_connected(30);
        slot.set_sent(32);
        assert_eq!(slot.timing().map(|t| t.connect), Some(Some(20)));
        // The request left on another connection; its own became ready later, in the background.
        let slot = HandOver::default();
        slot.set_connecting(10);
        slot.set_sent(15);
        assert_eq!(slot.timing().map(|t| t.connect), Some(Some(5)));
        slot.set_connected(90);
        assert_eq!(slot.timing().map(|t| t.connect), Some(Some(5)));
    }
}
