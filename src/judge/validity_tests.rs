//! The client as the limit: what makes a phase invalid, and what does not.

use super::test_support::*;
use super::*;
use crate::metrics::Unit;
use crate::metrics::synthetic::*;
use crate::record::RunRecords;
use crate::result::{ClientHealth, Spread, Supply, Throttling};
use crate::suite::LoadShape;
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
    // Without a core half of the time it is late by luck alone, whatever the median is.
    let kept = ClientHealth {
        busy: Some(0.7),
        core_wait: Some(0.68),
        ..loop_delay(1.0, 90.0, 120.0)
    };
    assert_eq!(verdict(250.0, &kept), Verdict::Invalid);
    // Even its own timer did not come to fire.
    let blind = ClientHealth {
        core_wait: Some(0.87),
        ..ClientHealth::default()
    };
    assert_eq!(verdict(250.0, &blind), Verdict::Invalid);
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

/// Four slots of 100 ms requests, each idle for `idle_ms` after it.
fn four_slots(idle_ms: u64) -> RunRecords {
    let each = (100 + idle_ms) * MS;
    let records = (0..400).map(|i| {
        let (slot, nth) = (i % 4, i / 4);
        request(i, nth * each + slot * MS, 60 * MS, 4, 10 * MS)
    });
    closed(run(0, 100 * each, records.collect()))
}

#[test]
fn slots_left_idle_are_invalid_only_where_they_could_change_the_verdict() {
    let judged = |assertion: Assertion, run: RunRecords| {
        let mut case = case(vec![assertion]);
        case.phases[0].load.shape = LoadShape::Concurrency(4);
        judged_with(&case, &[run], &ClientHealth::default(), false)
    };
    let throughput = |limit: f64| {
        claim(
            "throughput >= …",
            of("throughput", None),
            CmpOp::Ge,
            number(limit, Unit::PerSecond),
        )
    };
    // 40 a second with every slot filled; 32 with a fifth of the time idle.
    assert_eq!(
        judged(throughput(39.0), four_slots(0)).verdict,
        Verdict::Pass
    );
    let invalid = judged(throughput(39.0), four_slots(25));
    assert_eq!(invalid.verdict, Verdict::Invalid);
    let reason = invalid.reason.unwrap();
    assert!(
        reason.contains("of 4 requests that were to be under way 3.2 were"),
        "{reason}"
    );
    assert_eq!(
        judged(throughput(45.0), four_slots(25)).verdict,
        Verdict::Fail
    );
    assert_eq!(
        judged(throughput(25.0), four_slots(25)).verdict,
        Verdict::Pass
    );
    // Times too: with the slots filled they might have been 25 ms longer.
    assert_eq!(
        judged(ttft_p99_under(70.0), four_slots(0)).verdict,
        Verdict::Pass
    );
    assert_eq!(
        judged(ttft_p99_under(70.0), four_slots(25)).verdict,
        Verdict::Invalid
    );
    assert_eq!(
        judged(ttft_p99_under(90.0), four_slots(25)).verdict,
        Verdict::Pass
    );
    assert_eq!(
        judged(ttft_p99_under(50.0), four_slots(25)).verdict,
        Verdict::Fail
    );
    // The moment between two requests is in every closed loop.
    assert_eq!(
        judged(ttft_p99_under(61.0), four_slots(1)).verdict,
        Verdict::Pass
    );
}

#[test]
fn late_sending_is_held_against_what_counts_from_it() {
    // 8 ms late: 5 % of 160 ms. Gaps between tokens are what they are.
    let mut run = thousand();
    for r in &mut run.records {
        r.due_us = r.sent_us.map(|t| t.saturating_sub(8 * MS));
    }
    let gaps = |limit: f64| claim("tpot.p50 <= …", q("tpot", 0.5), CmpOp::Le, ms(limit));
    let judged = |assertions: Vec<Assertion>| {
        let run = std::slice::from_ref(&run);
        judged_with(&case(assertions), run, &ClientHealth::default(), false).verdict
    };
    assert_eq!(
        judged(vec![gaps(100.0), ttft_p99_under(500.0)]),
        Verdict::Pass
    );
    assert_eq!(
        judged(vec![gaps(100.0), ttft_p99_under(150.0)]),
        Verdict::Invalid
    );
    // Where nothing that counts from it is asserted, the median ttft: 150 ms.
    assert_eq!(judged(vec![gaps(100.0)]), Verdict::Invalid);
}

#[test]
fn a_disk_that_pages_are_read_from_is_named() {
    let paged = ClientHealth {
        major_faults: Some(5_000),
        ..loop_delay(1.0, 30.0, 40.0)
    };
    let reason = under(vec![ttft_p99_under(180.0)], &paged).reason.unwrap();
    assert!(reason.contains("5000 pages of its memory"), "{reason}");
    assert!(reason.contains("more memory"), "{reason}");
}
