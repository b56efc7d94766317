use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::metrics::{Availability, METRICS, Shape, Unit, metric};
use crate::suite::Kind;

fn parsed(text: &str) -> Assertion {
    Assertion::parse(text).unwrap_or_else(|e| panic!("{text}: {e} ({:?})", e.help))
}

/// The value of the left side when every operand has the value that `value` gives it.
fn left(text: &str, value: impl Fn(&str) -> f64) -> f64 {
    let assertion = parsed(text);
    let mut lookup = |operand: Operand<'_>| -> Result<f64, Infallible> {
        Ok(match operand {
            Operand::Metric(reference) => value(reference.metric.name),
            Operand::Call { .. } => value("call"),
        })
    };
    match assertion.lhs.evaluate(&mut lookup) {
        Ok(value) => value,
    }
}

fn constant(text: &str) -> Quantity {
    match parsed(&format!("{text} < {text} + 0 * error_rate * {text}"))
        .lhs
        .kind
    {
        ExprKind::Number(quantity) => quantity,
        other => panic!("{other:?}"),
    }
}

#[test]
fn numbers_are_kept_in_base_units_exactly() {
    let ms = Some(Unit::Milliseconds);
    let cases = [
        ("0.1s", 100.0, ms),
        ("4.1ms", 4.1, ms),
        ("4100us", 4.1, ms),
        ("500 ms", 500.0, ms),
        ("99.9%", 0.999, Some(Unit::Ratio)),
        ("7%", 0.07, Some(Unit::Ratio)),
        ("40/s", 40.0, Some(Unit::PerSecond)),
        ("12.5tok/s", 12.5, Some(Unit::TokensPerSecond)),
    ];
    for (text, value, unit) in cases {
        assert_eq!(constant(text), Quantity { value, unit }, "{text}");
    }
}

#[test]
fn quantiles_are_shares_and_exact() {
    for (text, share) in [
        ("p50", 0.5),
        ("median", 0.5),
        ("p99.9", 0.999),
        ("p7", 0.07),
    ] {
        let assertion = parsed(&format!("ttft.{text} < 1s"));
        let ExprKind::Metric(reference) = assertion.lhs.kind else {
            panic!("{text}");
        };
        assert_eq!(
            reference.statistic,
            Some(Statistic::Quantile(share)),
            "{text}"
        );
    }
}

#[test]
fn a_dot_after_a_phase_and_a_dot_after_a_metric_are_told_apart() {
    for (text, phase) in [
        ("ttft.p99 < 1s", None),
        ("main.ttft.p99 < 1s", Some("main")),
        ("warm.throughput > 1/s", Some("warm")),
        ("at(8).ttft.p99 < 1s", Some("at(8)")),
        ("at(2.5/s).ttft.p99 < 1s", Some("at(2.5/s)")),
        ("at(knee).throughput > 5/s", Some("at(knee)")),
        ("baseline.ttft.p99 < 1s", Some("baseline")),
        ("baseline.at(last).ttft.p99 < 1s", Some("baseline.at(last)")),
        (
            "baseline.warm.goodput(ttft < 1s) > 9%",
            Some("baseline.warm"),
        ),
        ("elsewhere.ttft.p99 < 1s", Some("elsewhere")),
    ] {
        let assertion = parsed(text);
        let found = assertion.operands()[0].phase().map(ToString::to_string);
        assert_eq!(found.as_deref(), phase, "{text}");
    }
}

#[test]
fn labels_are_read_and_written() {
    let text = "ttft{stage=b,user=a-1.x}.p50 < 1s";
    assert_eq!(
        parsed(text).to_string(),
        "ttft{stage=b,user=a-1.x}.p50 < 1000ms"
    );
}

#[test]
fn the_tree_follows_the_usual_precedence() {
    let ones = |_: &str| 1.0;
    assert_eq!(left("1 + 2 * 3 - concurrency < 9", ones), 6.0);
    assert_eq!(left("(1 + 2) * 3 - concurrency < 9", ones), 8.0);
    assert_eq!(left("8 / 2 / 2 * concurrency < 9", ones), 2.0);
    assert_eq!(left("--concurrency - -2 < 9", ones), 3.0);
    assert_eq!(left("-(concurrency + 2) < 9", ones), -3.0);
}

