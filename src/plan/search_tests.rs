//! Searches against servers whose capacity is known: no clock, no server, ten seeds.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::metrics::Unit;
use crate::result::{MetricSummary, Metrics, RequestCounts, RunPart, Value};
use crate::suite::{Arrivals, Axis, Budget, Goal, Search, SlaAssertion};

/// A server that can do `capacity` requests a second: its latency is that of an M/M/1 queue, measured
/// with an error that shrinks with the number of runs.
struct Queue {
    /// What one request takes alone, over the limit.
    base: f64,
    capacity: f64,
    noise: f64,
    rng: std::cell::RefCell<ChaCha8Rng>,
    seen: std::cell::RefCell<Vec<(Evidence, LookResult)>>,
}

impl Queue {
    fn new(seed: u64, base: f64, capacity: f64, noise: f64) -> Self {
        Queue {
            base,
            capacity,
            noise,
            rng: ChaCha8Rng::seed_from_u64(seed).into(),
            seen: Vec::new().into(),
        }
    }

    /// The load at which latency is at its limit: `base / (1 − load / capacity) = 1`.
    fn true_answer(&self) -> f64 {
        self.capacity * (1.0 - self.base)
    }

    fn look(&self, evidence: &Evidence, runs: &[MeasuredRun]) -> LookResult {
        let known = |said: &[(Evidence, LookResult)]| {
            let same = said.iter().find(|(of, _)| of == evidence);
            same.map(|(_, look)| look.clone())
        };
        if let Some(look) = known(&self.seen.borrow()) {
            return look;
        }
        let of_phase = &evidence.phases[0];
        let level: f64 = runs[of_phase.runs[0]].measure.phase.labels["level"]
            .parse()
            .unwrap();
        let room = 1.0 - level / self.capacity;
        let error = self.noise / (of_phase.runs.len() as f64).sqrt();
        let (held, distance) = if room <= 0.0 {
            (Held::No, f64::INFINITY)
        } else {
            let u: f64 = self.rng.borrow_mut().random_range(-1.7..1.7);
            let distance = (self.base / room).ln() + u * error;
            let clear = distance.abs() > 1.645 * error;
            (
                match (clear, distance < 0.0) {
                    (true, true) => Held::Yes,
                    (true, false) => Held::No,
                    (false, true) => Held::Rather,
                    (false, false) => Held::RatherNot,
                },
                distance,
            )
        };
        let look = LookResult {
            bounds: vec![BoundSeen {
                text: "ttft.p99 < 500ms".to_owned(),
                held,
                distance,
                error,
            }],
            ..LookResult::default()
        };
        self.seen
            .borrow_mut()
            .push((evidence.clone(), look.clone()));
        look
    }
}

fn search(axis: Axis, goal: Goal, from: f64, to: f64) -> LoadSearch {
    let search = Search {
        goal,
        axis,
        from,
        to,
        precision: 0.05,
        budget: Budget::default(),
    };
    LoadSearch {
        phase: PhasePlan {
            duration: Some(Duration::from_secs(30)),
            ..PhasePlan::new("", axis.load(from))
        },
        search,
        confidence: 0.95,
        seed: 1,
        session_each: false,
        stops_early: true,
    }
}

const RATE: Axis = Axis::Rate {
    arrivals: Arrivals::Poisson,
    max_concurrency: None,
};

fn capacity_of(from: f64, to: f64) -> LoadSearch {
    let subject_to: Vec<SlaAssertion> = Vec::new();
    search(RATE, Goal::Capacity { subject_to }, from, to)
}

/// Carries a search out; `throughput` is what a run at a level brings.
fn carry_out(
    search: &LoadSearch,
    look: &dyn Fn(&Evidence, &[MeasuredRun]) -> LookResult,
    throughput: &dyn Fn(f64) -> f64,
) -> (Vec<MeasuredRun>, Found) {
    let mut runs: Vec<MeasuredRun> = Vec::new();
    loop {
        assert!(runs.len() < 200, "no end");
        let elapsed: Duration = runs.iter().map(|r| r.took).sum();
        let step = search.next(&SoFar {
            runs: &runs,
            look: &|evidence| look(evidence, &runs),
            elapsed,
            left: None,
        });
        match step {
            Step::Measure(measure) => {
                let level: f64 = measure.phase.labels["level"].parse().unwrap();
                let value = Value {
                    unit: Unit::PerSecond,
                    value: throughput(level),
                };
                let mut metrics = Metrics::new();
                metrics.insert("throughput".to_owned(), MetricSummary::Value(value));
                runs.push(MeasuredRun {
                    result: RunPart {
                        run: measure.run,
                        session: measure.session,
                        salt: None,
                        window_s: 30.0,
                        requests: RequestCounts {
                            sent: 300,
                            ..RequestCounts::default()
                        },
                        metrics,
                    },
                    measure: *measure,
                    took: Duration::from_secs(40),
                    cut: false,
                    stopped: None,
                });
            }
            Step::Done(evidence) => return (runs, evidence.found.unwrap()),
        }
    }
}

