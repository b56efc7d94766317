//! The bank: runs of the embedded engine in virtual time, every one summarised as prony would.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use prony::record::Part;
use prony::sim::model::{EngineEventKind, PromptTokens, Random, hash_pair};
use prony::sim::{Engine, EngineEvent, EngineRequest, RequestId, SimConfig};
use prony::stats::quantile;

use super::left_open::{Request, left_open};

/// Measured requests of a run.
pub const REQUESTS: usize = 1000;
/// Requests before them.
pub const WARMUP: usize = 100;
/// Sessions of a condition whose first run is asked what its own requests leave open.
const ASKED: usize = 20;
/// Runs of a session in the bank.
pub const RUNS: usize = 10;
/// What server starts and runs differ by in speed: standard deviations of logs.
const SESSION: f64 = 0.03;
const RUN: f64 = 0.01;
/// Slots of the engine, its users in the closed loop, and arrivals per second in the open one: 70 % of
/// what it can serve.
pub const SLOTS: u32 = 48;
pub const USERS: usize = 27;
pub const RATE: f64 = 144.0;
/// Tokens of a prompt, and the mean of an answer (exponential, within bounds).
const INPUT: u32 = 64;
const OUTPUT: (f64, u32, u32) = (15.0, 4, 64);
/// Which requests are the tail: the slowest to their first token.
const TAIL: f64 = 0.02;

/// How requests come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Workload {
    /// Poisson arrivals.
    Open,
    /// Users who ask again as soon as they are answered.
    Closed,
}

/// What became worse, and by what share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Effect {
    /// Nothing.
    None,
    /// Every time to first token, longer by that.
    Ttft(f64),
    /// Every gap between tokens.
    Itl(f64),
    /// Every step of the engine.
    Speed(f64),
    /// The time to first token of the slowest 2 % of the requests of a run.
    Tail(f64),
}

/// One run: what prony asserts of it.
#[derive(Clone, Debug)]
pub struct Run {
    /// By metric, in the order of [`METRICS`].
    pub values: [f64; METRICS.len()],
    /// Of each request: `ttft`, mean gap, `e2e_latency`. Of the first run of a session only.
    pub requests: [Vec<f64>; 3],
    /// Relative variances that a run's own requests leave open, by metric: the mean over some first runs of
    /// its condition.
    pub left_open: [f64; METRICS.len()],
    /// Lag-1 autocorrelation of `ttft` over the requests in order.
    pub correlation: f64,
}

/// What a run is summarised by.
pub const METRICS: [&str; 11] = [
    "ttft.p50",
    "ttft.p95",
    "ttft.p99",
    "itl.p50",
    "itl.p95",
    "itl.p99",
    "e2e_latency.p50",
    "e2e_latency.p95",
    "e2e_latency.p99",
    "throughput",
    "tokens_per_second",
];

/// Runs of one condition: sessions of [`RUNS`] runs.
pub type Sessions = Vec<Vec<Run>>;

/// `sessions` sessions under `workload` with `effect`. `first` is the number of the first one: sessions of
/// different numbers have nothing in common.
pub fn sessions(workload: Workload, effect: Effect, first: u64, sessions: usize) -> Sessions {
    let mut made = in_parallel(sessions, |i| {
        session(workload, effect, first + i as u64, i < ASKED)
    });
    let asked = made.len().min(ASKED);
    for metric in 0..METRICS.len() {
        let of = made[..asked].iter().map(|runs| runs[0].left_open[metric]);
        let mean = of.sum::<f64>() / asked as f64;
        for run in made.iter_mut().flatten() {
            run.left_open[metric] = mean;
        }
    }
    made
}

/// What `make` makes of 0 to `count` − 1, in order, over all cores.
pub fn in_parallel<T: Send>(count: usize, make: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, T)>> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    if i >= count {
                        return;
                    }
                    let made = make(i);
                    done.lock().expect("no thread panics").push((i, made));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no thread panics");
    done.sort_by_key(|(i, _)| *i);
    done.into_iter().map(|(_, made)| made).collect()
}

fn config(effect: Effect) -> SimConfig {
    let mut config = SimConfig::default();
    config.scheduler.max_num_seqs = SLOTS;
    config.kv.prefix_cache = false;
    config.variation.session = SESSION;
    config.variation.run = RUN;
    if let Effect::Speed(slower) = effect {
        config.regression.throughput = 1.0 / (1.0 + slower) - 1.0;
    }
    config
}

