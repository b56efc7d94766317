//! Assertions over several measured phases.

use std::sync::Arc;

use super::test_support::*;
use super::*;
use crate::metrics::Unit;
use crate::metrics::synthetic::*;
use crate::plan::{Case, NamedTarget};
use crate::record::{ErrorKind, RunRecords};
use crate::result::{AssertionKind, AssertionResult, ClientHealth};
use crate::suite::assertion::*;
use crate::suite::*;

fn at_level(level: Level, mut e: Expr) -> Expr {
    if let ExprKind::Metric(m) = &mut e.kind {
        m.phase = Some(PhaseRef::At(level));
    }
    e
}

fn p50(phase: &str) -> Expr {
    in_phase(phase, q("ttft", 0.5))
}

/// `warm.ttft.p50 op factor * cold.ttft.p50`
fn warm_against_cold(op: CmpOp, factor: f64) -> Assertion {
    claim(
        "warm against cold",
        p50("warm"),
        op,
        times(factor, p50("cold")),
    )
}

fn judged_phases(case: &Case, phases: &[(&str, Vec<RunRecords>)], look: Look) -> Judged {
    let health = ClientHealth::default();
    let inputs: Vec<JudgePhase<'_>> = phases
        .iter()
        .map(|(name, runs)| JudgePhase {
            name,
            runs,
            health: &health,
            gpus: None,
            interrupted: false,
        })
        .collect();
    judge_at(
        JudgeInput {
            knee: phases.get(1).map(|p| p.0),
            ..JudgeInput::new(case, &inputs)
        },
        look,
    )
}

fn first(assertion: Assertion, phases: &[(&str, Vec<RunRecords>)]) -> AssertionResult {
    let names: Vec<&str> = phases.iter().map(|p| p.0).collect();
    let case = case_of(vec![assertion], &names);
    judged_phases(&case, phases, Look::default())
        .assertions
        .remove(0)
}

const COLD: [f64; 5] = [100.0, 103.0, 98.0, 101.0, 99.0];

fn cold_and_warm(factor: f64) -> Vec<(&'static str, Vec<RunRecords>)> {
    let noise = [1.0, 1.01, 0.99, 1.015, 0.985];
    let warm: Vec<f64> = COLD
        .iter()
        .zip(noise)
        .map(|(c, n)| c * n * factor)
        .collect();
    vec![("cold", runs_of(&COLD)), ("warm", runs_of(&warm))]
}

#[test]
fn the_ratio_of_two_phases_is_decided_by_its_repeats() {
    let a = first(warm_against_cold(CmpOp::Lt, 0.4), &cold_and_warm(0.3));
    assert_eq!(
        (a.verdict, a.kind),
        (Verdict::Pass, AssertionKind::Relative)
    );
    assert_eq!((a.repeats, a.n, a.open), (Some(5), Some(1000), false));
    let ratio = a.ratio.unwrap();
    assert!((ratio.value - 0.3).abs() < 0.002, "{ratio:?}");
    assert_eq!(ratio.limit, Some(0.4));
    let [Some(low), Some(high)] = ratio.interval else {
        panic!("{ratio:?}");
    };
    assert!(0.28 < low && low < 0.3 && 0.3 < high && high < 0.32);
    // Observed is the geometric mean of the left side, the limit that of the right.
    assert!((a.observed.unwrap() / a.limit.unwrap() - 0.75).abs() < 0.005);
    assert!(a.interval[0] < a.observed && a.observed < a.interval[1]);
    insta::assert_snapshot!(a.line.unwrap());

    let a = first(warm_against_cold(CmpOp::Lt, 0.4), &cold_and_warm(0.5));
    assert_eq!((a.verdict, a.borderline), (Verdict::Fail, false));
    insta::assert_snapshot!(a.reason.unwrap());
}

#[test]
fn what_cannot_be_decided_is_no_pass_and_says_what_would_settle_it() {
    let phases = cold_and_warm(0.398);
    let a = first(warm_against_cold(CmpOp::Lt, 0.4), &phases);
    assert_eq!(
        (a.verdict, a.open, a.borderline),
        (Verdict::Undecided, true, false)
    );
    assert!(a.repeats_to_settle.is_some());
    insta::assert_snapshot!(a.reason.unwrap());
    let strict = with(
        case_of(vec![warm_against_cold(CmpOp::Lt, 0.4)], &["cold", "warm"]),
        |s| s.undecided = Undecided::Fail,
    );
    let judged = judged_phases(&strict, &phases, Look::default());
    assert_eq!(judged.verdict, Verdict::Fail);
    assert!(judged.open());
}

