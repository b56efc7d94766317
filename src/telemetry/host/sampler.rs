use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::read::Reader;
use super::sample::Sample;

/// Pause between two samples.
const EVERY: Duration = Duration::from_millis(250);
/// Most samples kept: past them every other one goes, and pauses are twice as long from then on.
const MOST: usize = 8192;

/// Reads the machine from a thread of its own until it is finished or dropped, so that the measuring
/// threads spend nothing on it.
#[derive(Debug)]
pub struct HostSampler {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<HostTrace>>,
}

#[derive(Debug, Default)]
struct Stop {
    asked: Mutex<bool>,
    changed: Condvar,
}

/// Everything that was read, in the order of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostTrace {
    /// The samples.
    pub samples: Vec<Sample>,
    /// Open files that the process may have.
    pub files_limit: Option<u64>,
    /// Ports that connections to one address may have.
    pub ports_limit: Option<u64>,
}

impl HostTrace {
    /// The same with times that count from `seconds` after the origin.
    pub fn counted_from(mut self, seconds: f64) -> Self {
        for sample in &mut self.samples {
            sample.at_s -= seconds;
        }
        self
    }
}

impl HostSampler {
    /// Starts reading; times count from `origin`. `threads` are those that measure
    /// ([`super::current_thread`]). The first sample is taken before this returns. Absent where no
    /// thread can be had.
    pub fn start(origin: Instant, threads: Vec<u32>) -> Option<Self> {
        let mut reader = Reader::new(threads);
        let first = reader.read(origin.elapsed().as_secs_f64());
        let stop = Arc::new(Stop::default());
        let asked = stop.clone();
        let thread = std::thread::Builder::new()
            .name("prony-host".to_owned())
            .spawn(move || sample(origin, reader, first, &asked))
            .ok()?;
        Some(HostSampler {
            stop,
            thread: Some(thread),
        })
    }

    /// Takes the last sample and ends the thread.
    pub fn finish(mut self) -> HostTrace {
        self.end().unwrap_or_default()
    }

    fn end(&mut self) -> Option<HostTrace> {
        *self
            .stop
            .asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.changed.notify_one();
        self.thread.take()?.join().ok()
    }
}

impl Drop for HostSampler {
    fn drop(&mut self) {
        self.end();
    }
}

fn sample(origin: Instant, mut reader: Reader, first: Sample, stop: &Stop) -> HostTrace {
    let mut samples = vec![first];
    let mut every = EVERY;
    let mut asked = stop.asked.lock().unwrap_or_else(PoisonError::into_inner);
    while !*asked {
        let waited = stop.changed.wait_timeout(asked, every);
        asked = waited.unwrap_or_else(PoisonError::into_inner).0;
        samples.push(reader.read(origin.elapsed().as_secs_f64()));
        if samples.len() > MOST {
            thin(&mut samples);
            every *= 2;
        }
    }
    HostTrace {
        samples,
        files_limit: reader.files_limit(),
        ports_limit: reader.ports_limit(),
    }
}

/// Drops every other sample, but neither the first nor the last.
fn thin(samples: &mut Vec<Sample>) {
    let last = samples.len() - 1;
    let mut i = 0;
    samples.retain(|_| {
        let keep = i % 2 == 0 || i == last;
        i += 1;
        keep
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_sample_at_the_start_and_at_the_end() {
        let origin = Instant::now();
        let sampler = HostSampler::start(origin, Vec::new()).unwrap();
        std::thread::sleep(Duration::from_millis(5));
        let before_end = origin.elapsed().as_secs_f64();
        let trace = sampler.finish();
        assert!(trace.samples.len() >= 2);
        assert!(trace.samples.last().unwrap().at_s >= before_end);
        assert!(trace.samples.windows(2).all(|w| w[0].at_s <= w[1].at_s));
    }

    #[test]
    fn thinning_keeps_both_ends() {
        for n in [2_usize, 3, 10, 11] {
            let mut samples: Vec<Sample> = (0..n)
                .map(|i| Sample {
                    at_s: i as f64,
                    ..Sample::default()
                })
                .collect();
            thin(&mut samples);
            assert_eq!(samples[0].at_s, 0.0);
            assert_eq!(samples.last().unwrap().at_s, (n - 1) as f64);
            assert!(samples.len() <= n / 2 + 1);
        }
    }
}
