use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;

use crate::endpoint::Protocol;
use crate::workload::RequestSource;

/// A request made ready before its time: its body is serialised.
pub(super) struct Ready {
    pub id: u64,
    /// Prompt tokens aimed at, and whether they were counted.
    pub input_tokens: Option<u32>,
    pub counted: bool,
    pub output_tokens: Option<u32>,
    pub labels: BTreeMap<String, String>,
    pub body: Bytes,
}

/// What requests are made of.
#[derive(Clone)]
pub(super) struct Maker {
    pub source: Arc<dyn RequestSource>,
    pub protocol: Arc<dyn Protocol>,
}

impl Maker {
    pub fn make(&self, id: u64) -> Ready {
        let planned = self.source.request(id);
        let body = self.protocol.encode(&planned);
        Ready {
            id,
            input_tokens: planned.input_tokens,
            counted: planned.counted,
            output_tokens: planned.output_tokens,
            labels: planned.labels,
            body,
        }
    }
}

/// Most requests that are kept ready, and most bytes of their bodies.
const MOST: usize = 1024;
const MOST_BYTES: usize = 32 << 20;
/// How long a run may wait at its start for the first ones.
const HEAD_START: Duration = Duration::from_millis(200);

/// Makes requests ready on a thread of its own, ahead of the schedule, in order.
///
/// A request is a function of its number, so that one which is not ready when it is needed can be
/// made on the spot; nobody ever waits for the thread.
pub(super) struct Ahead {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Ready>,
    bytes: usize,
    /// The next request that will be needed.
    wanted: u64,
    full: bool,
    over: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ahead {
    /// Starts the thread, and gives it a moment's head start. `None`: no thread can be had.
    pub fn start(maker: Maker) -> Option<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let of_thread = shared.clone();
        let thread = std::thread::Builder::new()
            .name("prompts".to_owned())
            .spawn(move || run_ahead(&of_thread, &maker))
            .ok()?;
        let empty = |state: &mut State| !state.full;
        let waited = shared
            .changed
            .wait_timeout_while(shared.lock(), HEAD_START, empty);
        drop(waited);
        Some(Ahead {
            shared,
            thread: Some(thread),
        })
    }

    /// Request `id`, where it is ready. Requests before it are not needed any more.
    pub fn take(&self, id: u64) -> Option<Ready> {
        let mut state = self.shared.lock();
        state.wanted = id + 1;
        let mut found = None;
        while state.ready.front().is_some_and(|r| r.id <= id) {
            if let Some(ready) = state.ready.pop_front() {
                state.bytes -= ready.body.len();
                if ready.id == id {
                    found = Some(ready);
                }
            }
        }
        drop(state);
        self.shared.changed.notify_all();
        found
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic over there has been printed, and its requests were made here.
            let _ = thread.join();
        }
    }
}

fn run_ahead(shared: &Shared, maker: &Maker) {
    let mut next = 0;
    loop {
        let mut state = shared.lock();
        while !state.over && (state.ready.len() >= MOST || state.bytes >= MOST_BYTES) {
            if !state.full {
                state.full = true;
                shared.changed.notify_all();
            }
            state = shared
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if state.over {
            return;
        }
        // Whoever is behind does not make what is not needed any more.
        next = state.wanted.max(next);
        drop(state);
        let ready = maker.make(next);
        next += 1;
        let mut state = shared.lock();
        state.bytes += ready.body.len();
        state.ready.push_back(ready);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::openai::Completions;
    use crate::suite::Length;
    use crate::workload::{Synthetic, TokenModel};

    fn maker(tokens: u32) -> Maker {
        Maker {
            source: Arc::new(Synthetic::new(
                (0, 0),
                None,
                Length::Fixed(tokens),
                Length::Fixed(1),
                Arc::new(TokenModel::assumed()),
            )),
            protocol: Arc::new(Completions::new("m", true, &serde_json::Map::new())),
        }
    }

    #[test]
    fn what_is_ready_is_what_would_be_made_on_the_spot() {
        let ahead = Ahead::start(maker(20)).expect("a thread");
        let mut ready = 0;
        for id in 0..3000 {
            let made = maker(20).make(id);
            if let Some(taken) = ahead.take(id) {
                ready += 1;
                assert_eq!((taken.id, taken.body), (id, made.body));
            }
        }
        assert!(ready > 0, "none was ready");
    }

    #[test]
    fn memory_is_bounded_by_count_and_by_bytes() {
        for tokens in [10, 100_000] {
            let ahead = Ahead::start(maker(tokens)).expect("a thread");
            // Full, or on the way there: never beyond one more than the bound.
            let state = ahead.shared.lock();
            assert!(state.ready.len() <= MOST);
            let longest = state.ready.iter().map(|r| r.body.len()).max().unwrap_or(0);
            assert!(state.bytes <= MOST_BYTES + longest);
        }
    }
}
