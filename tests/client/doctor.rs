use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use crate::bench::{Engine, prony};

fn doctor(place: &TempDir, args: &[&str]) -> Output {
    prony(place).arg("doctor").args(args).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// What was found of `what`: the answer and why.
fn found(report: &Value, what: &str) -> (String, String) {
    let findings = report["target"]["findings"].as_array().unwrap();
    let f = findings.iter().find(|f| f["what"] == what).unwrap();
    let text = |key: &str| f[key].as_str().unwrap().to_owned();
    (text("answer"), text("why"))
}

#[test]
fn the_embedded_engine_supports_what_it_supports() {
    let place = tempfile::tempdir().unwrap();
    // Left to itself it ends answers after two tokens or so.
    let engine = Engine::start(&place, prony(&place), "stop_mean_tokens: 2\n");
    let output = doctor(&place, &["--format", "json", "--target", &engine.url]);
    assert_eq!(output.status.code(), Some(0));
    let report = json(&output);
    for what in [
        "reachable",
        "models",
        "chat",
        "completions",
        "streaming",
        "token counts in the stream",
        "cached tokens",
        "ignore_eos",
        "min_tokens",
        "tokenize",
        "metrics",
        "prefix-cache reset",
        "keep-alive",
    ] {
        let (answer, why) = found(&report, what);
        // How long a free answer is, is the engine's draw.
        let open = ["streaming", "ignore_eos", "min_tokens"].contains(&what) && answer == "unknown";
        assert!(answer == "yes" || open, "{what}: {answer}: {why}");
        assert!(!why.is_empty());
    }
    assert!(found(&report, "metrics").1.contains("vLLM"));
    assert_eq!(report["target"]["model"], "prony-sim");

    // The client was measured too, and what was found is kept: a second time it is not measured again.
    let error = &report["client"]["own_error"];
    assert!(error["ttft"]["p50"].as_f64().unwrap() > 0.0);
    assert!(error["tokens_per_second"].as_f64().unwrap() > 0.0);
    let again = json(&doctor(
        &place,
        &["--format", "json", "--target", &engine.url],
    ));
    assert_eq!(again["client"], report["client"]);

    // Results state it.
    let args = ["run", &engine.url, "--duration", "200ms", "--warmup", "0s"];
    let args = args
        .iter()
        .chain(&["--output-tokens", "2", "--input-tokens", "8"]);
    assert!(prony(&place).args(args).output().unwrap().status.success());
    let summary = std::fs::read(place.path().join("results/latest/summary.json")).unwrap();
    let summary: Value = serde_json::from_slice(&summary).unwrap();
    let client = &summary["cases"][0]["phases"][0]["client"];
    assert_eq!(client["own_error"], *error);
    assert_eq!(client["transport"], report["client"]["transport"]);
    assert!(client["stamps"].is_string());
    assert!(!summary["cases"][0]["phases"][0]["client"]["own_error"]["measured_at"].is_null());
}

#[test]
fn where_nothing_listens_nothing_is_known() {
    let place = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{port}/v1");
    let output = doctor(&place, &["--format", "json", "--target", &url]);
    assert_eq!(output.status.code(), Some(3));
    let report = json(&output);
    let (answer, why) = found(&report, "reachable");
    assert_eq!(answer, "no");
    assert!(why.contains("nothing listens there"), "{why}");
    let (answer, why) = found(&report, "chat");
    assert_eq!(
        (answer.as_str(), why.as_str()),
        ("unknown", "not asked: the target was not reached")
    );
}

#[test]
fn a_plain_web_server_is_no_target() {
    let place = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 8192];
            let _ = stream.read(&mut request);
            let page = "<html>Not here</html>";
            let _ = write!(
                stream,
                "HTTP/1.1 404 Not Found\r\ncontent-type: text/html\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{page}",
                page.len()
            );
        }
    });
    let output = doctor(&place, &["--target", &url]);
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8(output.stdout).unwrap();
    let line = |what: &str| {
        let line = text.lines().find(|l| l.trim_start().starts_with(what));
        line.unwrap_or_else(|| panic!("{what}: {text}")).to_owned()
    };
    assert!(line("reachable").contains(" yes "));
    for what in [
        "models",
        "chat",
        "completions",
        "tokenize",
        "metrics",
        "prefix-cache reset",
    ] {
        assert!(line(what).contains(" no "), "{text}");
    }
    assert!(line("streaming").contains("unknown"));
}

#[test]
fn a_cache_that_cannot_be_written_fails_nothing() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("cache"), "a file, no folder").unwrap();
    let output = doctor(&place, &[]);
    assert_eq!(output.status.code(), Some(0));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("warning: cannot keep this"), "{errors}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("tokens read on one core"), "{text}");
}

#[test]
fn an_address_that_is_none_is_refused() {
    let place = tempfile::tempdir().unwrap();
    // What is known of the client is asked for first; it need not be measured for this.
    let output = doctor(&place, &["--target", "localhost:8000"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is no address"));
}
