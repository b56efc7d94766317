use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::load::Progress;

/// A line on standard error that says how far a case is, on a terminal only. It is written behind
/// the cursor and taken away again, so that libtest's own line is left as it was.
#[derive(Debug)]
pub struct ProgressLine {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl ProgressLine {
    /// Starts the line for a run of `phase`; nothing happens where standard error is no terminal.
    pub fn start(phase: String, planned: Option<Duration>, progress: Arc<Progress>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let shared = stop.clone();
        let thread = std::io::stderr()
            .is_terminal()
            .then(|| std::thread::spawn(move || show(&phase, planned, &progress, &shared)));
        ProgressLine { stop, thread }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            drop(thread.join());
        }
    }
}

fn show(phase: &str, planned: Option<Duration>, progress: &Progress, stop: &AtomicBool) {
    let began = Instant::now();
    let mut err = std::io::stderr();
    while !stop.load(Ordering::Acquire) {
        let get = |n: &std::sync::atomic::AtomicU64| n.load(Ordering::Relaxed);
        let (sent, ok, failed) = (
            get(&progress.sent),
            get(&progress.ok),
            get(&progress.failed),
        );
        let elapsed = began.elapsed().as_secs();
        let of = planned.map_or(String::new(), |d| format!("/{}", d.as_secs()));
        let failures = if failed > 0 {
            format!(", {failed} failed")
        } else {
            String::new()
        };
        let under_way = sent.saturating_sub(ok + failed);
        // Save the cursor, write, erase what is left of an older line, go back.
        let _ = write!(
            err,
            "\x1b7{phase} {elapsed}{of} s: {ok} ok{failures}, {under_way} in flight\x1b[K\x1b8"
        );
        let _ = err.flush();
        std::thread::park_timeout(Duration::from_millis(250));
    }
    let _ = write!(err, "\x1b[K");
    let _ = err.flush();
}
