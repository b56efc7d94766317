//! Exact values, on a driver whose time stands still unless all wait.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::{Context, Waker};

use super::*;
use crate::endpoint::openai::Chat;
use crate::endpoint::{SendTiming, Stamped, TransportError};
use crate::record::RequestRecord;

const MS: Nanos = 1_000_000;

/// One thread, one future; time jumps to the next timer when the future waits.
#[derive(Clone, Default)]
struct Still {
    now: Rc<Cell<Nanos>>,
    timers: Rc<RefCell<BTreeMap<Nanos, Vec<Waker>>>>,
}

impl Driver for Still {
    fn now(&self) -> Nanos {
        self.now.get()
    }

    fn at(&self, t: Nanos) -> impl Future<Output = ()> + 'static {
        let still = self.clone();
        poll_fn(move |cx| {
            if still.now.get() >= t {
                return Poll::Ready(());
            }
            let mut timers = still.timers.borrow_mut();
            timers.entry(t).or_default().push(cx.waker().clone());
            Poll::Pending
        })
    }

    fn spawn(&self, _: impl Future<Output = ()> + 'static) {
        unreachable!("nothing here spawns");
    }
}

impl Still {
    fn run<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return output;
            }
            let next = self.timers.borrow_mut().pop_first();
            self.now.set(next.expect("something to wait for").0);
        }
    }
}

/// What a scripted server does, and when (ms since the start).
#[derive(Clone, Default)]
struct Script {
    still: Still,
    connecting: bool,
    sent: Option<Nanos>,
    head: Option<Nanos>,
    body: Vec<(Nanos, String)>,
    /// Whether the body ends after its last piece, rather than staying open.
    ends: bool,
    /// The transport does not say how far a request got.
    silent: bool,
    /// 200 where absent.
    status: Option<u16>,
    /// Pieces of the body that were taken.
    taken: Rc<Cell<usize>>,
}

struct Answer {
    script: Script,
    timing: SendTiming,
    next: usize,
}

impl Transport for Script {
    type Exchange = Answer;

    fn send(
        &self,
        request: WireRequest,
    ) -> impl Future<Output = Result<Answer, TransportError>> + 'static {
        let script = self.clone();
        async move {
            if script.connecting {
                request.hand_over.set_connecting(script.still.now());
            }
            match script.sent {
                Some(sent) => script.still.at(sent * MS).await,
                None => std::future::pending().await,
            }
            let sent = script.still.now();
            if script.connecting {
                request.hand_over.set_connected(sent);
            }
            if !script.silent {
                request.hand_over.set_sent(sent);
            }
            match script.head {
                Some(head) => script.still.at(head * MS).await,
                None => std::future::pending().await,
            }
            Ok(Answer {
                script,
                timing: SendTiming {
                    sent,
                    connect: None,
                },
                next: 0,
            })
        }
    }
}

impl Exchange for Answer {
    fn timing(&self) -> SendTiming {
        self.timing
    }

    fn status(&self) -> u16 {
        self.script.status.unwrap_or(200)
    }

    fn header(&self, _: &str) -> Option<&str> {
        None
    }

    async fn next(&mut self) -> Result<Option<Stamped>, TransportError> {
        let Some((at, text)) = self.script.body.get(self.next).cloned() else {
            if self.script.ends {
                return Ok(None);
            }
            return std::future::pending().await;
        };
        self.script.still.at(at * MS).await;
        self.next += 1;
        self.script.taken.set(self.next);
        Ok(Some(Stamped {
            at: self.script.still.now(),
            bytes: Bytes::from(text),
        }))
    }
}

fn output(text: &str) -> String {
    format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
}

const FINISH: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";

fn limits(connect: u64, first_token: u64, total: u64) -> Timeouts {
    Timeouts {
        connect: Duration::from_millis(connect),
        first_token: Duration::from_millis(first_token),
        total: Duration::from_millis(total),
    }
}

/// A script that is sent at once, has its head after 2 ms, and then this body.
fn script(body: &[(Nanos, String)]) -> Script {
    Script {
        sent: Some(0),
        head: Some(2),
        body: body.to_vec(),
        ends: true,
        ..Script::default()
    }
}

fn run(script: &Script, limits: Timeouts) -> Observation {
    run_until(script, limits, std::future::pending())
}

fn run_until(script: &Script, limits: Timeouts, stop: impl Future<Output = ()>) -> Observation {
    let chat = Chat::new("m", true, &serde_json::Map::new());
    let still = &script.still;
    let body = Bytes::from_static(b"{}");
    still.run(perform_until(
        still,
        script,
        &chat,
        WireRequest::new(chat.path(), body),
        limits,
        stop,
    ))
}

fn kind(seen: &Observation) -> Option<ErrorKind> {
    seen.error.as_ref().map(|e| e.kind)
}

#[test]
fn every_event_with_output_is_a_chunk_even_in_one_read() {
    let together = output("a") + &output("b");
    let script = script(&[(10, together), (15, output("c")), (20, FINISH.to_owned())]);
    let seen = run(&script, limits(5, 100, 100));
    assert!(seen.ok(), "{seen:?}");
    assert_eq!(seen.first, Some(10 * MS));
    let mut record = RequestRecord::default();
    seen.fill(&mut record, 0);
    let gaps: Vec<_> = record.chunks.iter().map(|c| c.gap_us).collect();
    assert_eq!(gaps, [0, 0, 5_000]);
    assert_eq!(record.end_us, Some(20_000));
    assert_eq!(record.output_tokens, Some(3));
}

