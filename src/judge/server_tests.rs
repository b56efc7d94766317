//! Assertions over what the server counted of itself.

use std::collections::BTreeMap;

use super::test_support::*;
use super::*;
use crate::metrics::Unit;
use crate::metrics::synthetic::*;
use crate::record::{Buckets, ReplicaScrape, RunRecords, Scrape};
use crate::suite::assertion::*;

const SECOND: i64 = 1_000_000;

/// 100 s of load, and a look every second at what `value` makes of its second.
fn watched(name: &str, value: impl Fn(i64) -> f64) -> RunRecords {
    let scrapes = (0..=100).map(|i| Scrape {
        at_us: i * SECOND,
        every_us: 1_000_000,
        engine: Some("vllm".into()),
        replicas: BTreeMap::from([(
            "0".to_owned(),
            ReplicaScrape {
                values: BTreeMap::from([(name.to_owned(), value(i))]),
                ..ReplicaScrape::default()
            },
        )]),
        ..Scrape::default()
    });
    RunRecords {
        scrapes: scrapes.collect(),
        ..steady(1000, 100 * MS, |_| MS)
    }
}

fn count(value: f64) -> Expr {
    expr(ExprKind::Number(Quantity { value, unit: None }))
}

#[test]
fn the_mean_of_a_gauge_has_an_interval() {
    let run = watched("queue_depth", |i| (i % 5) as f64);
    let mean = of("queue_depth", Some(Statistic::Mean));
    let a = one(
        claim("queue_depth.mean < 3", mean, CmpOp::Lt, count(3.0)),
        run,
    );
    assert_eq!(
        (a.verdict, a.unit, a.n),
        (Verdict::Pass, Unit::Count, Some(101))
    );
    let [Some(lower), Some(upper)] = a.interval else {
        panic!("an interval: {:?}", a.interval);
    };
    assert!(lower < 2.0 && 2.0 < upper && upper < 3.0, "{lower} {upper}");
}

#[test]
fn the_greatest_of_a_gauge_decides_as_it_is() {
    let run = watched("queue_depth", |i| if i == 50 { 12.0 } else { 1.0 });
    let most = of("queue_depth", Some(Statistic::Max));
    let a = one(
        claim("queue_depth.max < 10", most, CmpOp::Lt, count(10.0)),
        run,
    );
    assert_eq!((a.verdict, a.observed), (Verdict::Fail, Some(12.0)));
    assert_eq!(a.interval, [None, None]);
    let reason = a.reason.unwrap();
    assert!(reason.contains("nobody saw"), "{reason}");
}

#[test]
fn a_count_decides_as_it_is_and_says_so() {
    let run = watched("preemptions", |_| 4.0);
    let claimed = claim(
        "preemptions <= 0",
        of("preemptions", None),
        CmpOp::Le,
        count(0.0),
    );
    let a = one(claimed, run);
    assert_eq!((a.verdict, a.observed), (Verdict::Pass, Some(0.0)));
    assert_eq!(
        a.reason.as_deref(),
        Some("the server's own count; it has no interval, the value decides")
    );
}

fn median_under(ms: f64) -> crate::result::AssertionResult {
    let mut run = watched("running", |_| 1.0);
    for scrape in &mut run.scrapes {
        let n = scrape.at_us as f64 / 1e6;
        let buckets = Buckets {
            le: vec![0.1, 0.25],
            up_to: vec![0.0, 10.0 * n],
            sum: 2.0 * n,
            count: 10.0 * n,
        };
        for replica in scrape.replicas.values_mut() {
            let name = "server_ttft".to_owned();
            replica.histograms.insert(name, buckets.clone());
        }
    }
    let median = of("server_ttft", Some(Statistic::Quantile(0.5)));
    let limit = expr(ExprKind::Number(Quantity {
        value: ms,
        unit: Some(Unit::Milliseconds),
    }));
    one(claim("server_ttft.p50 < …", median, CmpOp::Lt, limit), run)
}

#[test]
fn a_quantile_of_the_servers_histogram_is_known_as_far_as_its_bucket() {
    let clear = median_under(300.0);
    assert_eq!((clear.verdict, clear.borderline), (Verdict::Pass, false));
    assert_eq!(clear.interval, [Some(100.0), Some(250.0)]);
    let inside = median_under(200.0);
    assert_eq!((inside.verdict, inside.borderline), (Verdict::Pass, true));
    let reason = inside.reason.unwrap();
    assert!(reason.contains("tells the bucket and no more"), "{reason}");
    assert_eq!(median_under(90.0).verdict, Verdict::Fail);
}

#[test]
fn a_product_of_counts_has_no_interval_either() {
    let run = watched("server_requests", |i| i as f64);
    let double = expr(ExprKind::Binary {
        op: BinaryOp::Mul,
        lhs: Box::new(of("server_requests", None)),
        rhs: Box::new(of("throughput", None)),
    });
    let limit = expr(ExprKind::Number(Quantity {
        value: 1.0,
        unit: Some(Unit::PerSecond),
    }));
    let a = one(claim("…", double, CmpOp::Gt, limit), run);
    assert_eq!(a.verdict, Verdict::Pass);
    assert!(
        a.reason
            .unwrap()
            .contains("what the server tells of itself")
    );
}

#[test]
fn what_is_missing_is_an_error_and_spoils_nothing_else() {
    let fast = of("ttft", Some(Statistic::Quantile(0.5)));
    let limit = expr(ExprKind::Number(Quantity {
        value: 100.0,
        unit: Some(Unit::Milliseconds),
    }));
    let judged = judged(
        &case(vec![
            claim(
                "preemptions <= 0",
                of("preemptions", None),
                CmpOp::Le,
                count(0.0),
            ),
            claim("ttft.p50 < 100ms", fast, CmpOp::Lt, limit),
        ]),
        watched("running", |_| 1.0),
    );
    let verdicts: Vec<Verdict> = judged.assertions.iter().map(|a| a.verdict).collect();
    assert_eq!(verdicts, [Verdict::Error, Verdict::Pass, Verdict::Pass]);
    assert_eq!(
        judged.assertions[0].reason.as_deref(),
        Some("the server's `/metrics` (vllm) does not tell `preemptions`")
    );
}
