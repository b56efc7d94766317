//! The load engine without sockets: recorded bytes fed through the transport seam, on one core and on
//! two, to see whether measuring cores add up.

use std::future::ready;
use std::time::Instant;

use prony::driver::{Driver, Nanos, RealDriver};
use prony::endpoint::{
    Exchange, Lent, SendTiming, Stamped, Transport, TransportError, WireRequest,
};
use prony::load::{Member, assist, drive};
use prony::record::Recorder;

use crate::{client, decoding, machine};

/// Bytes of a read.
const READ: usize = 16 << 10;
const TOKENS: usize = 512;
const REQUESTS: u64 = 20_000;

/// Answers every request with the same recorded bytes.
#[derive(Clone)]
struct Replay {
    driver: RealDriver,
    body: bytes::Bytes,
}

struct Replayed {
    replay: Replay,
    at: usize,
    sent: Nanos,
}

impl Transport for Replay {
    type Exchange = Replayed;

    fn send(
        &self,
        request: WireRequest,
    ) -> impl Future<Output = Result<Replayed, TransportError>> + 'static {
        let sent = self.driver.now();
        request.hand_over.set_sent(sent);
        ready(Ok(Replayed {
            replay: self.clone(),
            at: 0,
            sent,
        }))
    }
}

impl Exchange for Replayed {
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
        // What the engine reads with is `lend`.
        Ok(None)
    }

    async fn lend(&mut self, mut take: impl FnMut(&[u8], Nanos)) -> Result<Lent, TransportError> {
        let body = &self.replay.body;
        let end = (self.at + READ).min(body.len());
        let now = self.replay.driver.now();
        take(&body[self.at..end], now);
        self.at = end;
        if end == body.len() {
            return Ok(Lent::End(now));
        }
        // As a socket does when it is empty.
        tokio::task::yield_now().await;
        Ok(Lent::More)
    }
}

/// Tokens per second of one run on the machine's cores from `first` on, `cores` of them, each with a
/// measuring thread. All that prony does for it is done on these cores: what records is not a thread
/// elsewhere.
pub fn tokens_per_second(first: usize, cores: usize) -> f64 {
    machine::pin(first..first + cores);
    let mut body = decoding::events(TOKENS);
    body.extend_from_slice(decoding::END.as_bytes());
    let body = bytes::Bytes::from(body);
    let folder = tempfile::tempdir().expect("a folder");
    let recorder = Recorder::append(&folder.path().join("requests.jsonl")).expect("a recorder");
    let began = Instant::now();
    let mut threads = Vec::new();
    let mut crew: Vec<Member> = Vec::new();
    for core in first + 1..first + cores {
        let (to_thread, seat) = std::sync::mpsc::channel();
        crew.push(Box::new(move |seat| {
            to_thread.send(seat).expect("a thread")
        }));
        let (body, sink) = (body.clone(), recorder.sink());
        threads.push(std::thread::spawn(move || {
            machine::pin(core..core + 1);
            let seat = seat.recv().expect("a seat");
            RealDriver::run_from(began, |driver| {
                let replay = replay(&driver, body);
                assist(driver, replay, Box::new(sink), seat)
            })
            .expect("a runtime");
        }));
    }
    let sink = recorder.sink();
    machine::pin(first..first + 1);
    RealDriver::run_from(began, |driver| {
        let replay = replay(&driver, body);
        let (streams, requests) = (64 * cores as u32, REQUESTS * cores as u64);
        let mut inputs = client::closed(streams, requests, replay, sink);
        inputs.crew = crew;
        drive(driver, inputs)
    })
    .expect("a runtime");
    for thread in threads {
        thread.join().expect("a measuring thread");
    }
    let records = recorder.finish().records;
    let tokens: usize = records.iter().map(|r| r.chunks.len()).sum();
    tokens as f64 / began.elapsed().as_secs_f64()
}

fn replay(driver: &RealDriver, body: bytes::Bytes) -> Replay {
    Replay {
        driver: driver.clone(),
        body,
    }
}
