use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::net::TcpStream;

use super::socket;
use super::tls::Session;
use crate::driver::{Driver, Nanos};

/// How long a look at a connection stands; one costs as much as reading ten tokens.
const JUST_NOW: Nanos = 10_000;

/// Connections that wait for a request; the one that was used last goes first.
pub(super) struct Pool {
    idle: RefCell<VecDeque<Idle>>,
    /// Requests that open a connection of their own and would rather have one that becomes free.
    waiting: RefCell<VecDeque<Weak<Cell<Option<Waker>>>>>,
    max: usize,
    keep: Nanos,
}

struct Idle {
    conn: Conn,
    since: Nanos,
}

/// One connection.
pub(super) struct Conn {
    pub(super) stream: TcpStream,
    /// Whether the kernel stamps what it receives.
    pub(super) stamped: bool,
    /// Where the target speaks TLS.
    pub(super) tls: Option<Box<Session>>,
}

impl Conn {
    /// Whether it is open with nothing to read: what came unasked is no answer to the request that would
    /// be sent next.
    pub(super) fn is_quiet(&self) -> bool {
        match &self.tls {
            None => socket::is_quiet(&self.stream),
            Some(session) => session.is_quiet(&self.stream),
        }
    }
}

impl Pool {
    /// Keeps at most `max` connections, none idle for longer than `keep`.
    pub(super) fn new(max: usize, keep: Duration) -> Self {
        Pool {
            idle: RefCell::default(),
            waiting: RefCell::default(),
            max,
            keep: u64::try_from(keep.as_nanos()).unwrap_or(u64::MAX),
        }
    }

    /// A connection that the server has not closed as far as the kernel knows.
    pub(super) fn take(&self, now: Nanos) -> Option<Conn> {
        let mut idle = self.idle.borrow_mut();
        while let Some(Idle { conn, since }) = idle.pop_back() {
            if now.saturating_sub(since) > self.keep {
                // All others have been idle for even longer.
                idle.clear();
                return None;
            }
            // The read that ended its answer had emptied it: what could have come since is a close, which
            // may come right after any look as well, and is mended like one that does.
            if (conn.tls.is_none() && now.saturating_sub(since) < JUST_NOW) || conn.is_quiet() {
                return Some(conn);
            }
        }
        None
    }

    pub(super) fn put(&self, conn: Conn, now: Nanos) {
        let mut idle = self.idle.borrow_mut();
        while idle
            .front()
            .is_some_and(|oldest| now.saturating_sub(oldest.since) > self.keep)
        {
            idle.pop_front();
        }
        if idle.len() < self.max {
            idle.push_back(Idle { conn, since: now });
            drop(idle);
            self.tell();
        }
    }

    /// Wakes the first that waits.
    fn tell(&self) {
        let mut waiting = self.waiting.borrow_mut();
        while let Some(first) = waiting.pop_front() {
            if let Some(waker) = first.upgrade().and_then(|waker| waker.take()) {
                waker.wake();
                return;
            }
        }
    }

    /// The next connection that becomes free.
    pub(super) fn freed<'a, D: Driver>(&'a self, driver: &'a D) -> Freed<'a, D> {
        Freed {
            pool: self,
            driver,
            place: None,
        }
    }

    /// Keeps a connection opened ahead: of several, the one opened first goes first, so that a server
    /// that serves one after the other is never waited for.
    pub(super) fn put_last(&self, conn: Conn, now: Nanos) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < self.max {
            idle.push_front(Idle { conn, since: now });
        }
    }

    pub(super) fn clear(&self) {
        self.idle.borrow_mut().clear();
    }

    pub(super) fn len(&self) -> usize {
        self.idle.borrow().len()
    }
}

/// See [`Pool::freed`].
pub(super) struct Freed<'a, D> {
    pool: &'a Pool,
    driver: &'a D,
    /// In the line of those that wait.
    place: Option<Rc<Cell<Option<Waker>>>>,
}

impl<D: Driver> Future for Freed<'_, D> {
    type Output = Conn;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Conn> {
        if let Some(conn) = self.pool.take(self.driver.now()) {
            return Poll::Ready(conn);
        }
        match &self.place {
            Some(place) if Rc::weak_count(place) > 0 => place.set(Some(cx.waker().clone())),
            // Not in line yet, or called up in vain.
            _ => {
                let place = Rc::new(Cell::new(Some(cx.waker().clone())));
                let line = &mut self.pool.waiting.borrow_mut();
                while line.front().is_some_and(|first| first.strong_count() == 0) {
                    line.pop_front();
                }
                line.push_back(Rc::downgrade(&place));
                self.place = Some(place);
            }
        }
        Poll::Pending
    }
}