#[test]
fn a_factor_above_one_is_a_tolerance() {
    // 5 % slower, 10 % tolerated; and 25 % slower.
    let a = first(warm_against_cold(CmpOp::Le, 1.1), &cold_and_warm(1.05));
    assert_eq!(a.verdict, Verdict::Pass);
    assert!((a.ratio.unwrap().value - 1.05).abs() < 0.005);
    assert!(a.line.unwrap().contains("tolerance 10%"));
    let worse = cold_and_warm(1.25);
    assert_eq!(
        first(warm_against_cold(CmpOp::Le, 1.1), &worse).verdict,
        Verdict::Fail
    );
    // The same as a quotient, and turned around.
    let quotient = binary(p50("warm"), BinaryOp::Div, p50("cold"));
    let a = first(claim("…", quotient, CmpOp::Le, plain(1.1)), &worse);
    assert_eq!(a.verdict, Verdict::Fail);
    assert!(a.line.unwrap().contains("tolerance 10%"));
    let turned = claim("…", p50("cold"), CmpOp::Ge, times(1.0 / 1.1, p50("warm")));
    assert_eq!(first(turned, &worse).verdict, Verdict::Fail);
}

#[test]
fn repeats_are_paired() {
    // Both phases drift by half from repeat to repeat; their ratio does not.
    let drift = [100.0, 115.0, 130.0, 145.0, 160.0];
    let warm: Vec<f64> = drift
        .iter()
        .zip(COLD)
        .map(|(d, n)| d * n / 100.0 * 0.35)
        .collect();
    let phases = vec![("cold", runs_of(&drift)), ("warm", runs_of(&warm))];
    assert_eq!(
        first(warm_against_cold(CmpOp::Lt, 0.4), &phases).verdict,
        Verdict::Pass
    );
}

#[test]
fn under_three_repeats_nothing_relative_is_decided() {
    for factor in [0.1, 3.0] {
        let mut phases = cold_and_warm(factor);
        for phase in &mut phases {
            phase.1.truncate(2);
        }
        let a = first(warm_against_cold(CmpOp::Lt, 0.4), &phases);
        assert_eq!((a.verdict, a.open), (Verdict::Undecided, true));
        assert!(a.reason.unwrap().contains("too few"));
    }
}

#[test]
fn what_can_be_zero_or_less_is_compared_by_difference() {
    // `cold.ttft.p50 - warm.ttft.p50 > 50ms`
    let saved = binary(p50("cold"), BinaryOp::Sub, p50("warm"));
    let more_than = |limit| claim("…", saved.clone(), CmpOp::Gt, ms(limit));
    let a = first(more_than(50.0), &cold_and_warm(0.3));
    assert_eq!((a.verdict, a.ratio), (Verdict::Pass, None));
    assert!((a.observed.unwrap() - 70.0).abs() < 1.0);
    assert!(
        a.interval[0] > Some(66.0) && a.interval[1] < Some(74.0),
        "{a:?}"
    );
    assert_eq!(
        first(more_than(90.0), &cold_and_warm(0.3)).verdict,
        Verdict::Fail
    );
    // Error rates of zero.
    let errors = |phase| in_phase(phase, of("error_rate", None));
    let bound = binary(errors("cold"), BinaryOp::Add, share(0.02));
    let no_more = claim("…", errors("warm"), CmpOp::Le, bound);
    assert_eq!(first(no_more, &cold_and_warm(0.3)).verdict, Verdict::Pass);
}

#[test]
fn any_expression_of_the_grammar_is_taken_as_a_whole() {
    // (warm.p50 + warm.p99) / 2 < 0.4 * (cold.p50 + cold.p99) / 2, and a ratio of goodputs.
    let sum = |phase: &str| {
        let sides = (p50(phase), in_phase(phase, q("ttft", 0.99)));
        binary(
            binary(sides.0, BinaryOp::Add, sides.1),
            BinaryOp::Div,
            plain(2.0),
        )
    };
    let a = first(
        claim("…", sum("warm"), CmpOp::Lt, times(0.4, sum("cold"))),
        &cold_and_warm(0.3),
    );
    assert_eq!(a.verdict, Verdict::Pass);
    let good = |phase| in_phase(phase, goodput(&[("ttft", None, 95.0)]));
    let ratio = binary(good("warm"), BinaryOp::Div, good("cold"));
    let a = first(
        claim("…", ratio, CmpOp::Gt, plain(1.5)),
        &cold_and_warm(0.5),
    );
    assert_eq!(a.verdict, Verdict::Pass);
    assert!(a.interval[0].is_some() && a.interval[1].is_some());
}

