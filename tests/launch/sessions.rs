use serde_json::Value;

use crate::stage::*;

/// Sessions of the runs of a case.
fn sessions(case: &Value) -> Vec<u64> {
    let runs = case["phases"][0]["runs"].as_array().expect("runs");
    runs.iter()
        .map(|r| r["session"].as_u64().expect("a session"))
        .collect()
}

fn starts(log: &str) -> usize {
    log.matches("serving http://").count()
}

#[test]
fn one_start_serves_all_repeats_of_a_case() {
    let ran = Stage::new(&suite(&sim(), "", "- name: one\n  repeats: 3")).run();
    assert_eq!(ran.code, 0, "{}", ran.all());
    let case = ran.case();
    assert_eq!(sessions(&case), [0, 0, 0]);
    assert_eq!(starts(&ran.of_case(&case, "target.log")), 1);
}

#[test]
fn every_repeat_has_a_start_of_its_own_where_that_is_asked_for() {
    let scenario = "- name: one\n  repeats: 3\n  restart: repeat";
    // One port for all: each start finds it free again.
    let target = sim().replace("{port}", &free_port().to_string());
    let ran = Stage::new(&suite(&target, "", scenario)).run();
    assert_eq!(ran.code, 0, "{}", ran.all());
    let case = ran.case();
    assert_eq!(sessions(&case), [0, 1, 2]);
    let log = ran.of_case(&case, "target.log");
    assert_eq!(starts(&log), 3);
    assert_eq!(log.matches("the target was stopped").count(), 3);
    let records = ran.of_case(&case, "requests.jsonl");
    for line in records.lines() {
        let record: Value = serde_json::from_str(line).expect("a record");
        assert_eq!(record["session"], record["run"]);
    }
}

#[test]
fn one_start_serves_all_cases_where_nothing_is_restarted() {
    let scenarios = "- name: one\n  restart: never\n- name: two\n  restart: never\n- name: own";
    let ran = Stage::new(&suite(&sim(), "", scenarios)).run();
    assert_eq!(ran.code, 0, "{}", ran.all());
    let logs: Vec<String> = ran
        .cases()
        .iter()
        .map(|case| ran.of_case(case, "target.log"))
        .collect();
    assert_eq!(
        logs.iter().map(|l| starts(l)).collect::<Vec<_>>(),
        [1, 0, 1]
    );
    assert!(
        logs[1].contains("runs since an earlier case"),
        "{}",
        logs[1]
    );
    for case in ran.cases() {
        assert_eq!(sessions(&case), [0]);
    }
}

#[test]
fn a_shared_target_makes_room_for_another_one_at_its_address() {
    let target = sim().replace("{port}", &free_port().to_string());
    let scenarios = "- name: one\n  restart: never\n- name: own\n  restart: case";
    let ran = Stage::new(&suite(&target, "", scenarios)).run();
    assert_eq!(ran.code, 0, "{}", ran.all());
    let cases = ran.cases();
    assert!(
        ran.of_case(&cases[0], "target.log")
            .contains("the target was stopped")
    );
}

#[test]
fn the_embedded_engine_draws_a_session_per_repeat() {
    let scenario = "- name: one\n  repeats: 2\n  restart: repeat";
    let ran = Stage::new(&suite("url: sim://", "", scenario)).run();
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(sessions(&ran.case()), [0, 1]);
}

#[test]
fn a_hook_that_restarts_makes_sessions() {
    // The server is there already, and the hook says that it has started it anew.
    let port = free_port();
    let mut server = std::process::Command::new(PRONY)
        .args(["sim", "--listen", &format!("127.0.0.1:{port}")])
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("an engine");
    let scenario = "- name: one\n  repeats: 2\n  between: { command: \"true\", restarts: true }";
    let target = format!("url: http://127.0.0.1:{port}/v1\nready: {{ timeout: 60s }}");
    let ran = Stage::new(&suite(&target, "", scenario)).run();
    signal(server.id(), "KILL");
    server.wait().expect("it ends");
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(sessions(&ran.case()), [0, 1]);
}

#[test]
fn a_restart_that_fails_keeps_what_was_measured() {
    let target = script(
        "if [ -e second ]; then echo no more; exit 1; fi\n: > second\nexec \"$PRONY\" sim --listen 127.0.0.1:$PORT",
    );
    let scenario = "- name: one\n  repeats: 3\n  restart: repeat";
    let ran = Stage::new(&suite(&target, "", scenario)).run();
    assert_eq!(ran.code, 3, "{}", ran.all());
    let case = ran.case();
    assert_eq!(case["verdict"], "error");
    assert_eq!(sessions(&case), [0]);
    assert!(ran.out.contains("no more"), "{}", ran.out);
}
