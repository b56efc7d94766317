//! `scale: { command }`: a program brings the target to each number of replicas, over TCP.

use std::process::{Command, Stdio};

use crate::stage::{PRONY, Stage, free_port, until};

/// Stops the engine that the script left running.
struct Stopped<'a>(&'a Stage);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        if let Ok(pid) = std::fs::read_to_string(self.0.path("pid")) {
            let kill = Command::new("kill").arg(pid.trim()).status();
            drop(kill);
        }
    }
}

/// Starts the engine anew with that many replicas of two slots.
fn script(port: u16) -> String {
    format!(
        r#"#!/usr/bin/env bash
set -eu
if [ -f pid ]; then
  kill "$(cat pid)" 2>/dev/null || true
  while (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null; do sleep 0.02; done
fi
printf 'scheduler: {{ max_num_seqs: 2 }}\ncost: {{ base_ms: 40 }}\ntopology: {{ replicas: %s, router: least_outstanding }}\n' "$1" >engine.yaml
setsid "{PRONY}" sim --preset exact --listen 127.0.0.1:{port} --config engine.yaml >engine.log 2>&1 </dev/null &
echo $! >pid
until (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null; do sleep 0.02; done
"#
    )
}

#[test]
fn a_program_scales_the_target_to_each_level() {
    let port = free_port();
    let scenario = |name: &str, load: u32, sweep: &str| {
        format!(
            "  - name: {name}\n    kind: scalability\n    load: {{ concurrency: {load} }}\n    sweep: {{ replicas: [1, 2], idle: 0s, {sweep} }}\n    sla: [speedup(2) > 1.4]\n"
        )
    };
    let stage = Stage::new(&format!(
        "target: {{ url: \"http://127.0.0.1:{port}/v1\" }}\ndefaults:\n  warmup: 300ms\n  duration: 1500ms\n  client: {{ loop_delay: 100%, busy: 100%, throttled: 100% }}\n  drain: 5s\n  repeats: 3\n  extend: off\n  scrape: off\n  prompts: {{ type: synthetic, input_tokens: 8, output_tokens: 8 }}\nscenarios:\n{}{}{}",
        scenario(
            "weak",
            2,
            "scale: { command: \"bash scale.sh {replicas}\" }"
        ),
        scenario(
            "strong",
            4,
            "mode: strong, scale: { command: \"bash scale.sh $PRONY_REPLICAS\" }"
        ),
        scenario(
            "stuck",
            4,
            "mode: strong, scale: { command: \"bash scale.sh 1\", timeout: 30s }"
        ),
    ));
    std::fs::write(stage.path("scale.sh"), script(port)).unwrap();
    // It is there before prony comes.
    let first = Command::new("bash")
        .args(["scale.sh", "1"])
        .current_dir(stage.path("."))
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(first.success());
    let _stopped = Stopped(&stage);
    until("the engine's pid is known", || stage.path("pid").exists());
    let ran = stage.run();
    let verdicts: Vec<String> = ran
        .cases()
        .iter()
        .map(|case| format!("{} {}", case["name"], case["verdict"]))
        .collect();
    let expected = [
        "\"weak\" \"pass\"",
        "\"strong\" \"pass\"",
        "\"stuck\" \"fail\"",
    ];
    assert_eq!(verdicts, expected, "{}", ran.all());
    assert_eq!(ran.code, 101);
    let weak = &ran.cases()[0];
    let loads: Vec<u64> = weak["phases"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|phase| phase["load"]["concurrency"].as_u64())
        .collect();
    assert_eq!(loads, [2, 4]);
}
