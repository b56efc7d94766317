use std::net::TcpListener;

use crate::stage::*;

#[test]
fn a_target_is_started_measured_and_stopped() {
    let port = free_port();
    let target = sim().replace("{port}", &port.to_string());
    let stage = Stage::new(&suite(&target, "", "- name: one"));
    let ran = stage.run();
    assert_eq!(ran.code, 0, "{}", ran.all());
    let case = ran.case();
    assert_eq!(case["verdict"], "pass");
    assert_eq!(case["phases"][0]["requests"]["ok"], 4);
    assert!(!listens(port));
    let log = ran.of_case(&case, "target.log");
    assert!(log.contains("session 0: "), "{log}");
    assert!(
        log.contains(&format!("serving http://127.0.0.1:{port}/v1")),
        "{log}"
    );
    assert!(log.contains("the target was stopped"), "{log}");
}

#[test]
fn a_free_port_is_found_and_passed_on() {
    let target =
        script("echo port is $PORT and {port}\nexec \"$PRONY\" sim --listen 127.0.0.1:$PORT");
    let ran = Stage::new(&suite(&target, "", "- name: one")).run();
    assert_eq!(ran.code, 0, "{}", ran.all());
    let case = ran.case();
    // The address is the same from run to run, so that results can be compared.
    assert_eq!(case["phases"][0]["target"], "http://127.0.0.1:{port}/v1");
    let log = ran.of_case(&case, "target.log");
    let line = log
        .lines()
        .find(|l| l.starts_with("port is "))
        .expect("a line");
    let ports: Vec<_> = line
        .split(' ')
        .filter_map(|w| w.parse::<u16>().ok())
        .collect();
    assert_eq!(ports.len(), 2);
    assert_eq!(ports[0], ports[1]);
    assert!(!listens(ports[0]));
}

#[test]
fn every_probe_finds_the_engine_ready() {
    for ready in [
        "probe: health",
        "probe: models",
        "probe: token",
        "path: /v1/models",
        "timeout: 20s, interval: 10ms",
    ] {
        let target = format!("{}\n  ready: {{ {ready} }}", sim());
        let ran = Stage::new(&suite(&target, "", "- name: one")).run();
        assert_eq!(ran.code, 0, "{ready}: {}", ran.all());
    }
}

#[test]
fn a_program_that_ends_early_is_an_error_with_its_last_words() {
    let target =
        script("for i in $(seq 30); do echo line $i; done\necho no such model >&2\nexit 3");
    let ran = Stage::new(&suite(&target, "", "- name: one")).run();
    assert_eq!(ran.code, 3, "{}", ran.all());
    let case = ran.case();
    assert_eq!(case["verdict"], "error");
    assert!(
        ran.reason().contains("ended before that (exit status 3)"),
        "{}",
        ran.reason()
    );
    let tail = case["notes"][0].as_str().expect("a note");
    assert!(tail.ends_with("line 29\nline 30\nno such model"), "{tail}");
    assert_eq!(tail.lines().count(), 1 + 20);
    assert!(ran.out.contains("no such model"), "{}", ran.out);
    let page = std::fs::read_to_string(ran.results.join("report.html")).expect("a report");
    assert!(page.contains("no such model"));
    let junit = std::fs::read_to_string(ran.results.join("junit.xml")).expect("a report");
    assert!(junit.contains("no such model"));
}

#[test]
fn a_program_that_goes_into_the_background_is_told_to_stay() {
    let ran = Stage::new(&suite(&script("sleep 600 &"), "", "- name: one")).run();
    assert_eq!(ran.code, 3);
    assert!(
        ran.reason().contains("must stay in the foreground"),
        "{}",
        ran.reason()
    );
}

#[test]
fn a_program_that_is_not_there_is_an_error() {
    let target = "url: http://127.0.0.1:{port}/v1\nlaunch: { command: [/nowhere/serve] }";
    let ran = Stage::new(&suite(target, "", "- name: one")).run();
    assert_eq!(ran.code, 3);
    assert!(
        ran.reason().starts_with("cannot start `/nowhere/serve`"),
        "{}",
        ran.reason()
    );
    let ran = Stage::new(&suite(
        &script("serve-what-nobody-knows"),
        "",
        "- name: one",
    ))
    .run();
    assert!(
        ran.reason().contains("a command that was not found"),
        "{}",
        ran.reason()
    );
}

