/// Time of a thread, in ns since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadTimes {
    /// On a core.
    pub ran_ns: u64,
    /// Ready to run, but without a core.
    pub waited_ns: u64,
}

/// What a cgroup did to keep its processor limit, since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttled {
    /// Periods (of 100 ms, usually) in which it ran.
    pub periods: u64,
    /// Of these: periods in which its time was used up and it was stopped.
    pub throttled: u64,
    /// How long it was stopped, in µs; summed over cores.
    pub stopped_us: u64,
}

/// What the machine said at one time. Counters count from some past on, only differences mean
/// anything; whatever could not be read is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// When, in seconds since the trace's origin.
    pub at_s: f64,
    /// Processor time of the process, in s.
    pub process_cpu_s: Option<f64>,
    /// The measuring threads, in the order in which they were named.
    pub threads: Vec<Option<ThreadTimes>>,
    /// Ticks of all cores: at work, and altogether.
    pub machine_ticks: Option<(u64, u64)>,
    /// Times a measuring thread lost its core while it still had work.
    pub preemptions: Option<u64>,
    /// Pages of the process that had to be read from a disk.
    pub major_faults: Option<u64>,
    /// Memory of the process, in bytes.
    pub rss: Option<u64>,
    /// Memory that the machine could still give, in bytes.
    pub available: Option<u64>,
    /// Bytes received and sent by all interfaces.
    pub network: Option<(u64, u64)>,
    /// TCP sockets in use.
    pub sockets: Option<u64>,
    /// Open files of the process.
    pub files: Option<u64>,
    /// Ports for outgoing connections that are taken, towards the one remote address that has the most
    /// of them.
    pub ports: Option<u64>,
    /// Every cgroup that has a limit and that the process is in.
    pub throttled: Vec<Throttled>,
}
