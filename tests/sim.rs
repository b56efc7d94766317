//! The embedded engine over real TCP, seen through plain sockets.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use prony::sim::{SimConfig, SimServer};
use serde_json::{Value, json};

/// An engine without noise, much faster than any real one.
fn engine(overrides: Value) -> SimServer {
    let mut all = json!({"cost": {"base_ms": 0.5, "prefill_us": 1, "sequence_us": 1}});
    for (key, value) in overrides.as_object().expect("a map") {
        all[key] = value.clone();
    }
    let config = SimConfig::resolve("exact", all.as_object().expect("a map")).expect("valid");
    SimServer::start(config, 1, SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port")
}

fn connect(server: &SimServer) -> TcpStream {
    let socket = TcpStream::connect(server.addr()).expect("it listens");
    // No test should hang; none depends on how long this is.
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a timeout");
    socket
}

fn send(socket: &mut TcpStream, method: &str, path: &str, body: &str) {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    socket.write_all(request.as_bytes()).expect("a request");
}

struct Response {
    status: u16,
    head: String,
    body: String,
    /// The body ended as HTTP says it must.
    complete: bool,
}

impl Response {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    fn events(&self) -> Vec<&str> {
        self.body
            .split("\n\n")
            .filter_map(|event| event.strip_prefix("data: "))
            .collect()
    }

    fn chunks(&self) -> Vec<Value> {
        self.events()
            .into_iter()
            .filter(|event| *event != "[DONE]")
            .map(|event| serde_json::from_str(event).expect("an event is JSON"))
            .collect()
    }

    fn text(&self) -> String {
        self.chunks()
            .iter()
            .filter_map(|chunk| {
                let choice = chunk["choices"].get(0)?;
                choice["delta"]["content"]
                    .as_str()
                    .or(choice["text"].as_str())
                    .map(str::to_owned)
            })
            .collect()
    }
}

fn ask(server: &SimServer, method: &str, path: &str, body: &str) -> Response {
    let mut socket = connect(server);
    send(&mut socket, method, path, body);
    let mut bytes = Vec::new();
    let ended = socket.read_to_end(&mut bytes);
    parse(&bytes, ended.is_ok())
}

fn parse(bytes: &[u8], ended: bool) -> Response {
    let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let Some((head, rest)) = text.split_once("\r\n\r\n") else {
        return Response {
            status: 0,
            head: text,
            body: String::new(),
            complete: false,
        };
    };
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|s| s.parse().ok())
        .expect("a status");
    let head = head.to_lowercase();
    let (body, complete) = if head.contains("transfer-encoding: chunked") {
        unchunk(rest)
    } else {
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok())
            .unwrap_or(0);
        (rest.to_owned(), rest.len() == length)
    };
    Response {
        status,
        head,
        body,
        complete: complete && ended,
    }
}

fn unchunk(mut rest: &str) -> (String, bool) {
    let mut body = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("a chunk size");
        if size == 0 {
            return (body, true);
        }
        let Some(chunk) = after.get(..size) else {
            break;
        };
        body.push_str(chunk);
        rest = after.get(size + 2..).unwrap_or("");
    }
    (body, false)
}

