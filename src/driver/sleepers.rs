//! Who is to be woken when.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use super::Nanos;

/// Wakers by the time at which they are due; clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Sleepers {
    shared: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// By time, then by order of entry. A map rather than a heap: most sleepers are timeouts, and are
    /// taken out long before their time.
    entries: BTreeMap<(Nanos, u64), Waker>,
    next: u64,
}

/// A wake-up that is to come; dropping it takes it back.
#[derive(Debug)]
pub(super) struct Sleeper {
    key: (Nanos, u64),
    of: Sleepers,
}

impl Sleepers {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that could panic runs under the lock.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has `waker` woken at `when`; and whether nobody is due before.
    pub(super) fn add(&self, when: Nanos, waker: &Waker) -> (Sleeper, bool) {
        let mut state = self.lock();
        let key = (when, state.next);
        state.next += 1;
        let first = state
            .entries
            .first_key_value()
            .is_none_or(|(first, _)| key < *first);
        state.entries.insert(key, waker.clone());
        drop(state);
        let of = self.clone();
        (Sleeper { key, of }, first)
    }

    /// When the next one is due.
    pub(super) fn first(&self) -> Option<Nanos> {
        self.lock().entries.first_key_value().map(|(key, _)| key.0)
    }

    /// Wakes all that are due by `now`, in the order of their times.
    pub(super) fn wake(&self, now: Nanos) {
        loop {
            let mut state = self.lock();
            let due = state.entries.first_entry().filter(|e| e.key().0 <= now);
            let Some(waker) = due.map(|e| e.remove()) else {
                return;
            };
            drop(state);
            waker.wake();
        }
    }

    /// Wake-ups that are to come.
    #[cfg(test)]
    pub(super) fn pending(&self) -> usize {
        self.lock().entries.len()
    }
}

impl Sleeper {
    /// Has `waker` woken instead of the one before.
    pub(super) fn renew(&self, waker: &Waker) {
        match self.of.lock().entries.get_mut(&self.key) {
            Some(old) => old.clone_from(waker),
            // Its time has come between the sleeper's look at the clock and now.
            None => waker.wake_by_ref(),
        }
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let removed = self.of.lock().entries.remove(&self.key);
        // Outside the lock: a waker may run code of its task when it goes.
        drop(removed);
    }
}
