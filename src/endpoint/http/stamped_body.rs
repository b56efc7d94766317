use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::connect::Clock;
use crate::endpoint::HandOver;

/// A request's body that notes when the connection asks for it.
///
/// hyper asks for the first frame once the head is in the write buffer of a ready connection, and
/// writes both to the socket next: the latest moment before `write(2)` that can be seen from here. A
/// stamp taken before the request is handed to the client would also hold the way through the pool
/// and to the connection's task, milliseconds under load.
pub(super) struct StampedBody {
    bytes: Option<Bytes>,
    slot: HandOver,
    clock: Clock,
}

impl StampedBody {
    pub(super) fn new(bytes: Bytes, slot: HandOver, clock: Clock) -> Self {
        StampedBody {
            bytes: Some(bytes),
            slot,
            clock,
        }
    }
}

impl Body for StampedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = self.bytes.take();
        if bytes.is_some() {
            self.slot.set_sent((self.clock)());
        }
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |b| b.len() as u64))
    }
}
