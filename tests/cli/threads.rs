//! A run by several measuring threads over real TCP is the run that one would have made.

use std::collections::BTreeMap;

use prony::record::{Part, RequestRecord};

use crate::support::{Place, Run, sim_suite};

fn measured_by(threads: u32, scenario: &str) -> (Run, Vec<RequestRecord>, Place) {
    let client = format!("    client: {{ threads: {threads}, send_lag: 100%, achieved: 0% }}\n");
    let place = Place::with_suite(&sim_suite(&(scenario.to_owned() + &client)));
    place.prony(["run"]).exits(0);
    let run = place.run();
    let records = run.records("chat::dealt");
    (run, records, place)
}

#[test]
fn a_schedule_is_dealt_out_to_threads_and_stays_the_same() {
    let scenario = "  - name: dealt
    kind: latency
    load: { rate: 80/s, arrivals: poisson }
    warmup: 300ms
    requests: 120
    measure_only: true
";
    let seen = |threads| {
        let (run, records, _place) = measured_by(threads, scenario);
        let mut by_id = BTreeMap::new();
        for r in records.iter().filter(|r| r.part != Part::Tail) {
            assert!(r.ok(), "{r:?}");
            assert!(r.sent_us >= r.due_us, "{r:?}");
            let told = (r.part, r.due_us, r.labels.clone(), r.input_tokens);
            assert_eq!(by_id.insert(r.id, told), None, "number {} twice", r.id);
        }
        let phase = &run.case("chat::dealt")["phases"][0];
        assert_eq!(phase["requests"]["ok"], 120);
        (by_id, phase["window_s"].clone())
    };
    let (one, window) = seen(1);
    let due: Vec<_> = one.values().filter(|told| told.0 == Part::Window).collect();
    assert_eq!(due.len(), 120);
    let three = seen(3);
    assert_eq!(three, (one, window), "same requests, due at the same times");
}

#[test]
fn slots_are_dealt_out_to_threads() {
    let scenario = "  - name: dealt
    kind: latency
    load: { concurrency: 6 }
    warmup: 100ms
    requests: 60
    measure_only: true
";
    for threads in [1, 4] {
        let (run, records, _place) = measured_by(threads, scenario);
        let window = records.iter().filter(|r| r.part == Part::Window);
        assert_eq!(window.count(), 60, "by {threads}");
        let mut ids: Vec<u64> = records.iter().map(|r| r.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), records.len(), "no number twice, by {threads}");
        // At no time more in flight than asked for.
        let mut steps: Vec<(u64, i32)> = Vec::new();
        for r in &records {
            steps.extend([(r.sent_us.unwrap(), 1), (r.end_us.unwrap(), -1)]);
        }
        steps.sort_unstable();
        let mut in_flight = 0;
        for (at, step) in steps {
            in_flight += step;
            assert!(in_flight <= 6, "{in_flight} at {at} µs, by {threads}");
        }
        let health = &run.case("chat::dealt")["phases"][0]["client"];
        assert!(health["transport"] == "lean", "{health}");
    }
}
