//! Which request caused a connect, and how long it took.
//!
//! A connection pool hides both: it races an idle connection against a new one and does not say which
//! won. But the connector is called while the request's own future is being polled, so a slot that is
//! current only during that poll tells the connector for whom it works. The slot travels with the
//! connector's future from then on, even where the pool lets it finish in the background because
//! another connection became free first.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use crate::driver::Nanos;
use crate::endpoint::HandOver;

thread_local! {
    static CURRENT: RefCell<Option<HandOver>> = const { RefCell::new(None) };
}

/// A clock that connections and bodies, which live in tasks of their own, may carry.
pub(super) type Clock = Arc<dyn Fn() -> Nanos + Send + Sync>;

/// Polls `F` with its request's slot as the current one.
pub(super) struct Scoped<F> {
    pub(super) slot: HandOver,
    pub(super) inner: Pin<Box<F>>,
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        struct Restore(Option<HandOver>);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.set(self.0.take());
            }
        }
        let _restore = Restore(CURRENT.replace(Some(self.slot.clone())));
        self.inner.as_mut().poll(cx)
    }
}

/// Wraps reqwest's connector: name look-up, TCP and TLS together.
#[derive(Clone)]
pub(super) struct TimedConnect {
    pub(super) clock: Clock,
}

impl<S> Layer<S> for TimedConnect {
    type Service = TimedConnector<S>;

    fn layer(&self, inner: S) -> TimedConnector<S> {
        TimedConnector {
            inner,
            clock: self.clock.clone(),
        }
    }
}

/// See [`TimedConnect`].
#[derive(Clone)]
pub(super) struct TimedConnector<S> {
    inner: S,
    clock: Clock,
}

impl<S, R> Service<R> for TimedConnector<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let slot = CURRENT.with_borrow(Clone::clone);
        if let Some(slot) = &slot {
            slot.set_connecting((self.clock)());
        }
        let connect = self.inner.call(request);
        let clock = self.clock.clone();
        Box::pin(async move {
            let connected = connect.await;
            if let (Some(slot), Ok(_)) = (&slot, &connected) {
                slot.set_connected(clock());
            }
            connected
        })
    }
}
