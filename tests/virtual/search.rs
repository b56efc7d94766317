//! A search's probes that pile up are ended early: time is saved, and the answer stays what it was.

use std::sync::Arc;

use prony::judge::Verdict;
use prony::plan::{Case, LoadSearch};
use prony::result::CaseResult;
use prony::suite::KindPlan;

use crate::procedures::{measured, of_suite};

/// A search for the rate at which the limit breaks, on four slots that do some 60 requests a second.
fn search(seed: u64, precision: u32) -> Case {
    of_suite(&format!(
        "target: {{ url: \"sim://exact\", sim: {{ scheduler.max_num_seqs: 4 }} }}\n\
         scenarios:\n  - {{ name: one, kind: throughput, seed: {seed}, warmup: 1s, duration: 30s, scrape: off, \
         prompts: {{ type: synthetic, input_tokens: 64, output_tokens: 8 }}, sla: [capacity >= 1/s], \
         search: {{ maximize: rate, from: 20/s, to: 400/s, precision: {precision}%, subject_to: [\"ttft.p95 < 100ms\"] }} }}\n"
    ))
}

/// The same case with every probe measured to its end.
fn to_the_end(case: &Case) -> Case {
    let KindPlan::Search(search) = &case.scenario.plan else {
        panic!("it is a search");
    };
    let mut whole = case.clone();
    whole.measured_by = Some(Arc::new(LoadSearch {
        search: search.clone(),
        phase: case.phases[0].clone(),
        confidence: case.scenario.confidence,
        seed: case.scenario.seed,
        session_each: false,
        stops_early: false,
    }));
    whole
}

fn capacity(result: &CaseResult) -> f64 {
    let answer = result.answers.iter().find(|a| a.name == "capacity");
    answer.and_then(|a| a.value).unwrap()
}

/// What was tried, and whether it held.
fn tried(result: &CaseResult) -> Vec<(f64, bool)> {
    result.path.iter().map(|p| (p.level, p.held)).collect()
}

#[test]
fn a_probe_that_piles_up_is_ended_early_and_the_answer_stays() {
    for (seed, precision) in [(1, 10), (2, 40)] {
        let case = search(seed, precision);
        let (early, _) = measured(&case);
        let (whole, _) = measured(&to_the_end(&case));
        assert_eq!(early.verdict, Verdict::Pass, "{:?}", early.reason);
        assert_eq!(tried(&early), tried(&whole), "seed {seed}");
        let (a, b) = (capacity(&early), capacity(&whole));
        let off = (a / b - 1.0).abs();
        assert!(off <= f64::from(precision) / 100.0, "seed {seed}: {a}, {b}");

        let stopped: Vec<_> = early.path.iter().filter(|p| p.stopped.is_some()).collect();
        assert!(stopped.iter().any(|p| p.level == 80.0), "{:?}", early.path);
        for probe in stopped {
            assert!(!probe.held && probe.decided, "{probe:?}");
            let queue = "a queue that does not grow".to_owned();
            assert!(probe.broke.contains(&queue), "{probe:?}");
            let why = probe.stopped.as_deref().unwrap();
            assert!(why.contains("into its window of 30.0 s"), "{why}");
            assert!(why.contains("requests under way grew"), "{why}");
            // What it measured is kept.
            let phase = early.phases.iter().find(|p| p.name == probe.phase).unwrap();
            assert!(
                phase.window_s > 1.0 && phase.window_s < 29.0,
                "{}",
                phase.window_s
            );
            assert!(phase.requests.ok > 50, "{:?}", phase.requests);
        }
        assert!(whole.path.iter().all(|p| p.stopped.is_none()));
        // The rest of the window, and until all that had piled up was worked off.
        let saved = whole.duration_s - early.duration_s;
        assert!(saved >= 20.0, "seed {seed}: {saved} s");
    }
}

#[test]
fn an_engine_with_half_the_slots_fails_for_its_capacity() {
    let with = |slots: u32| {
        let case = of_suite(&format!(
            "target: {{ url: \"sim://exact\", sim: {{ scheduler.max_num_seqs: {slots} }} }}\n\
             scenarios:\n  - {{ name: one, kind: throughput, warmup: 1s, duration: 20s, scrape: off, \
             prompts: {{ type: synthetic, input_tokens: 64, output_tokens: 8 }}, sla: [capacity >= 35/s, capacity < 1000/s], \
             search: {{ maximize: rate, from: 10/s, to: 160/s, precision: 10%, subject_to: [\"ttft.p95 < 100ms\"] }} }}\n"
        ));
        measured(&case).0
    };
    let whole = with(4);
    assert_eq!(whole.verdict, Verdict::Pass, "{:?}", whole.reason);
    let halved = with(2);
    assert_eq!(halved.verdict, Verdict::Fail, "{:?}", halved.reason);
    let failed: Vec<&str> = halved
        .assertions
        .iter()
        .filter(|a| a.verdict == Verdict::Fail)
        .map(|a| a.text.as_str())
        .collect();
    assert_eq!(failed, ["capacity >= 35/s"]);
    let notes = halved.notes.join(" ");
    assert!(notes.contains("is the first to break"), "{notes}");
}