#[test]
fn what_never_came_or_was_not_measured_never_passes() {
    let mut phases = cold_and_warm(0.3);
    let fail_all = |run: &mut RunRecords| {
        for r in &mut run.records {
            *r = failed(r.clone(), ErrorKind::Http, r.sent_us.unwrap() + MS);
        }
    };
    fail_all(&mut phases[1].1[2]);
    let a = first(warm_against_cold(CmpOp::Lt, 0.4), &phases);
    assert_eq!((a.verdict, a.open), (Verdict::Undecided, false));
    assert!(a.reason.unwrap().contains("1 of 10 runs have no bound"));
    phases[1].1.iter_mut().for_each(fail_all);
    assert_eq!(
        first(warm_against_cold(CmpOp::Lt, 0.4), &phases).verdict,
        Verdict::Fail
    );
    // A cold phase that never answers makes nothing faster.
    let mut phases = cold_and_warm(0.3);
    phases[0].1.iter_mut().for_each(fail_all);
    assert_eq!(
        first(warm_against_cold(CmpOp::Lt, 0.4), &phases).verdict,
        Verdict::Fail
    );
    let cached = |phase| in_phase(phase, of("cached_tokens", Some(Statistic::Mean)));
    let a = first(
        claim("…", cached("warm"), CmpOp::Gt, cached("cold")),
        &cold_and_warm(0.3),
    );
    assert_eq!(a.verdict, Verdict::Error);
    assert_eq!(
        a.reason.as_deref(),
        Some("warm, repeat 1: no request reported `cached_tokens`")
    );
    let a = first(
        claim("…", p50("hot"), CmpOp::Lt, p50("cold")),
        &cold_and_warm(0.3),
    );
    assert_eq!(a.reason.as_deref(), Some("phase `hot` was not measured"));
}

#[test]
fn what_holds_of_one_phase_is_judged_by_its_condition() {
    let mut phases = cold_and_warm(0.3);
    for run in &mut phases[0].1 {
        for r in &mut run.records {
            r.due_us = r.sent_us.map(|t| t.saturating_sub(40 * MS));
        }
    }
    let a = first(warm_against_cold(CmpOp::Lt, 0.4), &phases);
    assert_eq!(a.verdict, Verdict::Invalid);
}

// Levels.

/// A level at which one answer of 11 tokens comes every `every_us`.
fn level(every_us: u64) -> Vec<RunRecords> {
    (0..5)
        .map(|repeat| {
            let n = 2_000_000 / every_us;
            closed(steady(n + repeat, every_us, |i| 20 * MS + i * 61 % 50))
        })
        .collect()
}

fn sweep() -> Vec<(&'static str, Vec<RunRecords>)> {
    // Twice the load, twice as much; four times the load, three times as much.
    vec![
        ("at(4)", level(10_000 / 3)),
        ("at(2)", level(5 * MS)),
        ("at(1)", level(10 * MS)),
    ]
}

#[test]
fn levels_have_names_and_the_lowest_is_the_first() {
    let rate = || of("throughput", None);
    let level_of = |level| at_level(level, rate());
    for (level, expected) in [
        (Level::Count(2), 200.0),
        (Level::Name(LevelName::First), 100.0),
        (Level::Name(LevelName::Last), 300.0),
        (Level::Name(LevelName::Knee), 200.0),
    ] {
        let a = first(
            claim(
                "…",
                level_of(level),
                CmpOp::Gt,
                number(1.0, Unit::PerSecond),
            ),
            &sweep(),
        );
        assert!(
            (a.observed.unwrap() / expected - 1.0).abs() < 0.02,
            "{level:?} {a:?}"
        );
        assert_eq!(a.kind, AssertionKind::Absolute);
    }
    let a = first(
        claim(
            "…",
            level_of(Level::Count(9)),
            CmpOp::Gt,
            number(1.0, Unit::PerSecond),
        ),
        &sweep(),
    );
    assert_eq!(a.reason.as_deref(), Some("level `at(9)` was not measured"));
}

#[test]
fn speedup_and_efficiency_are_over_the_lowest_level() {
    let call = |function| {
        expr(ExprKind::Call {
            phase: None,
            function,
        })
    };
    let of = |function, op, limit| first(claim("…", call(function), op, limit), &sweep());
    let a = of(Function::Speedup(4.0), CmpOp::Gt, plain(2.8));
    assert_eq!(
        (a.verdict, a.kind),
        (Verdict::Pass, AssertionKind::Relative)
    );
    assert!((a.observed.unwrap() - 3.0).abs() < 0.05, "{a:?}");
    let a = of(Function::Efficiency(4.0), CmpOp::Gt, share(0.8));
    assert_eq!(a.verdict, Verdict::Fail);
    assert!((a.observed.unwrap() - 0.75).abs() < 0.02, "{a:?}");
    let a = of(Function::Efficiency(8.0), CmpOp::Gt, share(0.8));
    assert_eq!(a.verdict, Verdict::Error);
}

