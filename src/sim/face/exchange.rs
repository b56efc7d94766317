use std::collections::HashMap;

use bytes::Bytes;

use crate::driver::Nanos;
use crate::sim::config::{FaultKind, SimConfig};
use crate::sim::model::{
    Engine, EngineEvent, EngineEventKind, EngineRequest, Pause, RequestId, hash_pair,
};

use super::answer::{Answer, Identity};
use super::api_error::ApiError;
use super::body::{Api, Body};
use super::fault;

/// Names an HTTP exchange inside a [`Face`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeId(pub u64);

/// A response's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// HTTP status.
    pub status: u16,
    /// `content-type`.
    pub content_type: &'static str,
    /// Length of the body, where it is known.
    pub length: Option<usize>,
    /// `retry-after`, in seconds.
    pub retry_after: Option<u64>,
}

impl Head {
    pub(super) fn new(status: u16, content_type: &'static str) -> Head {
        Head {
            status,
            content_type,
            length: None,
            retry_after: None,
        }
    }
}

/// A piece of a response, in this order: a head, bodies, one of the ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Status and headers.
    Head(Head),
    /// Some bytes of the body; of a stream, an event.
    Body(Bytes),
    /// The regular end.
    End,
    /// The connection is closed before the body's end.
    Cut,
    /// The connection is reset; without a head before it: the request is refused.
    Reset,
}

/// A piece, and when it leaves the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// When.
    pub at: Nanos,
    /// Of which exchange.
    pub exchange: ExchangeId,
    /// What.
    pub piece: Piece,
}

/// An inference server without sockets and clock: HTTP requests in, stamped pieces of responses out.
pub struct Face {
    pub(super) config: SimConfig,
    pub(super) engine: Engine,
    seed: u64,
    pub(super) epoch: u64,
    exchanges: u64,
    generations: u64,
    // Looked up only, never iterated.
    pub(super) open: HashMap<RequestId, (ExchangeId, Answer)>,
    requests: HashMap<ExchangeId, RequestId>,
    events: Vec<EngineEvent>,
    pieces: Vec<Piece>,
}

impl Face {
    /// A server as after a start. `epoch` is the Unix time in seconds that `now = 0` stands for in responses.
    pub fn new(config: SimConfig, session_seed: u64, epoch: u64) -> Face {
        Face {
            engine: Engine::new(&config, session_seed),
            config,
            seed: session_seed,
            epoch,
            exchanges: 0,
            generations: 0,
            open: HashMap::new(),
            requests: HashMap::new(),
            events: Vec::new(),
            pieces: Vec::new(),
        }
    }

    /// Takes an HTTP request that arrives at `now`; what can be answered at once is appended to `out`.
    ///
    /// `path` is what follows the host and port, such as `/v1/models`.
    pub fn request(
        &mut self,
        now: Nanos,
        method: &str,
        path: &str,
        body: &[u8],
        out: &mut Vec<Output>,
    ) -> ExchangeId {
        let exchange = ExchangeId(self.exchanges);
        self.exchanges += 1;
        let path = path.split('?').next().unwrap_or(path);
        let mut pieces = std::mem::take(&mut self.pieces);
        match (method, path) {
            ("POST", "/v1/chat/completions") => {
                self.generate(now, exchange, Api::Chat, body, &mut pieces)
            }
            ("POST", "/v1/completions") => {
                self.generate(now, exchange, Api::Completions, body, &mut pieces)
            }
            _ => self.other(method, path, body, &mut pieces),
        }
        out.extend(pieces.drain(..).map(|piece| Output {
            at: now,
            exchange,
            piece,
        }));
        self.pieces = pieces;
        exchange
    }

    /// The client of `exchange` went away.
    pub fn cancel(&mut self, now: Nanos, exchange: ExchangeId) {
        if let Some(id) = self.requests.remove(&exchange) {
            self.open.remove(&id);
            self.engine.cancel(now, id);
        }
    }

    /// When something happens next, if no request comes before.
    pub fn next_event(&self) -> Option<Nanos> {
        self.engine.next_event()
    }

