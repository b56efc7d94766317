//! The machine: cores, limits, what a process has used.

use std::io;
use std::os::fd::AsRawFd;

/// Keeps this thread and all its threads to come on those cores of the ones this process was started with.
#[cfg(target_os = "linux")]
pub fn pin(which: std::ops::Range<usize>) {
    static ALL: std::sync::OnceLock<Vec<usize>> = std::sync::OnceLock::new();
    // SAFETY: both calls work on a set of the size given, which lives through them.
    unsafe {
        let all = ALL.get_or_init(|| {
            let mut allowed: libc::cpu_set_t = std::mem::zeroed();
            libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut allowed);
            (0..libc::CPU_SETSIZE as usize)
                .filter(|core| libc::CPU_ISSET(*core, &allowed))
                .collect()
        });
        let mut some: libc::cpu_set_t = std::mem::zeroed();
        for n in which {
            libc::CPU_SET(all[n % all.len()], &mut some);
        }
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const some);
    }
}

#[cfg(not(target_os = "linux"))]
pub fn pin(_: std::ops::Range<usize>) {}

/// As many open files as the system lets this process have.
pub fn raise_open_files() {
    // SAFETY: the limit is a plain struct that lives through both calls.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
    }
}

/// Processor time of this process so far, in seconds.
pub fn cpu_seconds() -> f64 {
    // SAFETY: a plain struct that lives through the call.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    [usage.ru_utime, usage.ru_stime]
        .iter()
        .map(|t| t.tv_sec as f64 + t.tv_usec as f64 / 1e6)
        .sum()
}

/// Most memory this process has held, in MB.
pub fn peak_rss_mb() -> f64 {
    // SAFETY: a plain struct that lives through the call.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    usage.ru_maxrss as f64 / 1024.0
}

/// One line about the processor, the kernel and how busy they are.
pub fn describe() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|l| l.strip_prefix("model name\t: "));
    format!(
        "{} × {}, Linux {}, load {}",
        std::thread::available_parallelism().map_or(0, usize::from),
        model.unwrap_or("unknown processor"),
        read("/proc/sys/kernel/osrelease").trim(),
        read("/proc/loadavg").split(' ').next().unwrap_or("?"),
    )
}

/// Asks the kernel to stamp what this socket receives.
pub fn stamp_arrivals(socket: &impl AsRawFd) {
    #[cfg(target_os = "linux")]
    {
        let flags = libc::SOF_TIMESTAMPING_RX_SOFTWARE | libc::SOF_TIMESTAMPING_SOFTWARE;
        // SAFETY: the descriptor is open, and the option's value lives through the call.
        unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_TIMESTAMPING,
                (&raw const flags).cast(),
                size_of_val(&flags) as libc::socklen_t,
            );
        }
    }
    let _ = socket;
}

/// Appends what is there to `bytes`; when it came, in ns of the wall clock, or `None` at the end.
pub fn receive(socket: &impl AsRawFd, bytes: &mut Vec<u8>) -> io::Result<Option<u64>> {
    #[repr(align(8))]
    struct Control([u8; 128]);
    let mut control = Control([0; 128]);
    let mut buffer = [0_u8; 16 << 10];
    let mut slice = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: all zeros is a valid msghdr; its pointers are to memory that lives through the call; the
    // macros walk the control messages within the length that the kernel has set.
    let (n, stamp) = unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut slice;
        message.msg_iovlen = 1;
        message.msg_control = (&raw mut control.0).cast();
        message.msg_controllen = 128;
        let n = libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT);
        let n = usize::try_from(n).map_err(|_| io::Error::last_os_error())?;
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        let mut stamp = None;
        #[cfg(target_os = "linux")]
        if !header.is_null() && (*header).cmsg_type == libc::SCM_TIMESTAMPING {
            let time: libc::timespec = std::ptr::read_unaligned(libc::CMSG_DATA(header).cast());
            stamp = Some(nanos(time)).filter(|t| *t > 0);
        }
        let _ = header;
        (n, stamp)
    };
    bytes.extend_from_slice(&buffer[..n]);
    Ok((n > 0).then(|| stamp.unwrap_or_else(wall_clock)))
}

/// Nanoseconds since 1970.
pub fn wall_clock() -> u64 {
    // SAFETY: the pointer is to a timespec that lives through the call.
    unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut time);
        nanos(time)
    }
}

fn nanos(time: libc::timespec) -> u64 {
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
