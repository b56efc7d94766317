use std::cell::RefCell;
use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use crate::sim::face::Piece;

/// Pieces of one response on their way from the model to its connection; one thread only.
#[derive(Default)]
pub(super) struct Mailbox {
    inner: RefCell<Inner>,
}

#[derive(Default)]
struct Inner {
    pieces: VecDeque<Piece>,
    waker: Option<Waker>,
}

impl Mailbox {
    pub(super) fn put(&self, piece: Piece) {
        let waker = {
            let mut inner = self.inner.borrow_mut();
            inner.pieces.push_back(piece);
            inner.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn poll_take(&self, context: &Context<'_>) -> Poll<Piece> {
        let mut inner = self.inner.borrow_mut();
        match inner.pieces.pop_front() {
            Some(piece) => Poll::Ready(piece),
            None => {
                inner.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    pub(super) async fn take(&self) -> Piece {
        std::future::poll_fn(|context| self.poll_take(context)).await
    }
}
