use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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
        Self::show(move |elapsed| of_run(&phase, planned, &progress, elapsed))
    }

    /// Shows what `text` says after so many seconds, again and again.
    fn show(text: impl Fn(u64) -> String + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let shared = stop.clone();
        let thread = std::io::stderr()
            .is_terminal()
            .then(|| std::thread::spawn(move || show(&text, &shared)));
        ProgressLine { stop, thread }
    }
}

/// The line while a target is waited for.
#[derive(Debug)]
pub struct WaitingLine {
    why: Arc<Mutex<String>>,
    _line: ProgressLine,
}

impl WaitingLine {
    /// Starts it with what is being done.
    pub fn start(what: &'static str) -> Self {
        let why = Arc::new(Mutex::new(String::new()));
        let shared = why.clone();
        let line = ProgressLine::show(move |elapsed| {
            let why = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let colon = if why.is_empty() { "" } else { ": " };
            // One line of a usual terminal: what is longer would not be taken away again.
            format!("{what} {elapsed} s{colon}{why}")
                .chars()
                .filter(|c| !c.is_control())
                .take(78)
                .collect()
        });
        WaitingLine { why, _line: line }
    }

    /// Why it is not ready yet.
    pub fn say(&self, why: String) {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner) = why;
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

fn of_run(phase: &str, planned: Option<Duration>, progress: &Progress, elapsed: u64) -> String {
    let get = |n: &std::sync::atomic::AtomicU64| n.load(Ordering::Relaxed);
    let (sent, ok, failed) = (
        get(&progress.sent),
        get(&progress.ok),
        get(&progress.failed),
    );
    let of = planned.map_or(String::new(), |d| format!("/{}", d.as_secs()));
    let failures = if failed > 0 {
        format!(", {failed} failed")
    } else {
        String::new()
    };
    let under_way = sent.saturating_sub(ok + failed);
    format!("{phase} {elapsed}{of} s: {ok} ok{failures}, {under_way} in flight")
}

fn show(text: &dyn Fn(u64) -> String, stop: &AtomicBool) {
    let began = Instant::now();
    let mut err = std::io::stderr();
    while !stop.load(Ordering::Acquire) {
        let text = text(began.elapsed().as_secs());
        // Save the cursor, write, erase what is left of an older line, go back.
        let _ = write!(err, "\x1b7{text}\x1b[K\x1b8");
        let _ = err.flush();
        std::thread::park_timeout(Duration::from_millis(250));
    }
    let _ = write!(err, "\x1b[K");
    let _ = err.flush();
}