#[test]
fn a_piece_at_the_deadline_is_in_time_and_one_after_it_is_late() {
    let first = |at| script(&[(at, output("a")), (at, FINISH.to_owned())]);
    assert_eq!(kind(&run(&first(50), limits(5, 50, 100))), None);
    let late = run(&first(51), limits(5, 50, 100));
    assert_eq!(kind(&late), Some(ErrorKind::FirstTokenTimeout));
    assert_eq!(late.end, 50 * MS);
    assert_eq!(late.first, None);
}

#[test]
fn the_first_token_stops_its_timeout_and_the_total_goes_on() {
    let mut open = script(&[(10, output("a")), (90, output("b"))]);
    open.ends = false;
    let seen = run(&open, limits(5, 20, 100));
    assert_eq!(kind(&seen), Some(ErrorKind::TotalTimeout));
    assert_eq!(seen.end, 100 * MS);
    assert_eq!(seen.chunks.len(), 2);
}

#[test]
fn timeouts_count_from_the_send_not_from_the_connect() {
    let script = Script {
        connecting: true,
        sent: Some(30),
        head: Some(31),
        body: vec![(75, output("a")), (79, FINISH.to_owned())],
        ends: true,
        ..Script::default()
    };
    let seen = run(&script, limits(40, 50, 50));
    assert_eq!(kind(&seen), None);
    let timing = seen.timing.unwrap();
    assert_eq!((timing.sent, timing.connect), (30 * MS, Some(30 * MS)));
}

#[test]
fn a_request_without_a_head_times_out_from_its_send() {
    let script = Script {
        connecting: true,
        sent: Some(30),
        ..Script::default()
    };
    let seen = run(&script, limits(40, 50, 100));
    assert_eq!(kind(&seen), Some(ErrorKind::FirstTokenTimeout));
    assert_eq!(seen.end, 80 * MS);
    assert_eq!(seen.timing.map(|t| t.sent), Some(30 * MS));
}

#[test]
fn a_connection_that_takes_too_long_is_never_sent() {
    let script = Script {
        connecting: true,
        ..Script::default()
    };
    let seen = run(&script, limits(40, 10, 20));
    assert_eq!(kind(&seen), Some(ErrorKind::ConnectTimeout));
    assert_eq!((seen.end, seen.timing), (40 * MS, None));
    assert_eq!(seen.connecting, Some(40 * MS));
}

#[test]
fn a_transport_that_does_not_tell_counts_from_the_call() {
    let script = Script {
        silent: true,
        sent: Some(0),
        ..Script::default()
    };
    let seen = run(&script, limits(5, 50, 100));
    assert_eq!(kind(&seen), Some(ErrorKind::FirstTokenTimeout));
    assert_eq!((seen.end, seen.timing), (50 * MS, None));
}

#[test]
fn what_was_observed_before_a_stop_stays() {
    let mut open = script(&[(10, output("a")), (20, output("b"))]);
    open.ends = false;
    let stop = open.still.at(15 * MS);
    let seen = run_until(&open, limits(5, 50, 100), stop);
    assert_eq!(kind(&seen), Some(ErrorKind::Cut));
    assert_eq!((seen.end, seen.chunks.len()), (15 * MS, 1));
}

#[test]
fn what_is_read_of_an_endless_response_is_bounded() {
    let comment = format!(": {}\n", "x".repeat(1 << 20).split_off(3));
    let endless = script(&vec![(10, comment); 100]);
    let seen = run(&endless, limits(5, 50, 100));
    assert_eq!(kind(&seen), Some(ErrorKind::TooLarge));
    assert_eq!(endless.taken.get(), 65, "MiB, one more than the bound");
}

#[test]
fn what_is_read_of_an_error_is_bounded() {
    let mut endless = script(&vec![(10, "sorry ".repeat(2 << 10)); 100]);
    endless.status = Some(500);
    let seen = run(&endless, limits(5, 50, 100));
    assert_eq!(kind(&seen), Some(ErrorKind::Http));
    assert_eq!(seen.status, Some(500));
    assert_eq!(endless.taken.get(), 6, "pieces of 12 KiB");
    let words = seen.error.map(|e| e.message).unwrap_or_default();
    assert!(words.starts_with("status 500: sorry sorry"), "{words}");
}

#[test]
fn a_count_that_output_came_after_is_stale() {
    let counted = output("a").replace("}]}", "}],\"usage\":{\"completion_tokens\":1}}");
    let mut open = script(&[(10, counted.clone()), (11, output("b"))]);
    open.ends = false;
    let seen = run(&open, limits(5, 50, 100));
    assert_eq!(
        seen.output_tokens(),
        Some((2, crate::record::TokenSource::Chunks))
    );
    let mut open = script(&[(10, counted)]);
    open.ends = false;
    let seen = run(&open, limits(5, 50, 100));
    assert_eq!(
        seen.output_tokens(),
        Some((1, crate::record::TokenSource::Server))
    );
}

#[test]
fn gaps_add_up_to_the_last_chunk_whatever_the_rounding() {
    let seen = Observation {
        first: Some(1_999),
        chunks: [1_999, 2_998, 3_997, 5_001]
            .map(|at| crate::endpoint::OutputChunk { at, tokens: None })
            .to_vec(),
        end: 5_999,
        ..Observation::default()
    };
    let mut record = RequestRecord::default();
    seen.fill(&mut record, 0);
    let sum: u64 = record.chunks.iter().map(|c| c.gap_us).sum();
    assert_eq!(record.first_us.unwrap() + sum, 5);
}
