use prony::driver::RealDriver;
use prony::endpoint::{Protocol, perform};

use crate::server::{FINISH, Server, chat, delta, observe, patient, prompt, transport};

#[test]
fn a_streamed_answer_is_observed_chunk_by_chunk() {
    let server = Server::start(|conn| {
        conn.request();
        conn.stream_head();
        for text in ["Hello", " world"] {
            conn.event(&delta(text));
        }
        conn.event(FINISH);
        conn.event("[DONE]");
        conn.close();
    });
    let seen = observe(server.settings(), Box::new(chat()), patient());
    assert_eq!(seen.error, None);
    assert_eq!(seen.status, Some(200));
    assert_eq!(seen.chunks.len(), 2);
    assert_eq!(seen.finish.as_deref(), Some("stop"));
    let timing = seen.timing.unwrap();
    assert!(timing.connect.is_some());
    assert!(timing.sent < seen.first.unwrap());
    assert!(seen.first.unwrap() <= seen.chunks[1].at && seen.chunks[1].at <= seen.end);
    let request = server.seen.lock().unwrap()[0].clone();
    assert!(
        request.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(!request.contains("transfer-encoding"), "{request}");
}

#[test]
fn a_second_request_reuses_the_connection_and_waits_for_none() {
    let answer = format!("data: {}\n\ndata: {FINISH}\n\n", delta("Hi"));
    let server = Server::start(move |conn| {
        while conn.request().is_some() {
            conn.respond("200 OK", "text/event-stream", &answer);
        }
    });
    let settings = server.settings();
    let seen = RealDriver::run(async move |driver| {
        let transport = transport(settings, driver.clone());
        let protocol = chat();
        let mut seen = Vec::new();
        for _ in 0..2 {
            let body = protocol.encode(&prompt());
            seen.push(perform(&driver, &transport, &protocol, body, patient()).await);
        }
        seen
    })
    .unwrap();
    assert!(seen.iter().all(|s| s.ok()), "{seen:?}");
    assert!(seen[0].timing.unwrap().connect.is_some());
    assert_eq!(seen[1].timing.unwrap().connect, None);
}