#[test]
fn the_capacity_is_found_within_the_precision_for_ten_seeds() {
    let mut outside = 0;
    for seed in 0..10 {
        let queue = Queue::new(
            seed,
            0.3,
            90.0 + 3.7 * f64::from(u32::try_from(seed).unwrap()),
            0.02,
        );
        let search = capacity_of(1.0, 400.0);
        let (runs, found) = carry_out(&search, &|e, r| queue.look(e, r), &|l| l);
        let answer = found.answer("capacity").unwrap();
        let truth = queue.true_answer();
        let off = (answer.value / truth - 1.0).abs();
        assert!(off <= 0.05, "seed {seed}: {} for {truth}", answer.value);
        outside += u32::from(answer.bounds.lower > truth || answer.bounds.upper < truth);
        assert!(runs.len() <= 25, "{} runs", runs.len());
        assert!(found.notes[0].contains("first to break"), "{found:?}");
    }
    assert!(outside <= 1, "intervals that miss the truth: {outside}");
}

#[test]
fn no_load_is_tried_that_an_earlier_one_answers() {
    let queue = Queue::new(3, 0.2, 55.0, 0.02);
    let (_, found) = carry_out(&capacity_of(1.0, 400.0), &|e, r| queue.look(e, r), &|l| l);
    for (i, probe) in found.path.iter().enumerate() {
        for before in &found.path[..i] {
            let answered = if before.held.counts() {
                probe.level <= before.level
            } else {
                probe.level >= before.level
            };
            assert!(!answered, "{} after {}", probe.level, before.level);
        }
    }
}

#[test]
fn what_the_data_cannot_decide_is_measured_on_and_not_guessed() {
    // Noise of a tenth: near the limit one run tells nothing.
    let queue = Queue::new(5, 0.3, 100.0, 0.1);
    let (runs, found) = carry_out(&capacity_of(8.0, 200.0), &|e, r| queue.look(e, r), &|l| l);
    assert!(found.path.iter().any(|p| p.runs > 1), "{found:?}");
    assert!(found.path.iter().all(|p| p.runs <= 4));
    let of_probes: u32 = found.path.iter().map(|p| p.runs).sum();
    assert_eq!(of_probes as usize, runs.len());
}

#[test]
fn where_nothing_holds_the_capacity_is_0_and_where_all_does_it_is_without_bound() {
    let (none, all) = (Queue::new(1, 0.3, 1.2, 0.02), Queue::new(1, 0.3, 1e6, 0.02));
    let search = capacity_of(1.0, 64.0);
    let (runs, found) = carry_out(&search, &|e, r| none.look(e, r), &|l| l);
    let answer = found.answer("capacity").unwrap();
    assert_eq!(
        (runs.len(), answer.value, answer.bounds.upper),
        (1, 0.0, 1.0)
    );
    let (_, found) = carry_out(&search, &|e, r| all.look(e, r), &|l| l);
    let answer = found.answer("capacity").unwrap();
    assert_eq!((answer.value, answer.bounds.upper), (64.0, f64::INFINITY));
}

#[test]
fn where_nothing_holds_in_flight_the_capacity_is_at_most_what_was_completed_there() {
    let none = Queue::new(1, 0.3, 1.2, 0.02);
    let goal = Goal::Capacity {
        subject_to: Vec::new(),
    };
    let search = search(Axis::Concurrency, goal, 1.0, 64.0);
    let (_, found) = carry_out(&search, &|e, r| none.look(e, r), &|l| 0.25 * l);
    let bounds = |name: &str| found.answer(name).map(|a| (a.value, a.bounds.upper));
    assert_eq!(bounds("capacity"), Some((0.0, 0.25)));
    assert_eq!(bounds("capacity_concurrency"), Some((0.0, 1.0)));
}

