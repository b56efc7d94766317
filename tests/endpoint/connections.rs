//! Connections: what connecting costs and whom, keep-alive, TLS, giving up.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use prony::driver::{Driver, RealDriver};
use prony::endpoint::{HttpSettings, Protocol, WireRequest, perform, perform_until};
use prony::record::{ErrorKind, RequestRecord};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::server::{FINISH, Server, chat, delta, observe, patient, prompt, timeouts, transport};

const CA: &[u8] = include_bytes!("tls/ca.pem");
const CERTIFICATE: &[u8] = include_bytes!("tls/server.pem");
const KEY: &[u8] = include_bytes!("tls/server.key");

fn answer() -> String {
    let body = format!("data: {}\n\ndata: {FINISH}\n\n", delta("Hi"));
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A TLS server. `before` runs on each connection before the handshake and gets its number, `serve`
/// after.
pub fn tls_server(
    before: impl Fn(usize) + Send + Sync + 'static,
    serve: impl Fn(&mut Secured) + Send + Sync + 'static,
) -> HttpSettings {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(CERTIFICATE).unwrap()],
            PrivateKeyDer::from_pem_slice(KEY).unwrap(),
        )
        .unwrap();
    let (config, before, serve) = (Arc::new(config), Arc::new(before), Arc::new(serve));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "https://localhost:{}/v1",
        listener.local_addr().unwrap().port()
    );
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let (config, before, serve) = (config.clone(), before.clone(), serve.clone());
            std::thread::spawn(move || {
                before(number);
                let tls = rustls::ServerConnection::new(config).unwrap();
                serve(&mut rustls::StreamOwned::new(tls, stream.unwrap()));
            });
        }
    });
    HttpSettings::new(url.parse().unwrap())
}

/// The server's side of a connection over TLS.
pub type Secured = rustls::StreamOwned<rustls::ServerConnection, TcpStream>;

/// Reads one request; false when the client has closed.
pub fn read_request(stream: &mut Secured) -> bool {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"}") {
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return false,
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
        }
    }
    true
}

fn serve_answers(stream: &mut Secured) {
    while read_request(stream) {
        let _ = stream.write_all(answer().as_bytes());
    }
}

/// What this server waits for does not come; its thread ends with the tests.
fn never() {
    loop {
        std::thread::park();
    }
}

pub fn trusting(mut settings: HttpSettings) -> HttpSettings {
    settings.ca = Some(CA.to_vec());
    settings
}

#[test]
fn connecting_is_measured_apart_and_lies_before_the_send() {
    let (ready, readies) = channel();
    let ready = Mutex::new(ready);
    let settings = tls_server(
        move |_| {
            std::thread::sleep(Duration::from_millis(120));
            ready.lock().unwrap().send(Instant::now()).unwrap();
        },
        serve_answers,
    );
    let (seen, ready_at) = RealDriver::run(async move |driver| {
        let (epoch, skew) = (Instant::now(), driver.now());
        let transport = transport(trusting(settings), driver.clone());
        let body = chat().encode(&prompt());
        let seen = perform(&driver, &transport, &chat(), body, patient()).await;
        let ready_at: Instant = readies.recv().unwrap();
        (
            seen,
            ready_at.duration_since(epoch).as_nanos() as u64 + skew,
        )
    })
    .unwrap();
    assert_eq!(seen.error, None);
    let timing = seen.timing.unwrap();
    assert!(timing.connect.unwrap() >= 120_000_000, "{timing:?}");
    // The server was willing to shake hands only from then on, and no request leaves before that.
    assert!(timing.sent >= ready_at, "{timing:?} {ready_at}");
    let mut record = RequestRecord::default();
    seen.fill(&mut record, 0);
    assert!(record.connect_us.unwrap() <= record.sent_us.unwrap());
}

