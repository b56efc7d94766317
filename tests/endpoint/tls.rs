//! Answers over TLS: the same as without it, and no end that the server has not announced.

use std::io::Write;
use std::time::Duration;

use prony::endpoint::{HttpSettings, Observation, ProbeError, probe_ready};
use prony::record::ErrorKind;

use crate::connections::{Secured, read_request, tls_server, trusting};
use crate::server::{Conn, FINISH, Server, chat, delta, observe, patient};

/// The pieces of an answer in chunks: many small events, then one that many records hold.
fn pieces() -> Vec<String> {
    let chunk = |data: &str| {
        let event = format!("data: {data}\n\n");
        format!("{:x}\r\n{event}\r\n", event.len())
    };
    let mut pieces = vec![
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            .to_owned(),
    ];
    pieces.extend((0..40).map(|i| chunk(&delta(&format!("word {i} ")))));
    pieces.push(chunk(&delta(&"long ".repeat(60_000))));
    pieces.push(chunk(FINISH));
    pieces.push("0\r\n\r\n".to_owned());
    pieces
}

/// What does not depend on when things came.
fn what(seen: &Observation) -> (Option<u16>, usize, Option<String>, bool) {
    (
        seen.status,
        seen.chunks.len(),
        seen.finish.clone(),
        seen.ok(),
    )
}

#[test]
fn an_answer_over_tls_is_observed_as_without_it() {
    let secured = tls_server(
        |_| {},
        |stream| {
            while read_request(stream) {
                for piece in pieces() {
                    let _ = stream.write_all(piece.as_bytes());
                }
            }
        },
    );
    let plain = Server::start(|conn: &mut Conn| {
        while conn.request().is_some() {
            for piece in pieces() {
                conn.write(piece);
            }
        }
    });
    let over_tls = observe(trusting(secured), Box::new(chat()), patient());
    let over_tcp = observe(plain.settings(), Box::new(chat()), patient());
    assert_eq!(over_tls.error, None);
    assert_eq!(what(&over_tls), what(&over_tcp));
    assert_eq!(over_tls.chunks.len(), 41);
    let times: Vec<u64> = over_tls.chunks.iter().map(|c| c.at).collect();
    assert!(times.is_sorted());
    assert!(over_tls.timing.unwrap().sent <= times[0]);
}

/// The first half of an answer whose end is the connection's, or else has a length.
fn half(stream: &mut Secured, head: &str) {
    read_request(stream);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n{head}\r\n\r\n");
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(format!("data: {}\n\n", delta("Hi")).as_bytes());
}

#[test]
fn a_stream_that_is_cut_is_an_interrupted_one() {
    for head in [
        "connection: close",
        "content-length: 4000",
        "transfer-encoding: chunked",
    ] {
        // The socket closes, and nobody has said that this is the end.
        let settings = tls_server(|_| {}, move |stream| half(stream, head));
        let seen = observe(trusting(settings), Box::new(chat()), patient());
        let error = seen.error.unwrap();
        let cut = matches!(error.kind, ErrorKind::Truncated | ErrorKind::Malformed);
        let chunked = head.ends_with("chunked");
        assert_eq!(
            (cut, error.kind == ErrorKind::Malformed),
            (true, chunked),
            "{head}: {error:?}"
        );
    }
}

#[test]
fn a_stream_that_ends_with_its_connection_ends_by_tls_s_word() {
    let settings = tls_server(
        |_| {},
        |stream| {
            half(stream, "connection: close");
            let _ = stream.write_all(format!("data: {FINISH}\n\n").as_bytes());
            stream.conn.send_close_notify();
            let _ = stream.flush();
        },
    );
    let seen = observe(trusting(settings), Box::new(chat()), patient());
    assert_eq!(seen.error, None);
    assert_eq!(seen.finish.as_deref(), Some("stop"));
}

#[test]
fn what_is_not_trusted_is_said_with_what_to_do_about_it() {
    let settings = tls_server(
        |_| {},
        |stream| {
            read_request(stream);
        },
    );
    let words = |settings: HttpSettings| {
        let seen = observe(settings, Box::new(chat()), patient());
        let error = seen.error.unwrap();
        assert_eq!(error.kind, ErrorKind::Connect, "{}", error.message);
        error.message
    };
    let unknown = words(settings.clone());
    assert!(unknown.contains("not trusted"), "{unknown}");
    assert!(
        unknown.contains("`ca` of the target") && unknown.contains("`insecure_tls: true`"),
        "{unknown}"
    );
    // Nobody waits for a certificate to become another.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let probed = runtime
        .enable_all()
        .build()
        .unwrap()
        .block_on(probe_ready(&settings, Duration::from_secs(60)));
    let Err(ProbeError::Tls(probed)) = probed else {
        panic!("{probed:?}");
    };
    assert!(probed.contains("`ca` of the target"), "{probed}");
}

#[test]
fn a_server_without_tls_is_said_to_have_none() {
    let server = Server::start(|conn: &mut Conn| {
        conn.write("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        conn.wait_for_close();
    });
    let mut settings = server.settings();
    settings.base_url = format!("https://{}/v1", server.address).parse().unwrap();
    let seen = observe(settings, Box::new(chat()), patient());
    let error = seen.error.unwrap();
    assert_eq!(error.kind, ErrorKind::Connect);
    assert!(error.message.contains("http://"), "{}", error.message);
}
