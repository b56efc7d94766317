use std::collections::HashSet;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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
    used: UsedConnections,
    reused: Arc<AtomicBool>,
}

/// The connections that have carried a request. hyper polls a body in the task of its connection, so
/// that the task's id tells connections apart, which nothing else here does.
#[derive(Clone, Default)]
pub(super) struct UsedConnections(Arc<Mutex<HashSet<tokio::task::Id>>>);

impl UsedConnections {
    /// Notes a request on the current task's connection; whether it is not the first one.
    fn note(&self) -> bool {
        let Some(id) = tokio::task::try_id() else {
            return false;
        };
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        !used.insert(id)
    }
}

impl StampedBody {
    /// `reused` is set when the connection that takes the body has carried a request before.
    pub(super) fn new(
        bytes: Bytes,
        slot: HandOver,
        clock: Clock,
        used: UsedConnections,
        reused: Arc<AtomicBool>,
    ) -> Self {
        StampedBody {
            bytes: Some(bytes),
            slot,
            clock,
            used,
            reused,
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
            self.reused.store(self.used.note(), Ordering::Release);
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
