use std::collections::BTreeSet;

use crate::driver::Nanos;
use crate::sim::config::{Policy, SimConfig};

use super::blocks::BlockPool;
use super::cost::{Work, seconds};
use super::random::Random;
use super::request::RequestId;
use super::sequence::{Place, Sequence, Sequences};
use super::stats::ReplicaStats;

/// What a replica is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Prefill and decode.
    Whole,
    /// Prefill only.
    Prefill,
    /// Decode only (and prefill again after a preemption).
    Decode,
}

/// A sequence's part in a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub id: RequestId,
    /// Tokens computed, without drafted ones.
    pub tokens: u32,
    /// Drafted tokens checked beside.
    pub drafted: u32,
    decodes: bool,
    context: u32,
}

/// One engine: a queue, a batch, KV blocks.
pub(super) struct Replica {
    pub role: Role,
    /// A step is under way.
    pub busy: bool,
    /// The begin of a step is in the event queue.
    pub starting: bool,
    /// When its link is free for the next transfer.
    pub link_free: Nanos,
    pub random: Random,
    pub stats: ReplicaStats,
    pub step: Vec<Part>,
    waiting: BTreeSet<(i32, u64, RequestId)>,
    running: Vec<RequestId>,
    pool: BlockPool,
    max_num_seqs: usize,
    max_tokens: u32,
    block_tokens: u32,
    chunked: bool,
    policy: Policy,
    drafts: u32,
}

impl Replica {
    pub(super) fn new(role: Role, config: &SimConfig, seed: u64) -> Replica {
        let scheduler = &config.scheduler;
        Replica {
            role,
            busy: false,
            starting: false,
            link_free: 0,
            random: Random::keyed(seed, 4),
            stats: ReplicaStats::new(),
            step: Vec::new(),
            waiting: BTreeSet::new(),
            running: Vec::new(),
            pool: BlockPool::new(config.kv.blocks, config.kv.prefix_cache),
            max_num_seqs: scheduler.max_num_seqs as usize,
            max_tokens: scheduler.max_num_batched_tokens,
            block_tokens: config.kv.block_tokens,
            chunked: scheduler.chunked_prefill,
            policy: scheduler.policy,
            drafts: config.speculative.tokens,
        }
    }

    /// Requests in queue and batch.
    pub(super) fn outstanding(&self) -> usize {
        self.waiting.len() + self.running.len()
    }

    pub(super) fn cached_blocks(&self, hashes: &[u64]) -> usize {
        self.pool.cached_prefix(hashes, hashes.len())
    }

    pub(super) fn reset_prefix_cache(&mut self) -> bool {
        self.pool.reset()
    }

    pub(super) fn has_work(&self) -> bool {
        self.outstanding() > 0
    }

    fn key(&self, sequence: &Sequence) -> (i32, u64, RequestId) {
        let priority = match self.policy {
            Policy::Fcfs => 0,
            Policy::Priority => sequence.priority,
        };
        (priority, sequence.order, sequence.id)
    }

    /// Puts a request into the queue.
    pub(super) fn enqueue(&mut self, sequence: &mut Sequence) {
        sequence.place = Place::Waiting;
        self.waiting.insert(self.key(sequence));
    }

    /// Takes a request out of queue and batch, and frees its blocks.
    pub(super) fn drop_request(&mut self, sequence: &mut Sequence) {
        match sequence.place {
            Place::Waiting => {
                self.waiting.remove(&self.key(sequence));
            }
            Place::Running => self.running.retain(|id| *id != sequence.id),
            Place::Arriving | Place::Transferring => {}
        }
        self.release(sequence);
    }

    /// A prefill is complete; the request leaves the batch but keeps its blocks until it has been transferred.
    pub(super) fn hold_for_transfer(&mut self, sequence: &mut Sequence) {
        sequence.place = Place::Transferring;
        self.running.retain(|id| *id != sequence.id);
    }

    // The last block first: of a freed request the end of its prefix is the first to be evicted.
    pub(super) fn release(&mut self, sequence: &mut Sequence) {
        for id in sequence.blocks.drain(..).rev() {
            self.pool.release(id);
        }
        sequence.registered = 0;
    }

    /// Brings the gauges up to date.
    pub(super) fn gauge(&mut self) {
        self.stats.running = self.running.len() as u64;
        self.stats.waiting = self.waiting.len() as u64;
        let used = self.pool.total() - self.pool.free();
        self.stats.kv_usage = f64::from(used) / f64::from(self.pool.total());
    }

    /// Decides what the step that begins now computes; an empty one means that there is nothing to do.
    pub(super) fn plan(&mut self, now: Nanos, sequences: &mut Sequences) -> Work {
        self.step.clear();
        let mut budget = self.max_tokens;
        // What was transferred has nothing to prefill and joins the decode step in either mode.
        let next = self.waiting.first().and_then(|key| sequences.get(key.2));
        if self.chunked || next.is_none_or(|sequence| sequence.transferred) {
            let preempted = self.plan_running(&mut budget, sequences);
            if !preempted {
                self.plan_waiting(now, true, &mut budget, sequences);
            }
        } else {
            self.plan_waiting(now, false, &mut budget, sequences);
            if self.step.is_empty() {
                self.plan_running(&mut budget, sequences);
            }
        }
        let mut work = Work::default();
        for part in &self.step {
            if part.decodes {
                work.sequences += 1;
                work.prefill_tokens += u64::from(part.drafted);
            } else {
                work.prefill_tokens += u64::from(part.tokens);
            }
            work.context_tokens += u64::from(part.context);
        }
        work
    }

