//! Pages of metrics that die, and a prony that is killed.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::place::{Place, said};

/// A page of metrics that answers `alive` times and then closes every connection without a word.
struct DyingPage {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl DyingPage {
    fn start(alive: usize, status: &'static str) -> DyingPage {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let n = counter.fetch_add(1, Ordering::SeqCst);
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                if n < alive {
                    let body = format!(
                        "vllm:num_requests_waiting{{engine=\"0\"}} 1\nvllm:num_preemptions_total{{engine=\"0\"}} {n}\n"
                    );
                    let _ = write!(
                        stream,
                        "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}",
                        body.len()
                    );
                }
            }
        });
        DyingPage { address, asked }
    }

    fn suite(&self, sla: &str) -> String {
        format!(
            r#"
suite: dying
target:
  url: "sim://quick"
  scrape: {{ interval: 100ms, url: "http://{}/metrics" }}
scenarios:
  - name: main
    kind: throughput
    load: {{ concurrency: 2 }}
    duration: 3s
    warmup: 500ms
    prompts: {{ type: synthetic, input_tokens: 20, output_tokens: 5 }}
    sla: ["ttft.p50 > 0ms"{sla}]
"#,
            self.address
        )
    }
}

#[test]
fn metrics_that_die_in_mid_run_cost_one_warning_and_nothing_else() {
    let page = DyingPage::start(12, "200 OK");
    let place = Place::new(&page.suite(""));
    let output = place.prony(&["run", "suite.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let case = &place.summary()["cases"][0];
    assert_eq!(case["verdict"], "pass");
    let warnings = case["phases"][0]["warnings"].as_array().expect("a list");
    let of_looks: Vec<_> = warnings
        .iter()
        .filter_map(|w| w["text"].as_str())
        .filter(|text| text.contains("looks at the server's counters failed"))
        .collect();
    assert_eq!(of_looks.len(), 1, "{warnings:#?}");
    let server = &case["phases"][0]["server"];
    assert!(server["failed"].as_u64() > Some(5), "{server:#}");
    assert!(server["missing"]["queue_depth"].is_string(), "{server:#}");
    assert!(case["phases"][0]["metrics"]["queue_depth"].is_null());
    assert!(case["phases"][0]["metrics"]["ttft"].is_object());
}

#[test]
fn an_assertion_over_what_got_lost_is_an_error_with_the_reason() {
    let page = DyingPage::start(12, "200 OK");
    let place = Place::new(&page.suite(r#", "queue_depth.max < 10""#));
    let output = place.prony(&["run", "suite.yaml"]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let assertions = &place.summary()["cases"][0]["assertions"];
    assert_eq!(assertions[0]["verdict"], "pass");
    assert_eq!(assertions[1]["verdict"], "error");
    let reason = assertions[1]["reason"].as_str().expect("a reason");
    assert!(
        reason.contains("of the window (the last failure:"),
        "{reason}"
    );
}

#[test]
fn a_server_without_the_page_is_asked_once_and_noted_once() {
    let page = DyingPage::start(usize::MAX, "404 Not Found");
    let place = Place::new(&page.suite(""));
    let output = place.prony(&["run", "suite.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(page.asked.load(Ordering::SeqCst), 1);
    let phase = &place.summary()["cases"][0]["phases"][0];
    let note = phase["server"]["note"].as_str().expect("a note");
    assert!(note.starts_with("status 404 at /metrics"), "{note}");
    let warnings = phase["warnings"].to_string();
    assert!(!warnings.contains("counters"), "{warnings}");
}

#[test]
fn the_targets_headers_do_not_go_to_another_host() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let seen = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut request = [0; 4096];
        let n = stream.read(&mut request).unwrap_or(0);
        String::from_utf8_lossy(&request[..n]).into_owned()
    });
    let page = DyingPage {
        address,
        asked: Arc::default(),
    };
    let suite = page
        .suite("")
        .replace("  scrape:", "  auth: { bearer: not-for-others }\n  scrape:");
    let place = Place::new(&suite);
    place.prony(&["run", "suite.yaml"]);
    let request = seen.join().expect("a request");
    assert!(request.starts_with("GET /metrics"), "{request}");
    assert!(!request.contains("not-for-others"), "{request}");
}

#[test]
fn a_killed_run_keeps_what_it_saw() {
    let place = Place::new(
        r#"
suite: killed
target: { url: "sim://quick" }
scenarios:
  - name: main
    kind: throughput
    load: { concurrency: 2 }
    duration: 10m
    warmup: 0s
    scrape: 200ms
    prompts: { type: synthetic, input_tokens: 20, output_tokens: 5 }
    measure_only: true
"#,
    );
    let mut child = place.start(&["run", "suite.yaml"]);
    let began = Instant::now();
    let lines = || {
        let path = || {
            Some(
                std::fs::read_dir(place.results().join("cases"))
                    .ok()?
                    .next()?
                    .ok()?
                    .path(),
            )
        };
        let text = path().and_then(|p| std::fs::read_to_string(p.join("telemetry.jsonl")).ok());
        text.map_or(0, |t| t.lines().count())
    };
    while lines() < 12 {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "no look was written"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().expect("killed");
    child.wait().expect("gone");
    let output = place.prony(&["report", "results/latest", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = String::from_utf8_lossy(&output.stdout);
    let report = place.json(report.trim());
    let phase = &report["cases"][0]["phases"][0];
    assert_eq!(phase["server"]["engine"], "vllm", "{phase:#}");
    assert!(phase["server"]["scrapes"].as_u64() >= Some(11));
    assert!(
        phase["metrics"]["queue_depth"]["mean"].is_number(),
        "{phase:#}"
    );
}