fn chat(more: Value) -> String {
    let mut body = json!({
        "model": "prony-sim",
        "messages": [{"role": "user", "content": "one two three"}],
        "max_tokens": 4,
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    for (key, value) in more.as_object().expect("a map") {
        body[key] = value.clone();
    }
    body.to_string()
}

const CHAT: &str = "/v1/chat/completions";
const COMPLETIONS: &str = "/v1/completions";

#[test]
fn a_chat_stream_has_role_tokens_finish_usage_and_done() {
    let server = engine(json!({}));
    let response = ask(&server, "POST", CHAT, &chat(json!({})));
    assert_eq!((response.status, response.complete), (200, true));
    assert!(response.head.contains("content-type: text/event-stream"));
    let chunks = response.chunks();
    assert_eq!(chunks.len(), 1 + 4 + 1);
    assert_eq!(
        chunks[0]["choices"][0]["delta"],
        json!({"role": "assistant", "content": ""})
    );
    assert_eq!(chunks[4]["choices"][0]["finish_reason"], "length");
    assert_eq!(chunks[3]["choices"][0]["finish_reason"], Value::Null);
    assert_eq!(chunks[5]["choices"], json!([]));
    assert_eq!(
        chunks[5]["usage"],
        json!({"prompt_tokens": 7, "total_tokens": 11, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 0}})
    );
    assert_eq!(response.events().last(), Some(&"[DONE]"));
    assert_eq!(response.text().split(' ').count(), 1 + 4);
}

#[test]
fn the_same_answer_whole() {
    let server = engine(json!({}));
    let body = chat(json!({"stream": false, "stream_options": null}));
    let response = ask(&server, "POST", CHAT, &body);
    assert_eq!((response.status, response.complete), (200, true));
    let answer = response.json();
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(answer["usage"]["completion_tokens"], 4);
    let content = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert_eq!(prony::sim::face::tokens::count(content), 4);
}

#[test]
fn completions_take_text_or_tokens() {
    let server = engine(json!({}));
    for prompt in [
        json!("one two three"),
        json!(["one two three"]),
        json!([5, 6, 7]),
    ] {
        let body = json!({"prompt": prompt, "max_tokens": 2, "stream": true});
        let response = ask(&server, "POST", COMPLETIONS, &body.to_string());
        let chunks = response.chunks();
        assert_eq!(chunks.len(), 2, "no usage was asked for");
        assert_eq!(chunks[1]["choices"][0]["finish_reason"], "length");
        let whole = json!({"prompt": prompt, "max_tokens": 2});
        let answer = ask(&server, "POST", COMPLETIONS, &whole.to_string()).json();
        assert_eq!(answer["usage"]["prompt_tokens"], 3);
    }
}

#[test]
fn tokenize_agrees_with_usage() {
    let server = engine(json!({}));
    let messages = json!([{"role": "user", "content": "Hello, world: größer!"}]);
    let count = ask(
        &server,
        "POST",
        "/tokenize",
        &json!({"messages": messages}).to_string(),
    )
    .json();
    let body = chat(json!({"messages": messages, "stream": false}));
    let usage = ask(&server, "POST", CHAT, &body).json()["usage"].clone();
    assert_eq!(count["count"], usage["prompt_tokens"]);
    let back = ask(
        &server,
        "POST",
        "/detokenize",
        &json!({"tokens": [0, 4095]}).to_string(),
    );
    let text = back.json()["prompt"].clone();
    let again = ask(
        &server,
        "POST",
        "/tokenize",
        &json!({"prompt": text}).to_string(),
    )
    .json();
    assert_eq!(again["tokens"], json!([0, 4095]));
}

#[test]
fn errors_look_as_vllm_writes_them() {
    let server = engine(json!({}));
    let cases = [
        (CHAT, "{not json".to_owned(), 400, "body"),
        (CHAT, json!({"model": "prony-sim"}).to_string(), 400, ""),
        (CHAT, chat(json!({"model": "nope"})), 404, "model"),
        (CHAT, chat(json!({"n": 2})), 400, "n"),
        (CHAT, chat(json!({"temperature": -1.0})), 400, "temperature"),
        (
            CHAT,
            chat(json!({"max_tokens": 100_000})),
            400,
            "max_tokens",
        ),
        (CHAT, chat(json!({"max_tokens": 0})), 400, "max_tokens"),
        (
            COMPLETIONS,
            json!({"prompt": "a ".repeat(20_000)}).to_string(),
            400,
            "input_tokens",
        ),
        (
            COMPLETIONS,
            json!({"prompt": ""}).to_string(),
            400,
            "prompt",
        ),
    ];
    for (path, body, status, param) in cases {
        let response = ask(&server, "POST", path, &body);
        assert_eq!(response.status, status, "{}", response.body);
        let error = &response.json()["error"];
        assert_eq!(error["code"], status);
        assert_eq!(error["param"].as_str().unwrap_or(""), param);
        assert!(error["message"].as_str().is_some_and(|m| !m.is_empty()));
    }
    let unknown = ask(&server, "GET", "/v1/nothing", "");
    assert_eq!(
        (unknown.status, unknown.json()),
        (404, json!({"detail": "Not Found"}))
    );
    assert_eq!(ask(&server, "GET", CHAT, "").status, 405);
}

#[test]
fn small_endpoints_answer() {
    let server = engine(json!({}));
    assert_eq!(ask(&server, "GET", "/health", "").status, 200);
    assert_eq!(
        ask(&server, "GET", "/v1/models", "").json()["data"][0]["id"],
        "prony-sim"
    );
    assert!(ask(&server, "GET", "/version", "").json()["version"].is_string());
    assert_eq!(
        ask(&server, "POST", "/reset_prefix_cache", "").json(),
        json!({"success": true})
    );
}

/// The value of a metric's only sample with all of `labels`.
fn metric(server: &SimServer, name: &str, labels: &[&str]) -> f64 {
    let page = ask(server, "GET", "/metrics", "").body;
    let samples: Vec<f64> = page
        .lines()
        .filter(|line| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('{'))
        })
        .filter(|line| labels.iter().all(|label| line.contains(label)))
        .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
        .collect();
    assert_eq!(samples.len(), 1, "{name} {labels:?}");
    samples[0]
}

