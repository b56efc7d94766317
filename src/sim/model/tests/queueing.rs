use serde_json::json;

use super::lab::{Lab, MS, request};
use crate::sim::model::{EngineEventKind, Random};

/// One slot, a service that always takes 10 ms.
fn single_server() -> serde_json::Value {
    json!({
        "cost": {"base_ms": 10, "prefill_us": 0, "sequence_us": 0, "context_ns": 0},
        "scheduler": {"max_num_seqs": 1},
    })
}

/// Pollaczek and Khinchine: with Poisson arrivals and a fixed service D the mean wait is ρD / 2(1 − ρ).
#[test]
fn the_mean_wait_is_that_of_an_m_d_1_queue() {
    for (load, n) in [(0.3, 200_000), (0.6, 400_000), (0.8, 1_600_000)] {
        let mut lab = Lab::new(&single_server(), 1);
        let mut random = Random::keyed(11, 0);
        let mut now = 0.0;
        let (mut waited, mut served) = (0.0, 0u32);
        let mut arrivals = std::collections::HashMap::new();
        for i in 0..n {
            now += random.exponential(10e6 / load);
            let at = now as u64;
            lab.engine.advance(at.saturating_sub(1), &mut lab.log);
            arrivals.insert(lab.engine.submit(at, request(i, 1, 1)).unwrap(), at);
            for event in lab.log.drain(..) {
                if let EngineEventKind::Tokens { .. } = event.kind {
                    let at = arrivals.remove(&event.id).unwrap();
                    waited += (event.at - at - 10 * MS) as f64;
                    served += 1;
                }
            }
        }
        let mean = waited / f64::from(served) / 10e6;
        let expected = load / (2.0 * (1.0 - load));
        let error = mean / expected - 1.0;
        assert!(error.abs() < 0.02, "load {load}: {mean} for {expected}");
    }
}

/// Little: the mean number in the system is the throughput times the mean time in it.
#[test]
fn a_closed_loop_obeys_littles_law() {
    for n in [1u64, 8, 100] {
        let mut lab = Lab::new(&json!({"scheduler": {"max_num_seqs": 32}}), 1);
        lab.closed_loop(n, 2000 + 200 * n, |i| {
            request(i, 50 + (i % 7) as u32 * 40, 5 + (i % 11) as u32)
        });
        // From the first end to the last submission N are in the system at all times; the window
        // leaves out the begin, where all of them start at once.
        let mut ends: Vec<_> = lab.seen.values().map(super::lab::Seen::end).collect();
        ends.sort_unstable();
        let begin = ends[5 * n as usize];
        let end = lab.seen.values().map(|seen| seen.submitted).max().unwrap();
        let window = (end - begin) as f64;
        let inside: f64 = lab
            .seen
            .values()
            .map(|s| s.end().min(end).saturating_sub(s.submitted.max(begin)) as f64)
            .sum();
        let ended: Vec<_> = lab
            .seen
            .values()
            .filter(|s| (begin..end).contains(&s.end()))
            .collect();
        let throughput = ended.len() as f64 / window;
        let time = ended
            .iter()
            .map(|s| (s.end() - s.submitted) as f64)
            .sum::<f64>()
            / ended.len() as f64;
        assert!(
            (inside / window / n as f64 - 1.0).abs() < 1e-9,
            "{n} are in the system"
        );
        let little = throughput * time;
        assert!((little / n as f64 - 1.0).abs() < 0.005, "{little} for {n}");
    }
}

#[test]
fn with_one_slot_the_next_waits_for_exactly_one_service() {
    let mut lab = Lab::new(&single_server(), 1);
    let first = lab.submit(0, request(1, 1, 1));
    let second = lab.submit(4 * MS, request(2, 1, 1));
    lab.run_out();
    assert_eq!(lab.seen[&first].ttft(), 10 * MS);
    assert_eq!(lab.seen[&second].ttft(), 16 * MS);
}
