//! The load engine without sockets: recorded bytes fed through the transport seam, on one thread and
//! on two, to see whether measuring cores add up.

use std::future::ready;
use std::time::Instant;

use prony::driver::{Driver, Nanos, RealDriver};
use prony::endpoint::{
    Exchange, Lent, SendTiming, Stamped, Transport, TransportError, WireRequest,
};
use prony::load::drive;
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

/// Tokens per second of `cores` measuring threads together, each on a core of its own.
pub fn tokens_per_second(cores: usize) -> f64 {
    let mut body = decoding::events(TOKENS);
    body.extend_from_slice(decoding::END.as_bytes());
    let body = bytes::Bytes::from(body);
    let began = Instant::now();
    let threads: Vec<_> = (0..cores)
        .map(|core| {
            let body = body.clone();
            std::thread::spawn(move || one_core(core, body))
        })
        .collect();
    let tokens: usize = threads
        .into_iter()
        .map(|thread| thread.join().expect("a measuring thread"))
        .sum();
    tokens as f64 / began.elapsed().as_secs_f64()
}

fn one_core(core: usize, body: bytes::Bytes) -> usize {
    machine::pin(core);
    let folder = tempfile::tempdir().expect("a folder");
    let recorder = Recorder::append(&folder.path().join("requests.jsonl")).expect("a recorder");
    let sink = recorder.sink();
    RealDriver::run(async |driver| {
        let replay = Replay {
            driver: driver.clone(),
            body,
        };
        drive(driver, client::closed(64, REQUESTS, replay, sink)).await
    })
    .expect("a runtime");
    let records = recorder.finish().records;
    records.iter().map(|r| r.chunks.len()).sum()
}
