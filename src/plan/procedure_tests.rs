//! Procedures against made-up results and a made-up judge: no clock, no server.

use std::cell::RefCell;
use std::time::Duration;

use super::*;
use crate::result::{Metrics, RequestCounts, RunPart};
use crate::suite::{Extend, Load, LoadShape, Stage, StageLevel, Start};

fn phase(name: &str) -> PhasePlan {
    let load = Load {
        shape: LoadShape::Concurrency(1),
        max_concurrency: None,
        start: Start::Spread,
    };
    PhasePlan {
        requests: Some(100),
        duration: Some(Duration::from_secs(30)),
        ..PhasePlan::new(name, load)
    }
}

fn one_phase(session_each: bool) -> Box<OnePhase> {
    Box::new(OnePhase {
        phase: phase("main"),
        session_each,
    })
}

/// A judge to whom `open` is open at the first look, and nothing at the second.
struct World {
    open: Vec<Open>,
    /// How long a run takes.
    run: Duration,
    left: Option<Duration>,
    /// The run of that index is cut short.
    cut: Option<usize>,
}

impl Default for World {
    fn default() -> Self {
        World {
            open: Vec::new(),
            run: Duration::from_secs(40),
            left: None,
            cut: None,
        }
    }
}

fn undecided(text: &str) -> Open {
    Open {
        text: text.to_owned(),
        relative: false,
        confirm: false,
    }
}

struct Done {
    runs: Vec<MeasuredRun>,
    evidence: Evidence,
    looks: Vec<Look>,
}

impl Done {
    fn names(&self) -> Vec<String> {
        let name = |r: &MeasuredRun| format!("{}{}", r.measure.phase.name, r.measure.run);
        self.runs.iter().map(name).collect()
    }

    fn sessions(&self) -> Vec<u32> {
        self.runs.iter().map(|r| r.measure.session).collect()
    }
}

fn carry_out(procedure: &dyn Procedure, world: &World) -> Done {
    let mut runs: Vec<MeasuredRun> = Vec::new();
    let looks = RefCell::new(Vec::new());
    let look = |evidence: &Evidence| {
        if looks.borrow().last() != Some(&evidence.look) {
            looks.borrow_mut().push(evidence.look);
        }
        LookResult {
            open: world.open.clone(),
            ..LookResult::default()
        }
    };
    loop {
        let elapsed: Duration = runs.iter().map(|r| r.took).sum();
        let step = procedure.next(&SoFar {
            runs: &runs,
            look: &look,
            elapsed,
            left: world.left.map(|left| left.saturating_sub(elapsed)),
        });
        match step {
            Step::Measure(measure) => {
                assert!(runs.len() < 1000, "no end");
                let window_s = measure.phase.duration.map_or(30.0, |d| d.as_secs_f64());
                runs.push(MeasuredRun {
                    result: RunPart {
                        run: measure.run,
                        session: measure.session,
                        salt: None,
                        window_s,
                        requests: RequestCounts::default(),
                        metrics: Metrics::new(),
                    },
                    cut: world.cut == Some(runs.len()),
                    measure: *measure,
                    took: world.run,
                    stopped: None,
                });
            }
            Step::Done(evidence) => {
                return Done {
                    runs,
                    evidence,
                    looks: looks.into_inner(),
                };
            }
        }
    }
}

fn sequential(repeats: u32, extend: Extend) -> Sequential {
    Sequential {
        rounds: one_phase(false),
        repeats,
        extend,
        whole_repeats: false,
    }
}

#[test]
fn fixed_repeats_are_measured_as_often_as_asked_and_nobody_is_asked() {
    let fixed = FixedRepeats {
        rounds: one_phase(false),
        repeats: 3,
    };
    let done = carry_out(&fixed, &World::default());
    assert_eq!(done.names(), ["main0", "main1", "main2"]);
    assert_eq!(done.sessions(), [0, 0, 0]);
    assert_eq!(done.evidence.phases[0].runs, [0, 1, 2]);
    assert_eq!((done.evidence.look, done.looks.len()), (Look::ONLY, 0));
}