    fn plan_running(&mut self, budget: &mut u32, sequences: &mut Sequences) -> bool {
        let mut preempted = false;
        let mut next = 0;
        while next < self.running.len() && *budget > 0 {
            let id = self.running[next];
            let Some(sequence) = sequences.get(id) else {
                next += 1;
                continue;
            };
            let decodes = sequence.decodes();
            let tokens = sequence.missing().min(*budget);
            let drafted = if decodes {
                let left = sequence.output - sequence.produced;
                self.drafts
                    .min(left.saturating_sub(1))
                    .min(*budget - tokens)
            } else {
                0
            };
            let (computed, held) = (sequence.computed, sequence.blocks.len() as u32);
            let total = (computed + tokens + drafted).div_ceil(self.block_tokens);
            let need = total.saturating_sub(held);
            let mut survives = true;
            while self.pool.free() < need && survives {
                preempted = true;
                let victim = self.victim(sequences);
                survives = self.running[victim] != id;
                if victim < next {
                    next -= 1;
                }
                self.preempt(victim, budget, sequences);
            }
            if !survives {
                // Whoever stands at this index now was not looked at yet.
                continue;
            }
            if let Some(sequence) = sequences.get_mut(id) {
                self.allocate(sequence, need, computed + tokens);
            }
            self.step.push(Part {
                id,
                tokens,
                drafted,
                decodes,
                context: computed,
            });
            *budget -= tokens + drafted;
            next += 1;
        }
        preempted
    }

    /// The index of whom to put back: the last admitted, or the least important.
    fn victim(&self, sequences: &Sequences) -> usize {
        let last = self.running.len() - 1;
        match self.policy {
            Policy::Fcfs => last,
            Policy::Priority => (0..=last)
                .max_by_key(|i| {
                    sequences
                        .get(self.running[*i])
                        .map(|s| (s.priority, s.order))
                })
                .unwrap_or(last),
        }
    }

    fn preempt(&mut self, index: usize, budget: &mut u32, sequences: &mut Sequences) {
        let id = self.running.remove(index);
        if let Some(planned) = self.step.iter().position(|part| part.id == id) {
            let part = self.step.remove(planned);
            *budget += part.tokens + part.drafted;
        }
        if let Some(sequence) = sequences.get_mut(id) {
            self.release(sequence);
            sequence.computed = 0;
            sequence.preemptions += 1;
            sequence.transferred = false;
            self.enqueue(sequence);
            self.stats.preemptions += 1;
        }
    }

    fn plan_waiting(
        &mut self,
        now: Nanos,
        beside_decoding: bool,
        budget: &mut u32,
        sequences: &mut Sequences,
    ) {
        while self.running.len() < self.max_num_seqs && *budget > 0 {
            let Some(key) = self.waiting.first().copied() else {
                break;
            };
            let Some(sequence) = sequences.get_mut(key.2) else {
                self.waiting.remove(&key);
                continue;
            };
            if !self.chunked && sequence.transferred != beside_decoding {
                break;
            }
            let hits = if sequence.transferred {
                0
            } else {
                // The last token is always computed: its output is needed.
                let limit = (sequence.tokens.count() - 1) / self.block_tokens;
                self.pool
                    .cached_prefix(sequence.tokens.blocks(), limit as usize)
            };
            let computed = if sequence.transferred {
                sequence.tokens.count() - 1
            } else {
                hits as u32 * self.block_tokens
            };
            let missing = sequence.tokens.count() - computed;
            if !self.chunked && missing > *budget && !self.step.is_empty() {
                break;
            }
            let tokens = if self.chunked {
                missing.min(*budget)
            } else {
                missing
            };
            let total = (computed + tokens).div_ceil(self.block_tokens);
            let need = total - hits as u32;
            let idle = self.pool.idle_among(sequence.tokens.blocks(), hits);
            if self.pool.free() < need + idle {
                break;
            }
            self.waiting.remove(&key);
            self.running.push(key.2);
            sequence.place = Place::Running;
            sequence.computed = computed;
            for i in 0..hits {
                let block = self.pool.take_cached(sequence.tokens.blocks()[i]);
                sequence.blocks.extend(block);
            }
            sequence.registered = hits;
            if sequence.scheduled.is_none() {
                sequence.scheduled = Some(now);
                sequence.cached = computed;
                self.stats.prefix_queries += u64::from(sequence.prompt);
                self.stats.prefix_hits += u64::from(computed);
                self.stats.queue.record(seconds(now - sequence.queued), 1);
            }
            let part = Part {
                id: key.2,
                tokens,
                drafted: 0,
                decodes: sequence.decodes(),
                context: computed,
            };
            self.allocate(sequence, need, computed + tokens);
            self.step.push(part);
            *budget = budget.saturating_sub(tokens);
        }
    }

    // Blocks become findable when they are scheduled, as in vLLM: a request in the same step may use them.
    fn allocate(&mut self, sequence: &mut Sequence, need: u32, computed: u32) {
        for _ in 0..need {
            sequence.blocks.extend(self.pool.take_free());
        }
        let full = (computed / self.block_tokens) as usize;
        let known = sequence.tokens.blocks();
        let findable = full.min(known.len());
        let held = sequence.blocks.iter().zip(known);
        for (block, hash) in held.take(findable).skip(sequence.registered) {
            self.pool.register(*block, *hash);
        }
        sequence.registered = sequence.registered.max(findable);
    }
}