#[test]
fn metrics_count_what_happened() {
    let server = engine(json!({}));
    for _ in 0..3 {
        ask(&server, "POST", CHAT, &chat(json!({})));
    }
    assert_eq!(metric(&server, "vllm:prompt_tokens_total", &[]), 21.0);
    assert_eq!(metric(&server, "vllm:generation_tokens_total", &[]), 12.0);
    assert_eq!(
        metric(&server, "vllm:request_success_total", &["\"length\""]),
        3.0
    );
    assert_eq!(
        metric(&server, "vllm:time_to_first_token_seconds_count", &[]),
        3.0
    );
    assert_eq!(
        metric(&server, "vllm:inter_token_latency_seconds_count", &[]),
        9.0
    );
    assert_eq!(metric(&server, "vllm:num_requests_running", &[]), 0.0);
}

#[test]
fn a_client_that_leaves_frees_its_slot() {
    let server = engine(json!({"cost": {"base_ms": 5}, "scheduler": {"max_num_seqs": 1}}));
    let mut gone = connect(&server);
    send(
        &mut gone,
        "POST",
        CHAT,
        &chat(json!({"max_tokens": 10_000})),
    );
    let mut first = [0u8; 400];
    gone.read_exact(&mut first).expect("it has begun");
    drop(gone);
    // Were the slot not free, this would wait for 50 s.
    let response = ask(&server, "POST", CHAT, &chat(json!({})));
    assert!(response.complete);
    assert_eq!(
        metric(&server, "vllm:request_success_total", &["\"abort\""]),
        1.0
    );
    assert_eq!(metric(&server, "vllm:kv_cache_usage_perc", &[]), 0.0);
}

#[test]
fn a_server_stops_with_open_streams_and_leaves_its_port() {
    let server = engine(json!({"cost": {"base_ms": 20}}));
    let mut socket = connect(&server);
    send(
        &mut socket,
        "POST",
        CHAT,
        &chat(json!({"max_tokens": 10_000})),
    );
    let mut first = [0u8; 100];
    socket.read_exact(&mut first).expect("it has begun");
    let addr = server.addr();
    server.stop();
    assert!(TcpStream::connect(addr).is_err());
    let mut rest = Vec::new();
    // Closed or reset, but not silent.
    let _ = socket.read_to_end(&mut rest);
}

