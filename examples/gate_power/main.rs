//! How often prony's gate fails an invocation in which nothing changed, and how often it finds what did.
//!
//! ```sh
//! cargo run --release --example gate_power               # the figures of docs/gate.md: some minutes
//! cargo run --release --example gate_power -- --quick    # a part of it: well under a minute
//! ```
//!
//! A bank of runs is simulated by the embedded engine in virtual time; invocations of a suite of ten
//! scenarios with three assertions each are drawn from it and judged by three gates. At last, twenty
//! invocations go through `prony run` itself. Everything is seeded: the figures are the same on every
//! machine. The exit code says whether the goals hold.

mod bank;
mod end_to_end;
mod gates;
mod left_open;
mod tally;

use std::process::ExitCode;
use std::time::Instant;

use bank::{Effect, REQUESTS, RUNS, Sessions, WARMUP, sessions};
use gates::{Scenario, TOLERANCE};
use prony::stats::clopper_pearson;
use tally::{Design, Invocations, Power, Unchanged, power, unchanged};

const SIZES: [f64; 4] = [0.05, 0.10, 0.20, 0.40];

/// How much is simulated.
struct Scale {
    unchanged: usize,
    changed: usize,
    invocations: u64,
    cases: u64,
    end_to_end: u32,
}

const FULL: Scale = Scale {
    unchanged: 1000,
    changed: 120,
    invocations: 2000,
    cases: 500,
    end_to_end: 20,
};

const QUICK: Scale = Scale {
    unchanged: 60,
    changed: 20,
    invocations: 100,
    cases: 60,
    end_to_end: 4,
};

const fn design(runs: usize, restarts: bool, extend: bool) -> Design {
    Design {
        runs,
        restarts,
        extend,
        noise: None,
    }
}

/// The designs, and what people write for them.
const DESIGNS: [(&str, Design); 6] = [
    ("5 runs of one session", design(5, false, true)),
    (
        "5 runs of one session, noise: 3%",
        Design {
            noise: Some(0.03),
            ..design(5, false, true)
        },
    ),
    (
        "10 runs of one session, extend: off",
        design(10, false, false),
    ),
    ("5 runs, each a session", design(5, true, true)),
    (
        "10 runs, each a session, extend: off",
        design(10, true, false),
    ),
    ("10 runs, each a session", TEN),
];

/// What the goals of power and of what stays undecided are about.
const TEN: Design = design(10, true, true);

