//! How often the judge is right: against systems whose truth is known.
//!
//! ```sh
//! cargo run --release --example judge_power            # the figures of docs/verdicts.md
//! cargo run --release --example judge_power -- 0.1     # a tenth of the replications
//! ```
//!
//! Nothing is measured: requests and runs are drawn from distributions, and prony's own judge decides.

use prony::judge::{
    JudgeInput, JudgePhase, Known, Look, Noise, Pairing, Rule, RunValue, Scale, Side, Verdict,
    compare, judge_case,
};
use prony::metrics::Direction;
use prony::plan::{Case, expand};
use prony::record::{Part, RequestRecord, RunRecords, Window};
use prony::result::{ChangeKind, ClientHealth};
use prony::stats::level_per_look;
use prony::suite::{LoadOptions, SuiteInput, load};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

fn main() {
    let share: f64 = std::env::args()
        .nth(1)
        .and_then(|a| a.parse().ok())
        .unwrap_or(1.0);
    let replications = |n: u64| ((n as f64 * share) as u64).max(20);
    coverage(replications(2000));
    several_runs(replications(2000));
    misses(replications(2000));
    whole_rule(replications(20_000));
    two_looks(replications(20_000));
}

// Requests.

/// Median of the times to first token in µs, and the spread of their logs.
const MEDIAN: f64 = 100_000.0;
const SIGMA: f64 = 0.4;

struct Normal(ChaCha8Rng);

impl Normal {
    fn new(seed: u64) -> Self {
        Normal(ChaCha8Rng::seed_from_u64(seed))
    }

    fn draw(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }
}

/// `n` requests, Poisson at 100 a second, whose log times follow an AR(1) of correlation `rho` about
/// `offset`.
fn run(rng: &mut Normal, n: u64, rho: f64, offset: f64) -> RunRecords {
    let mut z = rng.draw();
    let mut at = 0.0;
    let end = n * 10_000;
    let mut records = Vec::new();
    while at < end as f64 {
        z = rho * z + (1.0 - rho * rho).sqrt() * rng.draw();
        at += -10_000.0 * (1.0 - rng.0.random::<f64>()).ln();
        let took = (MEDIAN * (SIGMA * z + offset).exp()) as u64;
        let due = at as u64;
        records.push(RequestRecord {
            id: records.len() as u64,
            due_us: Some(due),
            sent_us: Some(due),
            first_us: Some(due + took),
            end_us: Some(due + took),
            status: Some(200),
            finish: Some("length".into()),
            output_tokens: Some(1),
            // Requests before the window are there so that its start is as busy as its middle.
            part: if due < 1_000_000 {
                Part::Warmup
            } else if due < end {
                Part::Window
            } else {
                Part::Tail
            },
            ..RequestRecord::default()
        });
    }
    RunRecords {
        scrapes: Vec::new(),
        session: 0,
        open_loop: true,
        window: Window {
            start_us: 1_000_000,
            end_us: end,
        },
        records,
    }
}

fn case(sla: &[&str], undecided: &str) -> Case {
    let sla: Vec<String> = sla.iter().map(|s| format!("\"{s}\"")).collect();
    let text = format!(
        "suite: power\ntarget: {{ url: \"sim://\" }}\nscenarios:\n  - {{ name: one, kind: latency, \
         load: {{ rate: 100/s }}, requests: 1000, undecided: {undecided}, \
         prompts: {{ type: synthetic, input_tokens: 9, output_tokens: 9 }}, sla: [{}] }}\n",
        sla.join(", ")
    );
    let input = SuiteInput {
        path: "power.yaml".into(),
        bytes: text.into(),
    };
    match load(&[input], &LoadOptions::default()) {
        Ok(suites) => expand(&suites).remove(0),
        Err(problems) => panic!("the suite of this example is wrong: {problems:?}"),
    }
}

fn judged(case: &Case, runs: &[RunRecords]) -> prony::judge::Judged {
    let health = ClientHealth::default();
    let phases = [JudgePhase {
        name: "main",
        runs,
        health: &health,
        gpus: None,
        interrupted: false,
    }];
    judge_case(JudgeInput::new(case, &phases))
}

/// The value of the `p`-quantile by its normal score, and the mean, in ms.
fn truths(spread: f64) -> [f64; 4] {
    let at = |score: f64| MEDIAN / 1e3 * (spread * score).exp();
    [
        at(0.0),
        at(1.644_853_627),
        at(0.0) * (spread * spread / 2.0).exp(),
        100.0,
    ]
}

const WHAT: [&str; 4] = ["ttft.p50", "ttft.p95", "ttft.mean", "throughput"];
const SLA: [&str; 4] = [
    "ttft.p50 < 10s",
    "ttft.p95 < 10s",
    "ttft.mean < 10s",
    "throughput > 1/s",
];