#[test]
fn in_whole_numbers_the_search_ends_at_neighbours() {
    let queue = Queue::new(2, 0.3, 10.0, 0.001);
    let goal = Goal::Capacity {
        subject_to: Vec::new(),
    };
    let search = search(Axis::Concurrency, goal, 1.0, 256.0);
    let throughput = |n: f64| 3.0 * n;
    let (_, found) = carry_out(&search, &|e, r| queue.look(e, r), &throughput);
    // At seven the latency is the limit itself.
    let answer = found.answer("capacity_concurrency").unwrap();
    assert!((6.0..=7.0).contains(&answer.value), "{answer:?}");
    assert_eq!(
        found.answer("capacity").unwrap().value,
        3.0 * 6.0 + 3.0 * (answer.value - 6.0)
    );
}

#[test]
fn a_budget_ends_the_search_with_the_answer_so_far() {
    let queue = Queue::new(2, 0.3, 100.0, 0.02);
    let budgets = [
        (Some(Duration::from_secs(170)), None, "time"),
        (None, Some(1000), "requests"),
    ];
    for (time, requests, what) in budgets {
        let mut search = capacity_of(1.0, 400.0);
        search.search.budget = Budget {
            time,
            requests,
            tokens: None,
        };
        let (runs, found) = carry_out(&search, &|e, r| queue.look(e, r), &|l| l);
        assert!(runs.len() <= 4, "{what}: {}", runs.len());
        assert!(found.notes.iter().any(|n| n.contains(what)), "{found:?}");
        assert_eq!(
            found.answer("capacity").unwrap().bounds.upper,
            f64::INFINITY
        );
    }
    let mut search = capacity_of(1.0, 400.0);
    search.search.budget.tokens = Some(10);
    let (_, found) = carry_out(&search, &|e, r| queue.look(e, r), &|l| l);
    assert!(found.notes.iter().any(|n| n.contains("nobody counts them")));
}

#[test]
fn a_client_that_was_the_limit_gives_no_answer() {
    let look = |_: &Evidence, _: &[MeasuredRun]| LookResult {
        invalid: Some("the client fell behind".to_owned()),
        ..LookResult::default()
    };
    let (runs, found) = carry_out(&capacity_of(1.0, 400.0), &look, &|l| l);
    assert_eq!(runs.len(), 1);
    assert_eq!(found.invalid.as_deref(), Some("the client fell behind"));
}

#[test]
fn saturation_is_found_where_the_servers_are_all_at_work() {
    for seed in 0..10_u32 {
        let servers = 11.0 + 7.0 * f64::from(seed);
        let search = search(Axis::Concurrency, Goal::Saturation, 1.0, 1024.0);
        let rng = std::cell::RefCell::new(ChaCha8Rng::seed_from_u64(u64::from(seed)));
        let throughput = |n: f64| {
            let noise = rng.borrow_mut().random_range(-0.01..0.01);
            n.min(servers) * 2.5 * (1.0 + noise)
        };
        let look = |_: &Evidence, _: &[MeasuredRun]| LookResult::default();
        let (runs, found) = carry_out(&search, &look, &throughput);
        let plateau = found.answer("saturation").unwrap().value;
        assert!((plateau / (2.5 * servers) - 1.0).abs() < 0.02, "{found:?}");
        // Within 5 % of the plateau is what 95 % of the servers do.
        let level = found.answer("saturation_concurrency").unwrap().value;
        let truth = 0.95 * servers;
        assert!((level / truth - 1.0).abs() < 0.11, "{level} for {truth}");
        assert!(runs.len() < 20);
    }
}

#[test]
fn throughput_that_still_grows_at_the_end_is_said_to() {
    let search = search(Axis::Concurrency, Goal::Saturation, 1.0, 16.0);
    let look = |_: &Evidence, _: &[MeasuredRun]| LookResult::default();
    let (_, found) = carry_out(&search, &look, &|n| 2.0 * n);
    assert!(found.notes.iter().any(|n| n.contains("still grows")));
    assert_eq!(
        found.answer("saturation").unwrap().bounds.upper,
        f64::INFINITY
    );
}
