//! However prony ends, nothing that it has started is left.

use std::io::{BufRead, BufReader};
use std::process::Child;

use crate::stage::*;

/// A target that ignores SIGTERM, with children that do, one of them in a session of its own.
const STUBBORN: &str = "trap '' TERM INT HUP
echo $$ > leader
(trap '' TERM INT HUP; sh -c 'echo $$ > child; while :; do sleep 1; done') &
(setsid sh -c 'trap \"\" TERM; echo $$ > daemon; while :; do sleep 1; done') &
\"$PRONY\" sim --listen 127.0.0.1:$PORT &
echo $! > engine
while :; do sleep 1; done";

const PIDS: [&str; 4] = ["leader", "child", "daemon", "engine"];

fn stubborn() -> Stage {
    let target = script(STUBBORN).replace("launch:\n", "launch:\n  stop: { timeout: 300ms }\n");
    let scenario = "- name: one\n  load: { rate: 50/s }\n  requests: 100000";
    Stage::new(&suite(&target, "", scenario))
}

/// Starts it, and waits until requests are answered.
fn under_way(stage: &Stage) -> (Child, Vec<i32>) {
    let child = stage.start();
    let pids = PIDS.iter().map(|name| stage.pid(name)).collect();
    until("requests are recorded", || {
        stage.path("results/latest").exists()
            && stage.everything_written().matches("\"sent_us\"").count() > 3
    });
    (child, pids)
}

#[test]
fn a_case_that_ends_takes_all_with_it() {
    let target = script(STUBBORN).replace("launch:\n", "launch:\n  stop: { timeout: 300ms }\n");
    let stage = Stage::new(&suite(&target, "", "- name: one"));
    let ran = stage.run();
    assert_eq!(ran.code, 0, "{}", ran.all());
    for name in PIDS {
        assert!(!alive(stage.pid(name)), "{name}");
    }
    let log = ran.of_case(&ran.case(), "target.log");
    assert!(log.contains("after SIGTERM, and was killed"), "{log}");
}

#[test]
fn ctrl_c_saves_what_there_is_and_stops_the_target() {
    let stage = stubborn();
    let (child, pids) = under_way(&stage);
    signal(child.id(), "INT");
    let ran = stage.finish(child);
    assert_eq!(ran.code, 130, "{}", ran.all());
    assert!(pids.iter().all(|pid| !alive(*pid)));
    assert!(ran.case()["phases"][0]["requests"]["ok"].as_u64() > Some(0));
}

#[test]
fn ctrl_c_twice_kills_the_target_at_once() {
    let target = script(STUBBORN).replace("launch:\n", "launch:\n  stop: { timeout: 50s }\n");
    let scenario = "- name: one\n  load: { rate: 50/s }\n  requests: 100000";
    let stage = Stage::new(&suite(&target, "", scenario));
    let (mut child, pids) = under_way(&stage);
    let mut said = BufReader::new(child.stderr.take().expect("its messages"));
    signal(child.id(), "INT");
    let mut line = String::new();
    while !line.contains("once more to leave at once") {
        line.clear();
        assert_ne!(said.read_line(&mut line).expect("text"), 0);
    }
    signal(child.id(), "INT");
    let status = child.wait().expect("prony ends");
    assert_eq!(status.code(), Some(130));
    pids.into_iter().for_each(gone);
}

#[test]
fn a_prony_that_is_killed_leaves_nothing() {
    let stage = stubborn();
    let (mut child, pids) = under_way(&stage);
    signal(child.id(), "KILL");
    child.wait().expect("it is gone");
    pids.into_iter().for_each(gone);
}

#[test]
fn a_whole_group_that_is_killed_leaves_nothing() {
    let stage = stubborn();
    let (mut child, pids) = under_way(&stage);
    let status = std::process::Command::new("/bin/sh")
        .args(["-c", &format!("kill -s KILL -- -{}", child.id())])
        .status()
        .expect("a shell");
    assert!(status.success());
    child.wait().expect("it is gone");
    pids.into_iter().for_each(gone);
}

#[test]
fn an_interrupt_while_the_target_starts_stops_it() {
    let target = script("echo $$ > pid\nexec sleep 600");
    let stage = Stage::new(&suite(&target, "", "- name: one"));
    let child = stage.start();
    let pid = stage.pid("pid");
    signal(child.id(), "TERM");
    let ran = stage.finish(child);
    assert_eq!(ran.code, 143, "{}", ran.all());
    assert!(!alive(pid));
}

#[test]
fn a_target_kept_for_all_cases_is_stopped_with_the_last() {
    let target = script("echo $$ > pid\nexec \"$PRONY\" sim --listen 127.0.0.1:$PORT");
    let stage = Stage::new(&suite(&target, "", "- name: one\n  restart: never"));
    let ran = stage.run();
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(!alive(stage.pid("pid")));
}
