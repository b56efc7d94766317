//! Two live targets, measured by turns.

use std::net::SocketAddr;

use prony::sim::{SimConfig, SimServer};
use serde_json::json;

use super::world::World;

fn world() -> World {
    let world = World::new();
    let project = "targets:\n  base: { url: \"sim://\" }\n  slow: { url: \"sim://\", sim: { regression: { ttft: 0.5 } } }\n";
    std::fs::write(world.path().join("prony.yaml"), project).unwrap();
    world
}

#[test]
fn what_is_slower_regressed_and_the_other_way_round_it_improved() {
    let world = world();
    let ran = world.prony("compare --ab base slow --suite suites --virtual --tolerance 10%");
    assert_eq!(ran.code, 101, "{}", ran.text);
    ran.says("ttft.p50", "regressed");
    ran.says("tpot.p50", "within tolerance");
    let ran = world.prony("compare --ab slow base --suite suites --virtual --tolerance 10%");
    assert_eq!(ran.code, 0, "{}", ran.text);
    ran.says("ttft.p50", "improved");
}

#[test]
fn what_is_the_same_neither_regressed_nor_improved() {
    let world = world();
    let ran = world.prony("compare --ab base base --suite suites --virtual --tolerance 10%");
    assert_eq!(ran.code, 0, "{}", ran.text);
    assert!(
        !ran.text.contains("regressed") && !ran.text.contains("improved"),
        "{}",
        ran.text
    );
    ran.says("ttft.p50", "within tolerance");
    // Five pairs, each of two starts, in turns.
    let records = std::fs::read_dir(world.path().join("results/latest/cases")).unwrap();
    let case = records.map(|e| e.unwrap().path()).next().unwrap();
    let text = std::fs::read_to_string(case.join("requests.jsonl")).unwrap();
    let mut order: Vec<(String, u64)> = Vec::new();
    for record in text.lines() {
        let record: serde_json::Value = serde_json::from_str(record).unwrap();
        let phase = record["phase"].as_str().unwrap().to_owned();
        let now = (phase, record["session"].as_u64().unwrap_or(0));
        if order.last() != Some(&now) {
            order.push(now);
        }
    }
    let turns: Vec<String> = order
        .iter()
        .map(|(p, s)| format!("{}{s}", &p[..1]))
        .collect();
    assert_eq!(turns.join(" "), "b0 c0 c1 b1 b2 c2 c3 b3 b4 c4");
}

#[test]
fn the_suite_says_what_is_tolerated_unless_the_command_line_does() {
    let world = world();
    world.suite("steady", "ttft.p50: 80%, tpot.p50: 20%", "");
    let ran = world.prony("compare --ab base slow --suite suites --virtual");
    ran.says("ttft.p50", "within tolerance");
    let ran = world.prony("compare --ab base slow --suite suites --virtual --tolerance 10%");
    ran.says("ttft.p50", "regressed");
}

#[test]
fn two_servers_over_tcp() {
    let start = |overhead: u64, seed| {
        let all = json!({"overhead_ms": overhead});
        let config = SimConfig::resolve("exact", all.as_object().unwrap()).unwrap();
        SimServer::start(config, seed, SocketAddr::from(([127, 0, 0, 1], 0))).unwrap()
    };
    let (fast, slow) = (start(60, 1), start(240, 2));
    let [fast, slow] = [fast.addr(), slow.addr()].map(|a| format!("http://{a}/v1"));
    let world = World::new();
    let suite = "suite: chat\ntarget: { url: \"sim://\" }\nscenarios:\n  - name: steady\n    kind: latency\n    \
                 measure_only: true\n    warmup: 100ms\n    load: { concurrency: 2 }\n    requests: 12\n    \
                 prompts: { type: synthetic, input_tokens: 100, output_tokens: 8 }\n";
    std::fs::write(world.path().join("suites/chat.yaml"), suite).unwrap();
    let with = "--suite suites --repeats 3 --tolerance 50%";
    let ran = world.prony(&format!("compare --ab {fast} {slow} {with}"));
    assert_eq!(ran.code, 101, "{}", ran.text);
    ran.says("ttft.p50", "regressed");
    assert!(
        !ran.line("tpot.p50").contains(": regressed"),
        "{}",
        ran.text
    );
    let ran = world.prony(&format!("compare --ab {slow} {fast} {with}"));
    ran.says("ttft.p50", "improved");
}

#[test]
fn what_cannot_be_compared_live_is_said() {
    let world = world();
    let ran = world.prony("compare --ab base nobody --suite suites");
    assert_eq!(ran.code, 2, "{}", ran.text);
    let ran = world.prony("compare --ab base slow");
    assert_eq!(ran.code, 2, "{}", ran.text);
}
