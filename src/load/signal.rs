use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// A level that only rises, which any number of futures can wait for.
///
/// It names no runtime, so that it works in real and in virtual time, and it may be raised from any
/// thread, such as a signal handler's.
#[derive(Clone, Debug, Default)]
pub struct Signal {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    level: AtomicU8,
    wakers: Mutex<Wakers>,
}

#[derive(Debug, Default)]
struct Wakers {
    slots: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Signal {
    /// A signal at level 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// Raises the level to at least `level` and wakes who waits.
    pub fn raise(&self, level: u8) {
        if self.shared.level.fetch_max(level, Ordering::AcqRel) < level {
            let wakers: Vec<Waker> = self
                .lock()
                .slots
                .iter_mut()
                .filter_map(Option::take)
                .collect();
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    /// The current level.
    pub fn level(&self) -> u8 {
        self.shared.level.load(Ordering::Acquire)
    }

    /// Completes once the level is `level` or more.
    pub fn reached(&self, level: u8) -> Reached {
        Reached {
            signal: self.clone(),
            level,
            slot: None,
            registered: None,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Wakers> {
        self.shared
            .wakers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for a [`Signal`].
#[derive(Debug)]
pub struct Reached {
    signal: Signal,
    level: u8,
    slot: Option<usize>,
    /// Who will be woken, and the level when that was noted: a raise since has taken the note away.
    registered: Option<(Waker, u8)>,
}

impl Future for Reached {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let level = self.signal.level();
        if level >= self.level {
            return Poll::Ready(());
        }
        // A request asks with every token, and hardly ever is there anything new.
        if let Some((waker, at)) = &self.registered
            && *at == level
            && waker.will_wake(cx.waker())
        {
            return Poll::Pending;
        }
        let signal = self.signal.clone();
        let mut wakers = signal.lock();
        // Looked at again under the lock: a raise in between has already taken the wakers.
        let level = signal.level();
        if level >= self.level {
            return Poll::Ready(());
        }
        let slot = match self.slot {
            Some(slot) => slot,
            None => wakers.free.pop().unwrap_or_else(|| {
                wakers.slots.push(None);
                wakers.slots.len() - 1
            }),
        };
        if !wakers.slots[slot]
            .as_ref()
            .is_some_and(|w| w.will_wake(cx.waker()))
        {
            wakers.slots[slot] = Some(cx.waker().clone());
        }
        self.slot = Some(slot);
        self.registered = Some((cx.waker().clone(), level));
        Poll::Pending
    }
}

impl Drop for Reached {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            let mut wakers = self.signal.lock();
            wakers.slots[slot] = None;
            wakers.free.push(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::{Driver, VirtualDriver};

    #[test]
    fn waits_for_its_level_and_frees_its_place() {
        let driver = VirtualDriver::new();
        let signal = Signal::new();
        let (d, s) = (driver.clone(), signal.clone());
        driver.spawn(async move {
            d.at(5).await;
            s.raise(1);
            d.at(9).await;
            s.raise(2);
        });
        let (d, s) = (driver.clone(), signal.clone());
        let times = driver.block_on(async move {
            s.reached(1).await;
            let first = d.now();
            s.reached(2).await;
            s.reached(1).await;
            (first, d.now())
        });
        assert_eq!(times, (5, 9));
        let wakers = signal.lock();
        assert_eq!(wakers.free.len(), wakers.slots.len());
    }

    #[test]
    fn a_raise_that_is_not_enough_hides_none_that_is() {
        let driver = VirtualDriver::new();
        let signal = Signal::new();
        let (d, s) = (driver.clone(), signal.clone());
        driver.spawn(async move {
            d.at(5).await;
            s.raise(1);
            d.at(20).await;
            s.raise(2);
        });
        let (d, s) = (driver.clone(), signal.clone());
        let at = driver.block_on(async move {
            // Asked between the raises too, and without being woken by them.
            let ticks = async {
                for t in [3, 4, 8, 12] {
                    d.at(t).await;
                }
            };
            futures_util::join!(s.reached(2), ticks);
            d.now()
        });
        assert_eq!(at, 20);
    }
}
