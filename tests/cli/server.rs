//! A raw TCP server: ready by `/v1/models`, and then whatever the test decides.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A server that answers every completion request with a script.
pub struct Server {
    pub address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    connections: AtomicUsize,
    completions: AtomicUsize,
    /// Every completion request, head and body.
    seen: Mutex<Vec<String>>,
    dead: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

/// The list of models of a server that is well.
pub const MODELS: &str = r#"{"object":"list","data":[{"id":"tiny","object":"model"}]}"#;

impl Server {
    /// Lists one model, and runs `script` for every completion request: on its connection, with its
    /// number from 0.
    pub fn start(script: impl Fn(&mut Conn, usize) + Send + Sync + 'static) -> Server {
        Server::with_models("200 OK", MODELS, script)
    }

    /// The same with another answer to `/v1/models`.
    pub fn with_models(
        status: &'static str,
        models: impl Into<String>,
        script: impl Fn(&mut Conn, usize) + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State::default());
        let (script, models) = (Arc::new(script), models.into());
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                shared.connections.fetch_add(1, Ordering::SeqCst);
                if shared.dead.load(Ordering::SeqCst) {
                    return;
                }
                shared
                    .open
                    .lock()
                    .expect("a lock")
                    .extend(stream.try_clone());
                let (script, models, state) = (script.clone(), models.clone(), shared.clone());
                std::thread::spawn(move || serve(stream, status, &models, &*script, &state));
            }
        });
        Server { address, state }
    }

    /// Base URL of its API.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Connections that came.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Completion requests that came, head and body, in the order in which they came.
    pub fn seen(&self) -> Vec<String> {
        self.state.seen.lock().expect("a lock").clone()
    }

    /// Their bodies.
    pub fn bodies(&self) -> Vec<serde_json::Value> {
        let body = |request: &String| {
            let (_, body) = request.split_once("\r\n\r\n").expect("a body");
            serde_json::from_str(body).expect("JSON")
        };
        self.seen().iter().map(body).collect()
    }
}

fn serve(
    stream: TcpStream,
    status: &str,
    models: &str,
    script: &(dyn Fn(&mut Conn, usize) + Send + Sync),
    state: &Arc<State>,
) {
    let _ = stream.set_nodelay(true);
    let mut conn = Conn {
        stream,
        abrupt: false,
        state: state.clone(),
        request: String::new(),
    };
    if !conn.read() {
        return;
    }
    if conn.request.starts_with("GET ") {
        if conn.request.starts_with("GET /v1/models ") {
            conn.respond(status, "application/json", models);
        } else {
            conn.respond("404 Not Found", "text/plain", "no such page");
        }
        let _ = conn.stream.shutdown(Shutdown::Both);
        return;
    }
    // Whoever has no `/tokenize` is not asked for anything else about tokens.
    if conn.request.starts_with("POST /tokenize ") {
        conn.respond("404 Not Found", "text/plain", "no such page");
        let _ = conn.stream.shutdown(Shutdown::Both);
        return;
    }
    state
        .seen
        .lock()
        .expect("a lock")
        .push(conn.request.clone());
    let number = state.completions.fetch_add(1, Ordering::SeqCst);
    script(&mut conn, number);
    if !conn.abrupt {
        let _ = conn.stream.shutdown(Shutdown::Both);
    }
}

/// One connection, its request read; closed with this value.
pub struct Conn {
    stream: TcpStream,
    /// It is reset rather than closed in order.
    abrupt: bool,
    state: Arc<State>,
    /// The request, head and body.
    pub request: String,
}

impl Conn {
    fn read(&mut self) -> bool {
        let mut bytes = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&bytes);
            if let Some(end) = text.find("\r\n\r\n") {
                let length = text
                    .lines()
                    .find_map(|l| l.strip_prefix("content-length: "))
                    .map_or(0, |n| n.trim().parse::<usize>().expect("a length"));
                if bytes.len() >= end + 4 + length {
                    self.request = text.into_owned();
                    return true;
                }
            }
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer) {
                Ok(0) | Err(_) => return false,
                Ok(n) => bytes.extend_from_slice(&buffer[..n]),
            }
        }
    }

    /// Writes; false when the client has gone.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok() && self.stream.flush().is_ok()
    }

    /// A whole response.
    pub fn respond(&mut self, status: &str, content_type: &str, body: &str) {
        self.write(format!(
            "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{body}",
            body.len()
        ));
    }

    /// The head of a stream that ends with the connection.
    pub fn stream_head(&mut self) {
        self.write(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n",
        );
    }

    /// An event of the stream.
    pub fn event(&mut self, data: &str) -> bool {
        self.write(format!("data: {data}\n\n"))
    }

    /// An answer as it ought to be.
    pub fn answer(&mut self) {
        self.stream_head();
        self.event(r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#);
        self.event(&delta("Hi"));
        self.event(&delta(" there"));
        self.event(FINISH);
        self.event(USAGE);
        self.event("[DONE]");
    }

    /// Waits until the client closes.
    pub fn wait_for_close(&mut self) {
        let mut buffer = [0; 4096];
        while matches!(self.stream.read(&mut buffer), Ok(n) if n > 0) {}
    }

    /// Closes with a reset rather than in order.
    pub fn reset(&mut self) {
        use std::os::fd::AsRawFd;
        let linger = libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        // SAFETY: the descriptor is open, and the option's value lives through the call.
        unsafe {
            libc::setsockopt(
                self.stream.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_LINGER,
                (&raw const linger).cast(),
                size_of::<libc::linger>() as libc::socklen_t,
            );
        }
        self.abrupt = true;
        // The other handle to the socket would keep it open.
        self.state.open.lock().expect("a lock").clear();
    }

    /// The server dies: no connection goes on, and nobody listens any more.
    pub fn die(&mut self) {
        self.state.dead.store(true, Ordering::SeqCst);
        for stream in self.state.open.lock().expect("a lock").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        // The listener still waits for one connection; it closes with the next one that comes.
        drop(TcpStream::connect(
            self.stream.local_addr().expect("an address"),
        ));
    }
}

/// A chunk of chat output.
pub fn delta(text: &str) -> String {
    serde_json::json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]})
        .to_string()
}

/// The finish of a chat.
pub const FINISH: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;

/// Its usage.
pub const USAGE: &str =
    r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}"#;

/// An address at which nobody listens.
pub fn closed_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}
