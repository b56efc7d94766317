//! Servers that lie, break off or never end: no request of theirs succeeds, and none hangs.

use std::net::Shutdown;
use std::time::Duration;

use prony::endpoint::Observation;
use prony::record::{ErrorKind, RequestRecord};
use prony::suite::Timeouts;

use crate::server::{Conn, FINISH, Server, chat, delta, observe, patient, timeouts};

/// What a chat with a server that runs `script` after reading the request comes to.
fn lie<R>(script: impl Fn(&mut Conn) -> R + Send + Sync + 'static) -> Observation {
    lie_within(patient(), script)
}

fn lie_within<R>(
    timeouts: Timeouts,
    script: impl Fn(&mut Conn) -> R + Send + Sync + 'static,
) -> Observation {
    let server = Server::start(move |conn| {
        if conn.request().is_some() {
            script(conn);
        }
    });
    observe(server.settings(), Box::new(chat()), timeouts)
}

/// Asserts the class of failure, and hands back the words.
fn failed(seen: &Observation, kind: ErrorKind) -> String {
    let error = seen
        .error
        .clone()
        .unwrap_or_else(|| panic!("a success: {seen:?}"));
    assert_eq!(error.kind, kind, "{}", error.message);
    assert!(seen.timing.is_some(), "it was sent");
    assert!(seen.end >= seen.timing.unwrap().sent);
    let mut record = RequestRecord::default();
    seen.fill(&mut record, 0);
    assert!(!record.ok());
    error.message
}

/// Head of a chunked event stream.
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                       transfer-encoding: chunked\r\n\r\n";

/// Closes with a reset rather than in order.
fn reset(conn: &Conn) {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    use std::os::fd::AsRawFd;
    // SAFETY: the descriptor is open, and the option's value lives through the call.
    unsafe {
        libc::setsockopt(
            conn.stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of::<libc::linger>() as libc::socklen_t,
        );
    }
}

#[test]
fn an_error_object_in_a_200() {
    for error in [
        r#"{"error":{"message":"out of memory","type":"server_error","code":500}}"#,
        r#"{"error":"out of memory"}"#,
        r#"{"detail":"out of memory"}"#,
        r#"{"object":"error","message":"out of memory"}"#,
    ] {
        let seen = lie(move |conn| {
            conn.stream_head();
            conn.event(&delta("Hi"));
            conn.event(error);
            conn.event("[DONE]");
        });
        let words = failed(&seen, ErrorKind::ErrorInStream);
        assert_eq!(words, "out of memory", "{error}");
        assert_eq!(seen.chunks.len(), 1, "what came before stays");
    }
}

#[test]
fn an_error_event() {
    let seen = lie(|conn| {
        conn.stream_head();
        conn.event(&delta("Hi"));
        conn.write("event: error\ndata: overloaded\n\n");
    });
    assert_eq!(failed(&seen, ErrorKind::ErrorInStream), "overloaded");
}

#[test]
fn an_error_object_instead_of_a_stream() {
    let seen = lie(|conn| {
        conn.respond(
            "200 OK",
            "application/json",
            r#"{"error":{"message":"no slot"}}"#,
        );
    });
    assert_eq!(failed(&seen, ErrorKind::ErrorInStream), "no slot");
}

#[test]
fn a_whole_answer_instead_of_a_stream() {
    let whole = r#"{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}"#;
    let seen = lie(move |conn| {
        conn.respond("200 OK", "application/json", whole);
    });
    let words = failed(&seen, ErrorKind::Malformed);
    assert!(
        words.starts_with("a JSON object instead of an event stream"),
        "{words}"
    );
}

#[test]
fn an_empty_stream() {
    failed(&lie(Conn::stream_head), ErrorKind::NoToken);
    let seen = lie(|conn| {
        conn.stream_head();
        conn.event("[DONE]");
    });
    failed(&seen, ErrorKind::NoToken);
}

