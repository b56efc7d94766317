use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Poll, Waker};
use std::time::Duration;

use bytes::Bytes;

use super::openai::{error_message, snippet};
use super::{
    Decoder, Event, Exchange, HandOver, Lent, Observation, Protocol, Transport, WireRequest,
};
use crate::driver::{Driver, Nanos};
use crate::record::{ErrorKind, RequestError};
use crate::suite::Timeouts;

/// Most bytes read of one response. A streamed token is about 200 bytes on the wire.
pub const MAX_RESPONSE_BYTES: u64 = 64 << 20;

/// Most bytes read of an error's body.
pub const MAX_ERROR_BYTES: usize = 64 << 10;

/// Carries one request through, from handing it over to the end of its answer.
///
/// A success has at least one chunk of generated output, a finish reason and a regular end. `[DONE]`
/// is not asked for: there are servers that never send it, and what it would tell, that nothing was
/// lost, the finish reason and the body's regular end tell too. Timeouts are kept through `driver`
/// alone. Dropping the future gives the connection up.
pub async fn perform<D: Driver, T: Transport>(
    driver: &D,
    transport: &T,
    protocol: &dyn Protocol,
    body: Bytes,
    timeouts: Timeouts,
) -> Observation {
    let request = WireRequest::new(protocol.path(), body);
    let never = std::future::pending();
    perform_until(driver, transport, protocol, request, timeouts, never).await
}

/// [`perform`], but ended by prony itself (`Cut`) when `stop` completes: what was observed until then
/// is kept, which dropping the future would lose. A request that may not leave yet is kept until then.
pub async fn perform_until<D: Driver, T: Transport>(
    driver: &D,
    transport: &T,
    protocol: &dyn Protocol,
    request: WireRequest,
    timeouts: Timeouts,
    stop: impl Future<Output = ()>,
) -> Observation {
    if !transport.keeps_until_due() && request.not_before > 0 {
        driver.at_exactly(request.not_before).await;
    }
    let mut call = Call {
        watch: Watch {
            driver,
            timer: None,
            stop: pin!(stop),
        },
        limits: Limits {
            hand_over: request.hand_over.clone(),
            streamed: protocol.streams(),
            began: driver.now().max(request.not_before),
            timeouts,
            sent: Cell::new(None),
            output: Cell::new(false),
        },
        seen: Observation::default(),
    };
    let result = call.run(transport, protocol, request).await;
    let mut seen = call.seen;
    if let Err((at, error)) = result {
        seen.end = at;
        seen.error = Some(error);
    }
    let hand_over = &call.limits.hand_over;
    seen.timing = hand_over.timing().or(seen.timing);
    if seen.timing.is_none() {
        seen.connecting = hand_over.connecting().map(|t| seen.end.saturating_sub(t));
    }
    seen
}

type Timer = Pin<Box<dyn Future<Output = ()>>>;

/// Why it ended, and when.
type Failure = (Nanos, RequestError);

struct Call<'a, D, S> {
    watch: Watch<'a, D, S>,
    limits: Limits,
    seen: Observation,
}

/// What may end a request from this side.
struct Watch<'a, D, S> {
    driver: &'a D,
    /// The one timer that is set.
    timer: Option<Set>,
    stop: Pin<&'a mut S>,
}

/// A timer that is set.
struct Set {
    at: Nanos,
    timer: Timer,
    /// Whom it will wake.
    waker: Waker,
}

/// A timer that is set for later than this need not be asked whether its time has come. Drivers wake
/// a sleeper some hundred microseconds before its time at most.
const NEAR: Nanos = 10_000_000;

/// When a request has taken too long.
struct Limits {
    hand_over: HandOver,
    streamed: bool,
    began: Nanos,
    timeouts: Timeouts,
    /// When it left, by the response's word.
    sent: Cell<Option<Nanos>>,
    /// Whether there was output.
    output: Cell<bool>,
}

