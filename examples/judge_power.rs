//! How often the judge is right: against systems whose truth is known.
//!
//! ```sh
//! cargo run --release --example judge_power            # the figures of docs/verdicts.md
//! cargo run --release --example judge_power -- 0.1     # a tenth of the replications
//! ```
//!
//! Nothing is measured: requests and runs are drawn from distributions, and prony's own judge decides.

use prony::judge::truth::{Coverage, Gate, Stream, TwoLooks, coverage, passes};
use prony::stats::{level_per_look, student_upper};

fn main() {
    let share: f64 = std::env::args()
        .nth(1)
        .and_then(|a| a.parse().ok())
        .unwrap_or(1.0);
    let replications = |n: u64| ((n as f64 * share) as u64).max(20);
    coverages(replications(2000));
    misses(replications(2000));
    whole_rule(replications(20_000));
    two_looks(replications(20_000));
}

fn coverages(n: u64) {
    let one = |correlation| Stream {
        requests: 1000,
        correlation,
        runs: 1,
        between: 0.0,
    };
    let several = |runs, between| Stream {
        requests: 300,
        correlation: 0.5,
        runs,
        between,
    };
    for stream in [
        one(0.0),
        one(0.7),
        several(5, 0.0),
        several(5, 0.03),
        several(5, 0.1),
        several(3, 0.1),
        several(10, 0.1),
    ] {
        let Stream {
            requests,
            correlation,
            runs,
            between,
        } = stream;
        println!(
            "coverage of each one-sided 95 % bound: {runs} x {requests} requests, AR(1) of {correlation}, log \
             latencies of runs {between} apart, {n} replications"
        );
        let found = coverage(&stream, n).percent();
        for (what, [lower, upper]) in Coverage::WHAT.iter().zip(found) {
            println!("  {what:<12} lower {lower:5.1} %   upper {upper:5.1} %");
        }
    }
}

/// A system at twice its limit.
fn misses(n: u64) {
    println!("passes of systems at twice the limit, {n} replications of five assertions each");
    for policy in ["lean", "warn", "fail"] {
        for requests in [200, 1000] {
            let stream = Stream {
                requests,
                correlation: 0.7,
                runs: 1,
                between: 0.0,
            };
            let passes = passes(&stream, policy, n);
            println!(
                "  undecided: {policy}, {requests} requests: {passes} of {}",
                5 * n
            );
        }
    }
}

fn whole_rule(n: u64) {
    println!("the whole rule: 10 % tolerance, m = 30, {n} replications");
    println!(
        "  a side                              fails unchanged   undecided p50/p95/p99   +20 % found   tail +40 % found"
    );
    let sessions = |runs| Gate { runs, ..Gate::FIVE };
    let one_session = Gate {
        sessions: false,
        ..Gate::FIVE
    };
    let sampling = |gate| Gate {
        sampling_known: true,
        ..gate
    };
    let known = Gate {
        variance_known: true,
        ..Gate::FIVE
    };
    for (name, gate) in [
        ("5 runs that are sessions", Gate::FIVE),
        ("the same, variance known", known),
        ("10 runs that are sessions", sessions(10)),
        ("5 runs, one session", one_session),
        ("3 runs that are sessions", sessions(3)),
        ("with samples known: 5 sessions", sampling(Gate::FIVE)),
        ("  10 sessions", sampling(sessions(10))),
        ("  5 runs, one session", sampling(one_session)),
        ("  3 sessions", sampling(sessions(3))),
    ] {
        let same = gate.shares([1.0; 3], n);
        let all = gate.shares([1.2; 3], n);
        let tail = gate.shares([1.0, 1.0, 1.4], n);
        let [p50, p95, p99] = same.undecided;
        println!(
            "  {name:<34}  {:>11.2} %   {p50:>8.0} / {p95:.0} / {p99:.0} %   {:>9.0} %   {:>13.0} %",
            same.regressed, all.regressed, tail.regressed
        );
    }
}

/// Two looks at growing data, at several levels of each.
fn two_looks(n: u64) {
    println!("two looks, 5 and 10 runs that are sessions a side, p95, {n} replications");
    println!(
        "  levels               within at the line   regressed at the line   within unchanged   +20 % found   runs a side (unchanged)"
    );
    let upper = |x: f64| student_upper(x, f64::INFINITY);
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
        let of = |factor| TwoLooks::of(Some(levels), factor, n);
        let (line, same, found) = (of(1.1), of(1.0), of(1.2));
        println!(
            "  {name:<20} {:>14.1} %   {:>17.1} %   {:>12.1} %   {:>9.1} %   {:>12.1}",
            line.within, line.regressed, same.within, found.regressed, same.runs
        );
    }
}
