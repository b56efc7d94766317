use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::metrics::synthetic::*;
use crate::metrics::{Unit, metric};
use crate::plan::{Case, PhasePlan};
use crate::record::{ErrorKind, Part, RequestRecord, RunRecords};
use crate::result::{AssertionKind, AssertionResult, ClientHealth, Spread};
use crate::suite::assertion::*;
use crate::suite::*;

// What the parser would have made of a text.

fn expr(kind: ExprKind) -> Expr {
    Expr { kind, span: 0..0 }
}

fn of(name: &str, statistic: Option<Statistic>) -> Expr {
    expr(ExprKind::Metric(MetricRef {
        phase: None,
        metric: metric(name).unwrap(),
        labels: vec![],
        statistic,
    }))
}

fn q(name: &str, q: f64) -> Expr {
    of(name, Some(Statistic::Quantile(q)))
}

fn number(value: f64, unit: Unit) -> Expr {
    expr(ExprKind::Number(Quantity {
        value,
        unit: Some(unit),
    }))
}

fn plain(value: f64) -> Expr {
    expr(ExprKind::Number(Quantity { value, unit: None }))
}

fn ms(value: f64) -> Expr {
    number(value, Unit::Milliseconds)
}

fn share(value: f64) -> Expr {
    number(value, Unit::Ratio)
}

fn binary(lhs: Expr, op: BinaryOp, rhs: Expr) -> Expr {
    let (lhs, rhs) = (Box::new(lhs), Box::new(rhs));
    expr(ExprKind::Binary { op, lhs, rhs })
}

fn goodput(bounds: &[(&str, Option<Statistic>, f64)]) -> Expr {
    let bounds = bounds
        .iter()
        .map(|&(name, statistic, limit)| Bound {
            metric: BoundMetric {
                metric: metric(name).unwrap(),
                statistic,
            },
            op: CmpOp::Lt,
            limit,
        })
        .collect();
    expr(ExprKind::Call {
        phase: None,
        function: Function::Goodput(bounds),
    })
}

fn claim(text: &str, lhs: Expr, op: CmpOp, rhs: Expr) -> Assertion {
    Assertion {
        text: text.into(),
        lhs,
        op,
        rhs,
    }
}

fn ttft_p99_under(limit: f64) -> Assertion {
    claim("ttft.p99 < …", q("ttft", 0.99), CmpOp::Lt, ms(limit))
}

// A case around assertions.

const YAML: &str = "scenarios:\n  - name: steady\n    sla:\n      - ttft.p99 < …\n";

fn location(text: &str) -> Location {
    let start = YAML.find(text).unwrap();
    Location {
        file: SourceFile {
            path: "suites/chat.yaml".into(),
            text: YAML.into(),
        },
        span: Span {
            start,
            end: start + text.len(),
        },
    }
}

fn case(assertions: Vec<Assertion>) -> Case {
    let load = Load {
        shape: LoadShape::Rate {
            per_second: 100.0,
            arrivals: Arrivals::Constant,
        },
        max_concurrency: None,
    };
    let scenario = Scenario {
        name: "steady".into(),
        location: location("steady"),
        yaml: YAML.into(),
        kind: Kind::Latency,
        target: Target {
            url: TargetUrl::Sim(SimOverrides::default()),
            api: Api::Chat,
            model: None,
            stream: true,
            headers: vec![],
            body: serde_json::Map::new(),
            gpus: None,
            ca: None,
            insecure_tls: false,
            ready_timeout: Duration::from_secs(1),
        },
        load: load.clone(),
        requests: Some(1000),
        duration: None,
        warmup: Duration::ZERO,
        drain: Duration::from_secs(10),
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            first_token: Duration::from_secs(5),
            total: Duration::from_secs(5),
        },
        repeats: 1,
        seed: 7,
        prompts: Prompts {
            source: PromptSource::Synthetic {
                input_tokens: Length::Fixed(10),
                output_tokens: Length::Fixed(10),
            },
            salt: SaltMode::On,
        },
        sla: assertions
            .into_iter()
            .map(|assertion| SlaAssertion {
                assertion,
                location: location("ttft.p99 < …"),
            })
            .collect(),
        measure_only: false,
        confidence: 0.95,
        undecided: Undecided::Lean,
        allow_errors: 0.01,
    };
    Case {
        suite: "chat".into(),
        name: "steady".into(),
        slug: "chat-steady".into(),
        phases: vec![PhasePlan {
            name: "main".into(),
            load,
            requests: Some(1000),
            duration: None,
        }],
        scenario: Arc::new(scenario),
        secrets: Arc::new([]),
    }
}

fn with(mut case: Case, change: impl FnOnce(&mut Scenario)) -> Case {
    change(Arc::make_mut(&mut case.scenario));
    case
}

fn judged_with(
    case: &Case,
    runs: &[RunRecords],
    health: &ClientHealth,
    interrupted: bool,
) -> Judged {
    judge_case(JudgeInput {
        case,
        phases: &[JudgePhase {
            name: "main",
            runs,
            health,
            gpus: None,
            interrupted,
        }],
    })
}

fn judged(case: &Case, run: RunRecords) -> Judged {
    judged_with(case, &[run], &ClientHealth::default(), false)
}

/// The one written assertion, judged.
fn one(assertion: Assertion, run: RunRecords) -> AssertionResult {
    judged(&case(vec![assertion]), run).assertions.remove(0)
}

/// 1000 requests, 10 ms apart, whose times to first token are 100.0 ms, 100.1 ms, … in an order without
/// memory.
fn thousand() -> RunRecords {
    steady(1000, 10 * MS, |i| 100 * MS + (i * 617 % 1000) * 100)
}

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

// Failures.

fn thousand_with_failures(every: u64) -> RunRecords {
    let mut run = thousand();
    for r in &mut run.records {
        if r.id % every == 0 {
            *r = failed(r.clone(), ErrorKind::Http, r.sent_us.unwrap() + MS);
        }
    }
    run
}

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
    let judged = judge_case(JudgeInput {
        case: &case(vec![ttft_p99_under(1.0)]),
        phases: &[],
    });
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
        for c in &mut r.chunks {
            c.tokens = None;
        }
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
        reason("queue_depth", None, &run),
        "`queue_depth` is not measured yet; it comes with the server's own counters"
    );
    assert_eq!(
        reason("ttft_scheduled", p50, &closed(run)),
        "there is no `ttft_scheduled` in a closed loop, where nothing is due"
    );
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
