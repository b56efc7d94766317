//! A run by several measuring threads is the run that one would have made.

use std::time::Duration;

use proptest::prelude::*;

use super::tests::*;
use super::*;
use crate::driver::{Driver, Nanos, VirtualDriver};
use crate::record::{ErrorKind, Part};
use crate::suite::{Arrivals, LoadShape, Stage, StageLevel, Start};

fn poisson(per_second: f64) -> LoadShape {
    LoadShape::Rate {
        per_second,
        arrivals: Arrivals::Poisson,
    }
}

/// What must not depend on how many threads there were, by request.
type Seen = (
    u64,
    Part,
    Option<u64>,
    Option<u64>,
    Option<u64>,
    Option<u64>,
    Option<ErrorKind>,
);

fn seen(run: &Run) -> Vec<Seen> {
    let records = run.records.iter();
    let mut all: Vec<Seen> = records
        .map(|r| {
            let error = r.error.as_ref().map(|e| e.kind);
            (
                r.id, r.part, r.due_us, r.wait_us, r.sent_us, r.end_us, error,
            )
        })
        .collect();
    all.sort_unstable_by_key(|r| r.0);
    all
}

/// The same without the numbers: of slots that become free in one instant either may ask next.
fn unnumbered(run: &Run) -> Vec<Seen> {
    let mut all = seen(run);
    all.iter_mut().for_each(|r| r.0 = 0);
    all.sort_unstable_by_key(|r| (r.4, r.5, r.1, r.2));
    all
}

fn stage(from: StageLevel, to: StageLevel, seconds: u64) -> Stage {
    Stage {
        from,
        to,
        duration: Duration::from_secs(seconds),
    }
}

#[test]
fn a_schedule_is_kept_to_the_microsecond_whoever_sends() {
    let plan = RunPlan {
        warmup: Duration::from_secs(1),
        requests: Some(500),
        ..plan(poisson(100.0))
    };
    let one = drive_by(1, plan.clone(), (300, 40), None);
    assert_eq!(one.of(Part::Window).len(), 500);
    for threads in [2, 3, 8] {
        let many = drive_by(threads, plan.clone(), (300, 40), None);
        assert_eq!(seen(&many), seen(&one));
        assert_eq!(many.outcome.window, one.outcome.window);
        assert_eq!(many.outcome.others.len(), threads - 1);
        assert_eq!(many.outcome.lost, 0);
    }
}

#[test]
fn slots_are_dealt_out_and_none_is_lost() {
    for start in [Start::Spread, Start::Together] {
        let mut plan = RunPlan {
            warmup: Duration::from_secs(1),
            requests: Some(200),
            ..plan(LoadShape::Concurrency(10))
        };
        plan.load.start = start;
        let one = drive_by(1, plan.clone(), (70, 11), None);
        for threads in [2, 3, 16] {
            let many = drive_by(threads, plan.clone(), (70, 11), None);
            assert_eq!(unnumbered(&many), unnumbered(&one));
            assert_eq!(many.outcome.window, one.outcome.window);
            let ids = |run: &Run| seen(run).iter().map(|r| r.0).collect::<Vec<_>>();
            assert_eq!(
                ids(&many),
                ids(&one),
                "no number is left out or given twice"
            );
        }
    }
}

#[test]
fn a_slot_that_becomes_free_goes_to_who_has_waited_longest_on_any_thread() {
    let mut plan = RunPlan {
        duration: Some(Duration::from_secs(5)),
        ..plan(constant(20.0))
    };
    plan.load.max_concurrency = Some(3);
    let one = drive_by(1, plan.clone(), (400, 13), None);
    assert!(one.records.iter().any(|r| r.wait_us > Some(1_000_000)));
    for threads in [2, 5] {
        let many = drive_by(threads, plan.clone(), (400, 13), None);
        assert_eq!(seen(&many), seen(&one));
    }
}

