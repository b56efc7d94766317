//! Failures, missing data, the client, the queue, and the verdict of the whole.

use super::test_support::*;
use super::*;
use crate::metrics::Unit;
use crate::metrics::synthetic::*;
use crate::record::{Chunk, ErrorKind, Part, RequestRecord, RunRecords};
use crate::result::{ClientHealth, Spread};
use crate::suite::assertion::*;
use crate::suite::*;

// Failures.

#[test]
fn failures_make_quantiles_unbounded_and_no_limit_holds_then() {
    // 2 % fail.
    let a = one(ttft_p99_under(1e9), thousand_with_failures(50));
    assert_eq!(
        (a.verdict, a.observed, a.margin),
        (Verdict::Fail, None, None)
    );
    assert!(a.reason.unwrap().contains("20 of 1000 values never came"));
    let a = one(
        claim("ttft.p95 < …", q("ttft", 0.95), CmpOp::Lt, ms(250.0)),
        thousand_with_failures(50),
    );
    assert_eq!(a.verdict, Verdict::Pass);
    // `>` does not hold either of what never came, nor does a quotient by it.
    let above = claim("ttft.p99 > …", q("ttft", 0.99), CmpOp::Gt, ms(1.0));
    assert_eq!(
        one(above, thousand_with_failures(50)).verdict,
        Verdict::Fail
    );
    let ratio = binary(q("ttft", 0.5), BinaryOp::Div, q("ttft", 0.99));
    let quotient = claim("…", ratio, CmpOp::Lt, plain(0.5));
    assert_eq!(
        one(quotient, thousand_with_failures(50)).verdict,
        Verdict::Fail
    );
}

#[test]
fn when_every_request_fails_the_case_fails() {
    let assertions = vec![
        ttft_p99_under(500.0),
        claim(
            "ttft.mean < …",
            of("ttft", Some(Statistic::Mean)),
            CmpOp::Lt,
            ms(500.0),
        ),
        claim(
            "throughput >= …",
            of("throughput", None),
            CmpOp::Ge,
            number(10.0, Unit::PerSecond),
        ),
        claim(
            "goodput",
            goodput(&[("ttft", None, 500.0)]),
            CmpOp::Ge,
            share(0.9),
        ),
    ];
    let judged = judged(&case(assertions), thousand_with_failures(1));
    for a in &judged.assertions {
        assert_eq!(a.verdict, Verdict::Fail, "{a:?}");
    }
    assert_eq!(judged.verdict, Verdict::Fail);
    assert_eq!(
        judged.reason.as_deref(),
        Some("ttft.p99 < …: all 1000 requests of the window failed (and 4 more)")
    );
}

#[test]
fn the_error_bound_is_there_without_being_written() {
    let judged_ok = judged(&case(vec![]), thousand());
    let a = &judged_ok.assertions[0];
    assert_eq!(
        (a.text.as_str(), a.implicit, a.verdict),
        ("error_rate <= 1%", true, Verdict::Pass)
    );
    assert_eq!(
        (a.source.line, a.observed, a.borderline),
        (2, Some(0.0), false)
    );
    assert_eq!((judged_ok.verdict, judged_ok.reason), (Verdict::Pass, None));

    let judged_bad = judged(&case(vec![]), thousand_with_failures(20));
    assert_eq!(judged_bad.verdict, Verdict::Fail);
    assert_eq!(
        judged_bad.reason.as_deref(),
        Some("error_rate <= 1%: observed 5 %")
    );

    let own = claim(
        "error_rate <= 10%",
        of("error_rate", None),
        CmpOp::Le,
        share(0.1),
    );
    let written = judged(&case(vec![own]), thousand_with_failures(20));
    assert_eq!(
        (written.assertions.len(), written.verdict),
        (1, Verdict::Pass)
    );
}

#[test]
fn few_requests_without_an_error_pass_the_error_bound_borderline() {
    let judged = judged(&case(vec![]), steady(50, 10 * MS, |_| MS));
    assert_eq!(
        (judged.verdict, judged.assertions[0].borderline),
        (Verdict::Pass, true)
    );
}

