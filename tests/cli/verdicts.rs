//! Verdicts and exit codes: what is missed, what cannot be reached, what dies.

use crate::fresh::page_is_whole;
use crate::server::{Server, closed_port};
use crate::support::{Ended, PRONY, Place, easy, junit, sim_suite, suite};

const MISSED: &str = "  - name: missed
    kind: latency
    load: { concurrency: 2 }
    requests: 6
    sla:
      - e2e_latency.p90 < 100s
      - ttft.p50 < 1us
";

#[test]
fn a_missed_limit_is_shown_where_it_stands() {
    let place = Place::with_suite(&sim_suite(&(easy("steady") + MISSED)));
    let ended = place
        .prony(["run"])
        .exits(101)
        .out_has("test chat::steady ... ok")
        .out_has("test chat::missed ... FAILED")
        .out_has("--> suites/a.yaml:20:9")
        .out_has("20 |       - ttft.p50 < 1us")
        .out_has("test result: FAILED. 1 passed; 1 failed;");
    Ended::marks(&ended.stdout, "ttft.p50 < 1us");
    for fact in ["observed", "limit", "margin", "interval", "sample"] {
        assert!(
            ended.stdout.contains(&format!("= {fact}")),
            "no {fact}: {ended}"
        );
    }

    let run = place.run();
    let case = run.case("chat::missed");
    assert_eq!(case["verdict"], "fail");
    let verdicts: Vec<_> = case["assertions"]
        .as_array()
        .expect("assertions")
        .iter()
        .map(|a| {
            (
                a["text"].as_str().unwrap_or(""),
                a["verdict"].as_str().unwrap_or(""),
            )
        })
        .collect();
    assert_eq!(
        verdicts,
        [
            ("e2e_latency.p90 < 100s", "pass"),
            ("ttft.p50 < 1us", "fail"),
            ("error_rate <= 1%", "pass"),
        ]
    );
    let place_of = &case["assertions"][1]["source"];
    assert_eq!(
        (&place_of["file"], &place_of["line"], &place_of["column"]),
        (&"suites/a.yaml".into(), &20.into(), &9.into())
    );
    let cases = junit(&run.text("junit.xml"));
    let missed = cases.iter().find(|c| c.name == "missed").expect("a case");
    assert_eq!(missed.file, "suites/a.yaml");
    assert_eq!(missed.children, ["failure", "system-out"]);
    assert!(missed.text.contains("ttft.p50 < 1us"), "{missed:?}");
    page_is_whole(&run.text("report.html"), "ttft.p50 &lt; 1us");
}

#[test]
fn the_printed_command_runs_just_that_case_again() {
    let place = Place::new();
    let text = sim_suite(&(easy("steady") + MISSED));
    place.file(
        "my suites/it's.yaml",
        text.replace("suite: chat", "suite: nightly"),
    );
    let ended = place
        .prony(["run", "my suites/it's.yaml", "--seed", "7", "--", "missed"])
        .exits(101);
    let line = ended.stdout.lines().find(|l| l.starts_with("run it again"));
    let command = line
        .expect("a command")
        .trim_start_matches("run it again")
        .trim();

    let bin = std::path::Path::new(PRONY).parent().expect("a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = assert_cmd::Command::new("sh");
    shell
        .args(["-c", command])
        .current_dir(place.path())
        .env("PATH", format!("{}:{path}", bin.display()));
    Ended::of(shell).exits(101).out_has("running 1 test");
    let runs = place.runs();
    assert_eq!(runs.len(), 2, "{command}");
    assert_eq!(runs[1].names(), ["nightly::missed"]);
    assert_eq!(
        runs[1].summary()["run"]["seed"],
        7,
        "flags are kept: {command}"
    );
}

#[test]
fn a_dead_target_is_an_error() {
    let target = format!("http://{}/v1", closed_port());
    let text = suite(&target, &easy("steady")).replace("timeout: 10s", "timeout: 300ms");
    let place = Place::with_suite(&text);
    place
        .prony(["run"])
        .exits(3)
        .out_has("never became ready")
        .out_has("connection refused");
    let run = place.run();
    let case = run.case("chat::steady");
    assert_eq!(case["verdict"], "error");
    assert!(
        case["phases"].as_array().is_some_and(Vec::is_empty),
        "nothing was measured"
    );
    let cases = junit(&run.text("junit.xml"));
    assert_eq!(cases[0].children[0], "error");
    assert_eq!(cases[0].file, "suites/a.yaml");
    page_is_whole(&run.text("report.html"), "never became ready");
}

#[test]
fn a_failed_case_outweighs_an_error() {
    let dead = suite(&format!("http://{}/v1", closed_port()), &easy("steady"))
        .replace("timeout: 10s", "timeout: 200ms")
        .replace("suite: chat", "suite: dead");
    let place = Place::with_suite(&sim_suite(MISSED));
    place.file("suites/b.yaml", dead);
    place.prony(["run"]).exits(101);
    let run = place.run();
    assert_eq!(run.case("dead::steady")["verdict"], "error");
    assert_eq!(run.case("chat::missed")["verdict"], "fail");
}

#[test]
fn a_server_that_was_ready_and_fails_everything_has_failed() {
    let server = Server::start(|conn, _| {
        conn.respond(
            "500 Internal Server Error",
            "application/json",
            r#"{"error":{"message":"out of memory"}}"#,
        );
    });
    let place = Place::with_suite(&suite(&server.url(), &easy("steady")));
    place.prony(["run"]).exits(101).out_has("out of memory");
    let run = place.run();
    let case = run.case("chat::steady");
    assert_eq!(case["verdict"], "fail");
    let phase = &case["phases"][0];
    assert_eq!(phase["requests"]["failed"], 8);
    assert_eq!(phase["requests"]["ok"], 0);
    assert_eq!(phase["errors"][0]["kind"], "http");
    assert_eq!(
        phase["metrics"]["ttft"]["p50"],
        serde_json::Value::Null,
        "no number without data"
    );
    assert_eq!(junit(&run.text("junit.xml"))[0].children[0], "failure");
}

#[test]
fn measuring_only_does_not_excuse_failures() {
    let server =
        Server::start(|conn, _| conn.respond("503 Service Unavailable", "text/plain", "no"));
    let scenario = "  - name: look
    kind: latency
    load: { concurrency: 1 }
    requests: 4
    measure_only: true
";
    let place = Place::with_suite(&suite(&server.url(), scenario));
    place.prony(["run"]).exits(101).out_has("error_rate <= 1%");
    assert_eq!(place.run().case("chat::look")["verdict"], "fail");
}

#[test]
fn a_target_that_dies_under_way_has_failed() {
    let server = Server::start(|conn, number| {
        if number == 10 {
            conn.die();
        } else {
            conn.answer();
        }
    });
    let scenario = "  - name: steady
    kind: latency
    load: { concurrency: 2 }
    requests: 40
    sla:
      - ttft.p50 < 100s
";
    let place = Place::with_suite(&suite(&server.url(), scenario));
    place.prony(["run"]).exits(101);
    let case = place.run().case("chat::steady");
    assert_eq!(case["verdict"], "fail");
    let requests = &case["phases"][0]["requests"];
    assert!(requests["ok"].as_u64() >= Some(9), "{requests}");
    assert!(requests["failed"].as_u64() >= Some(28), "{requests}");
    let kinds: Vec<_> = case["phases"][0]["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|e| e["kind"].as_str().unwrap_or("").to_owned())
        .collect();
    assert!(kinds.contains(&"connect".to_owned()), "{kinds:?}");
}
