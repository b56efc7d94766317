use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::driver::Nanos;
use crate::sim::face::{ExchangeId, Face, Output};

use super::alarm::Alarm;
use super::mailbox::Mailbox;

/// The face, the clock that drives it, and the responses under way; one thread only.
pub(super) struct World {
    inner: RefCell<Inner>,
    begin: Instant,
    /// The next event may be earlier than the pump thinks.
    changed: Notify,
}

struct Inner {
    face: Face,
    // Looked up only, never iterated.
    open: HashMap<ExchangeId, Rc<Mailbox>>,
    outputs: Vec<Output>,
}

impl Inner {
    fn deliver(&mut self) {
        for output in self.outputs.drain(..) {
            if let Some(mailbox) = self.open.get(&output.exchange) {
                mailbox.put(output.piece);
            }
        }
    }
}

impl World {
    pub(super) fn new(face: Face) -> World {
        World {
            inner: RefCell::new(Inner {
                face,
                open: HashMap::new(),
                outputs: Vec::new(),
            }),
            begin: Instant::now(),
            changed: Notify::new(),
        }
    }

    fn now(&self) -> Nanos {
        Nanos::try_from(self.begin.elapsed().as_nanos()).unwrap_or(Nanos::MAX)
    }

    /// Hands an HTTP request to the engine.
    pub(super) fn request(self: &Rc<World>, method: &str, path: &str, body: &[u8]) -> Exchange {
        let now = self.now();
        let mut inner = self.inner.borrow_mut();
        let inner = &mut *inner;
        let before = inner.face.next_event();
        let id = inner
            .face
            .request(now, method, path, body, &mut inner.outputs);
        let mailbox = Rc::new(Mailbox::default());
        inner.open.insert(id, mailbox.clone());
        inner.deliver();
        if inner.face.next_event() != before {
            self.changed.notify_one();
        }
        Exchange {
            world: self.clone(),
            id,
            mailbox,
        }
    }

    pub(super) fn begin_run(&self, run: u64) {
        self.inner.borrow_mut().face.begin_run(run);
    }

    /// Lets the engine's events happen when they are due, by its own absolute times, for ever.
    pub(super) async fn pump(&self) -> io::Result<()> {
        let alarm = Alarm::new()?;
        loop {
            let next = self.inner.borrow().face.next_event();
            match next {
                None => self.changed.notified().await,
                Some(at) if at > self.now() => {
                    let deadline = self.begin + Duration::from_nanos(at);
                    tokio::select! {
                        woken = alarm.until(deadline) => woken?,
                        () = self.changed.notified() => {}
                    }
                }
                Some(_) => {
                    {
                        let now = self.now();
                        let mut inner = self.inner.borrow_mut();
                        let inner = &mut *inner;
                        inner.face.advance(now, &mut inner.outputs);
                        inner.deliver();
                    }
                    // The connections write before the engine goes on.
                    tokio::task::yield_now().await;
                }
            }
        }
    }
}

/// A request under way; dropping it tells the engine that its client went away.
pub(super) struct Exchange {
    world: Rc<World>,
    id: ExchangeId,
    pub(super) mailbox: Rc<Mailbox>,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let now = self.world.now();
        let mut inner = self.world.inner.borrow_mut();
        inner.open.remove(&self.id);
        inner.face.cancel(now, self.id);
        drop(inner);
        self.world.changed.notify_one();
    }
}
