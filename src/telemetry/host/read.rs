//! The reading itself. Every value on its own: what one system does not have leaves the others alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::parse;
use super::sample::Sample;

/// So many samples pass between two counts of the ports taken while few sockets are in use: a count
/// reads a line per socket of the machine.
const PORTS_EVERY: u32 = 20;

/// Reads samples of this process.
#[derive(Debug)]
pub(super) struct Reader {
    threads: Vec<u32>,
    cpu_stats: Vec<PathBuf>,
    ports: Option<(u16, u16)>,
    reads: u32,
}

impl Reader {
    /// A reader that looks at these threads in particular.
    pub fn new(threads: Vec<u32>) -> Self {
        let cgroup = text("/proc/self/cgroup").unwrap_or_default();
        Reader {
            threads,
            cpu_stats: cpu_stats(&cgroup),
            ports: text("/proc/sys/net/ipv4/ip_local_port_range")
                .and_then(|t| parse::port_range(&t)),
            reads: 0,
        }
    }

    /// Open files that the process may have.
    pub fn files_limit(&self) -> Option<u64> {
        files_limit()
    }

    /// Ports that connections to one address may have.
    pub fn ports_limit(&self) -> Option<u64> {
        let (first, last) = self.ports?;
        Some(u64::from(last - first) + 1)
    }

    /// One sample, `at_s` after the origin.
    pub fn read(&mut self, at_s: f64) -> Sample {
        let sockets = text("/proc/self/net/sockstat").and_then(|t| parse::tcp_sockets(&t));
        let count_ports = self.reads.is_multiple_of(PORTS_EVERY)
            || sockets
                .zip(self.ports_limit())
                .is_some_and(|((used, waiting), limit)| (used + waiting) * 4 >= limit);
        self.reads += 1;
        let status = |tid: &u32| text(format!("/proc/self/task/{tid}/status"));
        Sample {
            at_s,
            process_cpu_s: usage().map(|u| u.cpu_s),
            threads: self.threads.iter().map(|tid| schedstat(*tid)).collect(),
            machine_ticks: text("/proc/stat").and_then(|t| parse::machine_ticks(&t)),
            preemptions: self
                .threads
                .iter()
                .map(|tid| parse::keyed(&status(tid)?, "nonvoluntary_ctxt_switches"))
                .sum::<Option<u64>>()
                .filter(|_| !self.threads.is_empty()),
            major_faults: usage().and_then(|u| u.major_faults),
            rss: text("/proc/self/status").and_then(|t| parse::keyed(&t, "VmRSS")),
            available: text("/proc/meminfo").and_then(|t| parse::keyed(&t, "MemAvailable")),
            network: text("/proc/self/net/dev").and_then(|t| parse::network_bytes(&t)),
            sockets: sockets.map(|(used, _)| used),
            files: files(),
            ports: self.ports.filter(|_| count_ports).and_then(ports_taken),
            throttled: self
                .cpu_stats
                .iter()
                .filter_map(|path| parse::cpu_stat(&text(path)?))
                .collect(),
        }
    }
}

/// The calling thread, as [`super::HostSampler`] wants it named; absent where threads have no number.
pub fn current_thread() -> Option<u32> {
    #[cfg(target_os = "linux")]
    // SAFETY: gettid takes nothing and cannot fail.
    let tid = u32::try_from(unsafe { libc::syscall(libc::SYS_gettid) }).ok();
    #[cfg(not(target_os = "linux"))]
    let tid = None;
    tid
}

/// Processor time of the calling thread so far, in seconds.
pub fn thread_cpu_seconds() -> Option<f64> {
    Some(schedstat(current_thread()?)?.ran_ns as f64 / 1e9)
}

fn schedstat(tid: u32) -> Option<super::ThreadTimes> {
    // Without scheduler statistics in the kernel the file holds zeros, and no thread that reads it has
    // never run.
    let times = parse::schedstat(&text(format!("/proc/self/task/{tid}/schedstat"))?)?;
    (times.ran_ns > 0).then_some(times)
}

fn text(path: impl AsRef<Path>) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// The `cpu.stat` files that there are, wherever cgroups are mounted usually.
fn cpu_stats(cgroup: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (v2, folder) in parse::cgroup_folders(cgroup) {
        let mounts: &[&str] = if v2 {
            &["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        } else {
            &["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"]
        };
        for mount in mounts {
            let path = PathBuf::from(format!("{mount}{folder}/cpu.stat"));
            let has_limit = text(&path).is_some_and(|t| parse::cpu_stat(&t).is_some());
            if has_limit && !found.contains(&path) {
                found.push(path);
                break;
            }
        }
    }
    found
}

fn ports_taken(range: (u16, u16)) -> Option<u64> {
    let mut found = BTreeMap::new();
    parse::ports_by_remote(&text("/proc/self/net/tcp")?, range, &mut found);
    if let Some(v6) = text("/proc/self/net/tcp6") {
        parse::ports_by_remote(&v6, range, &mut found);
    }
    Some(found.into_values().max().unwrap_or(0))
}

/// Open files of this process.
fn files() -> Option<u64> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    // Since Linux 6.2 the folder's size says how many there are.
    match std::fs::metadata("/proc/self/fd").ok()?.len() {
        0 => Some(std::fs::read_dir("/proc/self/fd").ok()?.count() as u64),
        n => Some(n),
    }
}

fn files_limit() -> Option<u64> {
    #[cfg(unix)]
    {
        let mut limit = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: `limit` is a valid place for one `rlimit`.
        let done = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
        (done == 0 && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
    }
    #[cfg(not(unix))]
    None
}

struct Usage {
    cpu_s: f64,
    major_faults: Option<u64>,
}

fn usage() -> Option<Usage> {
    #[cfg(unix)]
    {
        let mut usage = std::mem::MaybeUninit::<libc::rusage>::uninit();
        // SAFETY: `usage` is a valid place for one `rusage`; it is read only when the call says that
        // it has been filled.
        let usage = unsafe {
            if libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) != 0 {
                return None;
            }
            usage.assume_init()
        };
        let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
        Some(Usage {
            cpu_s: seconds(usage.ru_utime) + seconds(usage.ru_stime),
            major_faults: u64::try_from(usage.ru_majflt).ok(),
        })
    }
    #[cfg(not(unix))]
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_can_be_read() {
        let mut reader = Reader::new(current_thread().into_iter().collect());
        let one = reader.read(0.0);
        let mut x = 0_u64;
        while thread_cpu_seconds() <= one.threads[0].map(|t| t.ran_ns as f64 / 1e9) {
            x = std::hint::black_box(x + 1);
        }
        let two = reader.read(1.0);
        assert!(two.threads[0].unwrap().ran_ns > one.threads[0].unwrap().ran_ns);
        assert!(two.process_cpu_s >= one.process_cpu_s);
        assert!(two.machine_ticks.unwrap().1 >= one.machine_ticks.unwrap().1);
        assert!(two.rss.unwrap() > 0 && two.available.unwrap() > 0);
        assert!(two.files.unwrap() >= 3);
        assert!(two.files.unwrap() <= reader.files_limit().unwrap_or(u64::MAX));
        assert!(one.ports.is_none() || one.ports.unwrap() <= reader.ports_limit().unwrap());
    }

    #[test]
    fn a_thread_that_is_no_more_is_absent() {
        let gone = std::thread::spawn(current_thread).join().unwrap().unwrap();
        // The kernel may take a moment to bury it.
        for _ in 0..1000 {
            if schedstat(gone).is_none() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        panic!("the thread {gone} is still there");
    }
}