#[test]
fn a_request_cut_by_the_drain_has_failed_one_cut_by_the_user_has_not() {
    let mut run = thousand();
    for r in run.records.iter_mut().rev().take(50) {
        *r = failed(r.clone(), ErrorKind::Cut, 20 * S);
    }
    let case = case(vec![]);
    assert_eq!(judged(&case, run.clone()).verdict, Verdict::Fail);
    let judged = judged_with(&case, &[run], &ClientHealth::default(), true);
    assert_eq!(judged.assertions[0].observed, Some(0.0));
    // But half a measurement is no pass.
    assert_eq!(judged.verdict, Verdict::Undecided);
    assert!(judged.reason.unwrap().contains("interrupted"));
}

// Nothing to judge.

#[test]
fn without_requests_nothing_passes() {
    let warmup = in_part(request(0, 0, MS, 1, MS), Part::Warmup);
    for records in [vec![], vec![warmup]] {
        let assertions = vec![
            ttft_p99_under(500.0),
            claim(
                "x",
                of("throughput", None),
                CmpOp::Ge,
                number(0.0, Unit::PerSecond),
            ),
        ];
        let judged = judged(&case(assertions), run(0, S, records));
        assert_eq!(judged.verdict, Verdict::Error);
        assert!(
            judged
                .assertions
                .iter()
                .all(|a| a.verdict == Verdict::Error)
        );
        assert_eq!(
            judged.reason.as_deref(),
            Some("ttft.p99 < …: no request fell into the window (and 2 more)")
        );
    }
}

#[test]
fn a_phase_that_was_not_measured_is_an_error() {
    let judged = judge_case(JudgeInput::new(&case(vec![ttft_p99_under(1.0)]), &[]));
    assert_eq!(judged.verdict, Verdict::Error);
    let mut lhs = q("ttft", 0.5);
    if let ExprKind::Metric(m) = &mut lhs.kind {
        m.phase = Some(PhaseRef::Named("warm".into()));
    }
    let a = one(
        claim("warm.ttft.p50 < 1s", lhs, CmpOp::Lt, ms(1000.0)),
        thousand(),
    );
    assert_eq!(a.reason.as_deref(), Some("phase `warm` was not measured"));
}

#[test]
fn a_missing_metric_is_an_error_with_a_reason() {
    let mut run = steady(100, 10 * MS, |_| MS);
    for r in &mut run.records {
        r.chunks.truncate(1);
        r.output_tokens = None;
        r.chunks = r
            .chunks
            .iter()
            .map(|c| Chunk { tokens: None, ..c })
            .collect();
    }
    let reason = |name: &str, statistic, run: &RunRecords| {
        let a = one(
            claim("…", of(name, statistic), CmpOp::Lt, plain(1e9)),
            run.clone(),
        );
        assert_eq!((a.verdict, a.observed), (Verdict::Error, None));
        a.reason.unwrap()
    };
    let p50 = Some(Statistic::Quantile(0.5));
    assert_eq!(
        reason("cached_tokens", p50, &run),
        "no request reported `cached_tokens`"
    );
    assert_eq!(
        reason("itl", p50, &run),
        "no answer came in two chunks or more, so there is no `itl`"
    );
    assert_eq!(
        reason("throughput_per_gpu", None, &run),
        "`throughput_per_gpu` needs `gpus` under the target"
    );
    assert_eq!(
        reason("queue_depth", Some(Statistic::Max), &run),
        "nobody looked at the server's counters"
    );
    assert_eq!(
        reason("ttft_scheduled", p50, &closed(run)),
        "there is no `ttft_scheduled` in a closed loop, where nothing is due"
    );
}

// The client, and coordinated omission.

fn late(mut run: RunRecords, by_us: u64) -> RunRecords {
    for r in &mut run.records {
        r.due_us = r.sent_us.map(|t| t.saturating_sub(by_us));
    }
    run
}

