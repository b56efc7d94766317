use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use super::timer::{Timer, TimerEntry};
use super::{Driver, Nanos};

/// How long before its time a sleeper is woken. The kernel and the runtime take about that long to
/// get from the timer thread to the sleeper's poll; the rest is passed by yielding.
const LEAD: Nanos = 50_000;

/// Real time on one thread: monotonic, in nanoseconds since the driver was made.
///
/// tokio's timers wake in whole milliseconds, too coarse for arrivals. Sleepers here are woken by a
/// timer thread shortly before their time and spend what is left yielding to the other tasks of
/// their thread, so that reading goes on meanwhile. Clones share epoch and timer thread.
#[derive(Clone, Debug)]
pub struct RealDriver {
    epoch: Instant,
    timer: Timer,
}

impl RealDriver {
    /// A driver whose time begins now.
    ///
    /// # Errors
    /// When the timer thread cannot be started.
    pub fn new() -> std::io::Result<Self> {
        Ok(RealDriver {
            epoch: Instant::now(),
            timer: Timer::start()?,
        })
    }

    /// Runs `main` on this thread, in a runtime that `spawn` can be used in, until it ends. Whatever
    /// was spawned and still runs then is dropped.
    ///
    /// # Errors
    /// When the runtime or the timer thread cannot be started.
    pub fn run<F: Future>(main: impl FnOnce(RealDriver) -> F) -> std::io::Result<F::Output> {
        let driver = RealDriver::new()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(tokio::runtime::LocalOptions::default())?;
        Ok(runtime.block_on(main(driver)))
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
            entry: None,
        }
    }

    fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        tokio::task::spawn_local(future);
    }
}

/// A sleeper.
struct At {
    t: Nanos,
    driver: RealDriver,
    entry: Option<TimerEntry>,
}

impl Future for At {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.driver.now();
        if now >= self.t {
            return Poll::Ready(());
        }
        let wake_at = self.t - LEAD.min(self.t);
        if now >= wake_at {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match &self.entry {
            Some(entry) => entry.renew(cx.waker()),
            None => {
                let when = self.driver.epoch + std::time::Duration::from_nanos(wake_at);
                let entry = self.driver.timer.wake_at(when, cx.waker());
                self.entry = Some(entry);
            }
        }
        Poll::Pending
    }
}
