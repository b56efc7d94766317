use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::driver::Nanos;
use crate::sim::config::SimConfig;

use super::cost::{Speed, nanos, nominal};
use super::random::{Random, hash_pair};
use super::replica::{Replica, Role};
use super::request::{EngineEvent, EngineEventKind, EngineRequest, RequestId};
use super::router::Router;
use super::sequence::{Place, Sequence, Sequences};
use super::stats::ReplicaStats;

/// Why the engine does not take a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmitError {
    /// Prompt or output have no tokens.
    Empty,
    /// Prompt and output together are longer than `max_model_len`.
    TooLong,
}

/// The engine: replicas, router, links, and the queue of what happens next.
///
/// It knows time only as the numbers it is given, which must never go back. The same configuration,
/// seed and calls give the same events.
pub struct Engine {
    config: SimConfig,
    seed: u64,
    clock: Nanos,
    agenda: BinaryHeap<Reverse<Entry>>,
    entries: u64,
    arrivals: u64,
    sequences: Sequences,
    /// Those that requests enter, then, where pools are separate, those that decode.
    replicas: Vec<Replica>,
    entrances: usize,
    entrance_router: Router,
    decode_router: Router,
    speed: Speed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Arrive(RequestId),
    Begin(usize),
    End(usize),
    Transferred(RequestId),
    Deliver(EngineEvent),
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry {
    at: Nanos,
    order: u64,
    what: What,
}

impl Ord for Entry {
    fn cmp(&self, other: &Entry) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Engine {
    /// An engine as after a start; `session_seed` fixes everything that varies.
    pub fn new(config: &SimConfig, session_seed: u64) -> Engine {
        let topology = &config.topology;
        let split = topology.prefill_replicas > 0;
        let (entrances, role) = if split {
            (topology.prefill_replicas, Role::Prefill)
        } else {
            (topology.replicas, Role::Whole)
        };
        let decoders = if split { topology.replicas } else { 0 };
        let roles = (0..entrances)
            .map(|_| role)
            .chain((0..decoders).map(|_| Role::Decode));
        let replicas = roles
            .zip(0u64..)
            .map(|(role, i)| Replica::new(role, config, hash_pair(session_seed, 100 + i)))
            .collect();
        let mut engine = Engine {
            seed: session_seed,
            clock: 0,
            agenda: BinaryHeap::new(),
            entries: 0,
            arrivals: 0,
            sequences: Sequences::new(),
            replicas,
            entrances: entrances as usize,
            entrance_router: Router::new(topology.router),
            decode_router: Router::new(crate::sim::config::RouterKind::LeastOutstanding),
            speed: Speed::new(config, session_seed),
            config: config.clone(),
        };
        engine.begin_run(0);
        engine
    }

    /// From now on the speed is that of run `run` of this session.
    pub fn begin_run(&mut self, run: u64) {
        self.speed.begin_run(run);
    }

    /// Takes a request that arrives at `now`.
    ///
    /// # Errors
    /// When it could never be served.
    pub fn submit(&mut self, now: Nanos, request: EngineRequest) -> Result<RequestId, SubmitError> {
        let (prompt, output) = (request.prompt.count(), request.output_tokens);
        if prompt == 0 || output == 0 {
            return Err(SubmitError::Empty);
        }
        if u64::from(prompt) + u64::from(output) > u64::from(self.config.max_model_len) {
            return Err(SubmitError::TooLong);
        }
        let now = now.max(self.clock);
        let order = self.arrivals;
        self.arrivals += 1;
        let delay = request.delay + nanos(self.config.overhead_ms * 1e6);
        let id = self
            .sequences
            .insert(|id| Sequence::new(id, order, now, request));
        let regression = &self.config.regression;
        let tail =
            Random::keyed(self.seed, 5 ^ order.rotate_left(20)).chance(regression.tail_share);
        if let Some(sequence) = self.sequences.get_mut(id) {
            sequence.delivery.first_stretch = regression.ttft;
            if tail {
                sequence.delivery.stretch = regression.tail;
            }
        }
        self.schedule(now.saturating_add(delay), What::Arrive(id));
        Ok(id)
    }

    /// The client of `id` went away; its slot and blocks are free from now on. Nothing happens where
    /// the request is gone already. Events that were made before may still come.
    pub fn cancel(&mut self, now: Nanos, id: RequestId) {
        let Some(mut sequence) = self.sequences.remove(id) else {
            return;
        };
        let i = sequence.replica;
        let arrived = sequence.place != Place::Arriving;
        self.replicas[i].drop_request(&mut sequence);
        if arrived {
            self.replicas[i].stats.aborted += 1;
        }
        self.wake(now.max(self.clock), i);
    }

    /// When something happens next, if nothing is submitted before.
    pub fn next_event(&self) -> Option<Nanos> {
        self.agenda.peek().map(|Reverse(entry)| entry.at)
    }

    /// Lets everything happen up to and including `now`; events are appended in order of time.
    pub fn advance(&mut self, now: Nanos, events: &mut Vec<EngineEvent>) {
        while let Some(Reverse(entry)) = self.agenda.peek().copied() {
            if entry.at > now {
                break;
            }
            self.agenda.pop();
            self.clock = entry.at;
            match entry.what {
                What::Arrive(id) => self.arrive(id, events),
                What::Begin(i) => self.begin_step(i),
                What::End(i) => self.end_step(i, events),
                What::Transferred(id) => self.transferred(id),
                What::Deliver(event) => events.push(event),
            }
        }
        self.clock = self.clock.max(now);
    }

    /// Forgets all cached prefixes; false, and some are kept, where a replica has requests.
    pub fn reset_prefix_cache(&mut self) -> bool {
        let mut all = true;
        for replica in &mut self.replicas {
            all &= replica.reset_prefix_cache();
        }
        all
    }

    /// What each replica has counted, gauges included: those that requests enter first.
    pub fn stats(&mut self) -> impl Iterator<Item = &ReplicaStats> {
        self.replicas.iter_mut().map(|replica| {
            replica.gauge();
            &replica.stats
        })
    }

    fn schedule(&mut self, at: Nanos, what: What) {
        let order = self.entries;
        self.entries += 1;
        self.agenda.push(Reverse(Entry { at, order, what }));
    }

    // Steps begin through the agenda, so that everything that arrives at one instant is in one step.
    fn wake(&mut self, now: Nanos, i: usize) {
        let replica = &mut self.replicas[i];
        if !replica.busy && !replica.starting && replica.has_work() {
            replica.starting = true;
            self.schedule(now, What::Begin(i));
        }
    }

    fn arrive(&mut self, id: RequestId, events: &mut Vec<EngineEvent>) {
        let at = self.clock;
        let Some(sequence) = self.sequences.get_mut(id) else {
            return;
        };
        let entrances = &self.replicas[..self.entrances];
        let i = self
            .entrance_router
            .choose(entrances, sequence.tokens.blocks());
        sequence.replica = i;
        sequence.queued = at;
        self.replicas[i].enqueue(sequence);
        events.push(EngineEvent {
            at,
            id,
            kind: EngineEventKind::Queued,
        });
        self.wake(at, i);
    }

    fn begin_step(&mut self, i: usize) {
        let now = self.clock;
        let busy = self
            .replicas
            .iter()
            .filter(|replica| replica.has_work())
            .count() as f64;
        let last = i + 1 == self.replicas.len();
        let replica = &mut self.replicas[i];
        replica.starting = false;
        if replica.busy {
            return;
        }
        let work = replica.plan(now, &mut self.sequences);
        if replica.step.is_empty() {
            return;
        }
        replica.busy = true;
        let tokens = work.prefill_tokens + work.sequences;
        replica.stats.steps += 1;
        #[expect(clippy::cast_precision_loss, reason = "tokens of one step")]
        replica.stats.step_tokens.record(tokens as f64, 1);
        let config = &self.config;
        let mut duration = nominal(&config.cost, work);
        if config.speculative.tokens > 0 && work.sequences > 0 {
            duration += config.speculative.draft_us * 1e3;
        }
        let topology = &config.topology;
        duration *=
            1.0 + topology.contention * (busy - 1.0) + topology.crosstalk * busy * (busy - 1.0);
        if last {
            duration *= topology.straggler;
        }
        duration *= self.speed.factor(now);
        let random = &mut replica.random;
        duration *= random.log_normal(config.variation.step);
        if random.chance(config.variation.stall_rate) {
            duration += random.exponential(config.variation.stall_ms) * 1e6;
        }
        let end = now.saturating_add(nanos(duration).max(1));
        self.schedule(end, What::End(i));
    }

    fn end_step(&mut self, i: usize, events: &mut Vec<EngineEvent>) {
        let now = self.clock;
        self.replicas[i].busy = false;
        let mut step = std::mem::take(&mut self.replicas[i].step);
        for part in &step {
            let replica = &mut self.replicas[i];
            let Some(sequence) = self.sequences.get_mut(part.id) else {
                continue;
            };
            let mut accepted = 0;
            let acceptance = self.config.speculative.acceptance;
            while accepted < part.drafted && replica.random.chance(acceptance) {
                accepted += 1;
            }
            replica.stats.draft_tokens += u64::from(part.drafted);
            replica.stats.accepted_tokens += u64::from(accepted);
            sequence.computed += part.tokens;
            if sequence.missing() > 0 {
                continue;
            }
            if replica.role == Role::Prefill {
                self.transfer(i, part.id);
                continue;
            }
            // What was drafted and accepted has its KV cache already.
            sequence.computed += accepted;
            self.produced(i, part.id, 1 + accepted, events);
        }
        step.clear();
        self.replicas[i].step = step;
        self.wake(now, i);
    }

    fn transfer(&mut self, i: usize, id: RequestId) {
        let now = self.clock;
        let topology = &self.config.topology;
        let replica = &mut self.replicas[i];
        let Some(sequence) = self.sequences.get_mut(id) else {
            return;
        };
        replica.hold_for_transfer(sequence);
        replica.stats.prompt_tokens += u64::from(sequence.prompt);
        replica.stats.prompt_tokens_cached += u64::from(sequence.cached);
        // 1 GB/s is a byte per nanosecond.
        let bytes = f64::from(sequence.prompt) * topology.kv_kib_per_token * 1024.0;
        let sent = replica.link_free.max(now) + nanos(bytes / topology.transfer_gb_per_s);
        replica.link_free = sent;
        let done = sent + nanos(topology.transfer_ms * 1e6);
        self.schedule(done, What::Transferred(id));
    }

    fn transferred(&mut self, id: RequestId) {
        let now = self.clock;
        let Some(sequence) = self.sequences.get_mut(id) else {
            return;
        };
        let from = sequence.replica;
        self.replicas[from].release(sequence);
        sequence.transferred = true;
        sequence.computed = 0;
        let decoders = &self.replicas[self.entrances..];
        let to = self.entrances
            + self
                .decode_router
                .choose(decoders, sequence.tokens.blocks());
        sequence.replica = to;
        self.replicas[to].enqueue(sequence);
        self.wake(now, from);
        self.wake(now, to);
    }

    fn produced(&mut self, i: usize, id: RequestId, count: u32, events: &mut Vec<EngineEvent>) {
        let now = self.clock;
        let Some(sequence) = self.sequences.get_mut(id) else {
            return;
        };
        let start = sequence.produced;
        sequence.produce(count);
        let last = sequence.produced >= sequence.output;
        let delivered = sequence.delivery.time(sequence.arrived, now);
        let event = EngineEvent {
            at: delivered.unwrap_or(now),
            id,
            kind: EngineEventKind::Tokens {
                start,
                count,
                cached: sequence.cached,
                last,
            },
        };
        let stats = &mut self.replicas[i].stats;
        stats.tokens(sequence, event.at, count);
        if last && let Some(mut sequence) = self.sequences.remove(id) {
            self.replicas[i].stats.end(&sequence, event.at);
            self.replicas[i].drop_request(&mut sequence);
        }
        match delivered {
            Some(at) if at <= now => events.push(event),
            Some(at) => self.schedule(at, What::Deliver(event)),
            None => {}
        }
    }
}