#[test]
fn nothing_but_a_role() {
    let seen = lie(|conn| {
        conn.stream_head();
        conn.event(r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#);
        conn.event(r#"{"choices":[{"delta":{"role":"assistant","content":null}}]}"#);
        conn.event(FINISH);
        conn.event("[DONE]");
    });
    failed(&seen, ErrorKind::NoToken);
    assert_eq!(seen.first, None);
}

#[test]
fn no_finish_reason() {
    let seen = lie(|conn| {
        conn.stream_head();
        conn.event(&delta("Hi"));
        conn.event("[DONE]");
    });
    failed(&seen, ErrorKind::NoFinish);
    assert_eq!(seen.chunks.len(), 1);
}

#[test]
fn json_that_is_cut() {
    let seen = lie(|conn| {
        conn.stream_head();
        conn.event(&delta("Hi"));
        conn.event(r#"{"choices":[{"delta":{"con"#);
        conn.event(FINISH);
    });
    failed(&seen, ErrorKind::Malformed);
    let seen = lie(|conn| {
        conn.stream_head();
        conn.event(&delta("Hi"));
        conn.write(r#"data: {"choices":[{"delta":{"con"#);
    });
    failed(&seen, ErrorKind::Truncated);
    assert_eq!(seen.chunks.len(), 1);
}

#[test]
fn html_with_a_200() {
    let page = "<html><body>Welcome to nginx!</body></html>";
    let seen = lie(move |conn| conn.respond("200 OK", "text/html; charset=utf-8", page));
    assert!(failed(&seen, ErrorKind::Malformed).contains("Welcome to nginx!"));
    // Under a stream's content type it is a stream without a single event.
    let seen = lie(move |conn| conn.respond("200 OK", "text/event-stream", page));
    failed(&seen, ErrorKind::NoToken);
}

#[test]
fn a_reset_in_mid_stream() {
    let seen = lie(|conn| {
        conn.write(CHUNKED);
        let event = format!("data: {}\n\n", delta("Hi"));
        conn.write(format!("{:x}\r\n{event}\r\n", event.len()));
        reset(conn);
    });
    failed(&seen, ErrorKind::Transport);
    assert_eq!(seen.chunks.len(), 1, "what came before stays");
    assert!(seen.first.is_some());
}

#[test]
fn a_chunked_stream_that_breaks_off() {
    let seen = lie(|conn| {
        conn.write(CHUNKED);
        let events = format!(
            "data: {}\n\ndata: {FINISH}\n\ndata: [DONE]\n\n",
            delta("Hi")
        );
        conn.write(format!("{:x}\r\n{events}\r\n", events.len()));
        // The last chunk never comes: everything was said, but the end is not regular.
    });
    failed(&seen, ErrorKind::Truncated);
    assert_eq!(seen.finish.as_deref(), Some("stop"));
}

#[test]
fn a_chunk_size_that_is_none() {
    let seen = lie(|conn| {
        conn.write(CHUNKED);
        conn.write("banana\r\n");
    });
    failed(&seen, ErrorKind::Malformed);
}

#[test]
fn a_length_that_is_wrong() {
    let seen = lie(|conn| {
        conn.write(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9999\r\n\r\n",
        );
        conn.event(&delta("Hi"));
        conn.event(FINISH);
    });
    failed(&seen, ErrorKind::Truncated);
    // Too short: the finish lies beyond the end.
    let seen = lie(|conn| {
        let event = format!("data: {}\n\n", delta("Hi"));
        conn.write(format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n{event}",
            event.len()
        ));
        conn.event(FINISH);
    });
    failed(&seen, ErrorKind::NoFinish);
}

#[test]
fn no_answer_at_all() {
    failed(&lie(|_| {}), ErrorKind::Transport);
    failed(&lie(|conn| reset(conn)), ErrorKind::Transport);
    failed(
        &lie(|conn| conn.write("SSH-2.0-OpenSSH_9.9\r\n")),
        ErrorKind::Malformed,
    );
}

#[test]
fn an_endless_line() {
    let seen = lie(|conn| {
        conn.stream_head();
        conn.write("data: ");
        let piece = vec![b'a'; 64 << 10];
        while conn.write(&piece) {}
    });
    failed(&seen, ErrorKind::TooLarge);
}

#[test]
fn a_stream_that_never_ends() {
    let seen = lie(|conn| {
        conn.stream_head();
        let comments = format!(": {}\n\n", "ping".repeat(2_000)).repeat(100);
        while conn.write(&comments) {}
    });
    failed(&seen, ErrorKind::TooLarge);
    let seen = lie_within(timeouts(20_000, 300), |conn| {
        conn.stream_head();
        let output = format!("data: {}\n\n", delta("x"));
        while conn.write(&output) {
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    failed(&seen, ErrorKind::TotalTimeout);
    assert!(!seen.chunks.is_empty());
}

#[test]
fn a_head_of_a_megabyte() {
    let seen = lie(|conn| {
        conn.write("HTTP/1.1 200 OK\r\n");
        for i in 0..1_000 {
            conn.write(format!("x-{i}: {}\r\n", "a".repeat(1_000)));
        }
        conn.write("\r\n");
    });
    failed(&seen, ErrorKind::TooLarge);
}

#[test]
fn silence_before_the_head() {
    let seen = lie_within(timeouts(200, 20_000), Conn::wait_for_close);
    failed(&seen, ErrorKind::FirstTokenTimeout);
    assert_eq!(seen.status, None);
}

#[test]
fn silence_after_the_head() {
    let seen = lie_within(timeouts(200, 20_000), |conn| {
        conn.stream_head();
        conn.event(r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#);
        conn.wait_for_close();
    });
    failed(&seen, ErrorKind::FirstTokenTimeout);
    assert_eq!(seen.status, Some(200));
}

#[test]
fn silence_after_the_first_chunk() {
    let seen = lie_within(timeouts(20_000, 300), |conn| {
        conn.stream_head();
        conn.event(&delta("Hi"));
        conn.wait_for_close();
    });
    failed(&seen, ErrorKind::TotalTimeout);
    assert_eq!(seen.chunks.len(), 1);
}

#[test]
fn comments_do_not_put_off_the_first_token() {
    let seen = lie_within(timeouts(300, 20_000), |conn| {
        conn.stream_head();
        while conn.write(": ping\n\n") {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    failed(&seen, ErrorKind::FirstTokenTimeout);
}

#[test]
fn a_slow_drip_is_read_whole() {
    let seen = lie(|conn| {
        let _ = conn.stream.set_nodelay(true);
        conn.stream_head();
        let answer = format!(
            "data: {}\r\n\r\ndata: {FINISH}\r\n\r\n",
            delta("h\u{e9}\u{1f642}")
        );
        for byte in answer.bytes() {
            conn.write([byte]);
            std::thread::sleep(Duration::from_micros(200));
        }
    });
    assert_eq!(seen.error, None);
    assert_eq!(seen.chunks.len(), 1);
}

#[test]
fn a_refusal_has_the_servers_words_however_long_it_is() {
    let seen = lie(|conn| {
        conn.write("HTTP/1.1 429 Too Many Requests\r\nconnection: close\r\n\r\n");
        let piece = "slow down ".repeat(1_000);
        while conn.write(&piece) {}
    });
    let words = failed(&seen, ErrorKind::Http);
    assert!(
        words.starts_with("status 429: slow down slow down"),
        "{words}"
    );
    assert_eq!(seen.status, Some(429));
    // A body that never comes does not hold the status back for good.
    let seen = lie_within(timeouts(200, 300), |conn| {
        conn.write("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 10\r\n\r\n");
        conn.wait_for_close();
    });
    assert_eq!(failed(&seen, ErrorKind::Http), "status 503");
}

#[test]
fn a_redirect_is_an_error_and_the_key_goes_nowhere_else() {
    let elsewhere = Server::start(|conn| {
        conn.request();
    });
    let place = format!(
        "http://localhost:{}/v1/chat/completions",
        elsewhere.address.port()
    );
    for status in [
        "301 Moved Permanently",
        "302 Found",
        "307 Temporary Redirect",
    ] {
        let place = place.clone();
        let server = Server::start(move |conn| {
            conn.request();
            conn.write(format!(
                "HTTP/1.1 {status}\r\nlocation: {place}\r\ncontent-length: 0\r\n\r\n"
            ));
        });
        let mut settings = server.settings();
        settings.headers = vec![("Authorization".into(), "Bearer sk-secret".into())];
        let seen = observe(settings, Box::new(chat()), patient());
        let words = failed(&seen, ErrorKind::Http);
        assert!(words.contains("redirects are not followed"), "{words}");
        assert!(server.seen.lock().unwrap()[0].contains("sk-secret"));
    }
    assert!(elsewhere.seen.lock().unwrap().is_empty());
}

#[test]
fn a_half_closed_connection_ends_the_request() {
    let seen = lie(|conn| {
        conn.stream_head();
        conn.event(&delta("Hi"));
        let _ = conn.stream.shutdown(Shutdown::Write);
        conn.wait_for_close();
    });
    failed(&seen, ErrorKind::NoFinish);
}
