//! What has the driver's thread look at the clock at a given time, be it asleep.

use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

/// Rings once, as long after [`Alarm::set`] as that said.
#[derive(Debug)]
pub(super) enum Alarm {
    /// A descriptor that the thread waits for together with its sockets: one wake-up, and nobody
    /// in between.
    #[cfg(target_os = "linux")]
    Descriptor(tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>),
    /// A thread that sleeps for it, where there are no such descriptors.
    Thread(Bell),
}

impl Alarm {
    /// One for the runtime that this is called in.
    ///
    /// # Errors
    /// When neither a descriptor nor a thread can be had.
    pub(super) fn new() -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        if let Ok(alarm) = Alarm::descriptor() {
            return Ok(alarm);
        }
        Bell::start().map(Alarm::Thread)
    }

    #[cfg(target_os = "linux")]
    fn descriptor() -> io::Result<Self> {
        use std::os::fd::{FromRawFd, OwnedFd};
        let flags = libc::TFD_NONBLOCK | libc::TFD_CLOEXEC;
        // SAFETY: the call takes no pointers.
        let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, flags) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was made above and belongs to nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let interest = tokio::io::Interest::READABLE;
        // SAFETY: an `OwnedFd` always gives the same descriptor, and keeps it open as long as it lives.
        let fd = unsafe { tokio::io::unix::AsyncFd::register_with_interest(fd, interest)? };
        Ok(Alarm::Descriptor(fd))
    }

    /// Sets it to ring after `d`; what it was set to before is forgotten.
    pub(super) fn set(&self, d: Duration) {
        match self {
            #[cfg(target_os = "linux")]
            Alarm::Descriptor(fd) => {
                use std::os::fd::AsRawFd;
                // All zeros would disarm it.
                let d = d.max(Duration::from_nanos(1));
                let value = libc::timespec {
                    tv_sec: libc::time_t::try_from(d.as_secs()).unwrap_or(libc::time_t::MAX),
                    tv_nsec: d.subsec_nanos().into(),
                };
                let interval = libc::timespec {
                    tv_sec: 0,
                    tv_nsec: 0,
                };
                let spec = libc::itimerspec {
                    it_interval: interval,
                    it_value: value,
                };
                // SAFETY: the descriptor is open, and the time lives through the call. It can only
                // fail for a descriptor or a time that is not one.
                unsafe {
                    libc::timerfd_settime(fd.as_raw_fd(), 0, &raw const spec, std::ptr::null_mut());
                }
            }
            Alarm::Thread(bell) => bell.set(Instant::now() + d),
        }
    }

    /// Completes when it rings. One may wait at a time.
    pub(super) async fn rung(&self) {
        match self {
            #[cfg(target_os = "linux")]
            Alarm::Descriptor(fd) => {
                // Whoever sets it anew resets its count of expiries too, so that nothing is read.
                if let Ok(mut ready) = fd.readable().await {
                    ready.clear_ready();
                }
            }
            Alarm::Thread(bell) => bell.rung().await,
        }
    }
}

/// A thread that sleeps; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Bell {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    at: Option<Instant>,
    rung: bool,
    waiting: Option<Waker>,
    stopped: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that could panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bell {
    fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let of_thread = shared.clone();
        std::thread::Builder::new()
            .name("prony-timer".to_owned())
            .spawn(move || ring(&of_thread))?;
        Ok(Bell { shared })
    }

    fn set(&self, at: Instant) {
        self.shared.lock().at = Some(at);
        self.shared.changed.notify_one();
    }

    async fn rung(&self) {
        poll_fn(|cx| {
            let mut state = self.shared.lock();
            if std::mem::take(&mut state.rung) {
                return Poll::Ready(());
            }
            state.waiting = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_one();
    }
}

fn ring(shared: &Shared) {
    fine_timers();
    let mut state = shared.lock();
    while !state.stopped {
        let now = Instant::now();
        state = match state.at {
            Some(at) if at <= now => {
                state.at = None;
                state.rung = true;
                let waiting = state.waiting.take();
                drop(state);
                waiting.into_iter().for_each(Waker::wake);
                shared.lock()
            }
            Some(at) => {
                let woken = shared.changed.wait_timeout(state, at - now);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn within<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(future)
    }

    #[test]
    fn both_kinds_ring_not_before_their_time_and_once() {
        within(async {
            let thread = Alarm::Thread(Bell::start().unwrap());
            for alarm in [Alarm::new().unwrap(), thread] {
                for ms in [3, 0, 5] {
                    let (began, d) = (Instant::now(), Duration::from_millis(ms));
                    alarm.set(Duration::from_secs(60));
                    alarm.set(d);
                    alarm.rung().await;
                    assert!(began.elapsed() >= d, "{alarm:?}");
                }
                let again = tokio::time::timeout(Duration::from_millis(10), alarm.rung());
                assert!(again.await.is_err(), "{alarm:?}");
            }
        });
    }
}