fn session(workload: Workload, effect: Effect, number: u64, ask: bool) -> Vec<Run> {
    let config = config(effect);
    let mut engine = Engine::new(&config, hash_pair(number, 0));
    let mut from = 0;
    (0..RUNS as u64)
        .map(|run| {
            engine.begin_run(run);
            let seed = hash_pair(number, run + 1);
            let mut driven = Driven::new(&mut engine, seed, from);
            match workload {
                Workload::Open => driven.open(),
                Workload::Closed => driven.closed(),
            }
            from = driven.now + 1_000_000_000;
            {
                let ask = (ask && run == 0).then_some(workload);
                summary(driven.seen, effect, run == 0, ask)
            }
        })
        .collect()
}

/// A request of a run.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    due: u64,
    first: u64,
    last: u64,
    tokens: u32,
}

/// All requests of a run in order, and the gaps of each.
struct AllSeen {
    requests: Vec<Seen>,
    gaps: Vec<Vec<u64>>,
    /// When tokens came.
    tokens: Vec<u64>,
}

struct Driven<'a> {
    engine: &'a mut Engine,
    random: Random,
    now: u64,
    under_way: HashMap<RequestId, usize>,
    seen: AllSeen,
    events: Vec<EngineEvent>,
    seed: u64,
    ended: usize,
}

impl<'a> Driven<'a> {
    fn new(engine: &'a mut Engine, seed: u64, from: u64) -> Self {
        Driven {
            engine,
            random: Random::keyed(seed, 1),
            now: from,
            under_way: HashMap::new(),
            seen: AllSeen {
                requests: Vec::new(),
                gaps: Vec::new(),
                tokens: Vec::new(),
            },
            events: Vec::new(),
            seed,
            ended: 0,
        }
    }

    fn submit(&mut self, at: u64) {
        let (mean, least, most) = OUTPUT;
        let order = self.seen.requests.len();
        let output = (f64::from(least) + self.random.exponential(mean - f64::from(least))).round();
        let salt = hash_pair(self.seed, order as u64);
        let request = EngineRequest {
            prompt: PromptTokens::unique(16, salt, INPUT),
            output_tokens: (output as u32).clamp(least, most),
            stops: false,
            priority: 0,
            seed: salt,
            delay: 0,
            pause: None,
        };
        let id = self
            .engine
            .submit(at, request)
            .expect("short requests are served");
        self.under_way.insert(id, order);
        self.seen.requests.push(Seen {
            due: at,
            ..Seen::default()
        });
        self.seen.gaps.push(Vec::new());
    }

    /// Lets the engine go on to `until`; how many requests ended.
    fn advance(&mut self, until: u64) -> usize {
        self.now = until;
        self.engine.advance(until, &mut self.events);
        let mut ended = 0;
        for event in self.events.drain(..) {
            let EngineEventKind::Tokens { count, last, .. } = event.kind else {
                continue;
            };
            let Some(&order) = self.under_way.get(&event.id) else {
                continue;
            };
            let request = &mut self.seen.requests[order];
            if request.tokens == 0 {
                request.first = event.at;
            } else {
                self.seen.gaps[order].push(event.at - request.last);
            }
            request.last = event.at;
            request.tokens += count;
            self.seen.tokens.push(event.at);
            if last {
                self.under_way.remove(&event.id);
                ended += 1;
            }
        }
        self.ended += ended;
        ended
    }

    /// Poisson arrivals, until the last request of the window has ended under load.
    fn open(&mut self) {
        let mut arrival = self.now;
        while self.seen.requests.len() < WARMUP + REQUESTS || self.window_open() {
            arrival += (self.random.exponential(1e9 / RATE)) as u64;
            self.advance(arrival);
            self.submit(arrival);
        }
        self.drain();
    }

    fn window_open(&self) -> bool {
        let window = WARMUP..WARMUP + REQUESTS;
        self.under_way.values().any(|order| window.contains(order))
    }

    fn closed(&mut self) {
        let start = self.now;
        for user in 0..USERS as u64 {
            // Streams that begin together stay together.
            let at = start + user * 20_000_000;
            for _ in 0..self.advance(at) {
                self.submit(at);
            }
            self.submit(at);
        }
        while self.ended < WARMUP + REQUESTS + USERS {
            let Some(next) = self.engine.next_event() else {
                return;
            };
            for _ in 0..self.advance(next) {
                self.submit(next);
            }
        }
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(next) = self.engine.next_event() {
            self.advance(next);
        }
    }
}

