//! The load engine against a pretended server in virtual time: every figure is exact.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::driver::{Driver, Nanos, VirtualDriver};
use crate::endpoint::{
    Exchange, SendTiming, Stamped, Transport, TransportError, WireRequest, openai::Completions,
};
use crate::record::{ErrorKind, Part, RequestRecord};
use crate::suite::{Arrivals, Length, Load, LoadShape, Stage, StageLevel, Start, Timeouts};
use crate::workload::{Synthetic, TokenModel};

pub(super) const MS: Nanos = 1_000_000;

/// Answers every request with two tokens: the first after `first`, the second `gap` later.
#[derive(Clone)]
pub(super) struct Pretended {
    driver: VirtualDriver,
    first: Nanos,
    gap: Nanos,
}

pub(super) struct Answer {
    server: Pretended,
    sent: Nanos,
    part: usize,
}

impl Transport for Pretended {
    type Exchange = Answer;

    fn send(
        &self,
        _: WireRequest,
    ) -> impl Future<Output = Result<Answer, TransportError>> + 'static {
        let server = self.clone();
        async move {
            Ok(Answer {
                sent: server.driver.now(),
                server,
                part: 0,
            })
        }
    }
}

impl Exchange for Answer {
    fn timing(&self) -> SendTiming {
        SendTiming {
            sent: self.sent,
            connect: None,
        }
    }

    fn status(&self) -> u16 {
        200
    }

    fn header(&self, name: &str) -> Option<&str> {
        (name == "content-type").then_some("text/event-stream")
    }

    async fn next(&mut self) -> Result<Option<Stamped>, TransportError> {
        let (at, text) = match self.part {
            0 => (self.server.first, r#"{"text":"a","finish_reason":null}"#),
            1 => (
                self.server.first + self.server.gap,
                r#"{"text":"b","finish_reason":"stop"}"#,
            ),
            _ => return Ok(None),
        };
        self.part += 1;
        self.server.driver.at(self.sent + at).await;
        Ok(Some(Stamped {
            at: self.server.driver.now(),
            bytes: Bytes::from(format!("data: {{\"choices\":[{text}]}}\n\n")),
        }))
    }
}

pub(super) struct Run {
    pub outcome: RunOutcome,
    pub records: Vec<RequestRecord>,
}

impl Run {
    pub fn of(&self, part: Part) -> Vec<&RequestRecord> {
        self.records.iter().filter(|r| r.part == part).collect()
    }
}

pub(super) fn plan(shape: LoadShape) -> RunPlan {
    RunPlan {
        case: "s::c".to_owned(),
        phase: "main".to_owned(),
        run: 0,
        session: 0,
        load: Load {
            shape,
            max_concurrency: None,
            start: Start::Spread,
        },
        requests: None,
        duration: None,
        warmup: Duration::ZERO,
        drain: Duration::from_secs(300),
        brief_drain: Duration::from_secs(2),
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            first_token: Duration::from_secs(120),
            total: Duration::from_secs(300),
        },
        seed: 0,
    }
}

pub(super) fn constant(per_second: f64) -> LoadShape {
    LoadShape::Rate {
        per_second,
        arrivals: Arrivals::Constant,
    }
}

/// Drives `plan` against a server with that time to the first token and that gap, in ms; `interrupt`
/// is raised at the given time of the run.
fn drive_against(plan: RunPlan, first: u64, gap: u64, interrupt: Option<Nanos>) -> Run {
    drive_by(1, plan, (first, gap), interrupt)
}

/// The same by so many measuring threads.
pub(super) fn drive_by(
    threads: usize,
    plan: RunPlan,
    server: (u64, u64),
    interrupt: Option<Nanos>,
) -> Run {
    let driver = VirtualDriver::new();
    let signal = Signal::new();
    if let Some(at) = interrupt {
        let (driver, signal) = (driver.clone(), signal.clone());
        // Several begin a moment after they have met.
        let begin = if threads > 1 { MS } else { 0 };
        driver.clone().spawn(async move {
            driver.at(begin + at).await;
            signal.raise(1);
        });
    }
    let crew = (1..threads).map(|_| None).collect();
    drive_on(driver.clone(), &driver, plan, server, signal, crew)
}

