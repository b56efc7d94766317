//! Several processes, and what they leave of each other.
#![cfg(unix)]

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::world::{Ran, World};

const LONG: &str = r#"
target: { url: "sim://" }
scenarios:
  - name: long
    kind: latency
    measure_only: true
    load: { concurrency: 2 }
    warmup: 0s
    duration: 10m
    prompts: { type: synthetic, input_tokens: 8, output_tokens: 4 }
"#;

/// A run that goes on until it is killed, and has measured something already.
struct Running(Child);

impl Running {
    fn start(world: &World) -> Self {
        std::fs::create_dir_all(world.path("long")).unwrap();
        world.write("long/long.yaml", LONG);
        let child = world
            .prony()
            .args(["run", "long"])
            // Locks of its own: others on this machine measure meanwhile.
            .env("TMPDIR", world.path("."))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let running = Running(child);
        wait_for("records of the run", || {
            let cases = std::fs::read_dir(world.path("results/latest/cases"));
            cases.is_ok_and(|cases| {
                cases.flatten().any(|case| {
                    let records = case.path().join("requests.jsonl");
                    records.metadata().is_ok_and(|m| m.len() > 1000)
                })
            })
        });
        running
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for(what: &str, mut there: impl FnMut() -> bool) {
    let began = Instant::now();
    while !there() {
        assert!(began.elapsed() < Duration::from_secs(120), "no {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn report(world: &World) -> Value {
    let ran = world.run("report --format json --output -");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn a_run_that_goes_on_is_not_taken_for_a_killed_one() {
    let world = World::new();
    let running = Running::start(&world);
    let during = report(&world);
    assert_eq!(during["run"]["interrupted"], false);
    assert_eq!(during["cases"][0]["reason"], "still being measured");
    running.kill();
    let after = report(&world);
    assert_eq!(after["run"]["interrupted"], true);
    assert_eq!(after["cases"][0]["verdict"], "error");
    assert!(
        after["cases"][0]["phases"][0]["requests"]["ok"].as_u64() > Some(0),
        "what was recorded is reported: {after}"
    );
}

#[test]
fn two_processes_do_not_measure_on_one_machine_at_once() {
    let world = World::new();
    let running = Running::start(&world);
    let waiting = world
        .prony()
        .args(["run", "--", "passes"])
        .env("TMPDIR", world.path("."))
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(world.path("stderr")).unwrap())
        .spawn()
        .unwrap();
    let said = || std::fs::read_to_string(world.path("stderr")).unwrap_or_default();
    wait_for("word of waiting", || {
        said().contains("waiting: this machine")
    });
    running.kill();
    let ran = Ran::of(waiting.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    assert!(
        said().contains("which is not part of what is measured"),
        "{}",
        said()
    );
}

#[test]
fn waiting_uses_up_the_time_of_the_invocation() {
    let world = World::new();
    let _running = Running::start(&world);
    let ran = world.run_with("run --max-time 300ms -- passes", |c| {
        c.env("TMPDIR", world.path("."));
    });
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(
        ran.stdout.contains("`--max-time` were used up"),
        "{}",
        ran.stdout
    );
}
