//! Every kind of assertion over one phase.

use proptest::prelude::*;

use super::test_support::*;
use super::*;
use crate::metrics::Unit;
use crate::metrics::synthetic::*;
use crate::record::{ErrorKind, RunRecords};
use crate::result::AssertionKind;
use crate::suite::assertion::*;
use crate::suite::*;

// Quantiles.

#[test]
fn a_quantile_clearly_inside_its_limit_passes() {
    let a = one(ttft_p99_under(250.0), thousand());
    assert_eq!(
        (a.verdict, a.borderline, a.n),
        (Verdict::Pass, false, Some(1000))
    );
    // Type 7 over 100.0 … 199.9: h = 989.01.
    assert!((a.observed.unwrap() - 198.901).abs() < 1e-9);
    assert_eq!(
        (a.limit, a.unit, a.op.as_str()),
        (Some(250.0), Unit::Milliseconds, "<")
    );
    assert!((a.margin.unwrap() - (250.0 - 198.901) / 250.0).abs() < 1e-12);
    // Four of a thousand may lie above: the upper bound is the value of rank 996.
    assert!(
        (a.interval[1].unwrap() - 199.5).abs() < 1e-9,
        "{:?}",
        a.interval
    );
    assert_eq!((a.confidence, a.kind), (0.95, AssertionKind::Absolute));
}

#[test]
fn a_quantile_clearly_outside_fails_and_points_at_its_line() {
    let a = one(ttft_p99_under(150.0), thousand());
    assert_eq!((a.verdict, a.borderline), (Verdict::Fail, false));
    assert!(a.margin.unwrap() < 0.0);
    let s = a.source;
    assert_eq!(
        (s.file.as_str(), s.line, s.column, s.length),
        ("suites/chat.yaml", 4, Some(9), Some(12))
    );
    assert_eq!(s.text.as_deref(), Some("      - ttft.p99 < …"));
}

#[test]
fn between_the_bounds_the_observed_value_decides_and_is_marked() {
    // The interval of the p99 reaches to 199.5 ms, the observed value is 198.9 ms.
    let holds = one(ttft_p99_under(199.2), thousand());
    assert_eq!((holds.verdict, holds.borderline), (Verdict::Pass, true));
    let violated = one(ttft_p99_under(198.5), thousand());
    assert_eq!(
        (violated.verdict, violated.borderline),
        (Verdict::Fail, true)
    );
    assert!(violated.reason.unwrap().contains("cannot decide"));
}

#[test]
fn other_policies_for_what_the_data_cannot_decide() {
    for (policy, verdict) in [
        (Undecided::Warn, Verdict::Undecided),
        (Undecided::Fail, Verdict::Fail),
    ] {
        let case = with(case(vec![ttft_p99_under(199.2)]), |s| s.undecided = policy);
        let judged = judged(&case, thousand());
        assert_eq!(
            (judged.verdict, judged.assertions[0].borderline),
            (verdict, false)
        );
        assert!(judged.reason.is_some());
        // The implicit bound is nobody's claim to prove: what was observed decides it.
        assert_eq!(judged.assertions[1].verdict, Verdict::Pass);
    }
}

#[test]
fn a_measured_right_side_is_read_from_the_left() {
    let a = one(
        claim("250ms > ttft.p99", ms(250.0), CmpOp::Gt, q("ttft", 0.99)),
        thousand(),
    );
    assert_eq!(
        (a.verdict, a.op.as_str(), a.limit),
        (Verdict::Pass, "<", Some(250.0))
    );
}

#[test]
fn a_small_sample_says_that_it_can_prove_nothing() {
    let judged = judged(
        &case(vec![ttft_p99_under(500.0)]),
        steady(100, 10 * MS, |i| 100 * MS + i * 617 % 100),
    );
    let a = &judged.assertions[0];
    assert_eq!(
        (a.verdict, a.borderline, a.interval[1]),
        (Verdict::Pass, true, None)
    );
    assert_eq!(
        judged.warnings[0].1.text,
        "`ttft.p99 < …` cannot be proven: ttft of 100 requests, worth 100 independent ones, are here, and p99 takes 299 at the least"
            .replace("at the least", "at least")
    );
}

