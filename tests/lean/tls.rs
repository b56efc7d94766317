//! TLS under the measuring transport: connections opened ahead, sessions resumed, stamps.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prony::driver::{Driver, RealDriver};
use prony::endpoint::{LeanTransport, Protocol, Stamps, Transport, perform};
use rustls::HandshakeKind;

use crate::connections::{Secured, read_request, tls_server, trusting};
use crate::server::{FINISH, chat, delta, patient, prompt};

/// An answer in three records, the second of which is split over two segments 40 ms apart.
fn split_answer(stream: &mut Secured) {
    let events = format!("data: {}\n\ndata: {FINISH}\n\n", delta("Hi"));
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n",
        events.len()
    );
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.conn.writer().write_all(events.as_bytes());
    let mut record = Vec::new();
    while stream.conn.wants_write() {
        stream.conn.write_tls(&mut record).unwrap();
    }
    let (one, two) = record.split_at(record.len() - 3);
    let _ = stream.sock.write_all(one);
    std::thread::sleep(Duration::from_millis(40));
    let _ = stream.sock.write_all(two);
}

#[test]
fn connections_opened_ahead_are_kept_though_tickets_lie_in_them() {
    let kinds = Arc::new(Mutex::new(Vec::new()));
    let log = kinds.clone();
    let settings = tls_server(
        |_| {},
        move |stream| {
            while read_request(stream) {
                log.lock().unwrap().push(stream.conn.handshake_kind());
                split_answer(stream);
            }
        },
    );
    RealDriver::run(async move |driver| {
        let transport = LeanTransport::new(trusting(settings), driver.clone()).unwrap();
        transport.open_ahead(2).await;
        assert_eq!(transport.idle(), 2);
        // The server's tickets have come by now; they are no answer to anything.
        driver.after(Duration::from_millis(50)).await;
        let protocol = chat();
        let send = || {
            let body = protocol.encode(&prompt());
            perform(&driver, &transport, &protocol, body, patient())
        };
        let (one, two) = futures_util::join!(Box::pin(send()), Box::pin(send()));
        for seen in [&one, &two] {
            assert_eq!(seen.error, None);
            let timing = seen.timing.unwrap();
            assert_eq!(timing.connect, None, "no request waited for its connection");
            // The record was complete only with its last bytes.
            let took = seen.first.unwrap() - timing.sent;
            assert!(took >= 39_000_000, "{took}");
        }
        if cfg!(target_os = "linux") {
            assert_eq!(transport.stamps(), Some(Stamps::Kernel));
        }
        assert_eq!(transport.stale_connections(), 0);
        // A third at the same time needs one more: its session goes on from an earlier one.
        let three = futures_util::join!(Box::pin(send()), Box::pin(send()), Box::pin(send()));
        assert!(three.0.ok() && three.1.ok() && three.2.ok());
        assert!(three.2.timing.unwrap().connect.is_some());
    })
    .unwrap();
    let kinds = kinds.lock().unwrap();
    assert_eq!(kinds.len(), 5);
    let resumed = kinds
        .iter()
        .filter(|kind| **kind == Some(HandshakeKind::Resumed));
    assert_eq!(resumed.count(), 1, "{kinds:?}");
}
