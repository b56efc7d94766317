//! What prony is held against: hyper's own connections, the same scan of events, a stamp a token, and
//! nothing else.

use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::rt::TokioIo;
use prony::endpoint::Event;
use prony::endpoint::openai::stream_decoder;
use tokio::net::TcpStream;

use crate::machine;

/// `streams` slots that answer to each other's end with the next of `requests` to `path`; prints what
/// [`crate::client::measure`] prints.
pub fn measure(address: &str, path: &str, streams: usize, requests: u64) {
    machine::pin(0..1);
    machine::raise_open_files();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())
        .expect("a runtime");
    let (tokens, cpu, wall) = runtime.block_on(async {
        let left = Rc::new(std::cell::Cell::new(requests));
        let (cpu, began) = (machine::cpu_seconds(), Instant::now());
        let slots: Vec<_> = (0..streams)
            .map(|_| {
                let left = left.clone();
                let (address, path) = (address.to_owned(), path.to_owned());
                tokio::task::spawn_local(slot(address, path, left))
            })
            .collect();
        let mut tokens = 0;
        for slot in slots {
            tokens += slot.await.expect("a slot");
        }
        let cpu = machine::cpu_seconds() - cpu;
        (tokens, cpu, began.elapsed().as_secs_f64())
    });
    println!("tokens_per_second {}", tokens as f64 / wall);
    println!("cpu_per_million {}", cpu / tokens as f64 * 1e6);
}

/// One connection; how many tokens it saw.
async fn slot(address: String, path: String, left: Rc<std::cell::Cell<u64>>) -> usize {
    let stream = TcpStream::connect(&address).await.expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .expect("a handshake");
    tokio::task::spawn_local(connection);
    let body = Bytes::from_static(br#"{"model":"bare","stream":true,"messages":[]}"#);
    let (mut stamps, mut events) = (Vec::new(), Vec::new());
    while left.get() > 0 {
        left.set(left.get() - 1);
        let request = Request::post(&path)
            .header("host", &address)
            .header("content-type", "application/json")
            .body(Full::new(body.clone()))
            .expect("a request");
        sender.ready().await.expect("a connection");
        let mut response = sender.send_request(request).await.expect("a response");
        let mut decoder = stream_decoder(true);
        while let Some(frame) = response.body_mut().frame().await {
            let Ok(data) = frame.expect("a frame").into_data() else {
                continue;
            };
            let now = Instant::now();
            events.clear();
            decoder.feed(&data, &mut events).expect("events");
            let outputs = events
                .iter()
                .filter(|e| matches!(e, Event::Output { .. }))
                .count();
            stamps.extend(std::iter::repeat_n(now, outputs));
        }
    }
    stamps.len()
}
