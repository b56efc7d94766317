use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::common::Common;
use super::plan::RunPlan;
use super::signal::Signal;
use crate::driver::{Driver, Nanos};
use crate::record::{Part, RequestRecord};
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

/// A measuring thread's part of a run: what its tasks share.
pub(super) struct Run<D, T> {
    pub driver: D,
    pub transport: T,
    pub plan: RunPlan,
    pub epoch: Nanos,
    /// What all measuring threads of the run share.
    pub common: Arc<Common>,
    /// Which of the measuring threads this is.
    pub index: usize,
    /// Rises to [`CLOSED`] with the end of the window and to [`CUT`] with the end of the run.
    pub over: Signal,
    /// Rises to 1 when nothing of this thread is in flight any more, after the cut.
    pub idle: Signal,
    /// Requests of this thread that exist and have no record yet, and an open loop that goes on.
    pub open: Cell<u64>,
    pub sink: RefCell<Box<dyn FnMut(RequestRecord)>>,
    /// How long requests that could have gone out waited for their own prompt.
    pub preparation: RefCell<Delays>,
}

impl<D: Driver, T> Run<D, T> {
    /// The part of the thread `index`, of a run that has begun.
    pub fn new(
        common: Arc<Common>,
        index: usize,
        driver: D,
        transport: T,
        sink: Box<dyn FnMut(RequestRecord)>,
    ) -> Self {
        Run {
            driver,
            transport,
            plan: common.plan.clone(),
            epoch: common.epoch(),
            over: common.over_of(index),
            common,
            index,
            idle: Signal::new(),
            open: Cell::new(0),
            sink: RefCell::new(sink),
            preparation: RefCell::default(),
        }
    }

    /// Time since the run's start.
    pub fn now(&self) -> Nanos {
        self.driver.now().saturating_sub(self.epoch)
    }

    /// Whether number `n` of what is dealt out falls to this thread.
    pub fn is_mine(&self, n: u64) -> bool {
        n % self.common.threads() as u64 == self.index as u64
    }

    /// Takes up a request that is due at `due` (since the run's start), with `before` ones of the schedule
    /// due before it and after the warm-up.
    pub fn admit_due(&self, due: Nanos, before: u64) -> Part {
        let part = self.common.window().classify_due(due, before);
        if part == Part::Tail {
            self.close(due);
        }
        self.enter();
        part
    }

    /// Takes up a request that is sent now.
    pub fn admit_now(&self) -> Part {
        let (part, now) = {
            let mut window = self.common.window();
            // Under the lock, so that the order in which they are counted is that of their times.
            let now = self.now();
            (window.classify_sent(now), now)
        };
        if part == Part::Tail {
            self.close(now);
        }
        self.enter();
        part
    }

    /// Something begins that will have to end before this thread is idle.
    pub fn enter(&self) {
        self.open.set(self.open.get() + 1);
    }

    /// What [`Run::enter`] counted has ended, or will not be: a request that is not sent after all.
    pub fn leave(&self) {
        self.open.set(self.open.get() - 1);
        self.settle();
    }

    /// Ends the window at `t` if it has not ended.
    pub fn close(&self, t: Nanos) {
        self.common.close(t);
    }

    /// Whether new requests are still wanted.
    pub fn wants_more(&self) -> bool {
        self.over.level() < CUT
            && self.common.drained.level() == 0
            && self.common.interrupt.level() == 0
    }

    /// A request has ended: hands its record on.
    pub fn ended(&self, record: RequestRecord) {
        let progress = &self.common.progress;
        let counter = if record.error.is_some() {
            &progress.failed
        } else {
            &progress.ok
        };
        counter.fetch_add(1, Ordering::Relaxed);
        if record.part == Part::Window {
            self.common.release();
        }
        (self.sink.borrow_mut())(record);
        self.leave();
    }

    /// Tells who waits for the last record.
    pub fn settle(&self) {
        if self.open.get() == 0 && self.over.level() >= CUT {
            self.idle.raise(1);
        }
    }
}

/// A duration in whole nanoseconds.
pub(super) fn nanos(d: Duration) -> Nanos {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}
