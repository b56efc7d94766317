//! What the measuring transport does on the wire, and when.

use std::net::{Ipv6Addr, TcpListener};
use std::time::Duration;

use prony::driver::{Driver, RealDriver};
use prony::endpoint::{
    HttpCarrier, HttpSettings, LeanTransport, Observation, Protocol, SettingsError, Stamps,
    Transport, WireRequest, perform, perform_until,
};
use prony::record::ErrorKind;
use prony::suite::TransportKind;

use crate::server::{Conn, FINISH, Server, chat, delta, observe, patient, prompt};

fn body(text: &str) -> String {
    format!("data: {}\n\ndata: {FINISH}\n\n", delta(text))
}

fn chunked(body: &str) -> String {
    let (a, b) = body.split_at(body.len() / 2);
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: Chunked\r\n\r\n\
         {:X};ext=1\r\n{a}\r\n{:04x}\r\n{b}\r\n0\r\nx-trailer: 1\r\n\r\n",
        a.len(),
        b.len()
    )
}

fn keep_answering(conn: &mut Conn) {
    while conn.request().is_some() {
        conn.write(chunked(&body("Hi")));
    }
}

/// Sends `n` requests, one after the other, after opening `ahead` connections.
fn talk(
    settings: HttpSettings,
    ahead: usize,
    n: usize,
) -> (Vec<Observation>, LeanTransport<RealDriver>) {
    RealDriver::run(async move |driver| {
        let transport = LeanTransport::new(settings, driver.clone()).unwrap();
        transport.open_ahead(ahead).await;
        assert_eq!(transport.idle(), ahead);
        let mut seen = Vec::new();
        for _ in 0..n {
            let body = chat().encode(&prompt());
            seen.push(perform(&driver, &transport, &chat(), body, patient()).await);
        }
        (seen, transport)
    })
    .unwrap()
}

#[test]
fn a_connection_opened_ahead_spares_the_first_request_its_wait() {
    let server = Server::start(keep_answering);
    let (seen, _) = talk(server.settings(), 3, 2);
    for seen in seen {
        assert_eq!(seen.error, None);
        assert_eq!(seen.timing.unwrap().connect, None);
    }
}

#[test]
fn a_connection_opened_ahead_that_the_server_closed_costs_a_new_one_and_no_request() {
    // The first connection dies with the first request on it, before a byte of an answer.
    let turn = std::sync::atomic::AtomicU32::new(0);
    let server = Server::start(move |conn| {
        if turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 {
            drop(conn.request());
        } else {
            keep_answering(conn);
        }
    });
    let (seen, transport) = talk(server.settings(), 1, 1);
    assert_eq!(seen[0].error, None);
    assert!(seen[0].timing.unwrap().connect.is_some());
    assert_eq!(transport.stale_connections(), 1);
}

#[test]
fn stamps_lie_in_order_between_sending_and_now() {
    let server = Server::start(keep_answering);
    let (seen, transport) = talk(server.settings(), 0, 5);
    for seen in seen {
        assert_eq!(seen.chunks.len(), 1);
        assert!(seen.timing.unwrap().sent <= seen.first.unwrap());
        assert!(seen.first.unwrap() <= seen.end);
    }
    assert!(transport.stamps().is_some());
}