#[test]
fn every_repeat_is_a_session_where_that_is_asked_for() {
    let fixed = FixedRepeats {
        rounds: one_phase(true),
        repeats: 3,
    };
    assert_eq!(carry_out(&fixed, &World::default()).sessions(), [0, 1, 2]);
}

#[test]
fn what_is_settled_is_not_measured_on() {
    let done = carry_out(&sequential(2, Extend::Factor(2.0)), &World::default());
    assert_eq!(done.names(), ["main0", "main1"]);
    // It was the first of two looks all the same: there might have been a second.
    assert_eq!(done.evidence.look, Look { index: 0, of: 2 });
    assert_eq!(done.evidence.extended, None);
}

#[test]
fn what_is_open_is_measured_on_and_decided_on_all_data_at_the_second_look() {
    let world = World {
        open: vec![undecided("ttft.p99 < 1s")],
        ..World::default()
    };
    let done = carry_out(&sequential(2, Extend::Factor(2.0)), &world);
    assert_eq!(done.names(), ["main0", "main1", "main2", "main3"]);
    assert_eq!(done.sessions(), [0; 4], "in the same session");
    assert_eq!(done.evidence.phases[0].runs, [0, 1, 2, 3]);
    assert_eq!(done.evidence.look, Look { index: 1, of: 2 });
    let extended = done.evidence.extended.unwrap();
    assert_eq!((extended.repeats, extended.short), (2, None));
    assert_eq!(extended.why, world.open);
    assert_eq!(
        done.looks,
        [Look { index: 0, of: 2 }],
        "asked about one look only"
    );
}

#[test]
fn without_leave_there_is_one_look() {
    let world = World {
        open: vec![undecided("ttft.p99 < 1s")],
        ..World::default()
    };
    let done = carry_out(&sequential(2, Extend::Off), &world);
    assert_eq!((done.runs.len(), done.evidence.look), (2, Look::ONLY));
}

#[test]
fn parts_of_a_repeat_shorten_its_window() {
    let world = World {
        open: vec![undecided("ttft.p99 < 1s")],
        ..World::default()
    };
    let last = |extend| {
        let done = carry_out(&sequential(1, extend), &world);
        let phase = &done.runs.last().unwrap().measure.phase;
        (done.runs.len(), phase.requests, phase.duration)
    };
    let secs = |s| Some(Duration::from_secs(s));
    assert_eq!(last(Extend::Factor(1.5)), (2, Some(50), secs(15)));
    assert_eq!(last(Extend::Factor(2.5)), (3, Some(50), secs(15)));
    assert_eq!(
        last(Extend::Time(Duration::from_secs(30))),
        (2, Some(100), secs(30))
    );
    assert_eq!(
        last(Extend::Time(Duration::from_secs(6))),
        (2, Some(20), secs(6))
    );
}

#[test]
fn stages_and_comparisons_are_measured_whole_or_not_at_all() {
    let world = World {
        open: vec![undecided("ttft.p99 < 1s")],
        ..World::default()
    };
    let stage = |level| Stage {
        duration: Duration::from_secs(15),
        from: level,
        to: level,
    };
    let mut staged = phase("main");
    staged.load.shape = LoadShape::Stages {
        stages: vec![
            stage(StageLevel::Concurrency(1)),
            stage(StageLevel::Concurrency(2)),
        ],
        arrivals: crate::suite::Arrivals::Constant,
    };
    let staged = |extend| Sequential {
        rounds: Box::new(OnePhase {
            phase: staged.clone(),
            session_each: false,
        }),
        ..sequential(1, extend)
    };
    assert_eq!(
        carry_out(&staged(Extend::Factor(2.0)), &world).runs.len(),
        2
    );
    let done = carry_out(&staged(Extend::Factor(1.5)), &world);
    assert_eq!((done.runs.len(), done.evidence.look.index), (1, 0));
    let extended = done.evidence.extended.unwrap();
    assert_eq!(extended.repeats, 0);
    assert!(extended.short.is_some());

    let comparing = Sequential {
        whole_repeats: true,
        ..sequential(5, Extend::Factor(1.5))
    };
    assert_eq!(carry_out(&comparing, &world).runs.len(), 7);
}

