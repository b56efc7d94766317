use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::plan::RunPlan;
use super::prepare::{Ahead, Maker};
use super::signal::Signal;
use crate::driver::{Driver, Nanos};
use crate::record::{Part, RequestRecord, Window};
use crate::stats::Delays;

/// Counters for a progress line; written by the run, read by anyone.
#[derive(Debug, Default)]
pub struct Progress {
    /// Requests handed to the transport or about to be.
    pub sent: AtomicU64,
    /// Requests that ended well.
    pub ok: AtomicU64,
    /// Requests that failed.
    pub failed: AtomicU64,
}

/// `load.over` levels: the run goes on, its window has closed, everything still under way is cut.
pub(super) const CLOSED: u8 = 1;
pub(super) const CUT: u8 = 2;

/// What the parts of one run share. One thread only.
pub(super) struct Run<D, T> {
    pub driver: D,
    pub transport: T,
    pub maker: Maker,
    /// Makes requests ready on another thread; absent where each is made on the spot.
    pub ahead: Option<Ahead>,
    pub plan: RunPlan,
    pub epoch: Nanos,
    pub progress: Arc<Progress>,
    /// Rises to [`CLOSED`] with the end of the window and to [`CUT`] with the end of the run.
    pub over: Signal,
    /// Rises to 1 when a request of the window ends and none is left.
    pub drained: Signal,
    /// Level 1 or more: the user wants the run to end.
    pub interrupt: Signal,
    /// Rises to 1 when nothing is in flight or waiting any more, after the cut.
    pub idle: Signal,
    pub window: RefCell<WindowState>,
    pub next_id: Cell<u64>,
    /// Requests that exist and have no record yet.
    pub open: Cell<u64>,
    pub sink: RefCell<Box<dyn FnMut(RequestRecord)>>,
    /// How long requests that could have gone out waited for their own prompt.
    pub preparation: RefCell<Delays>,
}

/// The window while it is being measured, in ns since the run's start.
#[derive(Debug)]
pub(super) struct WindowState {
    pub start: Nanos,
    /// The planned end; moved forward when the count of requests ends the window first.
    pub end: Option<Nanos>,
    pub requests_left: Option<u64>,
    /// Requests of the window that have not ended, and the schedule while it may hold more of them.
    pub outstanding: u64,
    pub closed: bool,
}

impl WindowState {
    pub fn new(plan: &RunPlan) -> Self {
        let start = nanos(plan.warmup);
        WindowState {
            start,
            end: plan.duration.map(|d| start.saturating_add(nanos(d))),
            requests_left: plan.requests,
            outstanding: 0,
            closed: false,
        }
    }

    /// Where a request stands that is due (open loop) or sent (closed loop) at `t`. Counts it as
    /// outstanding when it belongs to the window.
    fn classify(&mut self, t: Nanos) -> Part {
        if t < self.start {
            return Part::Warmup;
        }
        // By its due time alone: one that a late client takes up after the end still belongs to the
        // window it was due in.
        if self.end.is_some_and(|end| t >= end) {
            return Part::Tail;
        }
        match &mut self.requests_left {
            Some(0) => {
                // The first request too many marks the end of the window.
                self.end = Some(t);
                return Part::Tail;
            }
            Some(left) => *left -= 1,
            None => {}
        }
        self.outstanding += 1;
        Part::Window
    }
}

impl<D: Driver, T> Run<D, T> {
    /// Time since the run's start.
    pub fn now(&self) -> Nanos {
        self.driver.now().saturating_sub(self.epoch)
    }

    /// Takes up a request that is due or sent at `t` (since the run's start).
    pub fn admit(&self, t: Nanos) -> Part {
        let part = self.window.borrow_mut().classify(t);
        if part == Part::Tail {
            self.close(t);
        }
        self.open.set(self.open.get() + 1);
        part
    }

    /// Takes up a request that is no part of the load.
    pub fn take_up(&self) {
        self.open.set(self.open.get() + 1);
    }

    /// Takes back an admission outside the window: the request will not be sent.
    pub fn withdraw(&self) {
        self.open.set(self.open.get() - 1);
        self.settle();
    }

    /// Ends the window at `t` if it has not ended.
    pub fn close(&self, t: Nanos) {
        let drained = {
            let mut window = self.window.borrow_mut();
            if !window.closed {
                window.closed = true;
                window.end = Some(window.end.map_or(t, |end| end.min(t)).max(window.start));
            }
            window.outstanding == 0
        };
        self.over.raise(CLOSED);
        if drained {
            self.drained.raise(1);
        }
    }

    /// Keeps the window from being drained until [`Run::release`]: a schedule may hold requests of it
    /// that were not taken up yet.
    pub fn hold(&self) {
        self.window.borrow_mut().outstanding += 1;
    }

    /// Ends [`Run::hold`].
    pub fn release(&self) {
        let drained = {
            let mut window = self.window.borrow_mut();
            window.outstanding -= 1;
            window.closed && window.outstanding == 0
        };
        if drained {
            self.drained.raise(1);
        }
    }

    /// Whether what is due at `t` lies past the window, as far as its end is known.
    pub fn past_window(&self, t: Nanos) -> bool {
        self.window.borrow().end.is_some_and(|end| t >= end)
    }

    /// Whether new requests are still wanted.
    pub fn wants_more(&self) -> bool {
        self.over.level() < CUT && self.drained.level() == 0 && self.interrupt.level() == 0
    }

    /// A request has ended: hands its record on.
    pub fn ended(&self, record: RequestRecord) {
        let counter = if record.error.is_some() {
            &self.progress.failed
        } else {
            &self.progress.ok
        };
        counter.fetch_add(1, Ordering::Relaxed);
        if record.part == Part::Window {
            let mut window = self.window.borrow_mut();
            window.outstanding -= 1;
            if window.closed && window.outstanding == 0 {
                drop(window);
                self.drained.raise(1);
            }
        }
        (self.sink.borrow_mut())(record);
        self.open.set(self.open.get() - 1);
        self.settle();
    }

    /// Tells who waits for the last record.
    pub fn settle(&self) {
        if self.open.get() == 0 && self.over.level() >= CUT {
            self.idle.raise(1);
        }
    }

    /// The measured window, in µs since the run's start.
    pub fn window(&self) -> Window {
        let window = self.window.borrow();
        let end = window.end.unwrap_or(window.start).max(window.start);
        Window {
            start_us: window.start / 1000,
            end_us: end / 1000,
        }
    }
}

/// A duration in whole nanoseconds.
pub(super) fn nanos(d: Duration) -> Nanos {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}
