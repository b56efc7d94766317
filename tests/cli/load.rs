//! What was sent, when, and what is said about it.

use prony::record::Part;
use serde_json::Value;

use crate::server::Server;
use crate::support::{Place, Run, sim_suite, suite};

/// Words of the prompt of a chat request.
fn words(body: &Value) -> Vec<String> {
    let content = body["messages"][0]["content"].as_str().expect("a prompt");
    content.split(' ').map(str::to_owned).collect()
}

#[test]
fn the_seed_fixes_what_is_asked_and_the_salt_sets_it_apart() {
    let server = Server::start(|conn, _| conn.answer());
    // One at a time, so that requests arrive in their order.
    let scenario = "  - name: steady
    kind: latency
    load: { rate: 80/s, arrivals: poisson, max_concurrency: 1 }
    requests: 12
    measure_only: true
    prompts: { type: synthetic, input_tokens: { min: 12, max: 40 }, output_tokens: { min: 2, max: 30 } }
";
    let place = Place::with_suite(&suite(&server.url(), scenario));
    for seed in ["3", "3", "4"] {
        place.prony(["run", "--seed", seed]);
    }
    let runs = place.runs();
    let mut bodies = server.bodies().into_iter();
    let asked: Vec<Vec<Value>> = runs
        .iter()
        .map(|run| {
            let sent = run
                .records("chat::steady")
                .iter()
                .filter(|r| r.sent_us.is_some())
                .count();
            let of_run: Vec<Value> = bodies.by_ref().take(sent).collect();
            of_run.into_iter().take(12).collect()
        })
        .collect();
    let lengths = |bodies: &[Value]| -> Vec<(usize, Option<u64>)> {
        bodies
            .iter()
            .map(|b| {
                let most = b["max_completion_tokens"]
                    .as_u64()
                    .or(b["max_tokens"].as_u64());
                (words(b).len(), most)
            })
            .collect()
    };
    let due = |run: &Run| -> Vec<Option<u64>> {
        run.window("chat::steady")
            .iter()
            .map(|r| r.due_us)
            .collect()
    };
    assert_eq!(lengths(&asked[0]).len(), 12);
    assert!(
        lengths(&asked[0]).iter().all(|(_, most)| most.is_some()),
        "{:?}",
        asked[0][0]
    );
    assert_eq!(lengths(&asked[0]), lengths(&asked[1]), "the same seed");
    assert_ne!(lengths(&asked[0]), lengths(&asked[2]), "another seed");
    assert_eq!(due(&runs[0]), due(&runs[1]), "the same seed");
    assert_ne!(due(&runs[0]), due(&runs[2]), "another seed");

    let salts: Vec<String> = runs
        .iter()
        .map(|run| {
            let salt = &run.case("chat::steady")["phases"][0]["runs"][0]["salt"];
            salt.as_str().expect("a salt").to_owned()
        })
        .collect();
    assert_ne!(salts[0], salts[1], "every invocation has its own");
    // Content is another one from the first words on; two prompts begin alike by chance alone.
    let alike = asked[0]
        .iter()
        .zip(&asked[1])
        .filter(|(a, b)| words(a)[..3] == words(b)[..3])
        .count();
    assert_eq!(alike, 0, "{salts:?}");
}

#[test]
fn without_a_salt_the_same_is_asked_again() {
    let server = Server::start(|conn, _| conn.answer());
    let scenario = "  - name: steady
    kind: latency
    load: { concurrency: 1 }
    requests: 5
    measure_only: true
    prompts: { type: synthetic, input_tokens: 16, output_tokens: 4, salt: off }
";
    let place = Place::with_suite(&suite(&server.url(), scenario));
    place.prony(["run"]).exits(0);
    let first = server.bodies();
    place.prony(["run"]).exits(0);
    assert_eq!(first[..5], server.bodies()[first.len()..][..5]);
    let case = place.runs()[0].case("chat::steady");
    assert!(case["phases"][0]["runs"][0].get("salt").is_none());
}

