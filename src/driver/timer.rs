//! A thread that wakes tasks at absolute times, some ten microseconds late at worst on an idle core.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::thread::Thread;
use std::time::Instant;

/// A handle to the timer thread; the thread ends with the last handle.
#[derive(Clone, Debug)]
pub(super) struct Timer {
    owner: Arc<Owner>,
}

#[derive(Debug)]
struct Owner {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Who sleeps with [`std::thread::park_timeout`] and must hear of every wake-up.
    resting: OnceLock<Thread>,
}

#[derive(Debug, Default)]
struct State {
    /// By time, then by order of entry. A map rather than a heap: most sleepers are timeouts, and are
    /// taken out long before their time.
    entries: BTreeMap<(Instant, u64), Waker>,
    next: u64,
    stopped: bool,
}

/// A wake-up that is to come; dropping it takes it back.
#[derive(Debug)]
pub(super) struct TimerEntry {
    key: (Instant, u64),
    shared: Arc<Shared>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that could panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Timer {
    pub(super) fn start() -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let of_thread = shared.clone();
        std::thread::Builder::new()
            .name("prony-timer".to_owned())
            .spawn(move || keep_time(&of_thread))?;
        Ok(Timer {
            owner: Arc::new(Owner { shared }),
        })
    }

    /// Has every wake-up end a rest of `thread`.
    pub(super) fn interrupts_rest_of(&self, thread: Thread) {
        // Only the first can be set: a driver runs on one thread.
        let _ = self.owner.shared.resting.set(thread);
    }

    /// Has `waker` woken at `when`.
    pub(super) fn wake_at(&self, when: Instant, waker: &Waker) -> TimerEntry {
        let shared = &self.owner.shared;
        let mut state = shared.lock();
        let key = (when, state.next);
        state.next += 1;
        let sooner = state
            .entries
            .first_key_value()
            .is_none_or(|(first, _)| key < *first);
        state.entries.insert(key, waker.clone());
        drop(state);
        if sooner {
            shared.changed.notify_one();
        }
        TimerEntry {
            key,
            shared: shared.clone(),
        }
    }

    /// Wake-ups that are to come.
    #[cfg(test)]
    pub(super) fn pending(&self) -> usize {
        self.owner.shared.lock().entries.len()
    }
}

impl TimerEntry {
    /// Has `waker` woken instead of the one before.
    pub(super) fn renew(&self, waker: &Waker) {
        let mut state = self.shared.lock();
        match state.entries.get_mut(&self.key) {
            Some(old) => old.clone_from(waker),
            // Its time has come between the sleeper's look at the clock and now.
            None => waker.wake_by_ref(),
        }
    }
}

impl Drop for TimerEntry {
    fn drop(&mut self) {
        let removed = self.shared.lock().entries.remove(&self.key);
        // Outside the lock: a waker may run code of its task when it goes.
        drop(removed);
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_one();
    }
}

fn keep_time(shared: &Shared) {
    fine_timers();
    let mut due = Vec::new();
    let mut state = shared.lock();
    while !state.stopped {
        let now = Instant::now();
        while let Some(entry) = state.entries.first_entry() {
            if entry.key().0 > now {
                break;
            }
            due.push(entry.remove());
        }
        if !due.is_empty() {
            drop(state);
            due.drain(..).for_each(Waker::wake);
            if let Some(thread) = shared.resting.get() {
                thread.unpark();
            }
            state = shared.lock();
            continue;
        }
        state = match state.entries.first_key_value() {
            Some(((when, _), _)) => {
                let wait = when.saturating_duration_since(now);
                let woken = shared.changed.wait_timeout(state, wait);
                woken.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let woken = shared.changed.wait(state);
                woken.unwrap_or_else(PoisonError::into_inner)
            }
        };
    }
}

/// Linux rounds a thread's sleeps up by 50 µs unless told otherwise; this is for the current one.
pub(super) fn fine_timers() {
    #[cfg(target_os = "linux")]
    // SAFETY: PR_SET_TIMERSLACK takes an integer and touches no memory of ours.
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1_u64, 0_u64, 0_u64, 0_u64);
    }
}