#[test]
fn a_late_client_makes_the_phase_invalid() {
    // 5 % of 250 ms are 12.5 ms.
    let case_250 = case(vec![ttft_p99_under(250.0)]);
    assert_eq!(
        judged(&case_250, late(thousand(), 12 * MS)).verdict,
        Verdict::Pass
    );
    let judged_late = judged(&case_250, late(thousand(), 13 * MS));
    assert_eq!(judged_late.verdict, Verdict::Invalid);
    assert!(
        judged_late
            .assertions
            .iter()
            .all(|a| a.verdict == Verdict::Invalid)
    );
    assert!(
        judged_late
            .reason
            .unwrap()
            .starts_with("the client was late: p99 of send_lag is 13 ms")
    );
    // A fail is no fail either then.
    let judged_fail = judged(&case(vec![ttft_p99_under(50.0)]), late(thousand(), 13 * MS));
    assert_eq!(judged_fail.assertions[0].verdict, Verdict::Invalid);
    // A bound inside goodput is a bound; without any, it is the median ttft: 5 % of 150 ms.
    let tight = case(vec![claim(
        "…",
        goodput(&[("ttft", None, 100.0)]),
        CmpOp::Ge,
        share(0.0),
    )]);
    assert_eq!(
        judged(&tight, late(thousand(), 6 * MS)).verdict,
        Verdict::Invalid
    );
    assert_eq!(
        judged(&case(vec![]), late(thousand(), 7 * MS)).verdict,
        Verdict::Pass
    );
    assert_eq!(
        judged(&case(vec![]), late(thousand(), 8 * MS)).verdict,
        Verdict::Invalid
    );
}

#[test]
fn a_server_that_pushes_back_is_not_invalid() {
    // Every slot taken: requests wait half a second for one.
    let mut run = late(thousand(), 500 * MS);
    for r in &mut run.records {
        r.wait_us = Some(r.sent_us.unwrap() - r.due_us.unwrap());
    }
    let relaxed = case(vec![ttft_p99_under(2000.0)]);
    assert_eq!(judged(&relaxed, run).verdict, Verdict::Pass);
    // No connection to be had.
    let refused = |r: &RequestRecord| RequestRecord {
        sent_us: None,
        ..failed(r.clone(), ErrorKind::Connect, r.sent_us.unwrap() + MS)
    };
    let mut run = thousand();
    run.records = run.records.iter().map(refused).collect();
    assert_eq!(judged(&relaxed, run).verdict, Verdict::Fail);
}

#[test]
fn a_client_that_falls_behind_with_slots_to_spare_is_invalid() {
    let mut run = thousand();
    for r in run.records.iter_mut().rev().take(30) {
        *r = failed(r.clone(), ErrorKind::Cut, 30 * S);
        r.sent_us = None;
    }
    let judged_behind = judged(&case(vec![]), run);
    assert_eq!(judged_behind.verdict, Verdict::Invalid);
    assert!(
        judged_behind
            .reason
            .unwrap()
            .contains("97% of the requests")
    );
    let health = ClientHealth {
        achieved_share: Some(0.9),
        ..ClientHealth::default()
    };
    assert_eq!(
        judged_with(&case(vec![]), &[thousand()], &health, false).verdict,
        Verdict::Invalid
    );
}

#[test]
fn the_last_request_of_a_small_window_may_be_sent_a_little_after_it() {
    let mut run = steady(30, 100 * MS, |_| 100 * MS);
    run.window.end_us = 2_900 * MS + 1;
    run.records[29].sent_us = Some(2_902 * MS);
    assert_eq!(judged(&case(vec![]), run).verdict, Verdict::Pass);
}

#[test]
fn a_slow_client_loop_is_a_warning() {
    let health = ClientHealth {
        loop_delay: Some(Spread {
            p50: 1.0,
            p99: 30.0,
            max: 40.0,
        }),
        ..ClientHealth::default()
    };
    let judged = judged_with(
        &case(vec![ttft_p99_under(250.0)]),
        &[thousand()],
        &health,
        false,
    );
    assert_eq!(judged.verdict, Verdict::Pass);
    assert!(judged.warnings[0].1.text.contains("loop delay is 30 ms"));
}