#[cfg(target_os = "linux")]
#[test]
fn the_kernel_stamps_what_comes_in() {
    let server = Server::start(keep_answering);
    let settings = server.settings();
    RealDriver::run(async move |driver| {
        let transport = LeanTransport::new(settings, driver.clone()).unwrap();
        let body = chat().encode(&prompt());
        // Stamping begins a moment after a socket has asked for it.
        let patience = driver.now() + 20_000_000_000;
        while transport.stamp_counts().kernel == 0 && driver.now() < patience {
            perform(&driver, &transport, &chat(), body.clone(), patient()).await;
        }
        assert!(matches!(
            transport.stamps(),
            Some(Stamps::Kernel | Stamps::Mixed)
        ));
    })
    .unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn how_long_an_answer_lay_unread_is_known_and_does_not_make_it_later() {
    let (answered, heard) = std::sync::mpsc::channel();
    let server = Server::start(move |conn| {
        while conn.request().is_some() {
            conn.write(chunked(&body("Hi")));
            let _ = answered.send(());
        }
    });
    let settings = server.settings();
    const BUSY: Duration = Duration::from_millis(40);
    RealDriver::run(async move |driver| {
        let transport = LeanTransport::new(settings, driver.clone()).unwrap();
        assert_eq!(transport.read_delays(), None, "nothing was read yet");
        transport.open_ahead(1).await;
        let body = chat().encode(&prompt());
        let patience = driver.now() + 20_000_000_000;
        let seen = loop {
            let protocol = chat();
            let asking = perform(&driver, &transport, &protocol, body.clone(), patient());
            let busy = async {
                heard.recv().unwrap();
                std::thread::sleep(BUSY);
            };
            let (seen, ()) = futures_util::join!(asking, busy);
            if transport.read_delays().is_some() || driver.now() > patience {
                break seen;
            }
        };
        let delays = transport.read_delays().expect("stamps of the kernel");
        assert_eq!(delays.len(), transport.stamp_counts().kernel);
        assert!(delays.max() >= Some(BUSY.as_nanos() as u64), "{delays:?}");
        assert!(seen.first.unwrap() + BUSY.as_nanos() as u64 <= driver.now());
    })
    .unwrap();
}

#[test]
fn no_transport_writes_a_request_before_it_may() {
    let server = Server::start(keep_answering);
    for kind in [TransportKind::Lean, TransportKind::Reqwest] {
        let settings = server.settings();
        let (seen, not_before) = RealDriver::run(async move |driver| {
            let carrier = HttpCarrier::new(settings, driver.clone(), Some(kind));
            let carrier = carrier.unwrap_or_else(|e| panic!("{e}"));
            let protocol = chat();
            let mut request = WireRequest::new(protocol.path(), protocol.encode(&prompt()));
            request.not_before = driver.now() + 50_000_000;
            let not_before = request.not_before;
            let never = std::future::pending();
            let seen = perform_until(&driver, &carrier, &protocol, request, patient(), never).await;
            (seen, not_before)
        })
        .unwrap();
        assert_eq!(seen.error, None, "{kind:?}");
        assert!(seen.timing.unwrap().sent >= not_before, "{kind:?}");
    }
}

#[test]
fn an_answer_cut_anywhere_is_read_the_same() {
    let answer = chunked(&body("h\u{e9}"));
    for cut in (1..answer.len()).step_by(7) {
        let answer = answer.clone();
        let server = Server::start(move |conn| {
            conn.request();
            let _ = conn.stream.set_nodelay(true);
            conn.write(&answer.as_bytes()[..cut]);
            std::thread::sleep(Duration::from_millis(2));
            conn.write(&answer.as_bytes()[cut..]);
            conn.wait_for_close();
        });
        let seen = observe(server.settings(), Box::new(chat()), patient());
        assert_eq!(seen.error, None, "cut at {cut}");
        assert_eq!(seen.chunks.len(), 1);
    }
}

#[test]
fn an_interim_response_is_passed_over() {
    let server = Server::start(|conn| {
        conn.request();
        conn.write("HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n");
        conn.write(chunked(&body("Hi")));
    });
    let seen = observe(server.settings(), Box::new(chat()), patient());
    assert_eq!((seen.error, seen.status), (None, Some(200)));
}

#[test]
fn bytes_after_an_answer_cost_the_connection_and_are_no_answer_to_the_next() {
    let server = Server::start(|conn| {
        conn.request();
        conn.write(chunked(&body("Hi")) + "HTTP/1.1 500 Smuggled\r\ncontent-length: 0\r\n\r\n");
        conn.wait_for_close();
    });
    let (seen, _) = talk(server.settings(), 0, 2);
    for seen in seen {
        assert_eq!(seen.error, None);
        assert!(seen.timing.unwrap().connect.is_some());
    }
}

#[test]
fn a_refusal_before_the_end_of_the_request_is_heard() {
    let server = Server::start(|conn| {
        // Not a byte is read: the request does not fit into the sockets' buffers.
        conn.write("HTTP/1.1 413 Payload Too Large\r\ncontent-length: 8\r\n\r\ntoo long");
        conn.wait_for_close();
    });
    let settings = server.settings();
    let seen = RealDriver::run(async move |driver| {
        let transport = LeanTransport::new(settings, driver.clone()).unwrap();
        let mut request = prompt();
        request.prompt = prony::workload::Prompt::Text("word ".repeat(4_000_000));
        let body = chat().encode(&request);
        perform(&driver, &transport, &chat(), body, patient()).await
    })
    .unwrap();
    let error = seen.error.unwrap();
    assert_eq!(error.kind, ErrorKind::Http);
    assert_eq!(error.message, "status 413: too long");
}

#[test]
fn ipv6_and_names() {
    let answer = || {
        let text = body("Hi");
        format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}",
            text.len()
        )
    };
    let server = Server::start(move |conn| {
        let asked = conn.request().unwrap();
        assert!(asked.contains("\r\nhost: localhost:"), "{asked}");
        conn.write(answer());
    });
    let url = format!("http://localhost:{}/v1", server.address.port());
    let settings = HttpSettings::new(url.parse().unwrap());
    assert_eq!(observe(settings, Box::new(chat()), patient()).error, None);

    // Machines without IPv6 have nothing to show here.
    let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
        return;
    };
    let port = listener.local_addr().unwrap().port();
    let served = std::thread::spawn(move || {
        let mut conn = Conn {
            stream: listener.accept().unwrap().0,
            log: Default::default(),
        };
        let asked = conn.request().unwrap();
        conn.write(answer());
        asked
    });
    let settings = HttpSettings::new(format!("http://[::1]:{port}/v1").parse().unwrap());
    assert_eq!(observe(settings, Box::new(chat()), patient()).error, None);
    assert!(
        served
            .join()
            .unwrap()
            .contains(&format!("\r\nhost: [::1]:{port}\r\n"))
    );
}