/// The same, the load engine seeing time as `client` does. Of the `crew` each has its member, or one that does its part.
pub(super) fn drive_on<D: Driver>(
    client: D,
    driver: &VirtualDriver,
    plan: RunPlan,
    (first, gap): (u64, u64),
    interrupt: Signal,
    crew: Vec<Option<Member>>,
) -> Run {
    let records = Rc::new(RefCell::new(Vec::new()));
    let sink = || {
        let records = records.clone();
        Box::new(move |r| records.borrow_mut().push(r))
    };
    let transport = Pretended {
        driver: driver.clone(),
        first: first * MS,
        gap: gap * MS,
    };
    let willing = || -> Member {
        let (driver, transport, sink) = (driver.clone(), transport.clone(), sink());
        Box::new(move |seat| {
            driver.clone().spawn(assist(driver, transport, sink, seat));
        })
    };
    let inputs = RunInputs {
        plan,
        transport: transport.clone(),
        protocol: Arc::new(Completions::new("m", true, &serde_json::Map::new())),
        source: Arc::new(Synthetic::new(
            (0, 0),
            None,
            Length::Fixed(4),
            Length::Fixed(2),
            Arc::new(TokenModel::assumed()),
        )),
        ahead: false,
        beside: None,
        sink: sink(),
        crew: crew
            .into_iter()
            .map(|member| member.unwrap_or_else(willing))
            .collect(),
        progress: Arc::default(),
        interrupt,
    };
    let outcome = driver.block_on(drive(client, inputs));
    let records = records.take();
    Run { outcome, records }
}

/// A client that is stopped for a while: what would wake it meanwhile wakes it afterwards.
#[derive(Clone)]
struct Stalled {
    driver: VirtualDriver,
    from: Nanos,
    to: Nanos,
}

impl Driver for Stalled {
    fn now(&self) -> Nanos {
        self.driver.now()
    }

    fn at(&self, t: Nanos) -> impl Future<Output = ()> + 'static {
        let stalled = (self.from..self.to).contains(&t);
        self.driver.at(if stalled { self.to } else { t })
    }

    fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        self.driver.spawn(future);
    }
}

#[test]
fn what_was_due_in_the_window_counts_however_late_the_client_is() {
    let driver = VirtualDriver::new();
    let client = Stalled {
        driver: driver.clone(),
        from: 1_850 * MS,
        to: 2_250 * MS,
    };
    let plan = RunPlan {
        duration: Some(Duration::from_secs(2)),
        ..plan(constant(10.0))
    };
    // Answers are quick: when the client wakes up after the window's end, nothing is in flight.
    let run = drive_on(client, &driver, plan, (20, 10), Signal::new(), Vec::new());
    let window = run.of(Part::Window);
    assert_eq!(window.len(), 20);
    assert_eq!(run.outcome.window.end_us, 2_000_000);
    let last = window.last().expect("a request");
    assert_eq!(last.due_us, Some(1_900_000));
    assert_eq!(
        last.sent_us,
        Some(2_250_000),
        "its lateness is the client's"
    );
    assert!(window[..19].iter().all(|r| r.sent_us == r.due_us));
}

