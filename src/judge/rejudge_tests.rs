//! Assertions that compare phases, where the client was late or stopped while it measured one of them.

use super::test_support::*;
use super::*;
use crate::metrics::synthetic::*;
use crate::record::RunRecords;
use crate::result::{ClientHealth, Spread, Throttling};
use crate::suite::assertion::{Assertion, CmpOp};

/// As late at the median as in the tail.
fn late(ms: f64) -> ClientHealth {
    ClientHealth {
        loop_delay: Some(Spread {
            p50: ms,
            p99: ms,
            max: ms,
        }),
        ..ClientHealth::default()
    }
}

fn stopped(share: f64) -> ClientHealth {
    ClientHealth {
        throttled: Some(Throttling {
            periods: 100,
            throttled: (share * 100.0) as u64,
            stopped_ms: share * 10_000.0,
            share,
        }),
        ..ClientHealth::default()
    }
}

type Phase<'a> = (&'a str, Vec<RunRecords>, &'a ClientHealth);

fn judged_phases(assertion: Assertion, phases: [Phase<'_>; 2]) -> Judged {
    let case = case_of(vec![assertion], &[phases[0].0, phases[1].0]);
    let inputs: Vec<JudgePhase<'_>> = phases
        .iter()
        .map(|(name, runs, health)| JudgePhase {
            name,
            runs,
            health,
            gpus: None,
            interrupted: false,
        })
        .collect();
    judge_case(JudgeInput::new(&case, &inputs))
}

/// `warm.ttft.p50 < 0.4 * cold.ttft.p50`, where cold is about 95 ms and warm `factor` of it.
fn warm_under_two_fifths(factor: f64, cold: &ClientHealth, warm: &ClientHealth) -> Judged {
    let medians = [100.0, 103.0, 98.0, 101.0, 99.0];
    let of = |phase: &str| in_phase(phase, q("ttft", 0.5));
    let assertion = claim(
        "warm against cold",
        of("warm"),
        CmpOp::Lt,
        times(0.4, of("cold")),
    );
    let phases = [
        ("cold", runs_of(&medians), cold),
        ("warm", runs_of(&medians.map(|m| m * factor)), warm),
    ];
    judged_phases(assertion, phases)
}

#[test]
fn lateness_in_either_phase_may_be_what_decided() {
    let well = ClientHealth::default();
    let verdict = |factor, cold: f64, warm: f64| {
        let (cold, warm) = (late(cold), late(warm));
        warm_under_two_fifths(factor, &cold, &warm).verdict
    };
    // A failure that the warm phase would not have been, seen in time; and one it would have been.
    assert_eq!(verdict(0.45, 0.0, 0.0), Verdict::Fail);
    assert_eq!(verdict(0.45, 0.0, 8.0), Verdict::Invalid);
    assert_eq!(verdict(0.6, 0.0, 8.0), Verdict::Fail);
    // Unlike a bound, a comparison may also pass by the client's lateness: in what stands on the right.
    assert_eq!(verdict(0.38, 8.0, 0.0), Verdict::Invalid);
    assert_eq!(verdict(0.3, 8.0, 0.0), Verdict::Pass);
    // Of the wrong phase it only makes the failure clearer.
    assert_eq!(verdict(0.45, 8.0, 0.0), Verdict::Fail);

    let judged = warm_under_two_fifths(0.45, &well, &late(8.0));
    let reason = judged.reason.unwrap();
    assert!(reason.contains("the least latency compared"), "{reason}");
    assert!(reason.contains("the verdict could be another"), "{reason}");
}

#[test]
fn lateness_that_is_a_trifle_or_not_in_the_stamps_decides_nothing() {
    let well = ClientHealth::default();
    // Under 5 % of the 42 ms of the warm phase, however near the line.
    let trifle = warm_under_two_fifths(0.404, &well, &late(2.0));
    assert_ne!(trifle.verdict, Verdict::Invalid);
    let by_kernel = ClientHealth {
        stamps: Some("kernel".into()),
        ..late(8.0)
    };
    let judged = warm_under_two_fifths(0.45, &well, &by_kernel);
    assert_eq!(judged.verdict, Verdict::Fail);
}

#[test]
fn a_stop_counts_for_the_rate_that_it_lowered() {
    let runs = |every_us: u64| -> Vec<RunRecords> {
        (0..5)
            .map(|i| steady(200, every_us + 10 * i, |_| 20 * MS))
            .collect()
    };
    let of_phase = |phase: &str| in_phase(phase, of("throughput", None));
    let at_least = |factor: f64, left: &ClientHealth, right: &ClientHealth| {
        let assertion = claim(
            "wide against narrow",
            of_phase("wide"),
            CmpOp::Ge,
            times(factor, of_phase("narrow")),
        );
        let phases = [
            ("narrow", runs(10 * MS), right),
            ("wide", runs(5 * MS), left),
        ];
        judged_phases(assertion, phases).verdict
    };
    let (well, limited) = (ClientHealth::default(), stopped(0.2));
    assert_eq!(at_least(1.8, &well, &well), Verdict::Pass);
    assert_eq!(at_least(2.2, &well, &well), Verdict::Fail);
    // A fifth of the time lost: 2 could have been 2.5.
    assert_eq!(at_least(2.2, &limited, &well), Verdict::Invalid);
    assert_eq!(at_least(3.0, &limited, &well), Verdict::Fail);
    // Had the other side not been stopped, the distance would be greater still.
    assert_eq!(at_least(2.2, &well, &limited), Verdict::Fail);
}
