//! Runs that end before their time: killed, interrupted once, interrupted twice.

use serde_json::Value;

use crate::fresh::page_is_whole;
use crate::server::{Conn, Server, delta};
use crate::support::{Place, Run, easy, junit, records_of, sim_suite, suite};

/// Goes on for longer than any test waits.
const ENDLESS: &str = "  - name: endless
    kind: latency
    load: { concurrency: 2 }
    duration: 10m
    drain: 300ms
    sla:
      - ttft.p50 < 100s
";

/// Answers the first few requests and keeps the others waiting, a chunk sent.
fn then_hangs(conn: &mut Conn, number: usize) {
    if number < 6 {
        conn.answer();
    } else {
        conn.stream_head();
        conn.event(&delta("Hi"));
        conn.wait_for_close();
    }
}

/// Asserts that nothing about the run looks like a success.
fn is_not_green(run: &Run) {
    let cases = junit(&run.text("junit.xml"));
    let bad =
        |c: &&crate::support::TestCase| c.children.iter().any(|n| n == "error" || n == "failure");
    assert!(cases.iter().any(|c| bad(&c)), "{cases:?}");
    page_is_whole(&run.text("report.html"), "nterrupted");
}

#[test]
fn a_killed_run_can_be_reported() {
    let place = Place::with_suite(&sim_suite(&(easy("steady") + ENDLESS)));
    let running = place.start(["run"]);
    place.wait_for_records("endless", 6);
    running.signal(libc::SIGKILL);
    assert_eq!(running.ended().code, None, "killed");

    let run = place.run();
    assert!(!run.path.join("report.html").exists());
    let before = run.summary();
    place.prony(["report"]).exits(0).out_has("report.html");
    place
        .prony(["report", "--format", "junit"])
        .exits(0)
        .out_has("junit.xml");
    is_not_green(&run);
    assert_eq!(run.summary(), before, "a report changes nothing");

    let ended = place
        .prony(["report", &run.id(), "--format", "json", "-o", "-"])
        .exits(0);
    let json: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(json["run"]["interrupted"], true);
    let cases = json["cases"].as_array().expect("cases");
    let steady = cases
        .iter()
        .find(|c| c["name"] == "steady")
        .expect("steady");
    assert_eq!(steady["verdict"], "pass", "it had ended");
    let endless = cases
        .iter()
        .find(|c| c["name"] == "endless")
        .expect("endless");
    assert_eq!(endless["verdict"], "error");
    assert_eq!(endless["unfinished"], true);
    assert!(
        endless["reason"]
            .as_str()
            .is_some_and(|r| r.contains("killed"))
    );

    // What stands there is what the records say.
    let slug = endless["slug"].as_str().expect("a slug");
    let text = run.text(&format!("cases/{slug}/requests.jsonl"));
    let records = records_of(&text[..=text.rfind('\n').expect("a line")]);
    let phase = &endless["phases"][0];
    assert_eq!(
        phase["requests"]["ok"],
        records.iter().filter(|r| r.ok()).count()
    );
    assert!(phase["requests"]["ok"].as_u64() >= Some(6), "{phase:#}");
    assert!(phase["metrics"]["ttft"]["p50"].is_number());
}

#[test]
fn a_torn_line_does_not_hinder_the_report() {
    let place = Place::with_suite(&sim_suite(ENDLESS));
    let running = place.start(["run"]);
    let run = place.wait_for_records("endless", 3);
    running.signal(libc::SIGKILL);
    running.ended();
    let path = run
        .path
        .join("cases")
        .join(&run.slugs()[0])
        .join("requests.jsonl");
    let mut text = std::fs::read_to_string(&path).expect("records");
    text.push_str("{\"id\":77,\"case\":\"chat::endl");
    std::fs::write(&path, text).expect("written");
    place.prony(["report"]).exits(0);
}