fn summary(seen: AllSeen, effect: Effect, keep: bool, ask: Option<Workload>) -> Run {
    let window = &seen.requests[WARMUP..WARMUP + REQUESTS];
    let ms = |ns: u64| ns as f64 / 1e6;
    let mut ttft: Vec<f64> = window.iter().map(|r| ms(r.first - r.due)).collect();
    let mut gaps: Vec<Vec<f64>> = seen.gaps[WARMUP..WARMUP + REQUESTS]
        .iter()
        .map(|gaps| gaps.iter().map(|&g| ms(g)).collect())
        .collect();
    let before: Vec<f64> = ttft.clone();
    match effect {
        Effect::Ttft(by) => ttft.iter_mut().for_each(|t| *t *= 1.0 + by),
        Effect::Itl(by) => gaps.iter_mut().flatten().for_each(|g| *g *= 1.0 + by),
        Effect::Tail(by) => {
            let from = at(&sorted(&ttft), 1.0 - TAIL);
            ttft.iter_mut()
                .filter(|t| **t >= from)
                .for_each(|t| *t *= 1.0 + by);
        }
        Effect::None | Effect::Speed(_) => {}
    }
    let of_gaps: Vec<f64> = gaps.iter().map(|g| g.iter().sum()).collect();
    let e2e: Vec<f64> = ttft.iter().zip(&of_gaps).map(|(t, g)| t + g).collect();
    let tpot: Vec<f64> = gaps
        .iter()
        .zip(&of_gaps)
        .map(|(g, sum)| sum / g.len().max(1) as f64)
        .collect();
    let (from, to) = (window[0].due, window[REQUESTS - 1].due);
    let seconds = (to - from) as f64 / 1e9;
    let within = |t: &u64| from <= *t && *t < to;
    let ended = seen.requests.iter().filter(|r| within(&r.last)).count();
    let tokens = seen.tokens.iter().filter(|t| within(t)).count();
    let mut open = [f64::NAN; METRICS.len()];
    if let Some(workload) = ask {
        let all = left_open(
            &requests(&seen, &ttft, &gaps),
            workload == Workload::Open,
            &METRICS,
        );
        open.copy_from_slice(&all);
    }
    let all_gaps: Vec<f64> = gaps.into_iter().flatten().collect();
    let [a, b, c] = [&ttft, &all_gaps, &e2e].map(|values| {
        let sorted = sorted(values);
        [0.5, 0.95, 0.99].map(|q| at(&sorted, q))
    });
    let throughput = [ended as f64 / seconds, tokens as f64 / seconds];
    let mut values = [0.0; METRICS.len()];
    let all = a.into_iter().chain(b).chain(c).chain(throughput);
    for (place, value) in values.iter_mut().zip(all) {
        *place = value;
    }
    Run {
        values,
        left_open: open,
        correlation: correlation(&before),
        requests: if keep {
            [ttft, tpot, e2e]
        } else {
            Default::default()
        },
    }
}

/// All requests of a run, those of the window with `ttft` and `gaps` as the effect left them.
fn requests(seen: &AllSeen, ttft: &[f64], gaps: &[Vec<f64>]) -> Vec<Request> {
    let ms = |ns: u64| ns as f64 / 1e6;
    let all = seen.requests.iter().zip(&seen.gaps).enumerate();
    let ended = all.filter(|(_, (request, _))| request.tokens > 0);
    let of = ended.map(|(i, (request, own))| {
        let due = ms(request.due);
        match i.checked_sub(WARMUP).filter(|i| *i < REQUESTS) {
            Some(i) => Request {
                due,
                ttft: ttft[i],
                gaps: gaps[i].clone(),
                part: Part::Window,
            },
            None => Request {
                due,
                ttft: ms(request.first - request.due),
                gaps: own.iter().map(|&gap| ms(gap)).collect(),
                part: if i < WARMUP { Part::Warmup } else { Part::Tail },
            },
        }
    });
    of.collect()
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn at(sorted: &[f64], q: f64) -> f64 {
    quantile(sorted, q).unwrap_or(f64::NAN)
}

fn correlation(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let of = |lag: usize| -> f64 {
        let pairs = values.iter().zip(&values[lag..]);
        pairs.map(|(a, b)| (a - mean) * (b - mean)).sum()
    };
    of(1) / of(0)
}