    /// Lets everything happen up to and including `now`; pieces are appended in order of time.
    pub fn advance(&mut self, now: Nanos, out: &mut Vec<Output>) {
        let mut events = std::mem::take(&mut self.events);
        let mut pieces = std::mem::take(&mut self.pieces);
        self.engine.advance(now, &mut events);
        for event in events.drain(..) {
            let Some((exchange, answer)) = self.open.get_mut(&event.id) else {
                continue;
            };
            let exchange = *exchange;
            match event.kind {
                EngineEventKind::Queued => answer.queued(&mut pieces),
                EngineEventKind::Tokens {
                    start,
                    count,
                    cached,
                    last,
                } => {
                    answer.tokens(start, count, cached, last, &mut pieces);
                }
            }
            if matches!(pieces.last(), Some(Piece::End | Piece::Cut | Piece::Reset)) {
                self.open.remove(&event.id);
                self.requests.remove(&exchange);
                self.engine.cancel(event.at, event.id);
            }
            let at = event.at;
            out.extend(pieces.drain(..).map(|piece| Output {
                at,
                exchange,
                piece,
            }));
        }
        self.events = events;
        self.pieces = pieces;
    }

    /// From now on the speed is that of run `run` of this session.
    pub fn begin_run(&mut self, run: u64) {
        self.engine.begin_run(run);
    }

    /// The engine behind it.
    pub fn engine(&mut self) -> &mut Engine {
        &mut self.engine
    }

    fn generate(
        &mut self,
        now: Nanos,
        exchange: ExchangeId,
        api: Api,
        body: &[u8],
        pieces: &mut Vec<Piece>,
    ) {
        self.generations += 1;
        let number = self.generations;
        let fault = fault::of_request(&self.config, self.seed, number);
        let seconds = fault.as_ref().map_or(0.0, |fault| fault.seconds);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be 0 to 10⁶"
        )]
        let (whole, nanos) = (seconds.ceil() as u64, (seconds * 1e9) as Nanos);
        match fault.as_ref().map(|fault| fault.kind) {
            Some(FaultKind::Refuse) => return pieces.push(Piece::Reset),
            Some(FaultKind::TooManyRequests) => return reject(&ApiError::too_many(whole), pieces),
            Some(FaultKind::ServerError) => {
                return reject(&ApiError::internal("Internal server error"), pieces);
            }
            _ => {}
        }
        let seed = hash_pair(self.seed, number);
        let checked = Body::parse(body).and_then(|body| body.check(api, &self.config, seed));
        let asked = match checked {
            Ok(asked) => asked,
            Err(error) => return reject(&error, pieces),
        };
        let when = |kind| fault.as_ref().filter(|fault| fault.kind == kind);
        let request = EngineRequest {
            prompt: asked.prompt.clone(),
            output_tokens: asked.output_tokens,
            stops: asked.stops,
            priority: asked.priority,
            seed,
            delay: when(FaultKind::SlowFirstByte).map_or(0, |_| nanos),
            pause: when(FaultKind::Stall).map(|fault| Pause {
                after: fault.after_chunks,
                length: (nanos > 0).then_some(nanos),
            }),
        };
        match self.engine.submit(now, request) {
            Ok(id) => {
                let prefix = match api {
                    Api::Chat => "chatcmpl",
                    Api::Completions => "cmpl",
                };
                let identity = Identity {
                    id: format!("{prefix}-{seed:016x}"),
                    model: self.config.model.clone(),
                    created: self.epoch + now / 1_000_000_000,
                    seed,
                };
                let answer = Answer::new(api, asked, identity, fault);
                self.open.insert(id, (exchange, answer));
                self.requests.insert(exchange, id);
            }
            Err(error) => {
                let message = format!("the engine refused the request: {error:?}");
                reject(&ApiError::bad_request(None, message), pieces);
            }
        }
    }
}

pub(super) fn reject(error: &ApiError, pieces: &mut Vec<Piece>) {
    let body = error.body();
    let mut head = Head::new(error.status, "application/json");
    head.length = Some(body.len());
    head.retry_after = error.retry_after;
    pieces.extend([
        Piece::Head(head),
        Piece::Body(Bytes::from(body)),
        Piece::End,
    ]);
}
