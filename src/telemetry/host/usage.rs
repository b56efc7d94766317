use super::sample::{Sample, Throttled};
use super::sampler::HostTrace;

/// What the client used of its machine in a stretch of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostUsage {
    /// Length of the stretch between the samples that enclose it, in s.
    pub seconds: f64,
    /// Processor time of the process over wall time, 1 = one core.
    pub process_cpu: Option<f64>,
    /// The busiest measuring thread: share of the time it was on a core.
    pub thread_cpu: Option<f64>,
    /// The measuring thread that waited longest: share of the time it was ready to run without a core.
    pub thread_waited: Option<f64>,
    /// The busiest measuring thread: share of the time it ran or waited for a core.
    pub thread_busy: Option<f64>,
    /// All cores: share of their time that was used, by anyone.
    pub machine_cpu: Option<f64>,
    /// Times a measuring thread lost its core while it still had work.
    pub preemptions: Option<u64>,
    /// Pages of the process that had to be read from a disk.
    pub major_faults: Option<u64>,
    /// Most memory of the process, in bytes.
    pub rss: Option<u64>,
    /// Least memory that the machine could still give, in bytes.
    pub available: Option<u64>,
    /// Bytes per second received by all interfaces.
    pub received: Option<f64>,
    /// Bytes per second sent by all interfaces.
    pub sent: Option<f64>,
    /// Most TCP sockets in use.
    pub sockets: Option<u64>,
    /// Most open files, against their limit.
    pub files: Option<Level>,
    /// Most ports taken, against their range.
    pub ports: Option<Level>,
    /// What the cgroup that stopped the process the longest did.
    pub throttled: Option<Throttled>,
}

/// The most that was used of something limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Most at a time.
    pub most: u64,
    /// What there is.
    pub limit: Option<u64>,
}

impl HostTrace {
    /// What was used from `from_s` to `to_s` since the origin: the difference between the samples that
    /// enclose this stretch most closely. Absent without two samples.
    pub fn usage(&self, from_s: f64, to_s: f64) -> Option<HostUsage> {
        let first = self
            .samples
            .iter()
            .rposition(|s| s.at_s <= from_s)
            .unwrap_or(0);
        let last = self
            .samples
            .iter()
            .position(|s| s.at_s >= to_s)
            .unwrap_or(self.samples.len().checked_sub(1)?);
        if first >= last {
            return None;
        }
        let part = &self.samples[first..=last];
        Some(self.of(part, &part[0], &part[part.len() - 1]))
    }

    fn of(&self, part: &[Sample], a: &Sample, b: &Sample) -> HostUsage {
        let seconds = b.at_s - a.at_s;
        let most = |f: fn(&Sample) -> Option<u64>| part.iter().filter_map(f).max();
        let grown = |f: fn(&Sample) -> Option<u64>| Some(f(b)?.saturating_sub(f(a)?));
        let rate = |f: fn(&Sample) -> Option<u64>| Some(grown(f)? as f64 / seconds);
        // (on a core, without one), as shares, of each measuring thread.
        let threads: Vec<(f64, f64)> = a
            .threads
            .iter()
            .zip(&b.threads)
            .filter_map(|(a, b)| {
                let (a, b) = (a.as_ref()?, b.as_ref()?);
                let share = |from: u64, to: u64| to.saturating_sub(from) as f64 / 1e9 / seconds;
                Some((share(a.ran_ns, b.ran_ns), share(a.waited_ns, b.waited_ns)))
            })
            .collect();
        let worst = |f: fn(&(f64, f64)) -> f64| threads.iter().map(f).reduce(f64::max);
        HostUsage {
            seconds,
            process_cpu: a
                .process_cpu_s
                .zip(b.process_cpu_s)
                .map(|(a, b)| (b - a) / seconds),
            thread_cpu: worst(|t| t.0),
            thread_waited: worst(|t| t.1),
            thread_busy: worst(|t| t.0 + t.1),
            machine_cpu: a.machine_ticks.zip(b.machine_ticks).and_then(|(a, b)| {
                let all = b.1.checked_sub(a.1).filter(|n| *n > 0)?;
                Some(b.0.saturating_sub(a.0) as f64 / all as f64)
            }),
            preemptions: grown(|s| s.preemptions),
            major_faults: grown(|s| s.major_faults),
            rss: most(|s| s.rss),
            available: part.iter().filter_map(|s| s.available).min(),
            received: rate(|s| s.network.map(|n| n.0)),
            sent: rate(|s| s.network.map(|n| n.1)),
            sockets: most(|s| s.sockets),
            files: most(|s| s.files).map(|most| Level {
                most,
                limit: self.files_limit,
            }),
            ports: most(|s| s.ports).map(|most| Level {
                most,
                limit: self.ports_limit,
            }),
            throttled: throttled(a, b),
        }
    }
}

/// By the group that was stopped the longest; a limit on one around it stops it just as much.
pub(super) fn throttled(a: &Sample, b: &Sample) -> Option<Throttled> {
    if a.throttled.len() != b.throttled.len() {
        return None;
    }
    a.throttled
        .iter()
        .zip(&b.throttled)
        .map(|(a, b)| Throttled {
            periods: b.periods.saturating_sub(a.periods),
            throttled: b.throttled.saturating_sub(a.throttled),
            stopped_us: b.stopped_us.saturating_sub(a.stopped_us),
        })
        .max_by_key(|t| (t.stopped_us, t.periods))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::host::ThreadTimes;

    fn at(at_s: f64, ran_ms: u64, waited_ms: u64) -> Sample {
        Sample {
            at_s,
            process_cpu_s: Some(ran_ms as f64 / 1e3),
            threads: vec![Some(ThreadTimes {
                ran_ns: ran_ms * 1_000_000,
                waited_ns: waited_ms * 1_000_000,
            })],
            machine_ticks: Some((ran_ms, (at_s * 2000.0) as u64)),
            rss: Some(ran_ms * 10),
            available: Some(10_000 - ran_ms),
            throttled: vec![
                Throttled::default(),
                Throttled {
                    periods: ran_ms / 100,
                    throttled: waited_ms / 100,
                    stopped_us: waited_ms * 1000,
                },
            ],
            ..Sample::default()
        }
    }

    #[test]
    fn a_stretch_is_what_lies_between_the_samples_around_it() {
        let trace = HostTrace {
            samples: vec![
                at(0.0, 5_000, 0),
                at(1.0, 5_000, 0),
                at(2.0, 5_600, 300),
                at(3.0, 6_200, 600),
                at(4.0, 9_000, 600),
            ],
            files_limit: None,
            ports_limit: None,
        };
        let used = trace.usage(1.2, 2.9).unwrap();
        assert_eq!(used.seconds, 2.0);
        assert!((used.process_cpu.unwrap() - 0.6).abs() < 1e-9);
        assert!((used.thread_cpu.unwrap() - 0.6).abs() < 1e-9);
        assert!((used.thread_busy.unwrap() - 0.9).abs() < 1e-9);
        assert!((used.machine_cpu.unwrap() - 0.3).abs() < 1e-9);
        assert_eq!((used.rss, used.available), (Some(62_000), Some(3_800)));
        let throttled = used.throttled.unwrap();
        assert_eq!((throttled.throttled, throttled.stopped_us), (6, 600_000));
        // Unknown stays unknown.
        assert_eq!(
            (used.files, used.received, used.preemptions),
            (None, None, None)
        );
        // A stretch past the ends is what there is of it.
        assert_eq!(trace.usage(-1.0, 99.0).unwrap().seconds, 4.0);
        assert_eq!(HostTrace::default().usage(0.0, 1.0), None);
    }
}