#[test]
fn measuring_on_ends_with_the_time_that_is_left() {
    let left = |seconds| World {
        open: vec![undecided("ttft.p99 < 1s")],
        left: Some(Duration::from_secs(seconds)),
        ..World::default()
    };
    // A repeat takes 40 s; four are planned or may come on top.
    let plan = sequential(2, Extend::Factor(2.0));
    let done = carry_out(&plan, &left(161));
    assert_eq!((done.runs.len(), done.evidence.look.index), (4, 1));
    let done = carry_out(&plan, &left(130));
    assert_eq!((done.runs.len(), done.evidence.look.index), (3, 1));
    let extended = done.evidence.extended.unwrap();
    assert_eq!(extended.repeats, 1);
    assert!(extended.short.unwrap().contains("time"));
    let done = carry_out(&plan, &left(100));
    assert_eq!((done.runs.len(), done.evidence.look.index), (2, 0));
}

#[test]
fn a_repeat_that_was_cut_is_left_out() {
    let world = |cut| World {
        open: vec![undecided("ttft.p99 < 1s")],
        cut: Some(cut),
        ..World::default()
    };
    let plan = sequential(2, Extend::Factor(2.0));
    let done = carry_out(&plan, &world(3));
    assert_eq!(done.evidence.phases[0].runs, [0, 1, 2]);
    assert_eq!(done.evidence.extended.unwrap().repeats, 1);
    let done = carry_out(&plan, &world(2));
    assert_eq!(done.evidence.phases[0].runs, [0, 1]);
    assert_eq!(done.evidence.look, Look { index: 0, of: 2 });
    assert_eq!(done.evidence.extended.unwrap().repeats, 0);
}

fn abba(session_each: bool) -> Box<Abba> {
    Box::new(Abba {
        sides: [phase("a"), phase("b")],
        first: 0,
        session_each,
    })
}

#[test]
fn two_targets_take_turns() {
    let fixed = FixedRepeats {
        rounds: abba(false),
        repeats: 3,
    };
    let done = carry_out(&fixed, &World::default());
    assert_eq!(done.names(), ["a0", "b0", "b1", "a1", "a2", "b2"]);
    assert_eq!(done.evidence.phases[0].runs, [0, 3, 4]);
    assert_eq!(done.evidence.phases[1].runs, [1, 2, 5]);
    let restarted = FixedRepeats {
        rounds: abba(true),
        repeats: 2,
    };
    assert_eq!(
        carry_out(&restarted, &World::default()).sessions(),
        [0, 0, 1, 1]
    );
    let other = FixedRepeats {
        rounds: Box::new(Abba {
            first: 1,
            ..*abba(false)
        }),
        repeats: 2,
    };
    let done = carry_out(&other, &World::default());
    assert_eq!(done.names(), ["b0", "a0", "a1", "b1"]);
    assert_eq!(
        done.evidence.phases[0].name, "a",
        "the report keeps its order"
    );
}

#[test]
fn a_comparison_that_fails_is_confirmed_on_all_repeats() {
    let world = World {
        open: vec![Open {
            text: "b.ttft.p50 < 1.1 * a.ttft.p50".to_owned(),
            relative: true,
            confirm: true,
        }],
        ..World::default()
    };
    let comparing = Sequential {
        rounds: abba(false),
        repeats: 5,
        extend: Extend::Factor(2.0),
        whole_repeats: true,
    };
    let done = carry_out(&comparing, &world);
    assert_eq!(done.runs.len(), 20);
    assert!(done.evidence.phases.iter().all(|p| p.runs.len() == 10));
    assert_eq!(done.evidence.look, Look { index: 1, of: 2 });
    assert!(done.evidence.extended.unwrap().why[0].confirm);
}