#[test]
fn a_request_that_takes_over_a_connection_waited_for_that_one() {
    // The second connection never becomes ready. Its request gets the first one's when that is free.
    let (go, wait): (Sender<()>, Receiver<()>) = channel();
    let wait = Mutex::new(wait);
    let settings = tls_server(
        |number| {
            if number > 0 {
                never();
            }
        },
        move |stream| {
            read_request(stream);
            wait.lock().unwrap().recv().unwrap();
            let _ = stream.write_all(answer().as_bytes());
            serve_answers(stream);
        },
    );
    let (first, (second, freed)) = RealDriver::run(async move |driver| {
        let transport = transport(trusting(settings), driver.clone());
        let protocol = chat();
        let body = protocol.encode(&prompt());
        let first = perform(&driver, &transport, &protocol, body.clone(), patient());
        let second = async {
            // Late enough that the first has its connection, or nearly.
            driver.after(Duration::from_millis(100)).await;
            let later = async {
                driver.after(Duration::from_millis(100)).await;
                let freed = driver.now();
                go.send(()).unwrap();
                freed
            };
            let second = perform(&driver, &transport, &protocol, body, patient());
            futures_util::join!(second, later)
        };
        futures_util::join!(first, second)
    })
    .unwrap();
    assert_eq!(first.error, None);
    assert_eq!(second.error, None);
    let timing = second.timing.unwrap();
    assert!(timing.sent >= freed, "{timing:?}");
    // It waited from its own start until the connection was handed on.
    assert!(timing.connect.unwrap() >= 100_000_000, "{timing:?}");
}

#[test]
fn a_connection_that_is_never_ready_is_a_connect_timeout() {
    let settings = tls_server(|_| never(), |_| {});
    let mut limits = patient();
    limits.connect = Duration::from_millis(150);
    let seen = observe(trusting(settings), Box::new(chat()), limits);
    let error = seen.error.clone().unwrap();
    assert_eq!(error.kind, ErrorKind::ConnectTimeout, "{}", error.message);
    let mut record = RequestRecord::default();
    seen.fill(&mut record, 0);
    assert_eq!(record.sent_us, None, "it never left");
    assert!(record.connect_us.is_some());
}

#[test]
fn a_closed_port_is_a_connect_error() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let settings = HttpSettings::new(format!("http://127.0.0.1:{port}/v1").parse().unwrap());
    let seen = observe(settings, Box::new(chat()), patient());
    let error = seen.error.unwrap();
    assert_eq!(error.kind, ErrorKind::Connect);
    assert!(error.message.contains("refused"), "{}", error.message);
    assert_eq!(seen.timing, None);
}

#[test]
fn tls_trusts_the_given_authority_and_no_unknown_one() {
    let settings = tls_server(|_| {}, serve_answers);
    let seen = observe(settings.clone(), Box::new(chat()), patient());
    let error = seen.error.unwrap();
    assert_eq!(error.kind, ErrorKind::Connect, "{}", error.message);
    assert!(error.message.contains("certificate"), "{}", error.message);

    let seen = observe(trusting(settings.clone()), Box::new(chat()), patient());
    assert_eq!(seen.error, None);

    let mut insecure = settings;
    insecure.insecure_tls = true;
    let seen = observe(insecure, Box::new(chat()), patient());
    assert_eq!(seen.error, None);
}

#[test]
fn a_request_on_a_connection_of_its_own_is_never_sent_twice() {
    let server = Server::start(|conn| drop(conn.request()));
    let seen = observe(server.settings(), Box::new(chat()), patient());
    assert_eq!(seen.error.unwrap().kind, ErrorKind::Transport);
    assert_eq!(server.seen.lock().unwrap().len(), 1);
}

#[test]
fn a_kept_connection_that_was_closed_costs_a_new_one_and_no_request() {
    // What llama.cpp does after every streamed answer: it keeps the connection in words only. Here the
    // second request is even taken before the connection dies, so that the race is always lost.
    let server = Server::start(|conn| {
        conn.request();
        conn.write(answer());
        conn.request();
    });
    let settings = server.settings();
    let seen = RealDriver::run(async move |driver| {
        let transport = transport(settings, driver.clone());
        let protocol = chat();
        let body = protocol.encode(&prompt());
        perform(&driver, &transport, &protocol, body.clone(), patient()).await;
        perform(&driver, &transport, &protocol, body, patient()).await
    })
    .unwrap();
    assert_eq!(seen.error, None);
    assert!(seen.timing.unwrap().connect.is_some());
    assert_eq!(server.seen.lock().unwrap().len(), 3);
}

