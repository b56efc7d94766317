use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::alarm::{Alarm, fine_timers};
use super::lead::Lead;
use super::memory::keep_freed_memory;
use super::sleepers::{Sleeper, Sleepers};
use super::{Driver, Nanos};

/// Polls of tasks between two looks at the network while there is no end of work. tokio's 61 cost a
/// system call for every 61 tokens.
const TURNS: u32 = 256;

/// Real time on one thread: monotonic, in nanoseconds since the driver's epoch.
///
/// tokio's timers wake in whole milliseconds, too coarse for arrivals. Here the thread waits for its
/// sockets and for a timer of the kernel's at once, and wakes who is due. Who must not be late
/// ([`Driver::nearly`], [`Driver::at_exactly`]) is woken before its time and spends what is left looking at the clock and at the
/// network in turn. How long before is learnt. Clones share all of it.
#[derive(Clone, Debug)]
pub struct RealDriver {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    epoch: Instant,
    sleepers: Sleepers,
    /// Present while the driver runs.
    alarm: OnceLock<Alarm>,
    lead: Lead,
    /// What [`Driver::may_lie`] said last: for how long, and until when that stands.
    lie: AtomicU64,
    lie_until: AtomicU64,
}

/// A park shorter than this costs more than it saves.
const SHORTEST_REST: Nanos = 10_000;

/// What is left of a wait when the thread had better not do anything else: the time that a look at
/// the network takes, and that of a turn of all tasks where it is longer, up to the second bound.
const LAST: Nanos = 3_000;
const LAST_OF_BUSY: Nanos = 50_000;

impl RealDriver {
    /// Runs `main` on this thread, in a runtime that `spawn` can be used in, until it ends; its time
    /// begins now. Whatever was spawned and still runs then is dropped.
    ///
    /// # Errors
    /// When the runtime or its timer cannot be started.
    pub fn run<F: Future>(main: impl FnOnce(RealDriver) -> F) -> std::io::Result<F::Output> {
        RealDriver::run_from(Instant::now(), main)
    }

    /// The same with time that began at `epoch`, so that several threads may have one time.
    ///
    /// # Errors
    /// As [`RealDriver::run`].
    pub fn run_from<F: Future>(
        epoch: Instant,
        main: impl FnOnce(RealDriver) -> F,
    ) -> std::io::Result<F::Output> {
        let driver = RealDriver {
            inner: Arc::new(Inner {
                epoch,
                sleepers: Sleepers::default(),
                alarm: OnceLock::new(),
                lead: Lead::default(),
                lie: AtomicU64::new(0),
                lie_until: AtomicU64::new(0),
            }),
        };
        fine_timers();
        keep_freed_memory();
        let resting = driver.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .event_interval(TURNS)
            .on_thread_park(move || resting.rest())
            .build_local(tokio::runtime::LocalOptions::default())?;
        runtime.block_on(async {
            let alarm = Alarm::new()?;
            // Nobody else has the driver yet.
            let _ = driver.inner.alarm.set(alarm);
            tokio::task::spawn_local(wake_sleepers(driver.clone()));
            Ok(main(driver).await)
        })
    }

    /// When the driver's time began.
    pub fn epoch(&self) -> Instant {
        self.inner.epoch
    }

    /// Called when nothing is left to do, before the network is waited for.
    fn rest(&self) {
        let mut length = self.inner.lie.load(Ordering::Relaxed);
        if length < SHORTEST_REST {
            return;
        }
        let now = self.now();
        if now >= self.inner.lie_until.load(Ordering::Relaxed) {
            return;
        }
        if let Some(first) = self.inner.sleepers.first() {
            length = length.min(first.saturating_sub(now));
        }
        if length >= SHORTEST_REST {
            std::thread::park_timeout(Duration::from_nanos(length));
        }
    }

    /// Sets the alarm for who is due first.
    fn set_alarm(&self, first: Nanos) {
        if let Some(alarm) = self.inner.alarm.get() {
            alarm.set(Duration::from_nanos(first.saturating_sub(self.now())));
        }
    }

    fn sleeper(&self, t: Nanos, how: How) -> At {
        At {
            t,
            how,
            driver: self.clone(),
            wake_at: 0,
            entry: None,
            polled: 0,
        }
    }
}

/// Wakes whoever is due, as long as the driver runs.
async fn wake_sleepers(driver: RealDriver) {
    let Some(alarm) = driver.inner.alarm.get() else {
        return;
    };
    loop {
        alarm.rung().await;
        driver.inner.sleepers.wake(driver.now());
        if let Some(first) = driver.inner.sleepers.first() {
            driver.set_alarm(first);
        }
    }
}

impl Driver for RealDriver {
    fn now(&self) -> Nanos {
        u64::try_from(self.inner.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn at(&self, t: Nanos) -> impl Future<Output = ()> + 'static {
        self.sleeper(t, How::Plainly)
    }

    fn at_exactly(&self, t: Nanos) -> impl Future<Output = ()> + 'static {
        self.sleeper(t, How::Exactly)
    }

