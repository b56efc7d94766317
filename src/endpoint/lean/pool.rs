use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use tokio::net::TcpStream;

use super::socket;
use crate::driver::Nanos;

/// How long a look at a connection stands; one costs as much as reading ten tokens.
const JUST_NOW: Nanos = 10_000;

/// Connections that wait for a request; the one that was used last goes first.
pub(super) struct Pool {
    idle: RefCell<VecDeque<Idle>>,
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
}

impl Pool {
    /// Keeps at most `max` connections, none idle for longer than `keep`.
    pub(super) fn new(max: usize, keep: Duration) -> Self {
        Pool {
            idle: RefCell::default(),
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
            if now.saturating_sub(since) < JUST_NOW || socket::is_quiet(&conn.stream) {
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
