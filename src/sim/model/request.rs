use crate::driver::Nanos;

use super::random::hash_pair;

/// Names a request inside an [`super::Engine`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(super) u64);

impl RequestId {
    pub(super) fn new(slot: u32, generation: u32) -> RequestId {
        RequestId(u64::from(generation) << 32 | u64::from(slot))
    }

    pub(super) fn slot(self) -> usize {
        (self.0 & 0xffff_ffff) as usize
    }

    /// As a number, unique in the engine's life.
    pub fn as_u64(self) -> u64 {
        self.0
    }
}

/// Tokens as the engine sees them: how many, and a hash for every full block, chained over all
/// tokens before it, so that equal hashes mean equal prefixes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptTokens {
    block_tokens: u32,
    count: u32,
    state: u64,
    blocks: Vec<u64>,
}

impl PromptTokens {
    /// No tokens yet; prompts of different `salt` share nothing.
    pub fn new(block_tokens: u32, salt: u64) -> PromptTokens {
        PromptTokens {
            block_tokens: block_tokens.max(1),
            count: 0,
            state: hash_pair(salt, 0x5a17),
            blocks: Vec::new(),
        }
    }

    /// `count` tokens that no other prompt of another `salt` shares.
    pub fn unique(block_tokens: u32, salt: u64, count: u32) -> PromptTokens {
        let mut tokens = PromptTokens::new(block_tokens, salt);
        for token in 0..count {
            tokens.push(token);
        }
        tokens
    }

    /// Appends a token.
    pub fn push(&mut self, token: u32) {
        // One round per token: a multiplication that spreads, a rotation that brings the high bits down.
        self.state = (self.state ^ u64::from(token))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29);
        self.count += 1;
        if self.count.is_multiple_of(self.block_tokens) {
            self.blocks
                .push(hash_pair(self.state, u64::from(self.count)));
        }
    }

    /// How many tokens.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Hashes of the full blocks.
    pub fn blocks(&self) -> &[u64] {
        &self.blocks
    }
}

/// Tokens that the engine generates are numbers below this.
pub const VOCABULARY: u32 = 4096;

/// A request as the engine sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineRequest {
    /// The prompt; at least one token.
    pub prompt: PromptTokens,
    /// Tokens that will be generated; at least one.
    pub output_tokens: u32,
    /// They end because the model stops, not because of a limit; only counted.
    pub stops: bool,
    /// Lower goes first, under the policy `priority`.
    pub priority: i32,
    /// Fixes the tokens that are generated; see [`EngineRequest::token`].
    pub seed: u64,
    /// Additional time before it enters the queue.
    pub delay: Nanos,
    /// A silence in its delivery.
    pub pause: Option<Pause>,
}

impl EngineRequest {
    /// The `index`th token that a request of `seed` generates, below [`VOCABULARY`].
    pub fn token(seed: u64, index: u32) -> u32 {
        (hash_pair(seed, u64::from(index)) % u64::from(VOCABULARY)) as u32
    }
}

/// From chunk `after` on everything comes `length` later; `None`: never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Chunks before the silence.
    pub after: u32,
    /// How long it lasts.
    pub length: Option<Nanos>,
}

/// Something that happened to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineEvent {
    /// When.
    pub at: Nanos,
    /// To which.
    pub id: RequestId,
    /// What.
    pub kind: EngineEventKind,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineEventKind {
    /// It entered the queue.
    Queued,
    /// It generated tokens.
    Tokens {
        /// Index of the first of them, from 0.
        start: u32,
        /// How many.
        count: u32,
        /// Prompt tokens that came from the prefix cache.
        cached: u32,
        /// These were the last; the request is gone.
        last: bool,
    },
}