fn main() -> ExitCode {
    // Its own `prony`, for what goes through the whole.
    if std::env::args().nth(1).as_deref() == Some("run") {
        return ExitCode::from(u8::try_from(prony::cli::main()).unwrap_or(1));
    }
    let quick = std::env::args().any(|a| a == "--quick");
    let scale = if quick { QUICK } else { FULL };
    let began = Instant::now();
    println!(
        "bank: runs of {REQUESTS} requests after {WARMUP}; sessions differ by 3 % in speed, runs by 1 %, {RUNS} runs a \
         session; 70 % load; tolerance {} %",
        100.0 * TOLERANCE
    );
    let same = Unchanged::new(scale.unchanged);
    about(&same);
    let mut goals = Goals::default();
    false_alarms(&same, &scale, &mut goals);
    powers(&same, &scale, &mut goals);
    eprintln!("bank and draws took {:.0} s", began.elapsed().as_secs_f64());
    goals.check(
        "end to end, `prony run` agrees",
        end_to_end::agrees(scale.end_to_end),
    );
    if goals.all {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

struct Goals {
    all: bool,
}

impl Default for Goals {
    fn default() -> Self {
        Goals { all: true }
    }
}

impl Goals {
    fn check(&mut self, what: &str, holds: bool) {
        println!("{} {what}", if holds { "ok    " } else { "MISSED" });
        self.all &= holds;
    }
}

/// The bank itself: how much runs and sessions differ, and how alike neighbouring requests are.
fn about(bank: &Unchanged) {
    let runs = |sessions: &Sessions| sessions.iter().map(Vec::len).sum::<usize>();
    println!(
        "unchanged: {} runs in {} sessions, open loop; as many, closed loop",
        runs(&bank.open),
        bank.open.len()
    );
    let correlations = bank.open.iter().flatten().map(|r| r.correlation);
    println!(
        "  neighbouring ttft in the open loop: lag-1 correlation {:.2} on average",
        correlations.sum::<f64>() / runs(&bank.open) as f64
    );
    println!("  metric               median   sd between runs   sd between sessions");
    for (metric, sessions) in [
        ("ttft.p50", &bank.open),
        ("ttft.p95", &bank.open),
        ("ttft.p99", &bank.open),
        ("itl.p50", &bank.open),
        ("itl.p95", &bank.open),
        ("itl.p99", &bank.open),
        ("e2e_latency.p95", &bank.closed),
        ("throughput", &bank.closed),
        ("tokens_per_second", &bank.closed),
    ] {
        let i = gates::place(metric);
        let logs: Vec<Vec<f64>> = sessions
            .iter()
            .map(|s| s.iter().map(|r| r.values[i].ln()).collect())
            .collect();
        let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
        let variance = |x: &[f64]| {
            let m = mean(x);
            x.iter().map(|v| (v - m).powi(2)).sum::<f64>() / (x.len() - 1) as f64
        };
        let within = mean(&logs.iter().map(|l| variance(l)).collect::<Vec<_>>());
        let means: Vec<f64> = logs.iter().map(|l| mean(l)).collect();
        let between = (variance(&means) - within / RUNS as f64).max(0.0);
        println!(
            "  {metric:<18} {:>8.2} {:>15.1} % {:>19.1} %",
            mean(&means).exp(),
            100.0 * within.sqrt(),
            100.0 * between.sqrt()
        );
    }
}

fn false_alarms(bank: &Unchanged, scale: &Scale, goals: &mut Goals) {
    println!();
    println!(
        "nothing changed: {} invocations of 10 scenarios x 3 assertions",
        scale.invocations
    );
    println!(
        "  a side                                 invocations that fail   (95 % bound)   undecided: ttft p50/p95/p99, \
         itl p50/p95/p99, throughput   requests a case"
    );
    let mut by_others = None;
    for (seed, (name, design)) in (1u64..).zip(DESIGNS) {
        let found = unchanged(bank, design, scale.invocations, seed);
        let bound = bound(found.prony, found.of);
        let u = |metric| found.undecided(metric);
        println!(
            "  {name:<38} {:>5} of {} {:>13.2} %   {:>10.0} / {:.0} / {:.0} %, {:.0} / {:.0} / {:.0} %, {:.0} % {:>10.0}",
            found.prony,
            found.of,
            100.0 * bound,
            u("ttft.p50"),
            u("ttft.p95"),
            u("ttft.p99"),
            u("itl.p50"),
            u("itl.p95"),
            u("itl.p99"),
            u("throughput"),
            found.requests()
        );
        if design.noise.is_none() {
            // So few draws as the quick form has bound nothing at 1 %.
            let holds = bound <= 0.01 || (found.of < FULL.invocations && found.prony <= 1);
            goals.check(&format!("{name}: at most 1 % fail"), holds);
        } else {
            println!("       (what assuming less would do: no goal)");
        }
        if design == TEN {
            goals_of_ten(&found, goals);
        }
        by_others.get_or_insert(found);
    }
    if let Some(found) = by_others {
        let percent = |n: u64| 100.0 * n as f64 / found.of as f64;
        println!(
            "  one run, p99 grew > 10 %              {:>5.0} %",
            percent(found.by_hand)
        );
        println!(
            "  one run, Mann-Whitney on requests     {:>5.0} %",
            percent(found.by_ranks)
        );
    }
}

fn goals_of_ten(found: &Invocations, goals: &mut Goals) {
    for metric in ["ttft.p50", "ttft.p95", "itl.p50", "itl.p95", "throughput"] {
        let open = found.undecided(metric);
        goals.check(
            &format!("{metric} undecided <= 10 %: {open:.1} %"),
            open <= 10.0,
        );
    }
    for metric in ["ttft.p99", "itl.p99"] {
        let open = found.undecided(metric);
        goals.check(
            &format!("{metric} undecided <= 35 %: {open:.1} %"),
            open <= 35.0,
        );
    }
}

/// One-sided 95 % upper bound of a share.
fn bound(hits: u64, of: u64) -> f64 {
    clopper_pearson(hits as f64, of as f64, 0.95).upper
}

fn powers(bank: &Unchanged, scale: &Scale, goals: &mut Goals) {
    type Of = fn(f64) -> Effect;
    let effects: [(&str, Scenario, Of); 4] = [
        ("ttft", Scenario::FirstToken, Effect::Ttft),
        ("itl", Scenario::Streaming, Effect::Itl),
        ("speed", Scenario::Serving, Effect::Speed),
        ("tail only", Scenario::FirstToken, Effect::Tail),
    ];
    println!();
    println!(
        "became worse: {} cases each; runs a condition: {}",
        scale.cases,
        scale.changed * RUNS
    );
    println!(
        "  what        a side                                    found at +5 / +10 / +20 / +40 %   requests a case"
    );
    for (nth, (what, scenario, effect)) in (1u64..).zip(effects) {
        let worse: Vec<Sessions> = (1u64..)
            .zip(SIZES)
            .map(|(i, by)| {
                let first = (10 * nth + i) << 33;
                sessions(scenario.workload(), effect(by), first, scale.changed)
            })
            .collect();
        let base = bank.of(scenario);
        let mut others: Option<Vec<Power>> = None;
        for (name, design) in DESIGNS {
            let found: Vec<Power> = worse
                .iter()
                .map(|worse| power(scenario, base, worse, design, scale.cases, 7))
                .collect();
            line(
                what,
                name,
                &found.iter().map(|p| p.prony).collect::<Vec<_>>(),
            );
            let cost: Vec<String> = found.iter().map(|p| format!("{:.0}", p.requests)).collect();
            println!("   {}", cost.join(" / "));
            if design == TEN {
                let whole = nth < 4;
                let (of, least) = if whole { (2, 95.0) } else { (3, 90.0) };
                let share = found[of].prony;
                goals.check(
                    &format!(
                        "{what} +{:.0} % found >= {least:.0} %: {share:.1} %",
                        100.0 * SIZES[of]
                    ),
                    share >= least,
                );
            }
            others.get_or_insert(found);
        }
        let others = others.unwrap_or_default();
        line(
            what,
            "one run, p99 grew > 10 %",
            &others.iter().map(|p| p.by_hand).collect::<Vec<_>>(),
        );
        println!("   {}", REQUESTS + WARMUP);
        line(
            what,
            "one run, Mann-Whitney on requests",
            &others.iter().map(|p| p.by_ranks).collect::<Vec<_>>(),
        );
        println!("   {}", REQUESTS + WARMUP);
    }
}

fn line(what: &str, name: &str, shares: &[f64]) {
    let shares: Vec<String> = shares.iter().map(|s| format!("{s:>3.0}")).collect();
    print!("  {what:<11} {name:<40} {} %", shares.join(" / "));
}
