use std::collections::BTreeMap;
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
    /// By how many a request that is needed may lie behind the last one that was: several threads do
    /// not ask in order.
    apart: u64,
}

#[derive(Default)]
struct State {
    ready: BTreeMap<u64, Ready>,
    bytes: usize,
    /// The request after the last one that was needed.
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
    /// Starts the thread, and gives it a moment's head start; `takers` threads will take from it. `None`:
    /// no thread can be had.
    pub fn start(maker: Maker, takers: usize) -> Option<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            apart: if takers > 1 { MOST as u64 / 2 } else { 0 },
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

    /// Request `id`, where it is ready. Requests well before it are not needed any more.
    pub fn take(&self, id: u64) -> Option<Ready> {
        let mut state = self.shared.lock();
        state.wanted = state.wanted.max(id + 1);
        let found = state.ready.remove(&id);
        state.bytes -= found.as_ref().map_or(0, |r| r.body.len());
        while let Some(oldest) = state.ready.first_entry()
            && oldest.key() + self.shared.apart < id
        {
            let length = oldest.remove().body.len();
            state.bytes -= length;
        }
        // Woken for a good many, and not for each.
        let room = state.ready.len() <= MOST / 2 && state.bytes <= MOST_BYTES / 2;
        drop(state);
        if room {
            self.shared.changed.notify_all();
        }
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
        state.ready.insert(ready.id, ready);
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
        let ahead = Ahead::start(maker(20), 1).expect("a thread");
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
    fn several_takers_find_theirs_though_they_do_not_ask_in_order() {
        let ahead = Ahead::start(maker(20), 2).expect("a thread");
        let mut ready = 0;
        for id in (0..400).flat_map(|i| [2 * i + 1, 2 * i]) {
            ready += u32::from(ahead.take(id).is_some());
        }
        assert!(ready >= 790, "{ready}");
    }

    #[test]
    fn memory_is_bounded_by_count_and_by_bytes() {
        for tokens in [10, 100_000] {
            let ahead = Ahead::start(maker(tokens), 1).expect("a thread");
            // Full, or on the way there: never beyond one more than the bound.
            let state = ahead.shared.lock();
            assert!(state.ready.len() <= MOST);
            let longest = state
                .ready
                .values()
                .map(|r| r.body.len())
                .max()
                .unwrap_or(0);
            assert!(state.bytes <= MOST_BYTES + longest);
        }
    }
}