#[test]
fn a_connection_closed_while_idle_is_not_used_again() {
    let server = Server::start(|conn| {
        conn.request();
        conn.write(answer());
    });
    let settings = server.settings();
    let seen = RealDriver::run(async move |driver| {
        let transport = transport(settings, driver.clone());
        let protocol = chat();
        let body = protocol.encode(&prompt());
        perform(&driver, &transport, &protocol, body.clone(), patient()).await;
        driver.after(Duration::from_millis(100)).await;
        perform(&driver, &transport, &protocol, body, patient()).await
    })
    .unwrap();
    assert_eq!(seen.error, None);
    assert!(
        seen.timing.unwrap().connect.is_some(),
        "it had to connect anew"
    );
}

/// A server that reports when its client has closed.
fn watching(head: bool) -> (Server, Receiver<()>) {
    let (closed, closes) = channel();
    let closed = Mutex::new(closed);
    let server = Server::start(move |conn| {
        conn.request();
        if head {
            conn.stream_head();
            conn.event(&delta("Hi"));
        }
        conn.wait_for_close();
        closed.lock().unwrap().send(()).unwrap();
    });
    (server, closes)
}

#[test]
fn dropping_a_request_closes_its_connection() {
    for head in [false, true] {
        let (server, closes) = watching(head);
        let settings = server.settings();
        RealDriver::run(async move |driver| {
            let transport = transport(settings, driver.clone());
            let protocol = chat();
            let body = protocol.encode(&prompt());
            {
                let request = perform(&driver, &transport, &protocol, body, patient());
                let enough = driver.after(Duration::from_millis(100));
                let (request, enough) = (std::pin::pin!(request), std::pin::pin!(enough));
                futures_util::future::select(request, enough).await;
            }
            // The client lives on: it is the request that is given up, not the transport.
            let closed =
                tokio::task::spawn_blocking(move || closes.recv_timeout(Duration::from_secs(20)));
            closed.await.unwrap().unwrap();
            drop(transport);
        })
        .unwrap();
    }
}

#[test]
fn a_request_that_prony_ends_keeps_what_was_observed() {
    let (server, closes) = watching(true);
    let settings = server.settings();
    let seen = RealDriver::run(async move |driver| {
        let transport = transport(settings, driver.clone());
        let protocol = chat();
        let body = protocol.encode(&prompt());
        let stop = driver.after(Duration::from_millis(200));
        let request = WireRequest::new(protocol.path(), body);
        perform_until(&driver, &transport, &protocol, request, patient(), stop).await
    })
    .unwrap();
    closes.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(seen.error.unwrap().kind, ErrorKind::Cut);
    assert_eq!(seen.chunks.len(), 1);
    assert!(seen.timing.is_some());
}

#[test]
fn many_requests_share_as_few_connections_as_they_can() {
    let accepted = Arc::new(Mutex::new(0));
    let count = accepted.clone();
    let server = Server::start(move |conn| {
        *count.lock().unwrap() += 1;
        while conn.request().is_some() {
            conn.write(answer());
        }
    });
    let mut settings = server.settings();
    settings.pool = 8;
    RealDriver::run(async move |driver| {
        let transport = transport(settings, driver.clone());
        let protocol = chat();
        let body = protocol.encode(&prompt());
        for _ in 0..10 {
            let round =
                (0..8).map(|_| perform(&driver, &transport, &protocol, body.clone(), patient()));
            for seen in futures_util::future::join_all(round).await {
                assert_eq!(seen.error, None);
            }
        }
    })
    .unwrap();
    let accepted = *accepted.lock().unwrap();
    assert!(
        accepted <= 16,
        "{accepted} connections for 8 requests at a time"
    );
}

#[test]
fn a_large_prompt_is_sent_whole() {
    let server = Server::start(|conn| {
        while conn.request().is_some() {
            conn.write(answer());
        }
    });
    let settings = server.settings();
    let seen = RealDriver::run(async move |driver| {
        let transport = transport(settings, driver.clone());
        let mut request = prompt();
        request.prompt = prony::workload::Prompt::Text("word ".repeat(200_000));
        let body = chat().encode(&request);
        perform(&driver, &transport, &chat(), body, timeouts(20_000, 30_000)).await
    })
    .unwrap();
    assert_eq!(seen.error, None);
    assert!(server.seen.lock().unwrap()[0].len() > 1_000_000);
}