#[test]
fn a_target_that_never_becomes_ready_is_an_error_and_is_stopped() {
    let target = script("echo $$ > pid\necho loading\nexec sleep 600")
        .replace("launch:\n", "launch:\n  ready: { timeout: 700ms }\n");
    let stage = Stage::new(&suite(&target, "", "- name: one"));
    let ran = stage.run();
    assert_eq!(ran.code, 3, "{}", ran.all());
    assert!(
        ran.reason()
            .contains("never became ready: connection refused"),
        "{}",
        ran.reason()
    );
    assert!(ran.out.contains("loading"), "{}", ran.out);
    gone(stage.pid("pid"));
}

#[test]
fn a_port_that_is_taken_is_an_error_before_anything_starts() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let target = script("echo started > started").replace("{port}", &port.to_string());
    let stage = Stage::new(&suite(&target, "", "- name: one"));
    let ran = stage.run();
    assert_eq!(ran.code, 3);
    let reason = ran.reason();
    assert!(
        reason.starts_with(&format!(
            "127.0.0.1:{port} is already in use by process {} (",
            std::process::id()
        )),
        "{reason}"
    );
    assert!(reason.contains("stop it, or take `launch` out"), "{reason}");
    assert!(!stage.path("started").exists());
}

#[test]
fn a_target_that_dies_in_mid_run_fails_the_case() {
    let target =
        script("echo $$ > pid\necho ready to die\nexec \"$PRONY\" sim --listen 127.0.0.1:$PORT");
    let scenario = "- name: one\n  load: { rate: 200/s }\n  requests: 100000";
    let stage = Stage::new(&suite(&target, "", scenario));
    let child = stage.start();
    let pid = stage.pid("pid");
    until("requests were answered", || {
        let cases = stage.path("results/latest/cases");
        std::fs::read_dir(cases)
            .into_iter()
            .flatten()
            .flatten()
            .any(|case| {
                let records = std::fs::read_to_string(case.path().join("requests.jsonl"));
                records.is_ok_and(|r| r.lines().count() > 20)
            })
    });
    signal(pid.cast_unsigned(), "KILL");
    let ran = stage.finish(child);
    assert_eq!(ran.code, 101, "{}", ran.all());
    let case = ran.case();
    assert_eq!(case["verdict"], "fail");
    assert!(
        ran.reason().contains("killed by SIGKILL"),
        "{}",
        ran.reason()
    );
    assert!(
        case["notes"][0]
            .as_str()
            .expect("a note")
            .contains("ready to die")
    );
    assert!(case["phases"][0]["requests"]["ok"].as_u64() > Some(0));
    assert!(ran.out.contains("ready to die"), "{}", ran.out);
}

#[test]
fn a_target_that_dies_by_itself_fails_the_case_whenever_that_is() {
    // It dies once requests are recorded.
    let target = script(
        "\"$PRONY\" sim --listen 127.0.0.1:$PORT &\nuntil grep -qs sent_us results/latest/cases/*/requests.jsonl; do sleep 0.1; done\nkill -9 $!\necho out of memory\nexit 7",
    );
    let scenario = "- name: one\n  load: { concurrency: 2 }\n  requests: 1000000";
    let ran = Stage::new(&suite(&target, "", scenario)).run();
    assert_eq!(ran.code, 101, "{}", ran.all());
    assert!(ran.reason().contains("exit status 7"), "{}", ran.reason());
    assert!(ran.out.contains("out of memory"), "{}", ran.out);
}

#[test]
fn listing_and_checking_start_nothing_and_name_the_launch() {
    let stage = Stage::new(&suite(
        &script("echo started > started"),
        "before: echo hook > hook",
        "- name: one",
    ));
    for command in ["list", "check"] {
        let output = stage.command(command).output().expect("prony runs");
        assert!(output.status.success());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("launches "), "{text}");
    }
    assert!(!stage.path("started").exists() && !stage.path("hook").exists());
}
