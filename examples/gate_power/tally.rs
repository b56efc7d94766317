//! Invocations drawn from the bank, and what the gates made of them.

use prony::result::ChangeKind;
use prony::sim::model::Random;

use super::bank::{Effect, REQUESTS, Run, Sessions, WARMUP, Workload, in_parallel, sessions};
use super::gates::{Placed, SUITE, Scenario, Verdict, by_hand, by_ranks, prony};

/// How both sides are measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Design {
    /// Planned runs a side.
    pub runs: usize,
    /// Every run is a session of its own, rather than all of one.
    pub restarts: bool,
    /// As many again may be measured of the candidate.
    pub extend: bool,
    /// What the suite says server starts differ by (`noise:`); absent: what prony assumes.
    pub noise: Option<f64>,
}

/// Runs of the unchanged system, by workload.
pub struct Unchanged {
    pub open: Sessions,
    pub closed: Sessions,
}

impl Unchanged {
    /// `count` sessions of each workload.
    pub fn new(count: usize) -> Self {
        Unchanged {
            open: sessions(Workload::Open, Effect::None, 0, count),
            closed: sessions(Workload::Closed, Effect::None, 1 << 32, count),
        }
    }

    pub fn of(&self, scenario: Scenario) -> &Sessions {
        match scenario.workload() {
            Workload::Open => &self.open,
            Workload::Closed => &self.closed,
        }
    }
}

/// One of `n` sessions that is not in `taken` yet.
fn fresh(n: usize, random: &mut Random, taken: &mut Vec<usize>) -> usize {
    loop {
        let i = below(n, random);
        if !taken.contains(&i) {
            taken.push(i);
            return i;
        }
    }
}

fn below(n: usize, random: &mut Random) -> usize {
    (random.unit() * n as f64) as usize
}

/// Runs of a side: of one session, or of as many.
fn drawn<'a>(
    bank: &'a Sessions,
    runs: usize,
    restarts: bool,
    random: &mut Random,
    taken: &mut Vec<usize>,
) -> Vec<Placed<'a>> {
    if !restarts {
        let session = &bank[fresh(bank.len(), random, taken)];
        return session[..runs].iter().map(|run| (0, run)).collect();
    }
    (0..runs as u32)
        .map(|n| {
            let session = &bank[fresh(bank.len(), random, taken)];
            (n, &session[below(session.len(), random)])
        })
        .collect()
}

/// What a case came to under each gate.
pub struct Outcome {
    pub by_hand: bool,
    pub by_ranks: bool,
    pub prony: Verdict,
}

/// A case whose baseline is drawn from `base` and whose candidate from `candidate`.
pub fn case(
    scenario: Scenario,
    base: &Sessions,
    candidate: &Sessions,
    design: Design,
    random: &mut Random,
) -> Outcome {
    // The same bank on both sides: no session may be compared with itself.
    let same = std::ptr::eq(base, candidate);
    let most = if design.extend { 2 } else { 1 } * design.runs;
    let mut taken = Vec::new();
    let before = drawn(base, design.runs, design.restarts, random, &mut taken);
    if !same {
        taken.clear();
    }
    let after = drawn(candidate, most, design.restarts, random, &mut taken);
    // Gates on one run want its requests, which the first run of a session has.
    let mut taken = Vec::new();
    let a: &Run = &base[fresh(base.len(), random, &mut taken)][0];
    if !same {
        taken.clear();
    }
    let b: &Run = &candidate[fresh(candidate.len(), random, &mut taken)][0];
    Outcome {
        by_hand: by_hand(scenario, a, b),
        by_ranks: by_ranks(scenario, a, b),
        prony: prony(scenario, &before, &after, design.runs, design.noise),
    }
}

/// Counts over invocations of a suite that did not change.
#[derive(Clone, Debug, Default)]
pub struct Invocations {
    pub of: u64,
    pub by_hand: u64,
    pub by_ranks: u64,
    pub prony: u64,
    /// Cases that failed.
    pub cases: u64,
    /// By assertion of each kind of scenario: how many were judged, how many stayed undecided.
    pub undecided: Vec<(&'static str, u64, u64)>,
    /// Runs of candidates, over all cases.
    pub runs: u64,
}

impl Invocations {
    pub fn undecided(&self, metric: &str) -> f64 {
        let found = self.undecided.iter().find(|u| u.0 == metric);
        found.map_or(f64::NAN, |(_, of, open)| 100.0 * *open as f64 / *of as f64)
    }

    /// Requests of a case's candidate, warm-up included.
    pub fn requests(&self) -> f64 {
        let per_case = self.runs as f64 / (self.of as f64 * SUITE.len() as f64);
        per_case * (REQUESTS + WARMUP) as f64
    }
}

/// `count` invocations of the suite, nothing changed.
pub fn unchanged(bank: &Unchanged, design: Design, count: u64, seed: u64) -> Invocations {
    let mut all = Invocations::default();
    let invocations = in_parallel(count as usize, |invocation| {
        let mut random = Random::keyed(seed, invocation as u64);
        SUITE.map(|scenario| {
            let runs = bank.of(scenario);
            case(scenario, runs, runs, design, &mut random)
        })
    });
    for outcomes in invocations {
        let (mut hand, mut ranks, mut ours) = (false, false, false);
        for (scenario, outcome) in SUITE.into_iter().zip(outcomes) {
            hand |= outcome.by_hand;
            ranks |= outcome.by_ranks;
            ours |= outcome.prony.failed();
            all.cases += u64::from(outcome.prony.failed());
            all.runs += outcome.prony.runs as u64;
            for (metric, change) in scenario.assertions().into_iter().zip(outcome.prony.changes) {
                let open = u64::from(change == ChangeKind::Undecided);
                match all.undecided.iter_mut().find(|u| u.0 == metric) {
                    Some(u) => (u.1, u.2) = (u.1 + 1, u.2 + open),
                    None => all.undecided.push((metric, 1, open)),
                }
            }
        }
        all.of += 1;
        all.by_hand += u64::from(hand);
        all.by_ranks += u64::from(ranks);
        all.prony += u64::from(ours);
    }
    all
}

/// How often each gate finds what became worse, in percent of the cases, and what that cost prony.
#[derive(Clone, Copy, Debug, Default)]
pub struct Power {
    pub by_hand: f64,
    pub by_ranks: f64,
    pub prony: f64,
    /// Requests of the candidate, warm-up included.
    pub requests: f64,
}

/// Power over `count` cases of `scenario`.
pub fn power(
    scenario: Scenario,
    base: &Sessions,
    worse: &Sessions,
    design: Design,
    count: u64,
    seed: u64,
) -> Power {
    let mut found = Power::default();
    let outcomes = in_parallel(count as usize, |i| {
        let mut random = Random::keyed(seed, i as u64);
        case(scenario, base, worse, design, &mut random)
    });
    for outcome in outcomes {
        let share = |hit: bool| f64::from(u8::from(hit)) * 100.0 / count as f64;
        found.by_hand += share(outcome.by_hand);
        found.by_ranks += share(outcome.by_ranks);
        found.prony += share(outcome.prony.failed());
        found.requests += outcome.prony.runs as f64 * (REQUESTS + WARMUP) as f64 / count as f64;
    }
    found
}