#[test]
fn stages_hold_for_all_together() {
    let (slots, rate) = (StageLevel::Concurrency, StageLevel::Rate);
    let stages = |stages: Vec<Stage>| LoadShape::Stages {
        stages,
        arrivals: Arrivals::Poisson,
    };
    let up_and_down = stages(vec![
        stage(slots(1), slots(9), 2),
        stage(slots(4), slots(4), 2),
    ]);
    let ramp = stages(vec![
        stage(rate(5.0), rate(80.0), 2),
        stage(rate(80.0), rate(80.0), 1),
    ]);
    for shape in [up_and_down, ramp] {
        let plan = RunPlan {
            warmup: Duration::from_millis(700),
            duration: Some(Duration::from_secs(3)),
            ..plan(shape)
        };
        let one = drive_by(1, plan.clone(), (37, 8), None);
        let many = drive_by(3, plan, (37, 8), None);
        assert_eq!(unnumbered(&many), unnumbered(&one));
        assert_eq!(many.outcome.window, one.outcome.window);
    }
}

#[test]
fn an_interrupt_and_the_end_of_the_drain_hold_for_all() {
    let mut open = RunPlan {
        duration: Some(Duration::from_secs(60)),
        ..plan(constant(10.0))
    };
    open.load.max_concurrency = Some(15);
    let closed = RunPlan {
        duration: Some(Duration::from_secs(2)),
        drain: Duration::from_secs(1),
        ..plan(LoadShape::Concurrency(6))
    };
    for (plan, at) in [(open, Some(4_350 * MS)), (closed, None)] {
        let one = drive_by(1, plan.clone(), (3_500, 10), at);
        let many = drive_by(4, plan, (3_500, 10), at);
        assert!(one.records.iter().any(|r| r.cut()));
        assert_eq!(unnumbered(&many), unnumbered(&one));
        let end = |run: &Run| (run.outcome.interrupted, run.outcome.drain_over);
        assert_eq!(end(&many), end(&one));
    }
}

#[test]
fn every_thread_looks_at_its_own_promptness() {
    let plan = RunPlan {
        duration: Some(Duration::from_secs(1)),
        ..plan(LoadShape::Concurrency(4))
    };
    let of = |threads| drive_by(threads, plan.clone(), (10, 10), None).outcome;
    let (one, many) = (of(1), of(3));
    assert_eq!(many.ticks.len(), 3 * one.ticks.len());
    assert!(many.ticks.is_sorted_by_key(|tick| tick.due_us));
}

#[test]
fn a_thread_that_never_does_its_part_ends_the_run_and_is_told() {
    let plan = RunPlan {
        duration: Some(Duration::from_secs(60)),
        ..plan(constant(10.0))
    };
    let driver = VirtualDriver::new();
    let unwilling: Member = Box::new(drop);
    let crew = vec![None, Some(unwilling)];
    let signal = Signal::new();
    let run = drive_on(driver.clone(), &driver, plan, (20, 10), signal, crew);
    assert_eq!(run.outcome.lost, 1);
    assert!(run.outcome.interrupted);
    assert!(driver.now() < 5_000 * MS, "it does not go on without");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_open_loop_is_the_same_by_any_number_of_threads(
        per_second in 1.0_f64..300.0,
        bursts in any::<bool>(),
        (requests, seconds) in (prop::option::of(1_u64..80), prop::option::of(1_u64..4)),
        most in prop::option::of(1_u32..30),
        warmup in 0_u64..900,
        threads in 2_usize..6,
        interrupt in prop::option::of(0_u64..4_000),
        seed in any::<u64>(),
    ) {
        let arrivals = if bursts { Arrivals::Gamma(0.2) } else { Arrivals::Poisson };
        let mut plan = RunPlan {
            requests,
            duration: seconds.or(requests.is_none().then_some(1)).map(Duration::from_secs),
            warmup: Duration::from_millis(warmup),
            seed,
            ..plan(LoadShape::Rate { per_second, arrivals })
        };
        plan.load.max_concurrency = most;
        // Not on any instant at which something is due or answered.
        let at: Option<Nanos> = interrupt.map(|ms| ms * MS + 777);
        let one = drive_by(1, plan.clone(), (90, 17), at);
        let many = drive_by(threads, plan, (90, 17), at);
        prop_assert_eq!(&many.outcome.window, &one.outcome.window);
        prop_assert_eq!(seen(&many), seen(&one));
    }
}
