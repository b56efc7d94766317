use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::future::{Either, select};
use futures_util::stream::{StreamExt, iter};
use tokio::io::Interest;

use super::head::{BadHead, Framing, RequestHead, ResponseHead, parse};
use super::pace::Pace;
use super::pool::{Conn, Pool};
use super::tls::Tls;
use super::{Choice, choose, connect, socket};
use crate::driver::{Driver, Nanos};
use crate::endpoint::http::{IDLE, MAX_STALE};
use crate::endpoint::untrusted::refused_by_tls;
use crate::endpoint::{
    Exchange, HandOver, HttpSettings, Lent, SendTiming, SettingsError, Stamped, Stamps, Transport,
    TransportError, WireRequest,
};
use crate::record::ErrorKind;
use crate::stats::Delays;

/// Bytes that one read may take: more than a server writes at once, and still in a core's own cache.
const READ: usize = 64 << 10;

thread_local! {
    /// Where all responses of a thread are read: what is there is used up before the next read.
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into_boxed_slice());
}

/// Connections opened at a time by [`LeanTransport::open_ahead`]; a listener's queue is often 128 long.
const OPENING: usize = 64;

/// HTTP/1.1 on TCP sockets, without anything but TLS, where it is spoken, between them and the stamps.
///
/// - `sent` is taken right before the `write(2)` that hands over the last byte of the request. After
///   it would be too late: the call delivers the bytes and wakes the server, and on one core the server
///   may answer before the client runs again.
/// - A chunk's stamp is the kernel's, taken when the segment came in, wherever the kernel gives one
///   (Linux); else that of the read. A read that holds several segments has the last one's; over TLS it is
///   the read that completed the record.
/// - Connections are kept and handed out as [`HttpTransport`](crate::endpoint::HttpTransport) does it;
///   a request is handed over anew only where a kept connection closed before a byte of an answer.
/// - Redirects, proxies and compressed bodies are not its business: [`choose`] sends those to
///   reqwest.
///
/// One is made per target and measuring thread; clones share its connections. Dropping a request or a
/// response before its end closes the connection.
pub struct LeanTransport<D> {
    inner: Rc<Inner<D>>,
}

impl<D> Clone for LeanTransport<D> {
    fn clone(&self) -> Self {
        LeanTransport {
            inner: self.inner.clone(),
        }
    }
}

struct Inner<D> {
    settings: HttpSettings,
    head: RequestHead,
    driver: D,
    tls: Option<Tls>,
    pool: Pool,
    stale: Cell<u32>,
    stamps: Cell<StampCounts>,
    /// From the kernel's stamp of the last segment of a read to that read.
    delays: RefCell<Delays>,
    pace: Pace,
    _stamping: Option<std::net::UdpSocket>,
}

/// Whose stamps the reads so far have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StampCounts {
    /// The kernel's.
    pub kernel: u64,
    /// The client's own, right after the read.
    pub read: u64,
}

impl<D: Driver> LeanTransport<D> {
    /// A transport to `settings.base_url`, stamping with `driver`.
    ///
    /// # Errors
    /// When a header cannot be sent, or the target needs what this transport does not do.
    pub fn new(settings: HttpSettings, driver: D) -> Result<Self, SettingsError> {
        if let Choice::Reqwest(why) = choose(&settings) {
            return Err(SettingsError::Client(format!(
                "the lean transport cannot be used here: {why}; use reqwest"
            )));
        }
        Ok(LeanTransport {
            inner: Rc::new(Inner {
                head: RequestHead::new(&settings)?,
                tls: Tls::new(&settings)?,
                pool: Pool::new(settings.pool, IDLE),
                settings,
                driver,
                stale: Cell::new(0),
                stamps: Cell::default(),
                delays: RefCell::default(),
                pace: Pace::default(),
                _stamping: socket::keep_stamping(),
            }),
        })
    }

    /// Connections that wait for a request.
    pub fn idle(&self) -> usize {
        self.inner.pool.len()
    }