    fn nearly(&self, t: Nanos) -> impl Future<Output = ()> + 'static {
        self.sleeper(t, How::Nearly)
    }

    fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        tokio::task::spawn_local(future);
    }

    fn may_lie(&self, d: Nanos, until: Nanos) {
        self.inner.lie.store(d, Ordering::Relaxed);
        self.inner.lie_until.store(until, Ordering::Relaxed);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// Not before its time.
    Plainly,
    /// Before its time, by the lead.
    Nearly,
    /// The same, and waits awake for what is left.
    Exactly,
}

/// What is done between [`Driver::nearly`] and the time itself.
const PREPARING: Nanos = 25_000;

/// A sleeper.
struct At {
    t: Nanos,
    how: How,
    driver: RealDriver,
    /// When it is to be woken; 0 before the first poll.
    wake_at: Nanos,
    entry: Option<Sleeper>,
    /// When it was polled last, while it waits awake.
    polled: Nanos,
}

impl Future for At {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.driver.now();
        if let Some(entry) = &self.entry {
            if now < self.wake_at {
                entry.renew(cx.waker());
                return Poll::Pending;
            }
            match self.how {
                How::Plainly => {}
                How::Nearly => self.driver.inner.lead.woke(now + PREPARING > self.t),
                How::Exactly => self.driver.inner.lead.woke(now > self.t),
            }
            self.entry = None;
        }
        if now >= self.t {
            return Poll::Ready(());
        }
        if self.wake_at == 0 {
            let lead = match self.how {
                How::Plainly => 0,
                How::Nearly | How::Exactly => self.driver.inner.lead.before(self.t),
            };
            self.wake_at = self.t.saturating_sub(lead).max(1);
            if now < self.wake_at {
                let (entry, first) = self.driver.inner.sleepers.add(self.wake_at, cx.waker());
                if first {
                    self.driver.set_alarm(self.wake_at);
                }
                self.entry = Some(entry);
                return Poll::Pending;
            }
        }
        if self.how == How::Nearly {
            return Poll::Ready(());
        }
        // Where a turn of everything else takes longer than what is left, its time would pass meanwhile.
        let turn = match self.polled {
            0 => 0,
            before => now - before,
        };
        self.polled = now;
        if self.t - now <= turn.clamp(LAST, LAST_OF_BUSY) {
            while self.driver.now() < self.t {
                std::hint::spin_loop();
            }
            return Poll::Ready(());
        }
        // Comes back after a look at the network, and not before.
        pin!(tokio::task::yield_now()).poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    #[test]
    fn no_sleeper_wakes_before_its_time() {
        RealDriver::run(async |driver| {
            for gap in [0, 1, 1_000, 20_000, 150_000, 151_000, 3_000_000] {
                let t = driver.now() + gap;
                driver.at(t).await;
                assert!(driver.now() >= t);
                let t = driver.now() + gap;
                driver.at_exactly(t).await;
                assert!(driver.now() >= t);
            }
            driver.at(0).await;
            driver.at_exactly(0).await;
        })
        .unwrap();
    }

    #[test]
    fn sleepers_wake_in_the_order_of_their_times() {
        let order = Rc::new(RefCell::new(Vec::new()));
        let seen = order.clone();
        RealDriver::run(async move |driver| {
            let start = driver.now() + 2_000_000;
            for i in [3_u64, 1, 4, 0, 2] {
                let (sleeper, seen) = (driver.at(start + i * 4_000_000), seen.clone());
                driver.spawn(async move {
                    sleeper.await;
                    seen.borrow_mut().push(i);
                });
            }
            driver.at(start + 40_000_000).await;
        })
        .unwrap();
        assert_eq!(*order.borrow(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_sleeper_that_is_dropped_leaves_nothing_behind() {
        RealDriver::run(async |driver| {
            for _ in 0..100 {
                let sleeper = driver.at(driver.now() + 60_000_000_000);
                let soon = driver.at(driver.now() + 10_000);
                futures_util::future::select(std::pin::pin!(sleeper), std::pin::pin!(soon)).await;
            }
            assert_eq!(driver.inner.sleepers.pending(), 0);
        })
        .unwrap();
    }

    #[test]
    fn who_waits_awake_keeps_nobody_else_from_running() {
        RealDriver::run(async |driver| {
            let turns = Rc::new(std::cell::Cell::new(0));
            let (of_task, clock) = (turns.clone(), driver.clone());
            driver.spawn(async move {
                loop {
                    clock.at(clock.now() + 1_000).await;
                    of_task.set(of_task.get() + 1);
                }
            });
            // Closer than the lead is at first: every wait is spent awake.
            for _ in 0..20 {
                driver.at_exactly(driver.now() + 280_000).await;
            }
            assert!(turns.get() > 40, "{}", turns.get());
        })
        .unwrap();
    }

    #[test]
    fn a_sleeper_may_move_to_another_task() {
        RealDriver::run(async |driver| {
            let mut sleeper = Box::pin(driver.at(driver.now() + 30_000_000));
            let soon = driver.after(Duration::from_millis(1));
            futures_util::future::select(&mut sleeper, std::pin::pin!(soon)).await;
            let (done, finished) = futures_channel::oneshot::channel();
            driver.spawn(async move {
                sleeper.await;
                let _ = done.send(());
            });
            finished.await.unwrap();
        })
        .unwrap();
    }
}