impl<D: Driver, S: Future<Output = ()>> Call<'_, D, S> {
    async fn run<T: Transport>(
        &mut self,
        transport: &T,
        protocol: &dyn Protocol,
        request: WireRequest,
    ) -> Result<(), Failure> {
        let sending = pin!(transport.send(request));
        let mut exchange = match self.watch.guard(&self.limits, sending).await? {
            Ok(exchange) => exchange,
            Err(error) => {
                self.seen.timing = error.timing;
                return Err((error.at, RequestError::new(error.kind, error.message)));
            }
        };
        let timing = exchange.timing();
        self.seen.timing = Some(timing);
        // The transport has said all it will: from here on the deadlines stand.
        let sent = self
            .limits
            .hand_over
            .timing()
            .map_or(timing.sent, |t| t.sent);
        self.limits.sent.set(Some(sent));
        let status = exchange.status();
        self.seen.status = Some(status);
        if !(200..300).contains(&status) {
            return Err(self.refused(&mut exchange, status).await);
        }
        let mut decoder = protocol.decoder_for(exchange.header("content-type"));
        self.read(&mut exchange, decoder.as_mut()).await
    }

    /// Reads a body with a good status to its end.
    async fn read<E: Exchange>(
        &mut self,
        exchange: &mut E,
        decoder: &mut dyn Decoder,
    ) -> Result<(), Failure> {
        let mut reading = Reading {
            limits: &self.limits,
            seen: &mut self.seen,
            decoder,
            events: Vec::new(),
            received: 0,
            failure: None,
            in_time: None,
        };
        loop {
            let lent = {
                let lending = exchange.lend(|bytes, at| reading.feed(bytes, at));
                self.watch.guard(&self.limits, pin!(lending)).await
            };
            // What was read comes before whatever came after it.
            if let Some(failure) = reading.failure.take() {
                return Err(failure);
            }
            let end = match lent? {
                Ok(Lent::More) => continue,
                Ok(Lent::End(at)) => at,
                Ok(Lent::Ended) => self.watch.driver.now(),
                Err(error) => return Err((error.at, RequestError::new(error.kind, error.message))),
            };
            reading.seen.end = end;
            let finished = reading.decoder.finish(&mut reading.events);
            reading.take(end)?;
            finished.map_err(|error| (end, error))?;
            return complete(reading.seen).map_err(|error| (end, error));
        }
    }

    /// The error that a response with a bad status stands for.
    async fn refused<E: Exchange>(&mut self, exchange: &mut E, status: u16) -> Failure {
        let mut body = Vec::new();
        // What of the body cannot be had does not matter: the status alone is the error.
        let at = loop {
            match self.watch.guard(&self.limits, pin!(exchange.next())).await {
                Ok(Ok(Some(piece))) => {
                    let room = MAX_ERROR_BYTES - body.len();
                    body.extend_from_slice(&piece.bytes[..piece.bytes.len().min(room)]);
                    if body.len() == MAX_ERROR_BYTES {
                        break piece.at;
                    }
                }
                Ok(Ok(None)) => break self.watch.driver.now(),
                Ok(Err(error)) => break error.at,
                Err((at, error)) if error.kind == ErrorKind::Cut => return (at, error),
                Err((at, _)) => break at,
            }
        };
        let words = match error_message(&body) {
            Some(message) => message,
            None if (300..400).contains(&status) => match exchange.header("location") {
                Some(place) => format!("redirects are not followed; it points to {place}"),
                None => "redirects are not followed".to_owned(),
            },
            None => snippet(&body),
        };
        let text = if words.is_empty() {
            format!("status {status}")
        } else {
            format!("status {status}: {words}")
        };
        (at, RequestError::new(ErrorKind::Http, text))
    }
}

/// A body with a good status being read.
struct Reading<'a> {
    limits: &'a Limits,
    seen: &'a mut Observation,
    decoder: &'a mut dyn Decoder,
    events: Vec<Event>,
    received: u64,
    /// Why what was read ends the request; nothing is taken after it.
    failure: Option<Failure>,
    /// A time that no deadline lies before: one read gives many pieces of one time.
    in_time: Option<Nanos>,
}

impl Reading<'_> {
    fn feed(&mut self, bytes: &[u8], at: Nanos) {
        if self.failure.is_none()
            && let Err(failure) = self.try_feed(bytes, at)
        {
            self.failure = Some(failure);
        }
    }

    fn try_feed(&mut self, bytes: &[u8], at: Nanos) -> Result<(), Failure> {
        // Data that was read after a deadline is late, whether or not the timer was first.
        if self.in_time != Some(at) {
            if let Some(late) = self.limits.overdue(at) {
                return Err(late);
            }
            self.in_time = Some(at);
        }
        self.received += bytes.len() as u64;
        let fed = self.decoder.feed(bytes, &mut self.events);
        self.take(at)?;
        fed.map_err(|error| (at, error))?;
        if self.received > MAX_RESPONSE_BYTES {
            let text = format!("the response is longer than {MAX_RESPONSE_BYTES} bytes");
            return Err((at, RequestError::new(ErrorKind::TooLarge, text)));
        }
        Ok(())
    }

    /// Records what the decoder has read; an error among it ends the request.
    fn take(&mut self, at: Nanos) -> Result<(), Failure> {
        let streamed = self.limits.streamed;
        for event in self.events.drain(..) {
            self.seen.take(event, at, streamed);
            if let Some(error) = self.seen.error.take() {
                return Err((at, error));
            }
        }
        self.limits.output.set(self.seen.output);
        Ok(())
    }
}

