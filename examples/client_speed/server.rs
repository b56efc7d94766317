//! A server that does nothing but stream: what it is to send stands in the path, and what it did, by its
//! own clock, in the finish reason.

use std::io::Write;
use std::sync::Once;
use std::time::{Duration, Instant};

use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::{TcpListener, TcpStream};

use crate::machine;

/// What one answer is to be, as `key=value` pairs joined by `,` in the first part of the path.
#[derive(Clone, Copy, Debug, Default)]
struct Script {
    tokens: usize,
    /// Microseconds from the request to the first token.
    first: u64,
    /// Microseconds from token to token; 0 is as fast as can be.
    gap: u64,
    /// Tokens in one write.
    batch: usize,
    /// Whether to say in the end when each token was written.
    truth: bool,
}

impl Script {
    fn of(path: &str) -> Script {
        let mut script = Script {
            batch: 1,
            ..Script::default()
        };
        for pair in path.split('/').nth(1).unwrap_or_default().split(',') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let n: u64 = value.parse().unwrap_or_default();
            match key {
                "tokens" => script.tokens = n as usize,
                "first" => script.first = n,
                "gap" => script.gap = n,
                "batch" => script.batch = (n as usize).max(1),
                "truth" => script.truth = n != 0,
                _ => {}
            }
        }
        script
    }
}

/// Serves on a free port, which it prints, until it is killed.
pub fn serve() {
    machine::pin(1..2);
    machine::raise_open_files();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())
        .expect("a runtime");
    runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket
            .bind("127.0.0.1:0".parse().expect("an address"))
            .expect("a free port");
        let listener: TcpListener = socket.listen(8192).expect("a listening socket");
        println!("{}", listener.local_addr().expect("an address"));
        let _ = std::io::stdout().flush();
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            machine::stamp_arrivals(&stream);
            tokio::task::spawn_local(connection(stream));
        }
    });
}

/// When the first request for tokens came is printed too.
static FIRST: Once = Once::new();

const HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// One event as a chunk: with `content`, or with a finish reason.
fn event(content: Option<&str>, finish: Option<&str>) -> Vec<u8> {
    let delta = content.map_or(String::new(), |text| format!(r#""content":"{text}""#));
    let finish = finish.map_or("null".to_owned(), |reason| format!("\"{reason}\""));
    let data = format!(
        "data: {{\"id\":\"chatcmpl-7c1d0e\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\
         \"model\":\"bare\",\"choices\":[{{\"index\":0,\"delta\":{{{delta}}},\"logprobs\":null,\
         \"finish_reason\":{finish}}}]}}\n\n"
    );
    format!("{:x}\r\n{data}\r\n", data.len()).into_bytes()
}

async fn connection(mut stream: TcpStream) {
    let words: Vec<Vec<u8>> = [
        " the", " quick", "\\n", " fox", " jumps", ",", " over", " it",
    ]
    .iter()
    .map(|word| event(Some(word), None))
    .collect();
    let mut request = Vec::with_capacity(4096);
    loop {
        let Some((path, came)) = read_request(&mut stream, &mut request).await else {
            return;
        };
        let began = Instant::now();
        if path.ends_with("/models") {
            if list_models(&mut stream).await.is_err() {
                return;
            }
            continue;
        }
        FIRST.call_once(|| {
            println!("{came}");
            let _ = std::io::stdout().flush();
        });
        let script = Script::of(&path);
        if answer(&mut stream, script, (began, came), &words)
            .await
            .is_err()
        {
            return;
        }
    }
}

/// Reads a request and its body; its path and when its end came in, or `None` when the client has
/// closed.
async fn read_request(stream: &mut TcpStream, request: &mut Vec<u8>) -> Option<(String, u64)> {
    request.clear();
    loop {
        stream.readable().await.ok()?;
        let read = stream.try_io(Interest::READABLE, || machine::receive(stream, request));
        let came = match read {
            Ok(None) => return None,
            Ok(Some(came)) => came,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(_) => return None,
        };
        let Some(end) = memchr::memmem::find(request, b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&request[..end]);
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let length = name.eq_ignore_ascii_case("content-length");
            length.then(|| value.trim().parse::<usize>().ok())?
        });
        if request.len() >= end + 4 + length.unwrap_or(0) {
            return Some((head.split(' ').nth(1)?.to_owned(), came));
        }
    }
}

async fn list_models(stream: &mut TcpStream) -> std::io::Result<()> {
    let body = r#"{"object":"list","data":[{"id":"bare","object":"model"}]}"#;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ";
    let text = format!("{head}{}\r\n\r\n{body}", body.len());
    stream.write_all(text.as_bytes()).await
}

async fn answer(
    stream: &mut TcpStream,
    script: Script,
    (began, came): (Instant, u64),
    words: &[Vec<u8>],
) -> std::io::Result<()> {
    let mut out = Vec::with_capacity(256 * (script.batch + 2));
    // Nanoseconds since the request came in, by the kernel's stamp of it.
    let mut written = Vec::with_capacity(if script.truth { script.tokens } else { 0 });
    out.extend_from_slice(HEAD);
    if script.first > 0 {
        stream.write_all(&out).await?;
        out.clear();
    }
    let mut sent = 0;
    while sent < script.tokens {
        let due = script.first + script.gap * sent as u64;
        if due > 0 {
            tokio::time::sleep_until((began + Duration::from_micros(due)).into()).await;
        }
        for _ in 0..script.batch.min(script.tokens - sent) {
            out.extend_from_slice(&words[sent % words.len()]);
            sent += 1;
        }
        if script.truth {
            written.push(machine::wall_clock().saturating_sub(came));
        }
        stream.write_all(&out).await?;
        out.clear();
    }
    let reason = match script.truth {
        true => written
            .iter()
            .map(u64::to_string)
            .collect::<Vec<_>>()
            .join(","),
        false => "stop".to_owned(),
    };
    out.extend_from_slice(&event(None, Some(&reason)));
    out.extend_from_slice(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
    stream.write_all(&out).await
}