// Looks, and what more data could settle.

#[test]
fn only_what_more_data_could_settle_is_open() {
    let open = |assertion, run| one(assertion, run).open;
    assert!(open(ttft_p99_under(199.2), thousand()));
    assert!(!open(ttft_p99_under(250.0), thousand()));
    assert!(!open(ttft_p99_under(150.0), thousand()));
    // A p99 takes 299 requests: twice 100 prove nothing, twice 200 may.
    let few = |n| steady(n, 10 * MS, |i| 100 * MS + i * 61 % 50 * MS / 10);
    assert!(!open(ttft_p99_under(250.0), few(100)));
    assert!(open(ttft_p99_under(250.0), few(200)));
    // The implicit bound on errors is nothing to measure on for.
    let judged = judged(&case(vec![]), few(50));
    assert!(judged.assertions[0].borderline && !judged.open());
}

#[test]
fn an_early_look_takes_more_to_decide() {
    let health = ClientHealth::default();
    let at = |limit, look| {
        let case = case(vec![claim("…", q("ttft", 0.5), CmpOp::Lt, ms(limit))]);
        let runs = [thousand()];
        let phases = [JudgePhase {
            name: "main",
            runs: &runs,
            health: &health,
            gpus: None,
            interrupted: false,
        }];
        judge_at(JudgeInput::new(&case, &phases), look)
    };
    let early = Look { index: 0, of: 2 };
    let upper = at(200.0, Look::default()).assertions[0].interval[1].unwrap();
    assert!(!at(upper + 0.05, Look::default()).open());
    let judged = at(upper + 0.05, early);
    assert!(judged.open() && judged.assertions[0].borderline);
    // Pocock's 3 % at either look.
    assert!((judged.assertions[0].confidence - 0.9696).abs() < 1e-3);
}

// Several runs of one phase.

#[test]
fn runs_that_differ_widen_the_interval_of_the_whole() {
    let under = |limit| claim("…", q("ttft", 0.5), CmpOp::Lt, ms(limit));
    let alike = runs_of(&[100.0; 5]);
    let apart = runs_of(&[80.0, 90.0, 100.0, 110.0, 120.0]);
    let of = |runs: &[RunRecords], limit| {
        judged_with(
            &case(vec![under(limit)]),
            runs,
            &ClientHealth::default(),
            false,
        )
        .assertions
        .remove(0)
    };
    let width = |a: &AssertionResult| a.interval[1].unwrap() - a.interval[0].unwrap();
    assert!(width(&of(&apart, 200.0)) > 4.0 * width(&of(&alike, 200.0)));
    let a = of(&apart, 105.0);
    assert_eq!((a.verdict, a.borderline), (Verdict::Pass, true));
    // Two runs do not show it.
    assert!(width(&of(&apart[..2], 200.0)) < 25.0);
}

#[test]
fn what_the_suite_says_of_server_starts_counts_for_the_metric_it_is_said_of() {
    // Two targets, each started once: how far two starts lie apart is in no run.
    let phases = cold_and_warm(0.3);
    let with = |noise: &[(&str, f64)]| {
        let mut case = case_of(vec![warm_against_cold(CmpOp::Lt, 0.4)], &["cold", "warm"]);
        let mut other = case.scenario.target.clone();
        other.url = TargetUrl::Http("http://127.0.0.1:9/v1".parse().unwrap());
        case.phases[1].at = Some(NamedTarget {
            name: "other".to_owned(),
            target: Arc::new(other),
        });
        let metrics = noise.iter().map(|&(metric, sd)| {
            let session = NoiseOf {
                run: None,
                session: Some(sd),
            };
            (metric.to_owned(), session)
        });
        Arc::make_mut(&mut case.scenario).noise = AssumedNoise {
            session: None,
            metrics: metrics.collect(),
        };
        judged_phases(&case, &phases, Look::default())
            .assertions
            .remove(0)
    };
    let assumed = with(&[]);
    assert_eq!((assumed.verdict, assumed.open), (Verdict::Pass, false));
    let noisy = with(&[("ttft.p50", 0.5)]);
    let line = noisy.line.unwrap_or_default();
    assert!(
        noisy.open && line.contains("more server starts would"),
        "{line}"
    );
    // What is said of another metric, or of another statistic, is not said of this one.
    assert_eq!(with(&[("ttft.p99", 0.5), ("tpot.p50", 0.5)]), assumed);
}