#[test]
fn times_in_milliseconds_and_rates_per_second_meet_without_losing_a_thousand() {
    let value = |name: &str| match name {
        "ttft" => 250.0,               // ms
        "throughput" => 8.0,           // 1/s
        "tokens_per_second" => 1000.0, // tok/s
        "output_tokens" => 50.0,
        _ => unreachable!(),
    };
    // Little's law: 8/s × 0.25 s = 2 in flight.
    assert_eq!(left("throughput * ttft.p50 < 3", value), 2.0);
    assert_eq!(left("tokens_per_second * ttft.p50 < 900", value), 250.0);
    assert_eq!(
        left("output_tokens.mean / ttft.p50 < 900tok/s", value),
        200.0
    );
    assert_eq!(left("1 / ttft.p50 < 9/s", value), 4.0);
    assert_eq!(left("2 / throughput < 1s", value), 250.0);
    assert_eq!(left("ttft.p50 / ttft.p99 < 2", value), 1.0);
    assert_eq!(left("tokens_per_second / throughput < 200", value), 125.0);
    assert_eq!(left("ttft.p50 + 1s < 3s", value), 1250.0);
}

#[test]
fn both_sides_have_the_unit_that_results_are_shown_in() {
    for (text, unit) in [
        ("ttft.p99 < 1s", Unit::Milliseconds),
        ("500ms > ttft.p99", Unit::Milliseconds),
        ("error_rate <= 1%", Unit::Ratio),
        ("goodput(ttft < 1s) >= 99%", Unit::Ratio),
        ("goodput_rate(ttft < 1s) >= 9/s", Unit::PerSecond),
        ("concurrency < 9", Unit::Count),
        ("2 * concurrency < 9", Unit::Count),
        ("output_tokens.mean > 9", Unit::Tokens),
        ("9 < output_tokens.mean", Unit::Tokens),
        ("throughput > 9/s", Unit::PerSecond),
        ("tokens_per_second > 9tok/s", Unit::TokensPerSecond),
        ("tpot.p99 / tpot.p50 < 3", Unit::Ratio),
        ("speedup(8) > 6", Unit::Ratio),
    ] {
        assert_eq!(parsed(text).unit(), unit, "{text}");
    }
}

#[test]
fn values_of_different_sorts_are_not_compared() {
    for text in [
        "concurrency < 90%",
        "ttft.p99 < 9/s",
        "throughput > 9tok/s",
        "error_rate < 1",
        "output_tokens.mean > 9ms",
        "ttft.p50 + throughput > 9ms",
        "ttft.p50 * tpot.p50 > 9ms",
        "goodput(ttft < 1s) > 0.99",
    ] {
        assert!(Assertion::parse(text).is_err(), "{text}");
    }
}

#[test]
fn two_metrics_of_one_phase_may_be_compared() {
    let assertion = parsed("tpot.p99 < 3 * tpot.p50");
    assert_eq!(assertion.operands().len(), 2);
    assert!(check(&assertion, &context()).is_empty());
    assert!(!assertion.rhs.kind.is_constant());
}

fn context() -> AssertionContext {
    AssertionContext::one_phase(Kind::Latency, true, true, true)
}

#[test]
fn every_metric_that_is_measured_can_be_asserted() {
    for def in METRICS {
        let reference = match def.shape {
            Shape::Phase => def.name.to_owned(),
            Shape::PerRequest | Shape::PerChunk | Shape::Gauge | Shape::Histogram => {
                format!("{}.p99", def.name)
            }
        };
        let limit = match def.unit {
            Unit::Milliseconds => "1ms",
            Unit::Ratio => "1%",
            Unit::PerSecond => "1/s",
            Unit::TokensPerSecond => "1tok/s",
            Unit::Tokens | Unit::Count => "1",
        };
        let assertion = parsed(&format!("{reference} < {limit}"));
        assert_eq!(assertion.unit(), def.unit, "{}", def.name);
        let refused = check(&assertion, &context());
        let of_every_kind = !matches!(def.availability, Availability::OfKind(_));
        assert_eq!(
            refused.is_empty(),
            def.is_of_a_phase() && of_every_kind,
            "{}: {refused:?}",
            def.name
        );
    }
}

