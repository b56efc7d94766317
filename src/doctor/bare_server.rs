use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Longest request.
const MOST_BYTES: usize = 64 << 10;
/// Stack of a connection's thread.
const STACK: usize = 256 << 10;

/// A streaming server that does nothing but keep its times: a thread per connection, which answers
/// each request as the request itself says and remembers when it wrote what.
#[derive(Debug)]
pub(super) struct BareServer {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    served: Mutex<HashMap<u64, Served>>,
    stopped: AtomicBool,
}

/// When one request was served.
#[derive(Clone, Debug)]
pub(super) struct Served {
    /// Its last byte was read.
    pub read: Instant,
    /// Each piece of the answer was handed to the system.
    pub written: Vec<Instant>,
}

/// How a request is to be answered; part of its prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Order {
    /// Under which number its times are kept; 0: not at all.
    pub id: u64,
    /// Before the first token, in µs.
    pub first_us: u64,
    /// Between two writes, in µs.
    pub gap_us: u64,
    /// How many writes.
    pub writes: u64,
    /// Tokens in each.
    pub tokens: u64,
}

impl Order {
    /// The prompt that asks for it.
    pub fn prompt(self) -> String {
        let Order {
            id,
            first_us,
            gap_us,
            writes,
            tokens,
        } = self;
        format!("order={id},{first_us},{gap_us},{writes},{tokens};")
    }

    fn find(body: &str) -> Option<Order> {
        let (text, _) = body.split_once("order=")?.1.split_once(';')?;
        let mut numbers = text.split(',').map(str::parse::<u64>);
        let mut next = || numbers.next()?.ok();
        Some(Order {
            id: next()?,
            first_us: next()?,
            gap_us: next()?,
            writes: next()?,
            tokens: next()?,
        })
    }
}

impl BareServer {
    /// Listens on a free port of the loopback.
    ///
    /// # Errors
    /// When it cannot.
    pub fn start() -> io::Result<BareServer> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let of_thread = shared.clone();
        std::thread::Builder::new()
            .name("prony-bare".to_owned())
            .spawn(move || accept(&listener, &of_thread))?;
        Ok(BareServer { addr, shared })
    }

    /// The API's base URL.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.addr)
    }

    /// When the request `id` was served.
    pub fn served(&self, id: u64) -> Option<Served> {
        self.shared.lock().get(&id).cloned()
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Served>> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for BareServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Release);
        // Wakes the thread that accepts; those of connections end with their client.
        let _ = TcpStream::connect_timeout(&self.addr, Duration::from_secs(1));
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopped.load(Ordering::Acquire) {
            return;
        }
        let Ok(stream) = stream else {
            continue;
        };
        let shared = shared.clone();
        // Without a thread the connection closes, and the client counts a failed request.
        let _ = std::thread::Builder::new()
            .name("prony-bare-c".to_owned())
            .stack_size(STACK)
            .spawn(move || serve(stream, &shared));
    }
}

/// Serves one connection until its client closes it.
fn serve(mut stream: TcpStream, shared: &Shared) {
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::new();
    while let Ok(Some(body)) = request(&mut stream, &mut buffer) {
        let read = Instant::now();
        let done = match Order::find(&body) {
            Some(order) => answer(&mut stream, order, read, shared),
            None => stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"),
        };
        if done.is_err() {
            return;
        }
    }
}

/// The body of the next request; `None` where there is none any more.
fn request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<String>> {
    buffer.clear();
    let mut piece = [0; 4096];
    loop {
        if let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
            let length = head
                .split("\r\n")
                .find_map(|l| l.strip_prefix("content-length:"))
                .and_then(|v| v.trim().parse::<usize>().ok())
                .unwrap_or(0);
            if let Some(body) = buffer.get(end + 4..end + 4 + length) {
                return Ok(Some(String::from_utf8_lossy(body).into_owned()));
            }
        }
        let n = stream.read(&mut piece)?;
        if n == 0 || buffer.len() > MOST_BYTES {
            return Ok(None);
        }
        buffer.extend_from_slice(&piece[..n]);
    }
}

fn answer(stream: &mut TcpStream, order: Order, read: Instant, shared: &Shared) -> io::Result<()> {
    const HEAD: &str =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    const TOKEN: &str = "data: {\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"bare\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" token\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n";
    const LAST: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}]}\n\ndata: [DONE]\n\n";
    let events = TOKEN.repeat(usize::try_from(order.tokens).unwrap_or(1));
    let piece = chunk(&events);
    stream.write_all(HEAD.as_bytes())?;
    let mut written = Vec::new();
    for i in 0..order.writes {
        let due = read + Duration::from_micros(order.first_us + i * order.gap_us);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        written.push(Instant::now());
        stream.write_all(piece.as_bytes())?;
    }
    if order.id != 0 {
        shared.lock().insert(order.id, Served { read, written });
    }
    stream.write_all(format!("{}0\r\n\r\n", chunk(LAST)).as_bytes())
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_found_in_any_body() {
        let order = Order {
            id: 7,
            first_us: 20_000,
            gap_us: 10_000,
            writes: 10,
            tokens: 1,
        };
        let body = format!("{{\"messages\":[{{\"content\":\"{}\"}}]}}", order.prompt());
        assert_eq!(Order::find(&body), Some(order));
        assert_eq!(Order::find("order=1,2;"), None);
        assert_eq!(Order::find("{}"), None);
    }
}