#[test]
fn a_run_killed_between_two_cases_is_interrupted_as_well() {
    let place = Place::with_suite(&sim_suite(&(easy("steady") + ENDLESS)));
    let running = place.start(["run"]);
    place.wait_for_records("endless", 1);
    running.signal(libc::SIGKILL);
    running.ended();
    // As if the second case had not begun.
    let run = place.run();
    let slugs = run.slugs();
    let endless = slugs
        .iter()
        .find(|s| s.contains("endless"))
        .expect("a slug");
    std::fs::remove_dir_all(run.path.join("cases").join(endless)).expect("removed");
    place.prony(["report"]).exits(0);
    place.prony(["report", "--format", "junit"]).exits(0);
    is_not_green(&run);
}

#[test]
fn one_ctrl_c_saves_what_was_measured() {
    for (signal, code) in [(libc::SIGINT, 130), (libc::SIGTERM, 143)] {
        let server = Server::start(then_hangs);
        let place = Place::with_suite(&suite(&server.url(), &(ENDLESS.to_owned() + &easy("next"))));
        let running = place.start(["run"]);
        place.wait_for_records("endless", 5);
        wait_until(|| server.seen().len() >= 8);
        running.signal(signal);
        running
            .ended()
            .exits(code)
            .err_has("interrupted: no new requests")
            .out_has("report: results/");

        let run = place.run();
        let summary = run.summary();
        assert_eq!(summary["run"]["interrupted"], true);
        assert!(summary["run"]["finished_at"].is_string());
        let endless = run.case("chat::endless");
        assert!(
            endless["reason"]
                .as_str()
                .is_some_and(|r| r.contains("interrupted"))
        );
        assert_eq!(endless["verdict"], "error", "nothing was judged");
        let records = run.records("chat::endless");
        assert_eq!(records.iter().filter(|r| r.ok()).count(), 6);
        let under_way: Vec<_> = records.iter().filter(|r| r.cut()).collect();
        assert_eq!(under_way.len(), 2, "{records:?}");
        for record in under_way {
            assert!(
                record.sent_us.is_some() && record.first_us.is_some(),
                "{record:?}"
            );
        }
        let requests = &endless["phases"][0]["requests"];
        assert_eq!((&requests["ok"], &requests["cut"]), (&6.into(), &2.into()));
        assert_eq!(
            requests["failed"], 0,
            "prony ended them, the server did not fail"
        );

        let next = run.case("chat::next");
        assert_eq!(next["verdict"], "skipped");
        assert_eq!(next["reason"], "interrupted before it began");
        is_not_green(&run);
    }
}

#[test]
fn a_second_ctrl_c_leaves_at_once() {
    let server = Server::start(then_hangs);
    let patient = ENDLESS.replace("drain: 300ms", "drain: 10m");
    let place = Place::with_suite(&suite(&server.url(), &patient));
    let mut running = place.start(["run"]);
    place.wait_for_records("endless", 5);
    running.signal(libc::SIGINT);
    running.wait_for_error("once more to leave at once");
    running.signal(libc::SIGINT);
    running.ended().exits(130);
    let run = place.run();
    assert!(!run.path.join("report.html").exists(), "it left at once");
    let text = run.text(&format!("cases/{}/requests.jsonl", run.slugs()[0]));
    assert!(records_of(&text).iter().filter(|r| r.ok()).count() >= 5);
    place.prony(["report"]).exits(0);
    place.prony(["report", "--format", "junit"]).exits(0);
    is_not_green(&run);
}

#[test]
fn waiting_for_a_server_can_be_interrupted() {
    let server = Server::with_models("503 Service Unavailable", "loading", |conn, _| {
        conn.answer()
    });
    let text = suite(&server.url(), &easy("steady")).replace("timeout: 10s", "timeout: 10m");
    let place = Place::with_suite(&text);
    let running = place.start(["run"]);
    wait_until(|| server.connections() > 0);
    running.signal(libc::SIGINT);
    running.ended().exits(130);
    assert_eq!(place.run().summary()["run"]["interrupted"], true);
}

fn wait_until(mut holds: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !holds() {
        assert!(began.elapsed().as_secs() < 60, "it never came");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}
