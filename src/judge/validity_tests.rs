//! The client as the limit: what makes a phase invalid, and what does not.

use super::test_support::*;
use super::*;
use crate::metrics::Unit;
use crate::metrics::synthetic::*;
use crate::record::RunRecords;
use crate::result::{ClientHealth, Spread, Supply, Throttling};
use crate::suite::assertion::{Assertion, CmpOp};

fn closed_thousand() -> RunRecords {
    closed(thousand())
}

fn loop_delay(p50: f64, p99: f64, max: f64) -> ClientHealth {
    ClientHealth {
        loop_delay: Some(Spread { p50, p99, max }),
        ..ClientHealth::default()
    }
}

fn under(assertions: Vec<Assertion>, health: &ClientHealth) -> Judged {
    judged_with(&case(assertions), &[closed_thousand()], health, false)
}

fn verdict(limit_ms: f64, health: &ClientHealth) -> Verdict {
    under(vec![ttft_p99_under(limit_ms)], health).verdict
}

/// p99 of `ttft` is 199 ms.
#[test]
fn a_late_client_is_invalid_only_where_it_could_change_the_verdict() {
    let late = loop_delay(1.0, 30.0, 40.0);
    // In time it might have been 169 ms.
    let invalid = under(vec![ttft_p99_under(180.0)], &late);
    assert_eq!(invalid.verdict, Verdict::Invalid);
    let reason = invalid.reason.unwrap();
    assert!(
        reason
            .starts_with("the client saw answers late: p99 of its loop delay is 30 ms, over 5% of"),
        "{reason}"
    );
    // Lateness makes latencies longer, never shorter: a pass stands, and so does a clear fail.
    assert_eq!(verdict(250.0, &late), Verdict::Pass);
    assert_eq!(verdict(120.0, &late), Verdict::Fail);
    // A little lateness is in every measurement.
    assert_eq!(verdict(195.0, &loop_delay(1.0, 9.0, 12.0)), Verdict::Fail);
}

#[test]
fn stamps_of_the_kernel_are_not_late() {
    let health = ClientHealth {
        stamps: Some("kernel".into()),
        ..loop_delay(1.0, 30.0, 40.0)
    };
    assert_eq!(verdict(180.0, &health), Verdict::Fail);
    // Where the transport knows how long bytes lay unread, that counts and not the loop's delay.
    let prompt = ClientHealth {
        stamps: Some("user".into()),
        read_delay: Some(Spread {
            p50: 0.01,
            p99: 0.1,
            max: 2.0,
        }),
        ..loop_delay(1.0, 30.0, 40.0)
    };
    assert_eq!(verdict(180.0, &prompt), Verdict::Fail);
}

#[test]
fn a_saturated_client_is_invalid_whatever_it_measured() {
    let saturated = ClientHealth {
        busy: Some(0.99),
        core_wait: Some(0.7),
        ..loop_delay(20.0, 90.0, 120.0)
    };
    let all = under(vec![ttft_p99_under(250.0)], &saturated);
    assert_eq!(all.verdict, Verdict::Invalid);
    assert!(all.reason.unwrap().starts_with("the client was saturated"));
    // A thread that spins is busy and prompt.
    let spinning = ClientHealth {
        busy: Some(1.0),
        ..loop_delay(0.001, 0.1, 5.0)
    };
    assert_eq!(verdict(250.0, &spinning), Verdict::Pass);
    // One that sleeps through a slow server's answers is neither.
    let idle = ClientHealth {
        busy: Some(0.02),
        ..loop_delay(0.05, 0.2, 5.0)
    };
    assert_eq!(verdict(150.0, &idle), Verdict::Fail);
    // Where nothing but the share of errors is asserted no verdict could change: a warning.
    let unasserted = under(vec![], &saturated);
    assert_eq!(unasserted.verdict, Verdict::Pass);
    assert!(unasserted.warnings[0].1.text.contains("saturated"));
}

#[test]
fn a_processor_limit_is_invalid_where_it_could_change_the_verdict() {
    let limited = |share: f64| ClientHealth {
        throttled: Some(Throttling {
            periods: 100,
            throttled: (share * 100.0) as u64,
            stopped_ms: share * 10_000.0,
            share,
        }),
        ..loop_delay(0.1, 8.0, 80.0)
    };
    // 11 tokens every 10 ms.
    let at_least = |limit: f64| {
        vec![claim(
            "tokens_per_second >= …",
            of("tokens_per_second", None),
            CmpOp::Ge,
            number(limit, Unit::TokensPerSecond),
        )]
    };
    let rate = |limit: f64, share: f64| under(at_least(limit), &limited(share)).verdict;
    assert_eq!(rate(1200.0, 0.2), Verdict::Invalid);
    assert_eq!(rate(1200.0, 0.04), Verdict::Fail);
    assert_eq!(rate(2000.0, 0.2), Verdict::Fail);
    assert_eq!(rate(1000.0, 0.2), Verdict::Pass);
    // Times too, without regard to how small the lateness is beside the bound.
    assert_eq!(verdict(196.0, &limited(0.2)), Verdict::Invalid);
    assert_eq!(verdict(196.0, &limited(0.04)), Verdict::Fail);
    let judged = under(vec![ttft_p99_under(500.0)], &limited(0.2));
    assert_eq!(judged.verdict, Verdict::Pass);
    assert!(
        judged.warnings[0]
            .1
            .text
            .contains("stopped the client for 20 %")
    );
}

#[test]
fn requests_lost_to_limits_of_the_client_are_no_fault_of_the_target() {
    let health = ClientHealth {
        exhausted: [("EADDRNOTAVAIL".to_owned(), 3)].into(),
        ..ClientHealth::default()
    };
    let judged = under(vec![ttft_p99_under(500.0)], &health);
    assert_eq!(judged.verdict, Verdict::Invalid);
    let reason = judged.reason.unwrap();
    assert!(reason.starts_with("the client ran out of ports: 3 of 1000 requests"));
    assert!(reason.contains("ip_local_port_range"));
    // Nearly out of them is a warning.
    let nearly = ClientHealth {
        files: Some(Supply {
            most: 950,
            limit: Some(1024),
        }),
        ..ClientHealth::default()
    };
    let judged = under(vec![ttft_p99_under(500.0)], &nearly);
    assert_eq!(judged.verdict, Verdict::Pass);
    assert!(judged.warnings[0].1.text.contains("950 of 1024 open files"));
}

#[test]
fn the_bounds_are_the_suite_s() {
    let late = loop_delay(1.0, 30.0, 40.0);
    let lenient = with(case(vec![ttft_p99_under(180.0)]), |s| {
        s.client.loop_delay = 0.5;
    });
    let judged = judged_with(&lenient, &[closed_thousand()], &late, false);
    assert_eq!(judged.verdict, Verdict::Fail);
}