#[test]
fn hostile_texts_are_refused_and_not_followed() {
    let deep = format!("{}1{} < error_rate", "(".repeat(900), ")".repeat(900));
    let minus = format!("{}1 < error_rate", "-".repeat(1500));
    let long = format!("error_rate < {}1%", "1% + ".repeat(1000));
    let huge = format!("error_rate < {}%", "9".repeat(400));
    for text in [deep, minus, long, huge] {
        assert!(Assertion::parse(&text).is_err());
    }
}

/// Assertions as a program could make them; units agree because both sides are of one sort.
mod made {
    use super::*;

    fn span(kind: ExprKind) -> Expr {
        Expr { kind, span: 0..0 }
    }

    fn number(unit: Option<Unit>) -> impl Strategy<Value = Expr> {
        (0u32..2_000_000, 0i32..4).prop_map(move |(n, shift)| {
            let value = format!("{n}e-{shift}").parse().unwrap();
            span(ExprKind::Number(Quantity { value, unit }))
        })
    }

    fn phase() -> impl Strategy<Value = Option<PhaseRef>> {
        let level = prop_oneof![
            (0u64..1000).prop_map(Level::Count),
            (1u32..1000).prop_map(|n| Level::Rate(f64::from(n) / 8.0)),
            Just(Level::Name(LevelName::First)),
            Just(Level::Name(LevelName::Last)),
            Just(Level::Name(LevelName::Knee)),
        ];
        let plain = prop_oneof![
            "(main|warm|cold|elsewhere)".prop_map(PhaseRef::Named),
            level.prop_map(PhaseRef::At),
        ];
        prop_oneof![
            Just(None),
            plain.clone().prop_map(Some),
            prop::option::of(plain).prop_map(|inner| Some(PhaseRef::Baseline(inner.map(Box::new)))),
        ]
    }

    fn statistic() -> impl Strategy<Value = Statistic> {
        prop_oneof![
            Just(Statistic::Mean),
            Just(Statistic::Stddev),
            Just(Statistic::Min),
            Just(Statistic::Max),
            (1u32..99_999)
                .prop_map(|n| { Statistic::Quantile(format!("{n}e-5").parse().unwrap()) }),
        ]
    }

    fn latency() -> impl Strategy<Value = Expr> {
        let labels = prop::collection::btree_map("[a-z_]{1,4}", "[a-z0-9.:/-]{1,5}", 0..3);
        ("(ttft|itl|tpot|e2e_latency)", phase(), labels, statistic()).prop_map(
            |(name, phase, labels, statistic)| {
                span(ExprKind::Metric(MetricRef {
                    phase,
                    metric: metric(&name).unwrap(),
                    labels: labels.into_iter().collect(),
                    statistic: Some(statistic),
                }))
            },
        )
    }

    fn goodput() -> impl Strategy<Value = Expr> {
        let bound = (
            prop_oneof![
                Just(None),
                Just(Some(Statistic::Max)),
                Just(Some(Statistic::Mean))
            ],
            1u32..5000,
            op(),
        )
            .prop_map(|(statistic, limit, op)| Bound {
                metric: BoundMetric {
                    metric: metric(if statistic.is_some() { "itl" } else { "ttft" }).unwrap(),
                    statistic,
                },
                op,
                limit: f64::from(limit) / 8.0,
            });
        (phase(), prop::collection::vec(bound, 1..4)).prop_map(|(phase, bounds)| {
            span(ExprKind::Call {
                phase,
                function: Function::Goodput(bounds),
            })
        })
    }

    fn op() -> impl Strategy<Value = CmpOp> {
        prop_oneof![
            Just(CmpOp::Lt),
            Just(CmpOp::Le),
            Just(CmpOp::Gt),
            Just(CmpOp::Ge)
        ]
    }

