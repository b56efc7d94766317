use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};

use super::transport::{Exchange, SendTiming, Stamped, Transport, TransportError, WireRequest};
use crate::driver::{Driver, Nanos};
use crate::record::ErrorKind;
use crate::sim::{ExchangeId, Face, Head, Output, Piece};

/// The embedded engine in process: no socket, the same bytes that its server would write, stamped
/// with the model's own times. In virtual time this is the whole network.
#[derive(Clone)]
pub struct EngineTransport<D> {
    world: Rc<World<D>>,
}

struct World<D> {
    driver: D,
    face: RefCell<Face>,
    /// Time of the face's clock 0 by the driver.
    epoch: Nanos,
    inboxes: RefCell<BTreeMap<ExchangeId, Inbox>>,
    /// When the next alarm rings; a later one that was set before rings for nothing.
    alarm: Cell<Option<Nanos>>,
}

/// Pieces that have arrived and have not been read.
#[derive(Default)]
struct Inbox {
    pieces: VecDeque<(Nanos, Piece)>,
    reader: Option<Waker>,
}

impl<D: Driver> EngineTransport<D> {
    /// A transport to an engine that has just started.
    pub fn new(driver: D, face: Face) -> Self {
        EngineTransport {
            world: Rc::new(World {
                epoch: driver.now(),
                driver,
                face: RefCell::new(face),
                inboxes: RefCell::default(),
                alarm: Cell::new(None),
            }),
        }
    }

    /// From now on the engine's speed is that of run `run` of its session.
    pub fn begin_run(&self, run: u64) {
        self.world.face.borrow_mut().begin_run(run);
    }

    /// The answer to a request that is not timed, such as `GET /v1/models`: status and body. Only for
    /// what the engine answers at once.
    pub fn ask(&self, method: &str, path: &str) -> (u16, Vec<u8>) {
        self.ask_with(method, path, &[])
    }

    /// [`Self::ask`] with a body.
    pub fn ask_with(&self, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let now = self.world.now();
        let mut out = Vec::new();
        let mut face = self.world.face.borrow_mut();
        face.request(now, method, path, body, &mut out);
        let mut answer = (0, Vec::new());
        for output in out {
            match output.piece {
                Piece::Head(head) => answer.0 = head.status,
                Piece::Body(bytes) => answer.1.extend_from_slice(&bytes),
                Piece::End | Piece::Cut | Piece::Reset => {}
            }
        }
        answer
    }
}

impl<D: Driver> World<D> {
    fn now(&self) -> Nanos {
        self.driver.now().saturating_sub(self.epoch)
    }

    fn deliver(&self, out: Vec<Output>) {
        let mut inboxes = self.inboxes.borrow_mut();
        for output in out {
            // A reader that has gone away has no inbox any more.
            let Some(inbox) = inboxes.get_mut(&output.exchange) else {
                continue;
            };
            inbox
                .pieces
                .push_back((self.epoch + output.at, output.piece));
            if let Some(reader) = inbox.reader.take() {
                reader.wake();
            }
        }
    }

    /// Sees to it that the engine is asked again when its next event is due.
    fn set_alarm(self: &Rc<Self>) {
        let Some(next) = self.face.borrow().next_event() else {
            return;
        };
        if self.alarm.get().is_some_and(|set| set <= next) {
            return;
        }
        self.alarm.set(Some(next));
        let world = self.clone();
        self.driver.spawn(async move {
            world.driver.at(world.epoch.saturating_add(next)).await;
            world.ring(next);
        });
    }

    fn ring(self: &Rc<Self>, due: Nanos) {
        if self.alarm.get() != Some(due) {
            return;
        }
        self.alarm.set(None);
        let mut out = Vec::new();
        self.face.borrow_mut().advance(self.now(), &mut out);
        self.deliver(out);
        self.set_alarm();
    }