    /// Whose stamps the reads so far have.
    pub fn stamp_counts(&self) -> StampCounts {
        self.inner.stamps.get()
    }
}

/// Why an attempt failed.
struct Failed {
    kind: ErrorKind,
    words: String,
    /// The connection closed before a byte of an answer, and it was a kept one.
    stale: bool,
}

impl Failed {
    fn new(kind: ErrorKind, words: String) -> Self {
        Failed {
            kind,
            words,
            stale: false,
        }
    }
}

impl<D: Driver> Inner<D> {
    fn keeps(&self) -> bool {
        self.stale.get() < MAX_STALE
    }

    async fn open(&self) -> io::Result<Conn> {
        let stream = connect::connect(&self.settings.base_url, &self.driver).await?;
        let tls = match &self.tls {
            Some(tls) => Some(Box::new(tls.handshake(&stream).await?)),
            None => None,
        };
        Ok(Conn {
            stamped: socket::stamp_arrivals(&stream),
            stream,
            tls,
        })
    }

    /// A connection for one request, and whether it was kept; a new one is timed. While it is being
    /// opened, one that becomes free is as good; the new one is then kept for later.
    async fn connection(
        self: &Rc<Self>,
        fresh: bool,
        slot: &HandOver,
    ) -> Result<(Conn, bool), Failed> {
        let reuse = !fresh && self.keeps();
        if reuse && let Some(conn) = self.pool.take(self.driver.now()) {
            return Ok((conn, true));
        }
        slot.set_connecting(self.driver.now());
        let inner = self.clone();
        let opening = Box::pin(async move { inner.open().await });
        let opened = if reuse {
            match select(opening, self.pool.freed(&self.driver)).await {
                Either::Left((opened, _)) => opened,
                Either::Right((conn, opening)) => {
                    let inner = self.clone();
                    self.driver.spawn(async move {
                        if let Ok(conn) = opening.await {
                            inner.pool.put_last(conn, inner.driver.now());
                        }
                    });
                    return Ok((conn, true));
                }
            }
        } else {
            opening.await
        };
        let conn = opened.map_err(|error| Failed::new(ErrorKind::Connect, unopened(&error)))?;
        slot.set_connected(self.driver.now());
        Ok((conn, false))
    }

    /// Hands `request` over once and waits for the head of its answer.
    async fn attempt(
        self: &Rc<Self>,
        request: &WireRequest,
        fresh: bool,
    ) -> Result<LeanExchange<D>, Failed> {
        let slot = &request.hand_over;
        let (conn, kept) = self.connection(fresh, slot).await?;
        let mut head = Vec::new();
        self.head.write(request.path, request.body.len(), &mut head);
        let mut parts = [&head[..], &request.body[..]];
        let encrypted = match &conn.tls {
            Some(session) => session.queue(std::mem::take(&mut parts)),
            None => Ok(()),
        };
        if request.not_before > 0 {
            self.driver.at_exactly(request.not_before).await;
        }
        let written = match encrypted {
            Ok(()) => self.write(&conn, parts, slot).await,
            Err(error) => Err(error),
        };
        let floor = slot.timing().map_or_else(|| self.driver.now(), |t| t.sent);
        let mut answer = self.read_head(&conn, floor).await.map_err(|mut failed| {
            failed.stale &= kept;
            failed
        })?;
        if !matches!(written, Ok(true)) {
            // Answered before it had heard all: nothing else may follow on this connection.
            answer.head.keep_alive = false;
        }
        // A server may answer before it was asked in full: then the request counts as sent when its
        // answer is seen.
        let timing = slot.timing().unwrap_or(SendTiming {
            sent: answer.at,
            connect: None,
        });
        Ok(LeanExchange {
            inner: self.clone(),
            conn: Some(conn),
            head: answer.head,
            rest: answer.rest,
            last: answer.at.max(timing.sent),
            timing,
        })
    }

