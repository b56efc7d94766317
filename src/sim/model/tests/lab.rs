use std::collections::BTreeMap;

use serde_json::Value;

use crate::driver::Nanos;
use crate::sim::config::SimConfig;
use crate::sim::model::{
    Engine, EngineEvent, EngineEventKind, EngineRequest, PromptTokens, RequestId,
};

pub(super) const MS: Nanos = 1_000_000;

/// The noiseless preset with `overrides` over it.
pub(super) fn config(overrides: &Value) -> SimConfig {
    SimConfig::resolve("exact", overrides.as_object().expect("a map"))
        .expect("a valid configuration")
}

/// A request whose prompt shares nothing with one of another `salt`.
pub(super) fn request(salt: u64, prompt: u32, output: u32) -> EngineRequest {
    EngineRequest {
        prompt: PromptTokens::unique(16, salt, prompt),
        output_tokens: output,
        stops: false,
        priority: 0,
        seed: salt,
        delay: 0,
        pause: None,
    }
}

/// What was seen of one request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Seen {
    pub submitted: Nanos,
    pub chunks: Vec<(Nanos, u32)>,
    pub cached: u32,
    pub done: bool,
}

impl Seen {
    pub(super) fn ttft(&self) -> Nanos {
        self.chunks[0].0 - self.submitted
    }

    pub(super) fn end(&self) -> Nanos {
        self.chunks[self.chunks.len() - 1].0
    }

    pub(super) fn tokens(&self) -> u32 {
        self.chunks.iter().map(|(_, tokens)| tokens).sum()
    }

    pub(super) fn gaps(&self) -> Vec<Nanos> {
        self.chunks.windows(2).map(|w| w[1].0 - w[0].0).collect()
    }
}

/// An engine and all that was seen of it.
pub(super) struct Lab {
    pub engine: Engine,
    pub seen: BTreeMap<RequestId, Seen>,
    pub log: Vec<EngineEvent>,
}

impl Lab {
    pub(super) fn new(overrides: &Value, seed: u64) -> Lab {
        Lab {
            engine: Engine::new(&config(overrides), seed),
            seen: BTreeMap::new(),
            log: Vec::new(),
        }
    }

    /// Submits at `now`, after everything before it has happened.
    pub(super) fn submit(&mut self, now: Nanos, request: EngineRequest) -> RequestId {
        if now > 0 {
            self.run_to(now - 1);
        }
        let id = self.engine.submit(now, request).expect("it fits");
        let seen = Seen {
            submitted: now,
            ..Seen::default()
        };
        self.seen.insert(id, seen);
        id
    }

    /// Lets everything happen up to `until`; returns who finished.
    pub(super) fn run_to(&mut self, until: Nanos) -> Vec<(Nanos, RequestId)> {
        let from = self.log.len();
        self.engine.advance(until, &mut self.log);
        let mut finished = Vec::new();
        for event in &self.log[from..] {
            let Some(seen) = self.seen.get_mut(&event.id) else {
                continue;
            };
            if let EngineEventKind::Tokens {
                start,
                count,
                cached,
                last,
            } = event.kind
            {
                assert_eq!(start, seen.tokens(), "tokens come once and in order");
                assert!(!seen.done, "nothing comes after the last");
                seen.chunks.push((event.at, count));
                seen.cached = cached;
                seen.done = last;
                if last {
                    finished.push((event.at, event.id));
                }
            }
        }
        finished
    }

    /// Until nothing is left to do.
    pub(super) fn run_out(&mut self) {
        while let Some(at) = self.engine.next_event() {
            self.run_to(at);
        }
    }

    /// A closed loop of `n` clients, each sending `make(i)` when its last request has ended, until
    /// `total` requests have been sent.
    pub(super) fn closed_loop(&mut self, n: u64, total: u64, make: impl Fn(u64) -> EngineRequest) {
        for i in 0..n {
            self.submit(0, make(i));
        }
        let mut sent = n;
        while let Some(at) = self.engine.next_event() {
            for (at, _) in self.run_to(at) {
                if sent < total {
                    let id = self.engine.submit(at, make(sent)).expect("it fits");
                    let seen = Seen {
                        submitted: at,
                        ..Seen::default()
                    };
                    self.seen.insert(id, seen);
                    sent += 1;
                }
            }
        }
    }
}