#[test]
fn latencies_from_when_requests_were_due_decide() {
    // The server takes one request at a time, the rest wait for a slot: ttft looks fine, but users wait.
    let mut run = thousand();
    for r in &mut run.records {
        r.wait_us = Some(300 * MS);
        r.due_us = Some(r.sent_us.unwrap().saturating_sub(300 * MS));
    }
    let a = one(ttft_p99_under(250.0), run.clone());
    assert_eq!(a.verdict, Verdict::Fail);
    assert!((a.observed.unwrap() - 498.901).abs() < 10.0);
    assert!(
        a.reason
            .unwrap()
            .starts_with("counted from when requests were due it is 49")
    );
    // Where both say the same, the one that was written is shown.
    let a = one(ttft_p99_under(800.0), run.clone());
    assert_eq!((a.verdict, a.reason), (Verdict::Pass, None));
    assert!(a.observed.unwrap() < 200.0);
    let a = one(
        claim(
            "…",
            goodput(&[("ttft", None, 250.0)]),
            CmpOp::Ge,
            share(0.9),
        ),
        run.clone(),
    );
    assert_eq!(a.verdict, Verdict::Fail);
    // In a closed loop nothing is due.
    assert_eq!(
        one(ttft_p99_under(250.0), closed(run)).verdict,
        Verdict::Pass
    );
}

// Overload, and the whole.

/// 200 requests a second on a server that does 100.
fn overloaded_run() -> RunRecords {
    steady(1000, 5 * MS, |i| 20 * MS + i * 5 * MS)
}

#[test]
fn a_growing_queue_fails_the_case() {
    let judged = judged(&case(vec![ttft_p99_under(10_000.0)]), overloaded_run());
    assert_eq!(judged.verdict, Verdict::Fail);
    assert_eq!(judged.assertions[0].verdict, Verdict::Undecided);
    assert!(
        judged
            .reason
            .unwrap()
            .starts_with("overloaded: requests under way grew from")
    );
    assert!(
        judged
            .warnings
            .iter()
            .any(|(_, w)| w.remedy.starts_with("lower the rate"))
    );
}

#[test]
fn a_growing_queue_is_expected_under_a_growing_rate() {
    let mut case = case(vec![ttft_p99_under(10_000.0)]);
    case.phases[0].load.shape = LoadShape::Stages {
        stages: vec![],
        arrivals: Arrivals::Constant,
    };
    assert_eq!(judged(&case, overloaded_run()).verdict, Verdict::Pass);
}

#[test]
fn overload_does_not_soften_a_failure() {
    let judged = judged(&case(vec![ttft_p99_under(100.0)]), overloaded_run());
    assert_eq!(judged.assertions[0].verdict, Verdict::Fail);
}

#[test]
fn the_worst_assertion_is_the_verdict_of_the_case() {
    let missing = || claim("cached", q("cached_tokens", 0.5), CmpOp::Lt, plain(1.0));
    let judged_error = judged(&case(vec![ttft_p99_under(250.0), missing()]), thousand());
    assert_eq!(judged_error.verdict, Verdict::Error);
    assert_eq!(
        judged_error.reason.as_deref(),
        Some("cached: no request reported `cached_tokens`")
    );
    let judged_fail = judged(&case(vec![missing(), ttft_p99_under(150.0)]), thousand());
    assert_eq!(judged_fail.verdict, Verdict::Fail);
    assert_eq!(
        judged_fail.reason.as_deref(),
        Some("ttft.p99 < …: observed 199 ms")
    );
}

#[test]
fn runs_are_judged_together() {
    let runs = [thousand(), thousand(), thousand()];
    let judged = judged_with(
        &case(vec![ttft_p99_under(250.0)]),
        &runs,
        &ClientHealth::default(),
        false,
    );
    assert_eq!(judged.assertions[0].n, Some(3000));
    assert_eq!(judged.verdict, Verdict::Pass);
}
