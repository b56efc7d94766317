//! A raw TCP server whose every byte the test decides, and one request through the whole stack.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prony::driver::RealDriver;
use prony::endpoint::openai::{Chat, Completions};
use prony::endpoint::{Choice, HttpCarrier, HttpSettings, Observation, Protocol, choose, perform};
use prony::suite::Timeouts;
use prony::workload::{PlannedRequest, Prompt};

/// A server that runs one script per connection.
pub struct Server {
    pub address: SocketAddr,
    /// Every request that came, head and body.
    pub seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Listens, and runs `script` on a thread of its own for every connection.
    pub fn start(script: impl Fn(&mut Conn) + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (script, log) = (Arc::new(script), seen.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), script, log) = (stream, script.clone(), log.clone()) else {
                    return;
                };
                std::thread::spawn(move || script(&mut Conn { stream, log }));
            }
        });
        Server { address, seen }
    }

    pub fn settings(&self) -> HttpSettings {
        HttpSettings::new(format!("http://{}/v1", self.address).parse().unwrap())
    }
}

/// One connection.
pub struct Conn {
    pub stream: TcpStream,
    pub log: Arc<Mutex<Vec<String>>>,
}

impl Conn {
    /// Reads a request and its body; `None` when the client has closed.
    pub fn request(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&bytes);
            if let Some(end) = text.find("\r\n\r\n") {
                let length = text
                    .lines()
                    .find_map(|l| l.strip_prefix("content-length: "))
                    .map_or(0, |n| n.trim().parse().unwrap());
                if bytes.len() >= end + 4 + length {
                    let text = text.into_owned();
                    self.log.lock().unwrap().push(text.clone());
                    return Some(text);
                }
            }
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer) {
                Ok(0) | Err(_) => return None,
                Ok(n) => bytes.extend_from_slice(&buffer[..n]),
            }
        }
    }

    /// Writes; false when the client has gone.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok() && self.stream.flush().is_ok()
    }

    /// The head of a stream that ends with the connection.
    pub fn stream_head(&mut self) -> bool {
        self.write(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n",
        )
    }

    /// An event of the stream.
    pub fn event(&mut self, data: &str) -> bool {
        self.write(format!("data: {data}\n\n"))
    }

    /// A whole response with a length.
    pub fn respond(&mut self, status: &str, content_type: &str, body: &str) -> bool {
        self.write(format!(
            "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ))
    }

    /// Closes in order.
    pub fn close(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Waits until the client closes.
    pub fn wait_for_close(&mut self) {
        let mut buffer = [0; 4096];
        while matches!(self.stream.read(&mut buffer), Ok(n) if n > 0) {}
    }
}

/// A chunk of chat output.
pub fn delta(text: &str) -> String {
    serde_json::json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]})
        .to_string()
}

/// The finish of a chat.
pub const FINISH: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;

pub fn timeouts(first_token: u64, total: u64) -> Timeouts {
    Timeouts {
        connect: Duration::from_millis(2_000),
        first_token: Duration::from_millis(first_token),
        total: Duration::from_millis(total),
    }
}

/// Long enough not to matter.
pub fn patient() -> Timeouts {
    timeouts(20_000, 30_000)
}

pub fn chat() -> Chat {
    Chat::new("tiny", true, &serde_json::Map::new())
}

pub fn completions() -> Completions {
    Completions::new("tiny", true, &serde_json::Map::new())
}

pub fn prompt() -> PlannedRequest {
    PlannedRequest {
        prompt: Prompt::Text("Say hi.".to_owned()),
        input_tokens: None,
        counted: false,
        output_tokens: Some(4),
        labels: Default::default(),
    }
}

/// The transport that this test program is about, as far as it can do what is asked.
pub fn transport(settings: HttpSettings, driver: RealDriver) -> HttpCarrier<RealDriver> {
    let wish = (choose(&settings) == Choice::Lean).then_some(crate::TRANSPORT);
    HttpCarrier::new(settings, driver, wish).unwrap()
}

/// Sends one request to `settings` and observes it.
pub fn observe(
    settings: HttpSettings,
    protocol: Box<dyn Protocol>,
    timeouts: Timeouts,
) -> Observation {
    RealDriver::run(async move |driver| {
        let transport = transport(settings, driver.clone());
        let body = protocol.encode(&prompt());
        perform(&driver, &transport, protocol.as_ref(), body, timeouts).await
    })
    .unwrap()
}