#[test]
fn open_loop_sends_on_time_however_slow_the_answers_are() {
    let run = drive_against(
        RunPlan {
            warmup: Duration::from_secs(1),
            duration: Some(Duration::from_secs(2)),
            ..plan(constant(10.0))
        },
        3_000,
        500,
        None,
    );
    assert!(run.outcome.open_loop);
    let window = run.of(Part::Window);
    assert_eq!(window.len(), 20);
    assert_eq!(run.of(Part::Warmup).len(), 10);
    for record in &window {
        assert_eq!(record.sent_us, record.due_us);
        assert_eq!(record.first_us, record.sent_us.map(|t| t + 3_000_000));
        assert_eq!(record.end_us, record.sent_us.map(|t| t + 3_500_000));
    }
    let due: Vec<_> = window.iter().filter_map(|r| r.due_us).collect();
    assert_eq!(due, (10..30).map(|i| i * 100_000).collect::<Vec<_>>());
    assert_eq!(run.outcome.window.start_us, 1_000_000);
    assert_eq!(run.outcome.window.end_us, 3_000_000);
    // The last of the window is due at 2.9 s and ends at 6.4 s; load goes on until just then.
    let tail = run.of(Part::Tail);
    assert_eq!(tail.iter().filter_map(|r| r.due_us).max(), Some(6_300_000));
    let cut = |r: &&&RequestRecord| r.error.as_ref().is_some_and(|e| e.kind == ErrorKind::Cut);
    assert_eq!(tail.iter().filter(cut).count(), tail.len());
}

#[test]
fn a_count_of_requests_ends_the_window_when_the_next_one_is_due() {
    let run = drive_against(
        RunPlan {
            requests: Some(7),
            duration: Some(Duration::from_secs(60)),
            ..plan(constant(2.0))
        },
        10,
        10,
        None,
    );
    assert_eq!(run.of(Part::Window).len(), 7);
    assert_eq!(run.outcome.window.end_us, 3_500_000);
    assert!(run.of(Part::Tail).is_empty());
}

#[test]
fn closed_loop_keeps_its_slots_full() {
    let run = drive_against(
        RunPlan {
            requests: Some(30),
            ..plan(LoadShape::Concurrency(3))
        },
        80,
        20,
        None,
    );
    assert!(!run.outcome.open_loop);
    let window = run.of(Part::Window);
    assert_eq!(window.len(), 30);
    assert!(window.iter().all(|r| r.due_us.is_none()));
    // Three at a time, each 100 ms: the tenth round ends at 1 s, when the first one too many is due.
    assert_eq!(run.outcome.window.end_us, 1_000_000);
    assert_eq!(window.iter().filter_map(|r| r.sent_us).max(), Some(900_000));
}

#[test]
fn closed_loop_starts_are_spread_over_half_the_warm_up() {
    let run = drive_against(
        RunPlan {
            warmup: Duration::from_secs(1),
            duration: Some(Duration::from_secs(1)),
            ..plan(LoadShape::Concurrency(5))
        },
        900,
        700,
        None,
    );
    let mut first: Vec<_> = run
        .of(Part::Warmup)
        .iter()
        .filter_map(|r| r.sent_us)
        .collect();
    first.sort_unstable();
    assert_eq!(first, [0, 100_000, 200_000, 300_000, 400_000]);
}

#[test]
fn a_closed_loop_can_be_asked_to_start_all_at_once() {
    let mut plan = RunPlan {
        warmup: Duration::from_secs(1),
        duration: Some(Duration::from_secs(1)),
        ..plan(LoadShape::Concurrency(5))
    };
    plan.load.start = Start::Together;
    let run = drive_against(plan, 900, 700, None);
    let first = run.of(Part::Warmup);
    assert_eq!(first.iter().filter(|r| r.sent_us == Some(0)).count(), 5);
}

#[test]
fn connections_are_opened_for_what_the_run_begins_with() {
    let ahead = |shape, max| {
        let mut plan = plan(shape);
        plan.load.max_concurrency = max;
        plan.first_connections()
    };
    assert_eq!(ahead(LoadShape::Concurrency(512), None), 512);
    assert_eq!(ahead(constant(19.5), None), 20);
    assert_eq!(ahead(constant(19.5), Some(7)), 7);
    assert_eq!(ahead(constant(1e6), None), 256);
}