/// The answer to a stream request of six tokens that a fault spoils.
fn spoiled(fault: Value) -> Response {
    let mut fault = fault;
    fault["requests"] = json!([1]);
    let server = engine(json!({"faults": [fault]}));
    let response = ask(&server, "POST", CHAT, &chat(json!({"max_tokens": 6})));
    let next = ask(&server, "POST", CHAT, &chat(json!({})));
    assert!(next.complete, "the next request is not affected");
    response
}

#[test]
fn a_refused_request_gets_no_answer() {
    let response = spoiled(json!({"kind": "refuse"}));
    assert_eq!((response.status, response.head.as_str()), (0, ""));
}

#[test]
fn a_reset_is_a_reset() {
    let server = engine(json!({"faults": [{"kind": "reset", "requests": [1], "after_chunks": 2}]}));
    let mut socket = connect(&server);
    send(&mut socket, "POST", CHAT, &chat(json!({})));
    let mut bytes = Vec::new();
    let error = socket.read_to_end(&mut bytes).expect_err("no regular end");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn a_truncated_body_ends_early() {
    let response = spoiled(json!({"kind": "truncate", "after_chunks": 2}));
    assert_eq!((response.status, response.complete), (200, false));
    assert!(!response.body.ends_with('\n'));
}

#[test]
fn too_many_requests_say_when_to_come_back() {
    let response = spoiled(json!({"kind": "too_many_requests", "seconds": 2}));
    assert_eq!(response.status, 429);
    assert!(response.head.contains("retry-after: 2"));
}

#[test]
fn a_stalled_stream_is_silent_but_open() {
    let fault = json!({"kind": "stall", "requests": [1], "after_chunks": 1});
    let server = engine(json!({"faults": [fault]}));
    let mut socket = connect(&server);
    send(&mut socket, "POST", CHAT, &chat(json!({})));
    let patience = Duration::from_millis(300);
    socket.set_read_timeout(Some(patience)).expect("a timeout");
    let mut bytes = Vec::new();
    let error = socket.read_to_end(&mut bytes).expect_err("no end");
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    assert!(String::from_utf8_lossy(&bytes).contains("\"content\":\" "));
}

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let server = engine(json!({}));
    let mut socket = connect(&server);
    for _ in 0..3 {
        let body = chat(json!({"stream": false}));
        let length = body.len();
        let request =
            format!("POST {CHAT} HTTP/1.1\r\nhost: sim\r\ncontent-length: {length}\r\n\r\n{body}");
        socket.write_all(request.as_bytes()).expect("a request");
        let mut bytes = Vec::new();
        let mut buffer = [0u8; 4096];
        while !parse(&bytes, true).complete {
            let n = socket.read(&mut buffer).expect("an answer");
            assert!(n > 0, "the connection was closed");
            bytes.extend_from_slice(&buffer[..n]);
        }
    }
}

#[test]
fn many_streams_at_once_all_end() {
    let server = engine(json!({"scheduler": {"max_num_seqs": 64}}));
    let sockets: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut socket = connect(&server);
            send(&mut socket, "POST", CHAT, &chat(json!({"max_tokens": 50})));
            socket
        })
        .collect();
    for mut socket in sockets {
        let mut bytes = Vec::new();
        socket.read_to_end(&mut bytes).expect("a regular end");
        let response = parse(&bytes, true);
        assert!(response.complete);
        assert_eq!(response.chunks().len(), 1 + 50 + 1);
    }
}

#[test]
fn an_address_in_use_and_a_wrong_configuration_are_errors() {
    let server = engine(json!({}));
    let error = SimServer::start(SimConfig::default(), 1, server.addr()).expect_err("taken");
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    assert!(
        error
            .to_string()
            .starts_with(&format!("cannot listen on {}", server.addr()))
    );
    let config = SimConfig {
        error_rate: 2.0,
        ..SimConfig::default()
    };
    let error = SimServer::start(config, 1, SocketAddr::from(([127, 0, 0, 1], 0)));
    assert_eq!(
        error.expect_err("out of range").to_string(),
        "`error_rate`: must be a share from 0 to 1"
    );
}
