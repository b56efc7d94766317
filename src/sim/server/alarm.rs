use std::io;
use std::time::{Duration, Instant};

/// Wakes at an instant, more exactly than tokio's timers, which know whole milliseconds only.
#[cfg(target_os = "linux")]
pub(super) struct Alarm {
    timer: tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>,
}

#[cfg(target_os = "linux")]
impl Alarm {
    pub(super) fn new() -> io::Result<Alarm> {
        use std::os::fd::FromRawFd as _;
        // SAFETY: no pointers are passed.
        let fd = unsafe {
            libc::timerfd_create(
                libc::CLOCK_MONOTONIC,
                libc::TFD_NONBLOCK | libc::TFD_CLOEXEC,
            )
        };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` was just opened and nobody else owns it.
        let fd = unsafe { std::os::fd::OwnedFd::from_raw_fd(fd) };
        // SAFETY: an owned descriptor is open, and the same one, for as long as it lives.
        let timer = unsafe { tokio::io::unix::AsyncFd::register(fd) }?;
        Ok(Alarm { timer })
    }

    /// Completes at `deadline`.
    pub(super) async fn until(&self, deadline: Instant) -> io::Result<()> {
        use std::os::fd::AsRawFd as _;
        // A timer set to zero is off, so the shortest wait is a nanosecond.
        let wait = deadline
            .saturating_duration_since(Instant::now())
            .max(Duration::from_nanos(1));
        let setting = libc::itimerspec {
            it_interval: libc::timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: libc::timespec {
                tv_sec: wait.as_secs().try_into().unwrap_or(libc::time_t::MAX),
                tv_nsec: wait.subsec_nanos().into(),
            },
        };
        // SAFETY: the descriptor is open, `setting` is valid, and the old setting is not asked for.
        let result = unsafe {
            libc::timerfd_settime(
                self.timer.as_raw_fd(),
                0,
                &raw const setting,
                std::ptr::null_mut(),
            )
        };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        loop {
            let mut ready = self.timer.readable().await?;
            let mut count = [0u8; 8];
            let expired = ready.try_io(|fd| {
                // SAFETY: the buffer has the eight bytes that a timer's read takes.
                let read =
                    unsafe { libc::read(fd.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
                if read < 0 {
                    Err(io::Error::last_os_error())
                } else {
                    Ok(())
                }
            });
            match expired {
                Ok(result) => return result,
                Err(_would_block) => {}
            }
        }
    }
}

/// Wakes at an instant, to the millisecond.
#[cfg(not(target_os = "linux"))]
pub(super) struct Alarm;

#[cfg(not(target_os = "linux"))]
impl Alarm {
    pub(super) fn new() -> io::Result<Alarm> {
        Ok(Alarm)
    }

    /// Completes at `deadline`.
    pub(super) async fn until(&self, deadline: Instant) -> io::Result<()> {
        tokio::time::sleep_until(deadline.into()).await;
        Ok(())
    }
}