fn print_coverage(held: [[u64; 2]; 4], n: u64) {
    for (what, [lower, upper]) in WHAT.iter().zip(held) {
        println!(
            "  {what:<12} lower {:5.1} %   upper {:5.1} %",
            100.0 * lower as f64 / n as f64,
            100.0 * upper as f64 / n as f64
        );
    }
}

fn count(held: &mut [[u64; 2]; 4], judged: &prony::judge::Judged, truths: [f64; 4]) {
    for ((held, a), truth) in held.iter_mut().zip(&judged.assertions).zip(truths) {
        held[0] += u64::from(a.interval[0].is_none_or(|x| x <= truth));
        held[1] += u64::from(a.interval[1].is_none_or(|x| truth <= x));
    }
}

fn coverage(n: u64) {
    let case = case(&SLA, "lean");
    for rho in [0.0, 0.7] {
        println!(
            "coverage of each one-sided 95 % bound, one run of 1000 requests, AR(1) of {rho}, {n} replications"
        );
        let mut held = [[0; 2]; 4];
        for seed in 0..n {
            let mut rng = Normal::new(seed);
            count(
                &mut held,
                &judged(&case, &[run(&mut rng, 1100, rho, 0.0)]),
                truths(SIGMA),
            );
        }
        print_coverage(held, n);
    }
}

/// Runs that differ: the truth is that of all runs there could be.
fn several_runs(n: u64) {
    let case = case(&SLA, "lean");
    for (k, between) in [(5, 0.0), (5, 0.03), (5, 0.1), (3, 0.1), (10, 0.1)] {
        println!(
            "coverage, {k} runs of 300 requests whose log latencies are {between} apart (standard deviation), {n} replications"
        );
        let mut held = [[0; 2]; 4];
        for seed in 0..n {
            let mut rng = Normal::new(seed);
            let runs: Vec<RunRecords> = (0..k)
                .map(|_| {
                    let offset = between * rng.draw();
                    run(&mut rng, 400, 0.5, offset)
                })
                .collect();
            count(
                &mut held,
                &judged(&case, &runs),
                truths(SIGMA.hypot(between)),
            );
        }
        print_coverage(held, n);
    }
}

/// A system at twice its limit.
fn misses(n: u64) {
    println!("passes of systems at twice the limit, {n} replications each");
    let [p50, p95, mean, _] = truths(SIGMA);
    let limits = [
        format!("ttft.p50 < {:.3}ms", p50 / 2.0),
        format!("ttft.p95 < {:.3}ms", p95 / 2.0),
        format!(
            "ttft.p99 < {:.3}ms",
            MEDIAN / 1e3 * (SIGMA * 2.326).exp() / 2.0
        ),
        format!("ttft.mean < {:.3}ms", mean / 2.0),
        "throughput > 200/s".to_owned(),
    ];
    for policy in ["lean", "warn", "fail"] {
        let sla: Vec<&str> = limits.iter().map(String::as_str).collect();
        let case = case(&sla, policy);
        for requests in [300, 1100] {
            let mut passes = 0;
            for seed in 0..n {
                let mut rng = Normal::new(seed);
                let judged = judged(&case, &[run(&mut rng, requests, 0.7, 0.0)]);
                let written = judged.assertions.iter().filter(|a| !a.implicit);
                passes += written.filter(|a| a.verdict == Verdict::Pass).count();
            }
            println!(
                "  undecided: {policy}, {requests} requests: {passes} of {}",
                5 * n
            );
        }
    }
}

// Runs: statistics.md §3.3 of the method: 10 % tolerance, p50, p95 and p99 gated together, 30 relative
// assertions in the suite.

/// What server starts, runs, and the samples of p50, p95 and p99 vary by.
const SESSION: f64 = 0.03;
const RUN: f64 = 0.01;
const SAMPLING: [f64; 3] = [0.02, 0.04, 0.09];

fn rule() -> Rule {
    Rule {
        direction: Direction::LowerIsBetter,
        tolerance: 0.1,
        absolute_floor: None,
        scale: Scale::Ratio,
        pairing: Pairing::None,
        m: 30,
        confidence: 0.95,
        look: Look::default(),
    }
}

/// `k` runs of a side, for each of the three quantiles: one session, or one each.
fn side(rng: &mut Normal, k: u32, sessions: bool, shift: [f64; 3]) -> [Vec<RunValue>; 3] {
    let mut of_session = SESSION * rng.draw();
    let mut side = [const { Vec::new() }; 3];
    for i in 0..k {
        if sessions && i > 0 {
            of_session = SESSION * rng.draw();
        }
        let of_run = of_session + RUN * rng.draw();
        for ((values, sampling), shift) in side.iter_mut().zip(SAMPLING).zip(shift) {
            values.push(RunValue {
                session: if sessions { i } else { 0 },
                value: (of_run + sampling * rng.draw() + shift).exp(),
                sampling_var: f64::NAN,
            });
        }
    }
    side
}

struct Shares {
    regressed: f64,
    undecided: [f64; 3],
}

