//! From planted noise to tolerances, without a server.

use super::design::{best_within, smallest_change};
use super::proposal::{from_result, written};
use super::*;
use crate::judge::{Known, MetricNoise};
use crate::metrics::Unit;
use crate::result::{LevelNoise, NoiseResult};

fn noise(run: f64, session: f64) -> MetricNoise {
    let known = |sd| {
        Some(Known {
            sd,
            freedom: f64::INFINITY,
        })
    };
    MetricNoise {
        phase: "main".to_owned(),
        metric: "ttft",
        statistic: Some("p99".to_owned()),
        runs: 300,
        sessions: 60,
        typical: 100.0,
        sampling: None,
        run: known(run),
        within: known(run),
        session: known(session),
        between: None,
    }
}

const COST: Cost = Cost {
    run_s: 30.0,
    start_s: 10.0,
    restarts: true,
};

#[test]
fn what_sessions_differ_by_asks_for_restarts() {
    let noisy_starts = [noise(0.005, 0.05)];
    let plan = best_within(&noisy_starts, &COST, 600.0, 0.95).unwrap();
    assert!(plan.seconds <= 600.0);
    assert!(plan.sessions >= 10, "{plan:?}");
    let one = smallest_change(&noisy_starts[0], COST.plan(5, 1), 0.95);
    let many = smallest_change(&noisy_starts[0], plan, 0.95);
    assert!(many < one, "{many:?} {one:?}");

    let no_restarts = Cost {
        restarts: false,
        ..COST
    };
    let plan = best_within(&noisy_starts, &no_restarts, 600.0, 0.95).unwrap();
    assert_eq!(plan.sessions, 1);
}

#[test]
fn nothing_is_proposed_where_three_runs_do_not_fit() {
    assert_eq!(best_within(&[noise(0.01, 0.01)], &COST, 60.0, 0.95), None);
}

#[test]
fn shares_are_written_as_suites_have_them() {
    let shown: Vec<String> = [0.0, 0.00123, 0.0149, 0.02, 0.128]
        .iter()
        .map(written)
        .collect();
    assert_eq!(shown, ["0%", "0.12%", "1.5%", "2%", "13%"]);
}

fn result(metric: &str, run: f64, session: Option<f64>) -> NoiseResult {
    let level = |sd| LevelNoise { sd, freedom: 10.0 };
    NoiseResult {
        metric: metric.to_owned(),
        runs: 10,
        sessions: 2,
        typical: 100.0,
        unit: Unit::Milliseconds,
        requests: Some(0.001),
        run: None,
        within: Some(level(run)),
        session: session.map(level),
        between: None,
        smallest_change: None,
        text: String::new(),
    }
}

#[test]
fn noise_for_a_suite_is_the_largest_that_was_seen() {
    let phase = |noise| Calibrated {
        case: "a::b".to_owned(),
        phase: "main".to_owned(),
        runs: 10,
        sessions: 2,
        cost: COST,
        noise,
        proposals: Vec::new(),
    };
    let one = phase(vec![
        result("ttft.p99", 0.02, Some(0.03)),
        result("throughput", 0.001, None),
    ]);
    let other = phase(vec![result("ttft.p99", 0.025, Some(0.01))]);
    assert_eq!(
        noise_setting([&one, &other]).unwrap(),
        "{ throughput: { run: 0.1% }, ttft.p99: { run: 2.5%, session: 3% } }"
    );
    assert_eq!(noise_setting([&phase(Vec::new())]), None);
}

#[test]
fn a_result_says_what_the_judge_said() {
    let noise = from_result("main", &result("ttft.p99", 0.02, Some(0.03))).unwrap();
    assert_eq!(noise.name(), "ttft.p99");
    assert_eq!(noise.known().session.unwrap().sd, 0.03);
    assert!(from_result("main", &result("tftt.p99", 0.02, None)).is_none());
}