    async fn next_piece(&self, exchange: ExchangeId) -> (Nanos, Piece) {
        poll_fn(|cx| {
            let mut inboxes = self.inboxes.borrow_mut();
            let inbox = inboxes.entry(exchange).or_default();
            match inbox.pieces.pop_front() {
                Some(piece) => Poll::Ready(piece),
                None => {
                    inbox.reader = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl<D: Driver> Transport for EngineTransport<D> {
    type Exchange = EngineExchange<D>;

    fn send(
        &self,
        request: WireRequest,
    ) -> impl Future<Output = Result<EngineExchange<D>, TransportError>> + 'static {
        let world = self.world.clone();
        async move {
            let sent = world.driver.now();
            request.hand_over.set_sent(sent);
            let timing = SendTiming {
                sent,
                connect: None,
            };
            let mut out = Vec::new();
            let path = format!("/v1/{}", request.path);
            let id = world.face.borrow_mut().request(
                world.now(),
                "POST",
                &path,
                &request.body,
                &mut out,
            );
            world.inboxes.borrow_mut().insert(id, Inbox::default());
            // Made before the first wait, so that a reader who goes away takes the request along.
            let mut exchange = EngineExchange {
                world: world.clone(),
                id,
                timing,
                head: None,
                ended: false,
            };
            world.deliver(out);
            world.set_alarm();
            match world.next_piece(id).await {
                (_, Piece::Head(head)) => {
                    exchange.head = Some(head);
                    Ok(exchange)
                }
                (at, _) => Err(broken(at, timing, "closed before an answer")),
            }
        }
    }
}

fn broken(at: Nanos, timing: SendTiming, what: &str) -> TransportError {
    TransportError {
        kind: ErrorKind::Transport,
        message: format!("the connection broke: {what}"),
        at,
        timing: Some(timing),
    }
}

/// A response of [`EngineTransport`].
pub struct EngineExchange<D: Driver> {
    world: Rc<World<D>>,
    id: ExchangeId,
    timing: SendTiming,
    head: Option<Head>,
    ended: bool,
}

impl<D: Driver> Exchange for EngineExchange<D> {
    fn timing(&self) -> SendTiming {
        self.timing
    }

    fn status(&self) -> u16 {
        self.head.as_ref().map_or(0, |head| head.status)
    }

    fn header(&self, name: &str) -> Option<&str> {
        let head = self.head.as_ref()?;
        (name == "content-type").then_some(head.content_type)
    }

    async fn next(&mut self) -> Result<Option<Stamped>, TransportError> {
        match self.world.next_piece(self.id).await {
            (at, Piece::Body(bytes)) => Ok(Some(Stamped { at, bytes })),
            (_, Piece::End) => {
                self.ended = true;
                Ok(None)
            }
            (at, Piece::Reset) => Err(broken(at, self.timing, "reset by the server")),
            (at, Piece::Cut | Piece::Head(_)) => Err(TransportError {
                kind: ErrorKind::Truncated,
                message: "the response broke off: closed before its end".to_owned(),
                at,
                timing: Some(self.timing),
            }),
        }
    }
}

impl<D: Driver> Drop for EngineExchange<D> {
    fn drop(&mut self) {
        self.world.inboxes.borrow_mut().remove(&self.id);
        if !self.ended {
            let now = self.world.now();
            self.world.face.borrow_mut().cancel(now, self.id);
            self.world.set_alarm();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::driver::VirtualDriver;
    use crate::endpoint::openai::Completions;
    use crate::endpoint::{Observation, Protocol, perform};
    use crate::sim::SimConfig;
    use crate::suite::Timeouts;
    use crate::workload::{PlannedRequest, Prompt};

    fn ask(overrides: &serde_json::Value, total: Duration) -> (Observation, (u16, Vec<u8>)) {
        let config = SimConfig::resolve("", overrides.as_object().expect("an object"))
            .expect("a configuration");
        let driver = VirtualDriver::new();
        let transport = EngineTransport::new(driver.clone(), Face::new(config, 1, 0));
        let protocol = Completions::new("prony-sim", true, &serde_json::Map::new());
        let body = protocol.encode(&PlannedRequest {
            prompt: Prompt::Text("one two three".to_owned()),
            input_tokens: None,
            counted: false,
            output_tokens: Some(5),
            labels: Default::default(),
        });
        let timeouts = Timeouts {
            connect: Duration::from_secs(5),
            first_token: Duration::from_secs(120),
            total,
        };
        let d = driver.clone();
        driver.block_on(async move {
            let seen = perform(&d, &transport, &protocol, body, timeouts).await;
            (seen, transport.ask("GET", "/v1/models"))
        })
    }

    #[test]
    fn an_answer_arrives_token_by_token_at_the_model_s_times() {
        let day = Duration::from_secs(86_400);
        let (seen, (status, models)) = ask(&serde_json::json!({}), day);
        assert_eq!(seen.error, None);
        assert_eq!(seen.usage.output, Some(5));
        assert_eq!(seen.chunks.len(), 5);
        assert!(seen.chunks.windows(2).all(|w| w[0].at < w[1].at));
        assert_eq!(status, 200);
        assert!(String::from_utf8_lossy(&models).contains("\"data\""));
        assert_eq!(ask(&serde_json::json!({}), day).0, seen);
    }

    #[test]
    fn a_request_that_is_given_up_frees_its_place() {
        let (seen, _) = ask(
            &serde_json::json!({"faults": [{"kind": "stall", "rate": 1.0, "after_chunks": 2}]}),
            Duration::from_secs(10),
        );
        let kind = seen.error.map(|e| e.kind);
        assert_eq!(kind, Some(ErrorKind::TotalTimeout));
        assert_eq!(seen.end, 10_000_000_000);
        assert_eq!(seen.chunks.len(), 2);
    }
}