#[test]
fn waiting_for_a_slot_is_recorded_and_not_hidden() {
    let run = drive_against(
        RunPlan {
            requests: Some(4),
            load: Load {
                shape: constant(10.0),
                max_concurrency: Some(1),
                start: Start::Spread,
            },
            ..plan(constant(10.0))
        },
        150,
        50,
        None,
    );
    let window = run.of(Part::Window);
    let waits: Vec<_> = window.iter().map(|r| r.wait_us).collect();
    assert_eq!(waits, [None, Some(100_000), Some(200_000), Some(300_000)]);
    for record in window {
        let waited = record.wait_us.unwrap_or(0);
        assert_eq!(record.sent_us, record.due_us.map(|due| due + waited));
    }
}

#[test]
fn concurrency_stages_take_on_and_let_go_of_slots() {
    let stage = |from, to, s| Stage {
        duration: Duration::from_secs(s),
        from: StageLevel::Concurrency(from),
        to: StageLevel::Concurrency(to),
    };
    let stages = vec![stage(1, 3, 2), stage(3, 3, 1), stage(1, 1, 2)];
    let run = drive_against(
        RunPlan {
            duration: Some(Duration::from_secs(5)),
            ..plan(LoadShape::Stages {
                stages,
                arrivals: Arrivals::Constant,
            })
        },
        50,
        50,
        None,
    );
    let in_flight = |t: u64| {
        let inside = |r: &&RequestRecord| r.sent_us <= Some(t) && Some(t) < r.end_us;
        run.records.iter().filter(inside).count()
    };
    assert_eq!(
        [500_000, 1_500_000, 2_500_000, 4_000_000].map(in_flight),
        [1, 2, 3, 1]
    );
    assert_eq!(run.outcome.window.seconds(), 5.0);
}

#[test]
fn a_drain_that_is_over_cuts_what_is_left_and_keeps_what_was_seen() {
    let run = drive_against(
        RunPlan {
            requests: Some(2),
            drain: Duration::from_secs(1),
            ..plan(constant(1.0))
        },
        100,
        60_000,
        None,
    );
    assert!(run.outcome.drain_over);
    for record in run.of(Part::Window) {
        assert!(record.cut());
        assert_eq!(record.chunks.len(), 1);
        assert_eq!(record.end_us, Some(3_000_000));
    }
}

#[test]
fn a_server_that_stays_silent_meets_the_first_token_timeout() {
    let run = drive_against(
        RunPlan {
            requests: Some(1),
            ..plan(LoadShape::Concurrency(1))
        },
        500_000,
        0,
        None,
    );
    let window = run.of(Part::Window);
    let error = window[0].error.as_ref().map(|e| e.kind);
    assert_eq!(error, Some(ErrorKind::FirstTokenTimeout));
    assert_eq!(window[0].end_us, Some(120_000_000));
}

#[test]
fn an_interrupt_stops_sending_drains_briefly_and_records_everything() {
    let run = drive_against(
        RunPlan {
            duration: Some(Duration::from_secs(60)),
            load: Load {
                shape: constant(10.0),
                max_concurrency: Some(2),
                start: Start::Spread,
            },
            ..plan(constant(10.0))
        },
        1_000,
        4_000,
        Some(1_050 * MS),
    );
    assert!(run.outcome.interrupted);
    assert_eq!(run.outcome.window.end_us, 1_050_000);
    // Due at 0, 100, …, 1000 ms: two in flight, nine waiting; nothing after the interrupt.
    assert_eq!(run.records.len(), 11);
    assert_eq!(
        run.records.iter().filter(|r| r.sent_us.is_none()).count(),
        9
    );
    let last = run.records.iter().filter_map(|r| r.end_us).max();
    assert_eq!(last, Some(3_050_000));
}

#[test]
fn the_same_seed_gives_the_same_records() {
    let go = || {
        let shape = LoadShape::Rate {
            per_second: 20.0,
            arrivals: Arrivals::Poisson,
        };
        let plan = RunPlan {
            requests: Some(200),
            ..plan(shape)
        };
        drive_against(plan, 70, 10, None).records
    };
    assert_eq!(go(), go());
}