    /// Writes a whole request, or what of it was encrypted, and stamps it; `false` when the answer began
    /// before its end.
    async fn write(
        &self,
        conn: &Conn,
        [mut head, mut body]: [&[u8]; 2],
        slot: &HandOver,
    ) -> io::Result<bool> {
        let queued = || conn.tls.as_ref().filter(|session| session.wants_write());
        let mut sent = self.driver.now();
        while !head.is_empty() || !body.is_empty() || queued().is_some() {
            let parts = [io::IoSlice::new(head), io::IoSlice::new(body)];
            sent = self.driver.now();
            let wrote = match queued() {
                Some(session) => session.write_some(&conn.stream).map(|()| 0),
                None => conn.stream.try_write_vectored(&parts),
            };
            match wrote {
                Ok(n) => {
                    let of_head = n.min(head.len());
                    head = &head[of_head..];
                    body = &body[n - of_head..];
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let either = Interest::READABLE | Interest::WRITABLE;
                    let ready = conn.stream.ready(either).await?;
                    if ready.is_readable() && !conn.is_quiet() {
                        return Ok(false);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        slot.set_sent(sent);
        Ok(true)
    }

    async fn read_head(&self, conn: &Conn, floor: Nanos) -> Result<Answer, Failed> {
        let mut before = Vec::new();
        let mut any = false;
        poll_fn(|cx| {
            loop {
                let answer = BUFFER.with_borrow_mut(|buffer| {
                    let read = match ready!(self.poll_read(conn, cx, buffer, floor)) {
                        Ok(read) => read,
                        Err(error) => return Poll::Ready(Err(broken(&error, !any))),
                    };
                    if read.n == 0 {
                        let words = "the connection broke: closed before an answer";
                        let mut failed = Failed::new(ErrorKind::Transport, words.to_owned());
                        failed.stale = !any;
                        return Poll::Ready(Err(failed));
                    }
                    any = true;
                    Poll::Ready(take_head(&mut before, &buffer[..read.n], read.at))
                });
                match ready!(answer) {
                    Ok(Some(answer)) => return Poll::Ready(Ok(answer)),
                    Ok(None) => {}
                    Err(failed) => return Poll::Ready(Err(failed)),
                }
            }
        })
        .await
    }

    fn poll_read(
        &self,
        conn: &Conn,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
        floor: Nanos,
    ) -> Poll<io::Result<socket::Read>> {
        let (stream, driver, stamped) = (&conn.stream, &self.driver, conn.stamped);
        let result = match &conn.tls {
            None => socket::poll_read(stream, cx, driver, buffer, stamped, floor),
            Some(session) => session.poll_read(stream, cx, driver, buffer, stamped, floor),
        };
        if let Poll::Ready(Ok(read)) = &result
            && read.n > 0
        {
            let mut counts = self.stamps.get();
            match read.lay {
                Some(lay) => {
                    counts.kernel += 1;
                    self.delays.borrow_mut().add(lay);
                }
                None => counts.read += 1,
            }
            self.stamps.set(counts);
        }
        result
    }

    fn failed(&self, failed: Failed, timing: Option<SendTiming>) -> TransportError {
        TransportError {
            kind: failed.kind,
            message: failed.words,
            at: self.driver.now(),
            timing,
        }
    }
}

/// A head, and what of the body came with it.
struct Answer {
    head: ResponseHead,
    rest: Vec<u8>,
    at: Nanos,
}

/// Looks for a head in `before` and `bytes` together; keeps both in `before` where it is not whole.
fn take_head(before: &mut Vec<u8>, bytes: &[u8], at: Nanos) -> Result<Option<Answer>, Failed> {
    let joined;
    let mut bytes = bytes;
    if !before.is_empty() {
        before.extend_from_slice(bytes);
        joined = std::mem::take(before);
        bytes = &joined;
    }
    loop {
        match parse(bytes) {
            Ok(Some((head, end))) => {
                let rest = &bytes[end..];
                // 100 Continue, 103 Early Hints: the answer is still to come.
                if (100..200).contains(&head.status) && head.status != 101 {
                    bytes = rest;
                    continue;
                }
                let rest = rest.to_vec();
                return Ok(Some(Answer { head, rest, at }));
            }
            Ok(None) => {
                *before = bytes.to_vec();
                return Ok(None);
            }
            Err(BadHead::TooLarge) => {
                let words = "the response's head is too large".to_owned();
                return Err(Failed::new(ErrorKind::TooLarge, words));
            }
            Err(BadHead::Malformed(why)) => {
                let words = format!("the response is not valid HTTP: {why}");
                return Err(Failed::new(ErrorKind::Malformed, words));
            }
        }
    }
}

fn broken(error: &io::Error, stale: bool) -> Failed {
    // Only TLS knows of an end that nobody has announced.
    let (kind, what) = match error.kind() {
        io::ErrorKind::UnexpectedEof if !stale => (ErrorKind::Truncated, "the response broke off"),
        _ => (ErrorKind::Transport, "the connection broke"),
    };
    let why = refused_by_tls(error).unwrap_or_else(|| error.to_string());
    Failed {
        kind,
        words: format!("{what}: {why}"),
        stale,
    }
}

fn unopened(error: &io::Error) -> String {
    let why = refused_by_tls(error).unwrap_or_else(|| error.to_string());
    format!("no connection: {why}")
}

impl<D: Driver> Transport for LeanTransport<D> {
    type Exchange = LeanExchange<D>;

    fn send(
        &self,
        request: WireRequest,
    ) -> impl Future<Output = Result<LeanExchange<D>, TransportError>> + 'static {
        let inner = self.inner.clone();
        async move {
            let mut result = inner.attempt(&request, false).await;
            if let Err(Failed { stale: true, .. }) = result {
                // Closed before a byte of an answer, on a connection that had been kept: the server let go of it, and never took the request up. On a connection of its own the
                // same failure counts, so nothing that the server does is hidden.
                inner.stale.set(inner.stale.get() + 1);
                if !inner.keeps() {
                    inner.pool.clear();
                }
                request.hand_over.reset();
                result = inner.attempt(&request, true).await;
            }
            result.map_err(|failed| inner.failed(failed, request.hand_over.timing()))
        }
    }

    fn keeps_until_due(&self) -> bool {
        true
    }

    fn stale_connections(&self) -> u32 {
        self.inner.stale.get()
    }

    async fn open_ahead(&self, n: usize) {
        let inner = &self.inner;
        if !inner.keeps() {
            return;
        }
        let missing = n.min(inner.settings.pool).saturating_sub(inner.pool.len());
        let opening = iter(0..missing).map(|_| inner.open());
        let mut opening = opening.buffered(OPENING);
        while let Some(result) = opening.next().await {
            match result {
                Ok(conn) => inner.pool.put_last(conn, inner.driver.now()),
                Err(_) => break,
            }
        }
    }

    fn read_delays(&self) -> Option<Delays> {
        Some(self.inner.delays.borrow().clone()).filter(|delays| !delays.is_empty())
    }

    fn stamps(&self) -> Option<Stamps> {
        match self.inner.stamps.get() {
            StampCounts { kernel: 0, read: 0 } => None,
            StampCounts { read: 0, .. } => Some(Stamps::Kernel),
            StampCounts { kernel: 0, .. } => Some(Stamps::User),
            // The end of a stream and a wall clock that was set have none of the kernel's.
            StampCounts { kernel, read } if read <= kernel / 100 => Some(Stamps::Kernel),
            StampCounts { .. } => Some(Stamps::Mixed),
        }
    }
}

/// A response of [`LeanTransport`].
pub struct LeanExchange<D> {
    inner: Rc<Inner<D>>,
    /// Absent after the body's end.
    conn: Option<Conn>,
    head: ResponseHead,
    /// What of the body came with the head.
    rest: Vec<u8>,
    /// The last stamp given: none may lie before it.
    last: Nanos,
    timing: SendTiming,
}

impl<D: Driver> LeanExchange<D> {
    fn poll_lend(
        &mut self,
        cx: &mut Context<'_>,
        take: &mut impl FnMut(&[u8], Nanos),
    ) -> Poll<Result<Lent, Failed>> {
        if self.conn.is_some()
            && (!self.rest.is_empty() || matches!(self.head.framing, Framing::Length(0)))
        {
            let rest = std::mem::take(&mut self.rest);
            return Poll::Ready(self.digest(&rest, take));
        }
        BUFFER.with_borrow_mut(|buffer| {
            let Some(conn) = &self.conn else {
                return Poll::Ready(Ok(Lent::End(self.last)));
            };
            match ready!(self.inner.poll_read(conn, cx, buffer, self.last)) {
                Ok(read) => {
                    if read.lay.is_some() {
                        let gap = read.at.saturating_sub(self.last);
                        self.inner.pace.read(gap, read.at, &self.inner.driver);
                    }
                    self.last = read.at;
                    Poll::Ready(if read.n == 0 {
                        self.closed()
                    } else {
                        self.digest(&buffer[..read.n], take)
                    })
                }
                Err(error) => Poll::Ready(Err(broken(&error, false))),
            }
        })
    }

    /// Takes the framing off `bytes`, which came at `last`, and hands the rest on.
    fn digest(
        &mut self,
        bytes: &[u8],
        take: &mut impl FnMut(&[u8], Nanos),
    ) -> Result<Lent, Failed> {
        let at = self.last;
        let pace = &self.inner.pace;
        let mut take = |data: &[u8]| {
            pace.piece();
            take(data, at);
        };
        let (consumed, done) = match &mut self.head.framing {
            Framing::Length(left) => {
                let n = usize::try_from(*left).map_or(bytes.len(), |l| l.min(bytes.len()));
                *left -= n as u64;
                if n > 0 {
                    take(&bytes[..n]);
                }
                (n, *left == 0)
            }
            Framing::Chunked(decoder) => {
                let decoded = decoder.decode(bytes, take);
                let decoded = decoded.map_err(|bad| {
                    let words = format!("the response is not valid HTTP: {}", bad.0);
                    Failed::new(ErrorKind::Malformed, words)
                })?;
                (decoded.consumed, decoded.done)
            }
            Framing::UntilClose => {
                take(bytes);
                (bytes.len(), false)
            }
        };
        if !done {
            return Ok(Lent::More);
        }
        if let Some(conn) = self.conn.take()
            && self.head.keep_alive
            && consumed == bytes.len()
            && self.inner.keeps()
        {
            self.inner.pool.put(conn, self.inner.driver.now());
        }
        Ok(Lent::End(at))
    }

    /// The server has closed.
    fn closed(&mut self) -> Result<Lent, Failed> {
        self.conn = None;
        match &self.head.framing {
            Framing::UntilClose => Ok(Lent::End(self.last)),
            Framing::Length(_) | Framing::Chunked(_) => {
                let words = "the response broke off: closed before its end";
                Err(Failed::new(ErrorKind::Truncated, words.to_owned()))
            }
        }
    }

    fn fail(&mut self, failed: Failed) -> TransportError {
        self.conn = None;
        self.inner.failed(failed, Some(self.timing))
    }
}

impl<D: Driver> Exchange for LeanExchange<D> {
    fn timing(&self) -> SendTiming {
        self.timing
    }

    fn status(&self) -> u16 {
        self.head.status
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.field(name)
    }

    async fn next(&mut self) -> Result<Option<Stamped>, TransportError> {
        loop {
            let mut piece = Vec::new();
            let mut stamp = 0;
            let lent = self
                .lend(|bytes, at| {
                    piece.extend_from_slice(bytes);
                    stamp = at;
                })
                .await?;
            if !piece.is_empty() {
                return Ok(Some(Stamped {
                    at: stamp,
                    bytes: Bytes::from(piece),
                }));
            }
            if let Lent::End(_) = lent {
                return Ok(None);
            }
        }
    }

    async fn lend(&mut self, mut take: impl FnMut(&[u8], Nanos)) -> Result<Lent, TransportError> {
        poll_fn(|cx| self.poll_lend(cx, &mut take))
            .await
            .map_err(|failed| self.fail(failed))
    }
}
