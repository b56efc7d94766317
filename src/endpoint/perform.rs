use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;

use super::openai::{error_message, snippet};
use super::{Decoder, Exchange, HandOver, Observation, Protocol, Transport, WireRequest};
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
    perform_until(
        driver,
        transport,
        protocol,
        body,
        timeouts,
        std::future::pending(),
    )
    .await
}

/// [`perform`], but ended by prony itself (`Cut`) when `stop` completes: what was observed until then
/// is kept, which dropping the future would lose.
pub async fn perform_until<D: Driver, T: Transport>(
    driver: &D,
    transport: &T,
    protocol: &dyn Protocol,
    body: Bytes,
    timeouts: Timeouts,
    stop: impl Future<Output = ()>,
) -> Observation {
    let request = WireRequest::new(protocol.path(), body);
    let mut call = Call {
        driver,
        hand_over: request.hand_over.clone(),
        streamed: protocol.streams(),
        began: driver.now(),
        timeouts,
        timer: None,
        stop: pin!(stop),
        seen: Observation::default(),
    };
    let result = call.run(transport, protocol, request).await;
    let mut seen = call.seen;
    if let Err((at, error)) = result {
        seen.end = at;
        seen.error = Some(error);
    }
    seen.timing = call.hand_over.timing().or(seen.timing);
    if seen.timing.is_none() {
        seen.connecting = call
            .hand_over
            .connecting()
            .map(|t| seen.end.saturating_sub(t));
    }
    seen
}

type Timer = Pin<Box<dyn Future<Output = ()>>>;

/// Why it ended, and when.
type Failure = (Nanos, RequestError);

struct Call<'a, D, S> {
    driver: &'a D,
    hand_over: HandOver,
    streamed: bool,
    began: Nanos,
    timeouts: Timeouts,
    /// The one timer that is set, with the time it is set for.
    timer: Option<(Nanos, Timer)>,
    stop: Pin<&'a mut S>,
    seen: Observation,
}

impl<D: Driver, S: Future<Output = ()>> Call<'_, D, S> {
    async fn run<T: Transport>(
        &mut self,
        transport: &T,
        protocol: &dyn Protocol,
        request: WireRequest,
    ) -> Result<(), Failure> {
        let mut exchange = match self.guard(pin!(transport.send(request))).await? {
            Ok(exchange) => exchange,
            Err(error) => {
                self.seen.timing = error.timing;
                return Err((error.at, RequestError::new(error.kind, error.message)));
            }
        };
        self.seen.timing = Some(exchange.timing());
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
        let mut events = Vec::new();
        let mut received = 0_u64;
        loop {
            let piece = self.guard(pin!(exchange.next())).await?;
            match piece {
                Ok(Some(piece)) => {
                    // Data that was read after a deadline is late, whether or not the timer was first.
                    if let Some(late) = self.overdue(piece.at) {
                        return Err(late);
                    }
                    received += piece.bytes.len() as u64;
                    let fed = decoder.feed(&piece.bytes, &mut events);
                    self.take(&mut events, piece.at)?;
                    fed.map_err(|error| (piece.at, error))?;
                    if received > MAX_RESPONSE_BYTES {
                        let text =
                            format!("the response is longer than {MAX_RESPONSE_BYTES} bytes");
                        return Err((piece.at, RequestError::new(ErrorKind::TooLarge, text)));
                    }
                }
                Ok(None) => {
                    let now = self.driver.now();
                    self.seen.end = now;
                    let finished = decoder.finish(&mut events);
                    self.take(&mut events, now)?;
                    finished.map_err(|error| (now, error))?;
                    return self.complete().map_err(|error| (now, error));
                }
                Err(error) => return Err((error.at, RequestError::new(error.kind, error.message))),
            }
        }
    }

    /// Records `events`; an error among them ends the request.
    fn take(&mut self, events: &mut Vec<super::Event>, at: Nanos) -> Result<(), Failure> {
        for event in events.drain(..) {
            self.seen.take(event, at, self.streamed);
            if let Some(error) = self.seen.error.take() {
                return Err((at, error));
            }
        }
        Ok(())
    }

    /// Whether an answer that ended regularly is a success.
    fn complete(&self) -> Result<(), RequestError> {
        if !self.seen.output {
            let text = match self.seen.usage.output {
                Some(n) if n > 0 => {
                    format!("the answer holds no text, though the server counted {n} tokens")
                }
                _ => "the answer ended without any generated output".to_owned(),
            };
            return Err(RequestError::new(ErrorKind::NoToken, text));
        }
        if self.seen.finish.is_none() {
            let text = "the answer ended without a finish reason";
            return Err(RequestError::new(ErrorKind::NoFinish, text));
        }
        Ok(())
    }

    /// The error that a response with a bad status stands for.
    async fn refused<E: Exchange>(&mut self, exchange: &mut E, status: u16) -> Failure {
        let mut body = Vec::new();
        // What of the body cannot be had does not matter: the status alone is the error.
        let at = loop {
            match self.guard(pin!(exchange.next())).await {
                Ok(Ok(Some(piece))) => {
                    let room = MAX_ERROR_BYTES - body.len();
                    body.extend_from_slice(&piece.bytes[..piece.bytes.len().min(room)]);
                    if body.len() == MAX_ERROR_BYTES {
                        break piece.at;
                    }
                }
                Ok(Ok(None)) => break self.driver.now(),
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

    /// Waits for `work` as long as neither `stop` nor a deadline comes first.
    async fn guard<F: Future>(&mut self, mut work: Pin<&mut F>) -> Result<F::Output, Failure> {
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
                let (deadline, kind) = self.deadline();
                if self.timer.as_ref().is_none_or(|(t, _)| *t > deadline) {
                    self.timer = Some((deadline, Box::pin(self.driver.at(deadline))));
                }
                let Some((_, timer)) = &mut self.timer else {
                    return Poll::Pending;
                };
                if timer.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                self.timer = None;
                let now = self.driver.now();
                if now >= deadline {
                    return Poll::Ready(Err((now, self.timed_out(kind))));
                }
            }
        })
        .await
    }

    /// The next deadline, and what passing it means.
    fn deadline(&self) -> (Nanos, ErrorKind) {
        let after = |start: Nanos, d: Duration| {
            start.saturating_add(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX))
        };
        let sent = self.hand_over.timing().or(self.seen.timing).map(|t| t.sent);
        if sent.is_none() && self.hand_over.connecting().is_some() {
            let connect = after(self.began, self.timeouts.connect);
            return (connect, ErrorKind::ConnectTimeout);
        }
        let start = sent.unwrap_or(self.began);
        let total = (after(start, self.timeouts.total), ErrorKind::TotalTimeout);
        let first = after(start, self.timeouts.first_token);
        if self.streamed && !self.seen.output && first < total.0 {
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