    fn side(leaf: impl Strategy<Value = Expr> + 'static) -> impl Strategy<Value = Expr> {
        leaf.prop_recursive(3, 16, 2, |inner| {
            let add = prop_oneof![Just(BinaryOp::Add), Just(BinaryOp::Sub)];
            let scale = prop_oneof![Just(BinaryOp::Mul), Just(BinaryOp::Div)];
            prop_oneof![
                inner.clone().prop_map(|e| span(ExprKind::Neg(Box::new(e)))),
                (inner.clone(), add, inner.clone()).prop_map(|(lhs, op, rhs)| {
                    span(ExprKind::Binary {
                        op,
                        lhs: Box::new(lhs),
                        rhs: Box::new(rhs),
                    })
                }),
                (inner, scale, 1u32..9).prop_map(|(lhs, op, n)| {
                    span(ExprKind::Binary {
                        op,
                        lhs: Box::new(lhs),
                        rhs: Box::new(span(ExprKind::Number(Quantity {
                            value: f64::from(n),
                            unit: None,
                        }))),
                    })
                }),
            ]
        })
    }

    pub fn assertion() -> impl Strategy<Value = Assertion> {
        let time = (
            side(latency().boxed()),
            op(),
            side(prop_oneof![latency(), number(Some(Unit::Milliseconds))].boxed()),
        );
        let share = (
            side(goodput().boxed()),
            op(),
            side(number(Some(Unit::Ratio)).boxed()),
        );
        prop_oneof![time.boxed(), share.boxed()].prop_map(|(lhs, op, rhs)| Assertion {
            text: String::new(),
            lhs,
            op,
            rhs,
        })
    }

    /// The assertion without its text and places.
    pub fn bare(assertion: Assertion) -> Assertion {
        Assertion {
            text: String::new(),
            lhs: placeless(assertion.lhs),
            op: assertion.op,
            rhs: placeless(assertion.rhs),
        }
    }

    fn placeless(expr: Expr) -> Expr {
        span(match expr.kind {
            ExprKind::Neg(inner) => ExprKind::Neg(Box::new(placeless(*inner))),
            ExprKind::Binary { op, lhs, rhs } => ExprKind::Binary {
                op,
                lhs: Box::new(placeless(*lhs)),
                rhs: Box::new(placeless(*rhs)),
            },
            kind => kind,
        })
    }
}

proptest! {
    #[test]
    fn reading_what_was_written_gives_the_same_assertion(assertion in made::assertion()) {
        let text = assertion.to_string();
        prop_assume!(text.len() < 2000);
        let read = Assertion::parse(&text);
        prop_assert!(read.is_ok(), "{text}: {read:?}");
        prop_assert_eq!(made::bare(read.unwrap()), assertion);
    }

    #[test]
    fn places_of_operands_cut_them_out_of_the_text(assertion in made::assertion()) {
        let text = assertion.to_string();
        prop_assume!(text.len() < 2000);
        let read = Assertion::parse(&text).unwrap();
        for (operand, span) in read.lhs.operands_with_spans() {
            let cut = &text[span];
            let again = match operand {
                Operand::Metric(reference) => reference.to_string(),
                Operand::Call { phase, function } => {
                    phase.map(|p| format!("{p}.")).unwrap_or_default() + &function.to_string()
                }
            };
            prop_assert_eq!(cut, again);
        }
    }

    #[test]
    fn any_text_is_read_or_refused_at_a_place_inside_it(text in ".{0,60}") {
        if let Err(error) = Assertion::parse(&text) {
            prop_assert!(text.get(error.span.clone()).is_some(), "{:?} in {:?}", error, text);
        }
    }

    #[test]
    fn texts_made_of_the_languages_own_words_are_read_or_refused(
        words in prop::collection::vec(
            "(ttft|itl|goodput|at|main|baseline|p99|mean|\\.|,|\\(|\\)|\\{|\\}|=|<|<=|>|\\+|-|\\*|/|8|500ms|1%|/s|µs| )",
            0..14,
        )
    ) {
        let text = words.concat();
        if let Err(error) = Assertion::parse(&text) {
            prop_assert!(text.get(error.span.clone()).is_some(), "{:?} in {:?}", error, text);
            prop_assert!(error.help.is_some());
        }
    }
}