#[test]
fn requests_that_resemble_their_neighbours_count_for_fewer() {
    // The same values, once scattered and once sorted into ten stretches.
    let clustered = steady(1000, 10 * MS, |i| 100 * MS + (i / 100 * 617 % 10) * 10 * MS);
    let scattered = steady(1000, 10 * MS, |i| 100 * MS + (i * 617 % 10) * 10 * MS);
    let p50 = |run| {
        one(
            claim("ttft.p50 < …", q("ttft", 0.5), CmpOp::Lt, ms(165.0)),
            run,
        )
    };
    let (clustered, scattered) = (p50(clustered), p50(scattered));
    assert_eq!(
        (scattered.verdict, scattered.borderline),
        (Verdict::Pass, false)
    );
    assert!(clustered.borderline, "{clustered:?}");
    assert!(clustered.reason.unwrap().contains("resemble each other"));
}

// Means, rates, shares.

#[test]
fn means_and_rates_have_t_intervals_from_batches() {
    let mean = one(
        claim("…", of("ttft", Some(Statistic::Mean)), CmpOp::Lt, ms(160.0)),
        thousand(),
    );
    assert_eq!((mean.verdict, mean.borderline), (Verdict::Pass, false));
    assert!((mean.observed.unwrap() - 149.95).abs() < 1e-9);
    let [Some(low), Some(high)] = mean.interval else {
        panic!("{mean:?}")
    };
    assert!(
        low < 149.95 && high > 149.95 && high - low < 20.0,
        "{low} {high}"
    );

    let rate = |limit| {
        claim(
            "…",
            of("throughput", None),
            CmpOp::Ge,
            number(limit, Unit::PerSecond),
        )
    };
    // 1000 requests in 10 s; those of the last 100 to 200 ms end after the window.
    let a = one(rate(90.0), thousand());
    assert_eq!((a.verdict, a.borderline), (Verdict::Pass, false), "{a:?}");
    assert_eq!(one(rate(120.0), thousand()).verdict, Verdict::Fail);

    let tokens = claim(
        "…",
        of("tokens_per_second", None),
        CmpOp::Ge,
        number(1000.0, Unit::TokensPerSecond),
    );
    assert_eq!(one(tokens, thousand()).verdict, Verdict::Pass);
    let level = claim("…", of("concurrency", None), CmpOp::Lt, plain(20.0));
    assert_eq!(one(level, thousand()).verdict, Verdict::Pass);
}

#[test]
fn a_mean_of_few_requests_is_borderline_at_best() {
    let a = one(
        claim("…", of("ttft", Some(Statistic::Mean)), CmpOp::Lt, ms(500.0)),
        steady(30, 10 * MS, |_| 100 * MS),
    );
    assert_eq!(
        (a.verdict, a.borderline, a.interval),
        (Verdict::Pass, true, [None, None])
    );
    assert!(
        a.reason
            .unwrap()
            .contains("30 requests are too few for an interval; it takes 40")
    );
}

#[test]
fn goodput_counts_failed_requests_and_lets_one_token_answers_off_gaps() {
    let mut run = thousand();
    // A tenth answers with one token.
    for r in run.records.iter_mut().filter(|r| r.id % 10 == 0) {
        r.chunks.truncate(1);
        r.output_tokens = Some(1);
    }
    let met = |bounds: &[_], run: &RunRecords| {
        one(
            claim("…", goodput(bounds), CmpOp::Ge, share(0.4)),
            run.clone(),
        )
        .observed
    };
    let gaps = [("tpot", None, 5.0), ("itl", Some(Statistic::Max), 5.0)];
    assert_eq!(met(&gaps, &run), Some(1.0));
    assert_eq!(
        met(&[("ttft", None, 150.0), ("tpot", None, 5.0)], &run),
        Some(0.5)
    );
    for r in run.records.iter_mut().filter(|r| r.id % 4 == 1) {
        *r = failed(r.clone(), ErrorKind::TotalTimeout, r.sent_us.unwrap() + S);
    }
    assert_eq!(met(&gaps, &run), Some(0.75));
}

