//! A client without a core to itself is the limit, and the case says so; a slow server in the same
//! place is a failure of the server. Both are made gross, so that a busy machine does not matter.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use tempfile::TempDir;

use crate::bench::{Engine, prony};

/// Neighbours that leave the client less than three hundredths of its core.
const NEIGHBOURS: usize = 40;

/// Streams of hundreds of tokens, thousands of tokens a second.
const FAST: &str = "scheduler: { max_num_seqs: 512 }\ncost: { base_ms: 5, sequence_us: 5 }\n";
/// One request at a time, two a second.
const SLOW: &str = "scheduler: { max_num_seqs: 1 }\n";

fn suite(url: &str) -> String {
    format!(
        r#"
suite: client
target: {{ url: "{url}" }}
defaults:
  kind: latency
  prompts: {{ type: synthetic, input_tokens: 8, output_tokens: 64 }}
  warmup: 500ms
  duration: 2s
  drain: 2s
  timeouts: {{ total: 10s }}
  allow_errors: 100%
scenarios:
  - name: open
    load: {{ rate: 400/s, arrivals: constant }}
    sla: [ttft.p99 < 1s]
  - name: closed
    load: {{ concurrency: 256 }}
    sla: [ttft.p99 < 200ms]
"#
    )
}

/// The cores this process may use.
fn cores() -> Vec<usize> {
    // SAFETY: an all-zero `cpu_set_t` is an empty set, and the call fills the one it is given.
    let set = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set);
        set
    };
    // SAFETY: every index is below the size of the set.
    (0..libc::CPU_SETSIZE as usize)
        .filter(|core| unsafe { libc::CPU_ISSET(*core, &set) })
        .collect()
}

/// Keeps the calling thread, and what it starts, on one core.
fn pin(core: usize) {
    // SAFETY: an all-zero `cpu_set_t` is an empty set; `core` came out of one.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set);
    }
}

fn on_core(mut command: Command, core: usize) -> Command {
    // SAFETY: setting the affinity touches nothing that a fork could have left half done.
    unsafe {
        command.pre_exec(move || {
            pin(core);
            Ok(())
        });
    }
    command
}

/// Threads that never rest, on one core, until dropped.
struct Neighbours {
    stop: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Neighbours {
    fn on(core: usize) -> Neighbours {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..NEIGHBOURS)
            .map(|_| {
                let stop = stop.clone();
                std::thread::spawn(move || {
                    pin(core);
                    while !stop.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                })
            })
            .collect();
        Neighbours { stop, threads }
    }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// The cases of the suite against an engine, the client started by `start`.
fn cases(config: &str, start: impl FnOnce(Command, usize) -> Command) -> (TempDir, Vec<Value>) {
    let place = tempfile::tempdir().unwrap();
    let cores = cores();
    let (first, last) = (cores[0], cores[cores.len() - 1]);
    let engine = Engine::start(&place, on_core(prony(&place), first), config);
    std::fs::write(place.path().join("suite.yaml"), suite(&engine.url)).unwrap();
    let mut client = start(on_core(prony(&place), last), last);
    let output = client.args(["run", "suite.yaml"]).output().unwrap();
    let summary = std::fs::read(place.path().join("results/latest/summary.json"))
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    let summary: Value = serde_json::from_slice(&summary).unwrap();
    (place, summary["cases"].as_array().unwrap().clone())
}

fn told(case: &Value) -> String {
    let client = &case["phases"][0]["client"];
    format!(
        "{}: {}: {}\n{client:#}",
        case["name"], case["verdict"], case["reason"]
    )
}

/// One test, because each of its parts needs the core to itself.
#[test]
fn a_client_that_is_the_limit_is_told_from_a_slow_server() {
    a_slow_server_is_a_failure();
    a_client_without_a_core_is_invalid();
    a_client_that_its_container_stops_is_invalid();
}

fn a_client_without_a_core_is_invalid() {
    let mut neighbours = None;
    let (_place, cases) = cases(FAST, |client, core| {
        neighbours = Some(Neighbours::on(core));
        client
    });
    drop(neighbours);
    for case in &cases {
        assert_eq!(case["verdict"], "invalid", "{}", told(case));
        // It is said why, and what to do about it.
        let reason = case["reason"].as_str().unwrap();
        assert!(reason.contains("the client"), "{reason}");
        assert!(reason.contains("more or idle cores"), "{reason}");
    }
}

fn a_slow_server_is_a_failure() {
    let (_place, cases) = cases(SLOW, |client, _| client);
    for case in &cases {
        assert_eq!(case["verdict"], "fail", "{}", told(case));
    }
}

/// A cgroup that gives a hundredth of a core, where one can be made.
struct Confined(PathBuf);

impl Confined {
    fn make() -> Option<Confined> {
        let name = format!("prony-test-{}", std::process::id());
        for (mount, file, limit) in [
            ("/sys/fs/cgroup", "cpu.max", "1000 100000"),
            ("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "1000"),
        ] {
            let folder = PathBuf::from(mount).join(&name);
            if std::fs::create_dir(&folder).is_err() {
                continue;
            }
            let group = Confined(folder);
            let limited = group.0.join(file);
            if limited.exists() && std::fs::write(limited, limit).is_ok() {
                return Some(group);
            }
        }
        None
    }
}

impl Drop for Confined {
    fn drop(&mut self) {
        // Its processes have ended; the kernel may take a moment to know.
        for _ in 0..100 {
            if std::fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

fn a_client_that_its_container_stops_is_invalid() {
    let Some(group) = Confined::make() else {
        return;
    };
    let procs = group.0.join("cgroup.procs");
    let (_place, cases) = cases(FAST, |mut client, _| {
        // SAFETY: one write of a few bytes to a file; the path was made before the fork.
        unsafe {
            client.pre_exec(move || std::fs::write(&procs, "0"));
        }
        client
    });
    drop(group);
    for case in &cases {
        assert_eq!(case["verdict"], "invalid", "{}", told(case));
        let reason = case["reason"].as_str().unwrap();
        assert!(reason.contains("processor limit"), "{}", told(case));
        let share = &case["phases"][0]["client"]["throttled"]["share"];
        assert!(share.as_f64().unwrap() > 0.3, "{}", told(case));
    }
}