#[test]
fn runs_that_prepare_are_no_evidence() {
    #[derive(Debug)]
    struct Primed;
    impl Rounds for Primed {
        fn round(&self, round: u32) -> Vec<Measure> {
            let prime = PhasePlan {
                role: Role::Prepares,
                ..phase("prime")
            };
            [prime, phase("warm")]
                .map(|phase| Measure {
                    phase,
                    run: round,
                    session: 0,
                })
                .into()
        }
        fn phases(&self) -> Vec<PhasePlan> {
            vec![phase("warm")]
        }
    }
    let fixed = FixedRepeats {
        rounds: Box::new(Primed),
        repeats: 2,
    };
    let done = carry_out(&fixed, &World::default());
    assert_eq!(done.names(), ["prime0", "warm0", "prime1", "warm1"]);
    assert_eq!(done.evidence.phases.len(), 1);
    assert_eq!(done.evidence.phases[0].runs, [1, 3]);
}

fn calibration(sessions: u32, repeats: u32, budget: Option<u64>) -> Calibration {
    Calibration {
        rounds: one_phase(false),
        repeats,
        sessions,
        budget: budget.map(Duration::from_secs),
        pairs: None,
    }
}

#[test]
fn a_calibration_measures_sessions_of_runs() {
    let done = carry_out(&calibration(3, 2, None), &World::default());
    assert_eq!(done.sessions(), [0, 0, 1, 1, 2, 2]);
    assert_eq!(done.names().last().unwrap(), "main5");
    assert_eq!(done.evidence.look, Look::ONLY);
}

#[test]
fn a_calibration_ends_with_its_budget_and_with_a_whole_session() {
    // A session of two runs takes 80 s.
    let done = carry_out(&calibration(60, 2, Some(350)), &World::default());
    assert_eq!(done.sessions().last(), Some(&3));
    assert_eq!(done.runs.len(), 8);
    let one_server = carry_out(&calibration(1, 20, Some(350)), &World::default());
    assert_eq!(one_server.runs.len(), 8);
    let hasty = carry_out(&calibration(60, 2, Some(1)), &World::default());
    assert_eq!(
        hasty.runs.len(),
        4,
        "two sessions are the least that tell anything"
    );
}

#[test]
fn pairs_follow_a_calibration_in_sessions_of_their_own() {
    let with = |restart| Calibration {
        pairs: Some(Pairs {
            number: 2,
            repeats: 2,
            restart,
        }),
        ..calibration(2, 1, None)
    };
    let done = carry_out(&with(PairRestart::Side), &World::default());
    assert_eq!(
        done.names(),
        [
            "main0",
            "main1",
            "main.base12",
            "main.base13",
            "main.candidate14",
            "main.candidate15",
            "main.candidate26",
            "main.candidate27",
            "main.base28",
            "main.base29"
        ]
    );
    assert_eq!(done.sessions(), [0, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
    assert_eq!(done.evidence.phases[0].name, "main");
    assert_eq!(done.evidence.phases.len(), 5);
    let done = carry_out(&with(PairRestart::Repeat), &World::default());
    assert_eq!(done.sessions(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let done = carry_out(&with(PairRestart::Never), &World::default());
    assert_eq!(done.sessions()[2..], [1; 8]);
}

#[test]
fn the_time_for_pairs_is_kept_and_none_is_begun_that_would_not_end_in_it() {
    let with = |budget| Calibration {
        pairs: Some(Pairs {
            number: 2,
            repeats: 1,
            restart: PairRestart::Side,
        }),
        ..calibration(60, 1, Some(budget))
    };
    let own = |done: &Done| {
        let is_own = |name: &&String| !name.contains("base") && !name.contains("candidate");
        done.names().iter().filter(is_own).count()
    };
    // A run takes 40 s: six sessions, and two pairs of two runs.
    let done = carry_out(&with(400), &World::default());
    assert_eq!((own(&done), done.runs.len()), (6, 10));
    // Two sessions are measured whatever they take; then there is time for one pair.
    let done = carry_out(&with(170), &World::default());
    assert_eq!((own(&done), done.runs.len()), (2, 4));
    // And for none.
    let done = carry_out(&with(100), &World::default());
    assert_eq!((own(&done), done.runs.len()), (2, 2));
    let world = World {
        left: Some(Duration::ZERO),
        ..World::default()
    };
    let unbounded = Calibration {
        budget: None,
        ..with(0)
    };
    assert_eq!(carry_out(&unbounded, &world).runs.len(), 2);
}