#[test]
fn goodput_over_what_nobody_reported_is_an_error() {
    let mut run = steady(100, 10 * MS, |_| MS);
    for r in &mut run.records {
        r.chunks.truncate(1);
    }
    let a = one(
        claim(
            "…",
            goodput(&[("itl", Some(Statistic::Max), 5.0)]),
            CmpOp::Ge,
            share(0.5),
        ),
        run,
    );
    assert_eq!(a.verdict, Verdict::Error);
    assert_eq!(
        a.reason.as_deref(),
        Some("no request reported `itl`, which goodput bounds")
    );
}

#[test]
fn least_and_greatest_speak_of_what_was_observed() {
    let max = |limit| claim("…", of("ttft", Some(Statistic::Max)), CmpOp::Lt, ms(limit));
    let a = one(max(200.0), thousand());
    assert_eq!(
        (a.verdict, a.borderline, a.interval),
        (Verdict::Pass, false, [Some(199.9), None])
    );
    assert_eq!(
        a.reason.as_deref(),
        Some("the greatest of 1000 observed values; nothing follows for others")
    );
    assert_eq!(one(max(199.0), thousand()).verdict, Verdict::Fail);
    let spread = claim(
        "…",
        of("ttft", Some(Statistic::Stddev)),
        CmpOp::Lt,
        ms(50.0),
    );
    let a = one(spread, thousand());
    assert_eq!((a.verdict, a.borderline), (Verdict::Pass, false));
    assert!(a.interval[0].unwrap() < 28.9 && a.interval[1].unwrap() > 28.8);
}

// Several samples a request, and expressions.

#[test]
fn quantiles_of_gaps_are_resampled_in_blocks() {
    let gaps = |i: u64| request(i, i * 10 * MS, 10 * MS, 20, 4 * MS + i * 617 % 1000);
    let run = run(0, 10 * S, (0..1000).map(gaps).collect());
    let itl = |limit| claim("itl.p99 < …", q("itl", 0.99), CmpOp::Lt, ms(limit));
    let a = one(itl(6.0), run.clone());
    assert_eq!(
        (a.verdict, a.borderline, a.n),
        (Verdict::Pass, false, Some(20_000))
    );
    let [Some(low), Some(high)] = a.interval else {
        panic!("{a:?}")
    };
    assert!(low <= a.observed.unwrap() && a.observed.unwrap() <= high && high < 5.01);
    assert_eq!(
        one(itl(6.0), run.clone()),
        one(itl(6.0), run.clone()),
        "same seed, same bounds"
    );
    assert_eq!(one(itl(4.5), run).verdict, Verdict::Fail);
}

#[test]
fn shifting_and_scaling_keep_the_interval_of_a_quantile() {
    let plain_one = one(ttft_p99_under(250.0), thousand());
    let doubled = binary(plain(2.0), BinaryOp::Mul, q("ttft", 0.99));
    let a = one(claim("…", doubled, CmpOp::Lt, ms(500.0)), thousand());
    assert!((a.observed.unwrap() - 2.0 * plain_one.observed.unwrap()).abs() < 1e-9);
    assert!((a.interval[1].unwrap() - 2.0 * plain_one.interval[1].unwrap()).abs() < 1e-9);
    let rest = binary(ms(1000.0), BinaryOp::Sub, q("ttft", 0.99));
    let a = one(claim("…", rest, CmpOp::Gt, ms(750.0)), thousand());
    assert!((a.interval[0].unwrap() - (1000.0 - plain_one.interval[1].unwrap())).abs() < 1e-9);
    assert_eq!((a.verdict, a.unit), (Verdict::Pass, Unit::Milliseconds));
}