#[test]
fn waiting_for_a_slot_is_recorded() {
    let server = Server::start(|conn, _| {
        std::thread::sleep(std::time::Duration::from_millis(40));
        conn.answer();
    });
    let scenario = "  - name: burst
    kind: latency
    load:
      arrivals: constant
      max_concurrency: 2
      stages:
        - { duration: 400ms, rate: 100/s }
    extend: off
    sla:
      - e2e_latency_scheduled.p50 < 100s
";
    let place = Place::with_suite(&suite(&server.url(), scenario));
    place.prony(["run"]).exits(0);
    let run = place.run();
    let records = run.window("chat::burst");
    assert_eq!(records.len(), 40, "100/s for 400 ms");
    for (i, record) in records.iter().enumerate() {
        assert!(record.ok(), "{record:?}");
        // Constant arrivals: one every 10 ms, however long the answers take.
        let first = records[0].due_us.expect("due");
        assert_eq!(record.due_us, Some(first + 10_000 * i as u64));
        let lateness = record
            .sent_us
            .zip(record.due_us)
            .map(|(sent, due)| sent - due);
        assert!(
            record
                .wait_us
                .is_none_or(|w| Some(w) <= lateness.map(|l| l + 1)),
            "{record:?}"
        );
    }
    let waited = records.iter().filter(|r| r.wait_us > Some(40_000)).count();
    assert!(waited >= 20, "only {waited} waited for a slot");
    let case = run.case("chat::burst");
    let metrics = &case["phases"][0]["metrics"];
    let number = |name: &str| {
        metrics[name]["p50"]
            .as_f64()
            .unwrap_or_else(|| panic!("no {name}"))
    };
    assert!(number("slot_wait") > 40.0);
    assert!(number("e2e_latency_scheduled") > number("e2e_latency") + 40.0);
    // At most two were under way at any time.
    for record in &records {
        let at = record.sent_us.expect("sent");
        let others = records
            .iter()
            .filter(|r| r.sent_us <= Some(at) && r.end_us > Some(at));
        assert!(others.count() <= 2, "at {at} µs");
    }
}

#[test]
fn stages_follow_their_levels() {
    let scenario = "  - name: steps
    kind: latency
    load:
      arrivals: constant
      stages:
        - { duration: 500ms, rate: 20/s }
        - { duration: 500ms, rate: 80/s }
    sla:
      - e2e_latency.p50 < 100s
";
    let place = Place::with_suite(&sim_suite(scenario));
    place.prony(["run"]);
    let records = place.run().window("chat::steps");
    let (early, late): (Vec<_>, Vec<_>) = records.iter().partition(|r| r.due_us < Some(500_000));
    assert!((9..=11).contains(&early.len()), "{}", early.len());
    assert!((39..=41).contains(&late.len()), "{}", late.len());
}

#[test]
fn warm_up_and_tail_are_recorded_and_not_counted() {
    let scenario = "  - name: parts
    kind: throughput
    load: { concurrency: 3 }
    warmup: 300ms
    duration: 500ms
    extend: off
    sla:
      - throughput > 0.001/s
";
    let place = Place::with_suite(&sim_suite(scenario));
    place.prony(["run"]).exits(0);
    let run = place.run();
    let records = run.records("chat::parts");
    let case = run.case("chat::parts");
    let of = |part: Part| records.iter().filter(|r| r.part == part).count();
    assert!(
        of(Part::Warmup) > 0 && of(Part::Window) > 0 && of(Part::Tail) > 0,
        "{records:?}"
    );
    let phase = &case["phases"][0];
    assert_eq!(phase["requests"]["due"], of(Part::Window));
    assert_eq!(phase["window_s"], 0.5);
    for record in &records {
        let sent = record.sent_us.expect("sent");
        // Sent at the earliest when it was counted, later where the machine is busy.
        let earliest = match record.part {
            Part::Warmup | Part::Beside => 0,
            Part::Window => 300_000,
            Part::Tail => 800_000,
        };
        assert!(sent >= earliest, "{record:?}");
    }
}