/// Whether an answer that ended regularly is a success.
fn complete(seen: &Observation) -> Result<(), RequestError> {
    if !seen.output {
        let text = match seen.usage.output {
            Some(n) if n > 0 => {
                format!("the answer holds no text, though the server counted {n} tokens")
            }
            _ => "the answer ended without any generated output".to_owned(),
        };
        return Err(RequestError::new(ErrorKind::NoToken, text));
    }
    if seen.finish.is_none() {
        let text = "the answer ended without a finish reason";
        return Err(RequestError::new(ErrorKind::NoFinish, text));
    }
    Ok(())
}

impl<D: Driver, S: Future<Output = ()>> Watch<'_, D, S> {
    /// Waits for `work` as long as neither `stop` nor a deadline comes first.
    async fn guard<F: Future>(
        &mut self,
        limits: &Limits,
        mut work: Pin<&mut F>,
    ) -> Result<F::Output, Failure> {
        poll_fn(|cx| {
            if self.stop.as_mut().poll(cx).is_ready() {
                let error = RequestError::new(ErrorKind::Cut, "ended by prony before its end");
                return Poll::Ready(Err((self.driver.now(), error)));
            }
            if let Poll::Ready(output) = work.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            loop {
                // Asked again each time: while a connection is made, the deadlines are not known yet.
                let (deadline, kind) = limits.deadline();
                match &self.timer {
                    Some(set) if set.at <= deadline => {
                        // The hot path: a token came, and the deadline is far.
                        if set.waker.will_wake(cx.waker())
                            && self.driver.now().saturating_add(NEAR) < set.at
                        {
                            return Poll::Pending;
                        }
                    }
                    _ => {
                        self.timer = Some(Set {
                            at: deadline,
                            timer: Box::pin(self.driver.at(deadline)),
                            waker: cx.waker().clone(),
                        });
                    }
                }
                let Some(set) = &mut self.timer else {
                    return Poll::Pending;
                };
                if set.timer.as_mut().poll(cx).is_pending() {
                    set.waker.clone_from(cx.waker());
                    return Poll::Pending;
                }
                self.timer = None;
                let now = self.driver.now();
                if now >= deadline {
                    return Poll::Ready(Err((now, limits.timed_out(kind))));
                }
            }
        })
        .await
    }
}

impl Limits {
    /// The next deadline, and what passing it means.
    fn deadline(&self) -> (Nanos, ErrorKind) {
        let after = |start: Nanos, d: Duration| {
            start.saturating_add(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX))
        };
        let sent = self
            .sent
            .get()
            .or_else(|| self.hand_over.timing().map(|t| t.sent));
        if sent.is_none() && self.hand_over.connecting().is_some() {
            let connect = after(self.began, self.timeouts.connect);
            return (connect, ErrorKind::ConnectTimeout);
        }
        let start = sent.unwrap_or(self.began);
        let total = (after(start, self.timeouts.total), ErrorKind::TotalTimeout);
        let first = after(start, self.timeouts.first_token);
        if self.streamed && !self.output.get() && first < total.0 {
            return (first, ErrorKind::FirstTokenTimeout);
        }
        total
    }

    fn overdue(&self, at: Nanos) -> Option<Failure> {
        let (deadline, kind) = self.deadline();
        (at > deadline).then(|| (at, self.timed_out(kind)))
    }

    fn timed_out(&self, kind: ErrorKind) -> RequestError {
        let text = match kind {
            ErrorKind::ConnectTimeout => {
                format!("no connection within {:?}", self.timeouts.connect)
            }
            ErrorKind::FirstTokenTimeout => {
                format!(
                    "no output within {:?} of sending",
                    self.timeouts.first_token
                )
            }
            _ => format!("no end within {:?} of sending", self.timeouts.total),
        };
        RequestError::new(kind, text)
    }
}

#[cfg(test)]
mod tests;