fn shares(n: u64, k: u32, sessions: bool, known: bool, shift: [f64; 3]) -> Shares {
    let mut regressed = 0;
    let mut undecided = [0; 3];
    for seed in 0..n {
        let mut rng = Normal::new(seed);
        let base = side(&mut rng, k, sessions, [0.0; 3]);
        let candidate = side(&mut rng, k, sessions, shift);
        let mut any = false;
        for i in 0..3 {
            let sd = (SESSION * SESSION + RUN * RUN + SAMPLING[i] * SAMPLING[i]).sqrt();
            let noise = Noise {
                run: None,
                session: known.then_some(Known {
                    sd,
                    freedom: f64::INFINITY,
                }),
            };
            let of = |runs| Side { runs, noise };
            let found = compare(&of(&base[i]), &of(&candidate[i]), &rule());
            any |= found.change == ChangeKind::Regressed;
            undecided[i] += u64::from(found.change == ChangeKind::Undecided);
        }
        regressed += u64::from(any);
    }
    let share = |count: u64| 100.0 * count as f64 / n as f64;
    Shares {
        regressed: share(regressed),
        undecided: undecided.map(share),
    }
}

fn whole_rule(n: u64) {
    println!("the whole rule: 10 % tolerance, m = 30, {n} replications");
    println!(
        "  a side                          fails unchanged   undecided p50/p95/p99   +20 % found   tail +40 % found"
    );
    for (name, k, sessions, known) in [
        ("5 runs that are sessions", 5, true, false),
        ("the same, variance known", 5, true, true),
        ("10 runs that are sessions", 10, true, false),
        ("5 runs, one session", 5, false, false),
        ("3 runs that are sessions", 3, true, false),
    ] {
        let same = shares(n, k, sessions, known, [0.0; 3]);
        let all = shares(n, k, sessions, known, [1.2f64.ln(); 3]);
        let tail = shares(n, k, sessions, known, [0.0, 0.0, 1.4f64.ln()]);
        let [p50, p95, p99] = same.undecided;
        println!(
            "  {name:<30}  {:>11.2} %   {p50:>8.0} / {p95:.0} / {p99:.0} %   {:>9.0} %   {:>13.0} %",
            same.regressed, all.regressed, tail.regressed
        );
    }
}

/// Two looks at growing data: `k` runs a side, then twice as many where the first look was undecided.
fn two_looks(n: u64) {
    println!("two looks, 5 and 10 runs that are sessions a side, p95, {n} replications");
    println!(
        "  levels               within at the line   regressed at the line   within unchanged   +20 % found   runs a side (unchanged)"
    );
    let upper = |x: f64| prony::stats::student_upper(x, f64::INFINITY);
    let pocock = level_per_look(0.05, 2);
    // O'Brien and Fleming: z₁ = √2 z₂, with C(2, 0.1 two-sided) = 1.678.
    let fleming = [upper(1.678 * 2f64.sqrt()), upper(1.678)];
    for (name, levels) in [
        ("5 % twice", [0.05, 0.05]),
        ("Bonferroni", [0.025, 0.025]),
        ("Pocock (prony)", [pocock, pocock]),
        ("O'Brien-Fleming", fleming),
        ("one look at 10", [0.0, 0.05]),
    ] {
        let at_line = looks(n, levels, 1.1f64.ln());
        let same = looks(n, levels, 0.0);
        let found = looks(n, levels, 1.2f64.ln());
        println!(
            "  {name:<20} {:>14.1} %   {:>17.1} %   {:>12.1} %   {:>9.1} %   {:>12.1}",
            at_line.0, at_line.1, same.0, found.1, same.2
        );
    }
}

/// Shares of `within` and `regressed`, and mean runs a side.
fn looks(n: u64, levels: [f64; 2], shift: f64) -> (f64, f64, f64) {
    let (mut within, mut regressed, mut runs) = (0u64, 0u64, 0u64);
    for seed in 0..n {
        let mut rng = Normal::new(seed);
        let base = side(&mut rng, 10, true, [0.0; 3]);
        let candidate = side(&mut rng, 10, true, [shift; 3]);
        for (k, level) in [(5, levels[0]), (10, levels[1])] {
            let of = |runs| Side {
                runs,
                noise: Noise::default(),
            };
            let rule = Rule {
                m: 1,
                confidence: 1.0 - level,
                ..rule()
            };
            let found = if level > 0.0 {
                compare(&of(&base[1][..k]), &of(&candidate[1][..k]), &rule).change
            } else {
                ChangeKind::Undecided
            };
            let last = k == 10;
            within += u64::from(found == ChangeKind::WithinTolerance);
            regressed += u64::from(found == ChangeKind::Regressed);
            if found != ChangeKind::Undecided || last {
                runs += k as u64;
                break;
            }
        }
    }
    let share = |count: u64| 100.0 * count as f64 / n as f64;
    (share(within), share(regressed), runs as f64 / n as f64)
}
