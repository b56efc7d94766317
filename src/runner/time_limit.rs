use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};

use super::context::Context;
use super::live::NotMeasured;
use crate::driver::Driver;
use crate::load::Signal;
use crate::plan::Case;
use crate::suite::show_duration;

/// The `timeout` of a case: when it is used up the case ends as an interrupted one does, but it alone.
#[derive(Debug)]
pub struct TimeLimit {
    /// Level 1: stop sending, drain briefly, end. Raised by the user's interrupt and by the timeout.
    pub stop: Signal,
    /// Level 1: the timeout is used up.
    over: Signal,
    timeout: Option<Duration>,
    interrupt: Signal,
}

impl TimeLimit {
    /// The limit of `case`; its time has not begun.
    pub fn new(case: &Case, context: &Context) -> Self {
        let interrupt = context.interrupt.signal.clone();
        let timeout = case.scenario.timeout;
        TimeLimit {
            // Without a timeout the user alone stops the case.
            stop: match timeout {
                Some(_) => Signal::new(),
                None => interrupt.clone(),
            },
            over: Signal::new(),
            timeout,
            interrupt,
        }
    }

    /// Lets the time begin.
    pub fn start(&self, driver: &impl Driver) {
        let Some(timeout) = self.timeout else {
            return;
        };
        let (stop, over) = (self.stop.clone(), self.over.clone());
        let interrupt = self.interrupt.reached(1);
        let time = driver.after(timeout);
        driver.spawn(async move {
            if let Either::Right(_) = select(interrupt, pin!(time)).await {
                over.raise(1);
            }
            stop.raise(1);
        });
    }

    /// What `work` comes to, unless the time is used up before.
    ///
    /// # Errors
    /// When it is used up.
    pub async fn during<F: Future>(&self, work: F) -> Result<F::Output, NotMeasured> {
        match select(pin!(work), self.over.reached(1)).await {
            Either::Left((done, _)) => Ok(done),
            Either::Right(_) => Err(NotMeasured(format!(
                "{} before the target was ready",
                self.used_up().unwrap_or_default()
            ))),
        }
    }

    /// How much longer the case may take that has taken `elapsed`; absent: as long as it wants. By the
    /// invocation's limit, too: nothing is begun that could be left out once that is used up.
    pub fn left(&self, elapsed: Duration, context: &Context) -> Option<Duration> {
        let own = self.timeout.map(|timeout| timeout.saturating_sub(elapsed));
        let end = context.limits.max_time.as_ref().map(|(_, end)| *end);
        let of_all = end.map(|end| end.saturating_duration_since(Instant::now()));
        own.into_iter().chain(of_all).min()
    }

    /// That the time is used up, in words, where it is.
    pub fn used_up(&self) -> Option<String> {
        let timeout = self.timeout.filter(|_| self.over.level() > 0)?;
        Some(format!("timeout of {} used up", show_duration(timeout)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::VirtualDriver;

    fn ninety_seconds() -> TimeLimit {
        TimeLimit {
            stop: Signal::new(),
            over: Signal::new(),
            timeout: Some(Duration::from_secs(90)),
            interrupt: Signal::new(),
        }
    }

    #[test]
    fn the_timeout_stops_the_case_and_says_so() {
        let limit = ninety_seconds();
        let driver = VirtualDriver::new();
        limit.start(&driver);
        assert_eq!(limit.used_up(), None);
        let stop = limit.stop.clone();
        let clock = driver.clone();
        let stopped_at = driver.block_on(async move {
            stop.reached(1).await;
            clock.now()
        });
        assert_eq!(stopped_at, 90_000_000_000);
        assert_eq!(limit.used_up().as_deref(), Some("timeout of 90s used up"));
    }

    #[test]
    fn an_interrupt_is_no_timeout() {
        let limit = ninety_seconds();
        let driver = VirtualDriver::new();
        limit.start(&driver);
        limit.interrupt.raise(1);
        let stop = limit.stop.clone();
        driver.block_on(async move { stop.reached(1).await });
        assert_eq!(limit.used_up(), None);
    }
}
