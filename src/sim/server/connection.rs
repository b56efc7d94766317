use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Either, Full, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::sim::face::{Head, Piece};

use super::world::{Exchange, World};

/// Largest request body.
const BODY_LIMIT: usize = 64 << 20;

/// Serves one connection to its end.
pub(super) async fn serve(stream: TcpStream, world: Rc<World>) {
    // Without it small chunks would wait for acknowledgements; nothing else depends on it.
    let _ = stream.set_nodelay(true);
    let reset = Rc::new(Notify::new());
    #[cfg(unix)]
    let fd = std::os::fd::AsRawFd::as_raw_fd(&stream);
    let service = {
        let reset = reset.clone();
        hyper::service::service_fn(move |request| respond(request, world.clone(), reset.clone()))
    };
    let connection = hyper::server::conn::http1::Builder::new()
        .pipeline_flush(true)
        .writev(false)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        biased;
        () = reset.notified() => {
            #[cfg(unix)]
            linger_zero(fd);
        }
        // How a connection ends is its client's business.
        _ = &mut connection => {}
    }
}

/// Closing the socket from now on sends a reset.
#[cfg(unix)]
fn linger_zero(fd: std::os::fd::RawFd) {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    // SAFETY: the connection that owns `fd` is still there, and the option is a valid `linger`.
    unsafe {
        libc::setsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of::<libc::linger>() as libc::socklen_t,
        );
    }
}

type Answer = Response<Either<Full<Bytes>, Stream>>;

async fn respond(
    request: Request<Incoming>,
    world: Rc<World>,
    reset: Rc<Notify>,
) -> Result<Answer, io::Error> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => {
            return plain(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the request's body is too large\n",
            );
        }
    };
    let exchange = world.request(parts.method.as_str(), parts.uri.path(), &body);
    let head = match exchange.mailbox.take().await {
        Piece::Head(head) => head,
        Piece::Reset => {
            reset.notify_one();
            return std::future::pending().await;
        }
        Piece::Body(_) | Piece::End | Piece::Cut => return Err(io::Error::other("no head")),
    };
    let builder = headers(&head);
    let body = Either::Right(Stream {
        exchange,
        reset,
        ended: Cell::new(false),
        cut: Cell::new(false),
    });
    builder.body(body).map_err(io::Error::other)
}

fn headers(head: &Head) -> hyper::http::response::Builder {
    let mut builder = Response::builder()
        .status(head.status)
        .header(CONTENT_TYPE, HeaderValue::from_static(head.content_type));
    if let Some(length) = head.length {
        builder = builder.header(CONTENT_LENGTH, length);
    }
    if let Some(seconds) = head.retry_after {
        builder = builder.header(RETRY_AFTER, seconds);
    }
    builder
}

fn plain(status: StatusCode, text: &'static str) -> Result<Answer, io::Error> {
    Response::builder()
        .status(status)
        .body(Either::Left(Full::from(text)))
        .map_err(io::Error::other)
}

/// A body whose pieces come from the model.
struct Stream {
    exchange: Exchange,
    reset: Rc<Notify>,
    ended: Cell<bool>,
    /// The next poll is an error. Not at once: hyper would drop what it has not yet written.
    cut: Cell<bool>,
}

impl Body for Stream {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.ended.get() {
            return Poll::Ready(None);
        }
        if self.cut.get() {
            return Poll::Ready(Some(Err(io::Error::other("cut"))));
        }
        match self.exchange.mailbox.poll_take(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Piece::Body(bytes)) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Poll::Ready(Piece::End) => {
                self.ended.set(true);
                Poll::Ready(None)
            }
            Poll::Ready(Piece::Reset) => {
                self.reset.notify_one();
                Poll::Pending
            }
            Poll::Ready(Piece::Cut | Piece::Head(_)) => {
                self.cut.set(true);
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
