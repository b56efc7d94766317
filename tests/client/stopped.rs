//! A client that is stopped again and again is the limit, and its cases say so; a server that is
//! stopped in the same way, or that pushes back, is not the client's fault. Stopping takes nothing of
//! the machine, so neither a busy one nor other tests are in the way.

use std::io::{BufRead, BufReader, Lines};
use std::process::{ChildStdout, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::bench::{Engine, prony};

/// Of each second a process that is stopped has the tenth part.
const STOPPED: Duration = Duration::from_millis(450);
const RUNNING: Duration = Duration::from_millis(50);

const ENGINE: &str = "scheduler: { max_num_seqs: 64 }\ncost: { base_ms: 5, sequence_us: 5 }\n";

fn suite(url: &str) -> String {
    format!(
        r#"
suite: client
target: {{ url: "{url}" }}
defaults:
  kind: latency
  prompts: {{ type: synthetic, input_tokens: 8, output_tokens: 8 }}
  warmup: 100ms
  duration: 2s
  drain: 5s
  extend: off
scenarios:
  - name: open
    load: {{ rate: 50/s, arrivals: constant }}
    sla: [ttft.p99 < 2s, throughput >= 10/s]
  - name: closed
    load: {{ concurrency: 8 }}
    sla: [ttft.p99 < 2s, throughput >= 50/s]
"#
    )
}

/// Stops a process most of the time, until dropped.
struct Stops {
    enough: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Stops {
    fn of(process: u32) -> Stops {
        let enough = Arc::new(AtomicBool::new(false));
        let asked = enough.clone();
        let process = libc::pid_t::try_from(process).unwrap();
        let thread = std::thread::spawn(move || {
            // SAFETY: a signal to a child that has not been waited for, so the number is still its own.
            let tell = |signal| unsafe { libc::kill(process, signal) };
            while !asked.load(Ordering::Relaxed) {
                tell(libc::SIGSTOP);
                std::thread::sleep(STOPPED);
                tell(libc::SIGCONT);
                std::thread::sleep(RUNNING);
            }
        });
        Stops {
            enough,
            thread: Some(thread),
        }
    }
}

impl Drop for Stops {
    fn drop(&mut self) {
        self.enough.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn until(lines: &mut Lines<BufReader<ChildStdout>>, word: &str) {
    let found = lines.any(|line| line.is_ok_and(|line| line.contains(word)));
    assert!(found, "no line with {word}");
}

/// The cases of the suite, measured while `stop` (given the client's and the engine's number) is
/// stopped.
fn cases(stop: impl FnOnce(u32, u32) -> u32) -> (TempDir, Vec<Value>) {
    let place = tempfile::tempdir().unwrap();
    let engine = Engine::start(&place, prony(&place), ENGINE);
    std::fs::write(place.path().join("suite.yaml"), suite(&engine.url)).unwrap();
    let mut client = prony(&place)
        .args(["run", "suite.yaml"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
    until(&mut lines, "running 2 tests");
    let stops = Stops::of(stop(client.id(), engine.id()));
    until(&mut lines, "client::closed");
    drop(stops);
    let said: Vec<String> = lines.map_while(Result::ok).collect();
    client.wait().unwrap();
    let summary = std::fs::read(place.path().join("results/latest/summary.json"))
        .unwrap_or_else(|e| panic!("{e}: {said:?}"));
    let summary: Value = serde_json::from_slice(&summary).unwrap();
    let cases = summary["cases"].as_array().unwrap().clone();
    assert_eq!(cases.len(), 2, "{summary:#}");
    (place, cases)
}

fn told(case: &Value) -> String {
    let client = &case["phases"][0]["client"];
    format!(
        "{}: {}: {}\n{client:#}",
        case["name"], case["verdict"], case["reason"]
    )
}

#[test]
fn a_client_that_is_stopped_is_the_limit() {
    let (_place, cases) = cases(|client, _| client);
    for case in &cases {
        assert_eq!(case["verdict"], "invalid", "{}", told(case));
        let reason = case["reason"].as_str().unwrap();
        assert!(reason.contains("the client"), "{reason}");
    }
}

#[test]
fn a_server_that_is_stopped_is_not_the_client_s_fault() {
    let (_place, cases) = cases(|_, engine| engine);
    for case in &cases {
        assert_ne!(case["verdict"], "invalid", "{}", told(case));
        assert_ne!(case["verdict"], "error", "{}", told(case));
    }
}

/// 1,000 a second are asked for and about 700 come about: every slot is taken by requests that the
/// server has not answered.
#[test]
fn a_server_that_pushes_back_fails_and_is_not_the_client_s_fault() {
    let place = tempfile::tempdir().unwrap();
    let suite = r#"
suite: pushed
target:
  url: sim://exact
  sim: { scheduler.max_num_seqs: 70, cost: { base_ms: 9, sequence_us: 0 } }
scenarios:
  - name: back
    kind: latency
    prompts: { type: synthetic, input_tokens: 8, output_tokens: 10 }
    load: { rate: 1000/s, arrivals: constant, max_concurrency: 100 }
    warmup: 1s
    duration: 10s
    drain: 60s
    extend: off
    sla: [ttft.p99 < 1s, throughput >= 980/s]
"#;
    std::fs::write(place.path().join("suite.yaml"), suite).unwrap();
    let output = prony(&place)
        .args(["run", "--virtual", "suite.yaml"])
        .output()
        .unwrap();
    let summary = std::fs::read(place.path().join("results/latest/summary.json"))
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    let summary: Value = serde_json::from_slice(&summary).unwrap();
    let case = &summary["cases"][0];
    assert_eq!(case["verdict"], "fail", "{}", told(case));
    let got = case["phases"][0]["metrics"]["throughput"]["value"].as_f64();
    assert!(
        got.is_some_and(|got| (600.0..800.0).contains(&got)),
        "{got:?}"
    );
}