#[test]
fn a_secret_stands_in_no_error() {
    let server = Server::start(|conn| {
        conn.request();
        conn.write("SSH-2.0-OpenSSH_9.9\r\n");
    });
    let mut settings = server.settings();
    settings.headers = vec![("Authorization".into(), "Bearer sk-secret".into())];
    assert!(!format!("{settings:?}").contains("sk-secret"));
    let seen = observe(settings.clone(), Box::new(chat()), patient());
    assert!(!seen.error.unwrap().message.contains("sk-secret"));
    settings.headers = vec![("Authorization".into(), "sk-secret\r\nx: y".into())];
    RealDriver::run(async move |driver| {
        let error = LeanTransport::new(settings, driver).err().unwrap();
        assert!(matches!(error, SettingsError::Header { .. }));
        assert!(!error.to_string().contains("sk-secret"));
    })
    .unwrap();
}

#[test]
fn what_lean_cannot_do_is_said_when_it_is_asked_for() {
    RealDriver::run(async |driver| {
        let named = HttpSettings::new("http://me:secret@localhost/v1".parse().unwrap());
        let carrier = |wish| HttpCarrier::new(named.clone(), driver.clone(), wish);
        assert_eq!(
            carrier(None).unwrap_or_else(|e| panic!("{e}")).name(),
            "reqwest"
        );
        let error = carrier(Some(TransportKind::Lean))
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("user name") && error.contains("reqwest"),
            "{error}"
        );
        let _ = driver.now();
    })
    .unwrap();
}
