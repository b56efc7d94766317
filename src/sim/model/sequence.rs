use crate::driver::Nanos;

use super::request::{EngineRequest, Pause, PromptTokens, RequestId};

/// Where a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On its way into the queue.
    Arriving,
    /// In the queue of its replica.
    Waiting,
    /// In the batch of its replica.
    Running,
    /// Its KV cache is on the way from its (prefill) replica.
    Transferring,
}

/// A request on its way through the engine.
pub(super) struct Sequence {
    pub id: RequestId,
    pub place: Place,
    pub replica: usize,
    /// Prompt and what was generated.
    pub tokens: PromptTokens,
    pub prompt: u32,
    pub output: u32,
    pub stops: bool,
    pub produced: u32,
    pub seed: u64,
    pub priority: i32,
    /// Arrivals in order; decides among equals.
    pub order: u64,
    /// Tokens whose KV cache is there.
    pub computed: u32,
    pub blocks: Vec<u32>,
    /// Blocks that have been registered in the prefix cache.
    pub registered: usize,
    /// Prompt tokens found in the prefix cache when it was first scheduled.
    pub cached: u32,
    /// Its prompt's KV cache came from a prefill replica.
    pub transferred: bool,
    pub preemptions: u32,
    pub arrived: Nanos,
    pub queued: Nanos,
    pub scheduled: Option<Nanos>,
    pub first: Option<Nanos>,
    pub latest: Nanos,
    pub delivery: Delivery,
}

impl Sequence {
    pub(super) fn new(id: RequestId, order: u64, now: Nanos, request: EngineRequest) -> Sequence {
        Sequence {
            id,
            place: Place::Arriving,
            replica: 0,
            prompt: request.prompt.count(),
            tokens: request.prompt,
            output: request.output_tokens,
            stops: request.stops,
            produced: 0,
            seed: request.seed,
            priority: request.priority,
            order,
            computed: 0,
            blocks: Vec::new(),
            registered: 0,
            cached: 0,
            transferred: false,
            preemptions: 0,
            arrived: now,
            queued: now,
            scheduled: None,
            first: None,
            latest: now,
            delivery: Delivery {
                stretch: 0.0,
                first_stretch: 0.0,
                shift: 0,
                chunks: 0,
                pause: request.pause,
            },
        }
    }

    /// Tokens still to compute before the next one can be generated.
    pub(super) fn missing(&self) -> u32 {
        self.tokens.count() - self.computed
    }

    /// Whether the next step of it is a decode step.
    pub(super) fn decodes(&self) -> bool {
        self.missing() == 1 && (self.produced > 0 || self.transferred)
    }

    /// `n` more tokens exist.
    pub(super) fn produce(&mut self, n: u32) {
        for _ in 0..n {
            self.tokens
                .push(EngineRequest::token(self.seed, self.produced));
            self.produced += 1;
        }
    }
}

/// What makes tokens reach the client later than the engine makes them.
pub(super) struct Delivery {
    pub stretch: f64,
    pub first_stretch: f64,
    pub shift: Nanos,
    pub chunks: u32,
    pub pause: Option<Pause>,
}

impl Delivery {
    /// When a chunk that was made at `made` arrives; `None`: never. Called once per chunk, in order.
    pub(super) fn time(&mut self, arrived: Nanos, made: Nanos) -> Option<Nanos> {
        let stretched = |time: Nanos, share: f64| {
            if share == 0.0 {
                return 0;
            }
            #[expect(clippy::cast_precision_loss, reason = "a rounding of nanoseconds")]
            super::cost::nanos((time - arrived) as f64 * share)
        };
        let mut at = made + stretched(made, self.stretch);
        if self.chunks == 0 {
            self.shift = stretched(at, self.first_stretch);
        }
        at += self.shift;
        let index = self.chunks;
        self.chunks += 1;
        match self.pause {
            Some(pause) if index >= pause.after => Some(at.saturating_add(pause.length?)),
            _ => Some(at),
        }
    }
}

/// All requests in the engine, by slot.
pub(super) struct Sequences {
    slots: Vec<Option<Sequence>>,
    generations: Vec<u32>,
    vacant: Vec<u32>,
}

impl Sequences {
    pub(super) fn new() -> Sequences {
        Sequences {
            slots: Vec::new(),
            generations: Vec::new(),
            vacant: Vec::new(),
        }
    }

    pub(super) fn insert(&mut self, make: impl FnOnce(RequestId) -> Sequence) -> RequestId {
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.generations.push(0);
            (self.slots.len() - 1) as u32
        });
        let id = RequestId::new(slot, self.generations[slot as usize]);
        self.slots[slot as usize] = Some(make(id));
        id
    }

    pub(super) fn get(&self, id: RequestId) -> Option<&Sequence> {
        self.slots.get(id.slot())?.as_ref().filter(|s| s.id == id)
    }

    pub(super) fn get_mut(&mut self, id: RequestId) -> Option<&mut Sequence> {
        self.slots
            .get_mut(id.slot())?
            .as_mut()
            .filter(|s| s.id == id)
    }

    pub(super) fn remove(&mut self, id: RequestId) -> Option<Sequence> {
        self.get(id)?;
        let sequence = self.slots[id.slot()].take();
        self.generations[id.slot()] = self.generations[id.slot()].wrapping_add(1);
        self.vacant.push(id.slot() as u32);
        sequence
    }
}
