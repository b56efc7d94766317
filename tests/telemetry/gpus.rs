//! The page of an exporter of GPUs beside the server's own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use crate::place::{Place, said, statistic};

/// Answers every request with `body`.
fn page(body: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
        }
    });
    address
}

fn suite(pages: &[SocketAddr]) -> String {
    let urls: Vec<String> = pages
        .iter()
        .map(|p| format!("\"http://{p}/metrics\""))
        .collect();
    format!(
        r#"
suite: gpus
target:
  url: "sim://quick"
  scrape: {{ interval: 100ms, url: [{}] }}
scenarios:
  - name: main
    kind: throughput
    load: {{ concurrency: 2 }}
    duration: 2s
    warmup: 500ms
    prompts: {{ type: synthetic, input_tokens: 20, output_tokens: 5 }}
    sla: ["gpu_utilization.mean < 50%", "gpu_memory_used.max <= 75%", "queue_depth.max < 2"]
"#,
        urls.join(", ")
    )
}

const SERVER: &str = "vllm:num_requests_waiting{engine=\"0\"} 1\n";
const DCGM: &str = include_str!("pages/dcgm.txt");

#[test]
fn gpus_are_metrics_and_no_replicas_of_the_server() {
    let place = Place::new(&suite(&[page(SERVER), page(DCGM)]));
    let output = place.prony(&["run", "suite.yaml"]);
    let summary = place.summary();
    let case = &summary["cases"][0];
    let phase = &case["phases"][0];
    assert_eq!(phase["server"]["engine"], "vllm", "{}", said(&output));
    assert!(phase["server"]["note"].is_null(), "{phase:#}");
    assert!(
        phase["server"]["replicas"]
            .as_object()
            .is_none_or(|r| r.is_empty()),
        "{phase:#}"
    );
    // Two GPUs, of which one tells all and one how busy it is.
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
    close(statistic(phase, "gpu_utilization", "mean"), 0.485);
    close(statistic(phase, "gpu_memory_used", "max"), 0.75);
    close(statistic(phase, "gpu_sm_active", "p50"), 0.625);
    close(statistic(phase, "queue_depth", "max"), 1.0);
    for look in place.scrapes() {
        assert_eq!(look.replicas.keys().collect::<Vec<_>>(), ["0"]);
        assert_eq!(look.gpus.keys().collect::<Vec<_>>(), ["0", "1"]);
    }
    let series = place.json("results/latest/metrics.json");
    let course = &series["cases"][0]["phases"][0]["runs"][0]["server"]["series"];
    for name in [
        "gpu_utilization",
        "gpu_memory_used",
        "gpu_utilization{gpu=1}",
    ] {
        assert!(course[name].is_array(), "{name}: {course:#}");
    }
    let html = place.read("results/latest/report.html");
    for picture in ["gpu_over_time", "gpu_each_over_time"] {
        assert!(
            html.contains(&format!("data-picture=\"{picture}\"")),
            "{picture}"
        );
    }
}

#[test]
fn without_an_exporter_there_is_nothing_and_an_assertion_says_why() {
    let place = Place::new(&suite(&[page(SERVER)]));
    let output = place.prony(&["run", "suite.yaml"]);
    let summary = place.summary();
    let case = &summary["cases"][0];
    let metrics = case["phases"][0]["metrics"].as_object().expect("metrics");
    assert!(
        metrics.keys().all(|name| !name.starts_with("gpu_")),
        "{metrics:?}"
    );
    let said = said(&output);
    assert!(said.contains("exporter"), "{said}");
}
