use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::timer::{Timer, TimerEntry, fine_timers};
use super::{Driver, Nanos};

/// Bounds of how long before its time a sleeper is woken.
const LEAD: std::ops::RangeInclusive<Nanos> = 20_000..=300_000;
/// What the lead grows by when a sleeper came too late for its time, and shrinks by when it did not:
/// it settles where 199 of 200 are in time.
const LEAD_UP: Nanos = 19_900;
const LEAD_DOWN: Nanos = 100;

/// Polls of tasks between two looks at the network while there is no end of work. tokio's 61 cost a
/// system call for every 61 tokens.
const TURNS: u32 = 256;

/// Real time on one thread: monotonic, in nanoseconds since the driver was made.
///
/// tokio's timers wake in whole milliseconds, too coarse for arrivals. Sleepers here are woken by a
/// timer thread shortly before their time and spend what is left yielding to the other tasks of
/// their thread, so that reading goes on meanwhile. How long before is learnt: the way from the timer
/// thread to a sleeper's poll takes 30 µs on a busy core and over 100 µs on one that has gone to
/// sleep, more where the core is a virtual one. Clones share all of it.
#[derive(Clone, Debug)]
pub struct RealDriver {
    epoch: Instant,
    timer: Timer,
    lead: Arc<AtomicU64>,
    lying: Arc<Lying>,
}

/// What [`Driver::may_lie`] said last.
#[derive(Debug, Default)]
struct Lying {
    length: AtomicU64,
    until: AtomicU64,
}

/// A park shorter than this costs more than it saves.
const SHORTEST_REST: Nanos = 10_000;

impl RealDriver {
    /// A driver whose time begins now.
    ///
    /// # Errors
    /// When the timer thread cannot be started.
    pub fn new() -> std::io::Result<Self> {
        Ok(RealDriver {
            epoch: Instant::now(),
            timer: Timer::start()?,
            lead: Arc::new(AtomicU64::new(*LEAD.end())),
            lying: Arc::default(),
        })
    }

    /// Runs `main` on this thread, in a runtime that `spawn` can be used in, until it ends. Whatever
    /// was spawned and still runs then is dropped.
    ///
    /// # Errors
    /// When the runtime or the timer thread cannot be started.
    pub fn run<F: Future>(main: impl FnOnce(RealDriver) -> F) -> std::io::Result<F::Output> {
        let driver = RealDriver::new()?;
        driver.timer.interrupts_rest_of(std::thread::current());
        fine_timers();
        let resting = driver.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .event_interval(TURNS)
            .on_thread_park(move || resting.rest())
            .build_local(tokio::runtime::LocalOptions::default())?;
        Ok(runtime.block_on(main(driver)))
    }

    /// Called when nothing is left to do, before the network is waited for.
    fn rest(&self) {
        let length = self.lying.length.load(Ordering::Relaxed);
        if length >= SHORTEST_REST && self.now() < self.lying.until.load(Ordering::Relaxed) {
            std::thread::park_timeout(Duration::from_nanos(length));
        }
    }
}

impl Driver for RealDriver {
    fn now(&self) -> Nanos {
        u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn at(&self, t: Nanos) -> impl Future<Output = ()> + 'static {
        At {
            t,
            driver: self.clone(),
            wake_at: 0,
            entry: None,
        }
    }

    fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        tokio::task::spawn_local(future);
    }

    fn may_lie(&self, d: Nanos, until: Nanos) {
        self.lying.length.store(d, Ordering::Relaxed);
        self.lying.until.store(until, Ordering::Relaxed);
    }
}

/// A sleeper.
struct At {
    t: Nanos,
    driver: RealDriver,
    /// When the timer thread is to wake it; meaningful once there is an entry.
    wake_at: Nanos,
    entry: Option<TimerEntry>,
}

impl At {
    /// Learns from a wake-up at `now` whether the lead was long enough.
    fn learn(&self, now: Nanos) {
        let lead = self.driver.lead.load(Ordering::Relaxed);
        let next = if now > self.t {
            lead + LEAD_UP
        } else {
            lead.saturating_sub(LEAD_DOWN)
        };
        let next = next.clamp(*LEAD.start(), *LEAD.end());
        self.driver.lead.store(next, Ordering::Relaxed);
    }
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
            self.learn(now);
            self.entry = None;
        }
        if now >= self.t {
            return Poll::Ready(());
        }
        if self.wake_at == 0 {
            let lead = self.driver.lead.load(Ordering::Relaxed);
            self.wake_at = self.t.saturating_sub(lead).max(1);
            if now < self.wake_at {
                let when = self.driver.epoch + Duration::from_nanos(self.wake_at);
                self.entry = Some(self.driver.timer.wake_at(when, cx.waker()));
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
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
            }
            driver.at(0).await;
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
            assert_eq!(driver.timer.pending(), 0);
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