#[test]
fn any_expression_of_one_phase_gets_an_interval() {
    let ratio = binary(q("ttft", 0.99), BinaryOp::Div, q("ttft", 0.5));
    let a = one(claim("…", ratio.clone(), CmpOp::Lt, plain(2.0)), thousand());
    assert_eq!(
        (a.verdict, a.borderline, a.unit),
        (Verdict::Pass, false, Unit::Ratio)
    );
    assert!((a.observed.unwrap() - 198.901 / 149.95).abs() < 1e-6);
    assert!(a.interval[0].unwrap() < a.interval[1].unwrap());
    assert_eq!(
        one(claim("…", ratio, CmpOp::Lt, plain(1.1)), thousand()).verdict,
        Verdict::Fail
    );

    // Little's law: in flight = throughput × time. Times in ms and rates per second go together.
    let little = binary(
        of("throughput", None),
        BinaryOp::Mul,
        of("e2e_latency", Some(Statistic::Mean)),
    );
    let a = one(claim("…", little, CmpOp::Lt, plain(20.0)), thousand());
    assert!((a.observed.unwrap() - 98.5 * 0.15995).abs() < 0.3, "{a:?}");

    // Two measured sides of one phase.
    let a = one(
        claim(
            "…",
            q("ttft", 0.99),
            CmpOp::Lt,
            binary(plain(2.0), BinaryOp::Mul, q("ttft", 0.5)),
        ),
        thousand(),
    );
    assert_eq!((a.verdict, a.borderline), (Verdict::Pass, false));
    assert!(
        (a.limit.unwrap() - 299.9).abs() < 1e-6 && (a.observed.unwrap() - 198.901).abs() < 1e-6
    );
}

#[test]
fn an_expression_without_a_value_is_an_error() {
    let zero = binary(q("ttft", 0.5), BinaryOp::Div, of("error_rate", None));
    let a = one(claim("…", zero, CmpOp::Lt, ms(1.0)), thousand());
    assert_eq!(a.verdict, Verdict::Error);
}

#[test]
fn labels_restrict_the_requests() {
    let mut run = thousand();
    for r in &mut run.records {
        let kind = if r.id % 2 == 0 { "even" } else { "odd" };
        r.labels.insert("kind".into(), kind.into());
    }
    let restricted = |value: &str| {
        let mut lhs = q("ttft", 0.5);
        if let ExprKind::Metric(m) = &mut lhs.kind {
            m.labels = vec![("kind".into(), value.into())];
        }
        one(claim("…", lhs, CmpOp::Lt, ms(1000.0)), run.clone())
    };
    assert_eq!(restricted("odd").n, Some(500));
    assert_eq!(
        restricted("none").reason.as_deref(),
        Some("no request of the window bears kind=none")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever the data: an observed violation never passes, what is unbounded never passes, and a
    /// looser limit never turns a pass into a failure.
    #[test]
    fn an_observed_violation_never_passes(
        times in prop::collection::vec(prop_oneof![5 => (1u64..500).prop_map(Some), 1 => Just(None)], 1..120),
        limit in 1.0f64..500.0,
        quantile in 0.01f64..0.999,
    ) {
        let records = times
            .iter()
            .enumerate()
            .map(|(i, t)| {
                let r = request(i as u64, i as u64 * 10 * MS, t.unwrap_or(1) * MS, 2, MS);
                match t {
                    Some(_) => r,
                    None => failed(r, ErrorKind::Http, i as u64 * 10 * MS + MS),
                }
            })
            .collect();
        let run = run(0, times.len() as u64 * 10 * MS, records);
        let under = |limit| one(claim("…", q("ttft", quantile), CmpOp::Lt, ms(limit)), run.clone());
        let a = under(limit);
        if a.verdict == Verdict::Pass {
            prop_assert!(a.observed.is_some_and(|x| x < limit));
            prop_assert!(a.margin.is_some_and(|m| m > 0.0));
            prop_assert_eq!(under(limit * 1.5).verdict, Verdict::Pass);
            prop_assert_eq!(a.borderline, a.interval[1].is_none_or(|x| x >= limit));
        }
        if a.observed.is_none() {
            prop_assert_eq!(a.verdict, Verdict::Fail);
        }
    }
}
