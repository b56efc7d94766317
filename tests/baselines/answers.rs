//! Answers of whole cases, such as a capacity, against accepted ones.

use super::world::{Ran, World};

/// A search on four slots whose server starts, runs and steps differ; `slower` is the share of its speed
/// that the engine lacks.
fn suite(world: &World, slower: f64, rest: &str) {
    let text = format!(
        "suite: chat\ntarget: {{ url: \"sim://exact\", gpus: 2, sim: {{ scheduler.max_num_seqs: 4, \
         variation: {{ step: 0.02, run: 0.01, session: 0.02 }}, regression: {{ throughput: -{slower} }} }} }}\n\
         scenarios:\n  - name: most\n    kind: throughput\n    warmup: 500ms\n    scrape: off\n    duration: 5s\n    \
         prompts: {{ type: synthetic, input_tokens: 64, output_tokens: 8 }}\n    \
         search: {{ maximize: rate, from: 20/s, to: 160/s, precision: 10%, subject_to: [ttft.p90 < 100ms] }}\n{rest}\n"
    );
    std::fs::write(world.path().join("suites/chat.yaml"), text).unwrap();
}

const RULE: &str = "    baseline: { capacity: 10%, capacity_per_gpu: 10% }";

fn accepted() -> World {
    let world = World::new();
    suite(&world, 0.0, RULE);
    let ran = world.run("--update-baselines");
    assert_eq!(ran.code, 0, "{}", ran.text);
    assert_eq!((world.accepted(), world.pending()), (1, 0));
    world
}

fn file(world: &World) -> String {
    let name = world.files("baselines").remove(0);
    std::fs::read_to_string(world.path().join("baselines/chat").join(name)).unwrap()
}

/// Panics unless the run says `word` of the rule `capacity: 10%`.
#[track_caller]
fn says(ran: &Ran, word: &str) {
    shows(ran, &format!("baseline capacity: 10%: {word}"));
}

#[track_caller]
fn shows(ran: &Ran, text: &str) {
    assert!(ran.text.contains(text), "{text}: {}", ran.text);
}

#[test]
fn the_same_engine_has_not_regressed_whatever_the_seed() {
    let world = accepted();
    let mut decided = 0;
    for seed in 1..=10 {
        let ran = world.run(&format!("--seed {seed}"));
        assert_eq!(ran.code, 0, "seed {seed}: {}", ran.text);
        let changes = changes(&world);
        assert_eq!(changes.len(), 2, "{changes:?}");
        for (metric, change) in &changes {
            let fine = ["within_tolerance", "undecided"].contains(&change.as_str());
            assert!(fine, "seed {seed}: {metric} {change}: {}", ran.text);
        }
        // A GPU's share of it is the same change.
        assert_eq!(changes[0].1, changes[1].1);
        decided += usize::from(changes[0].1 == "within_tolerance");
    }
    println!("{decided} of 10 within tolerance");
}

/// The changes of the latest run, by metric.
fn changes(world: &World) -> Vec<(String, String)> {
    let summary = std::fs::read(world.path().join("results/latest/summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&summary).unwrap();
    let changes = summary["cases"][0]["baseline"]["changes"]
        .as_array()
        .unwrap();
    let word = |c: &serde_json::Value, key: &str| c[key].as_str().unwrap().to_owned();
    changes
        .iter()
        .map(|c| (word(c, "metric"), word(c, "change")))
        .collect()
}

#[test]
fn an_engine_slower_by_three_tenths_regressed_everywhere_it_is_said() {
    let world = accepted();
    suite(&world, 0.3, RULE);
    let ran = world.run("--seed 5 --junit junit.xml");
    assert_eq!(ran.code, 101, "{}", ran.text);
    says(&ran, "regressed: −");
    shows(&ran, "baseline proposed (regressed)");
    assert!(
        ran.text.contains("loads, ")
            && ran
                .text
                .contains("server starts are assumed to differ by 3 %"),
        "{}",
        ran.text
    );
    let junit = std::fs::read_to_string(world.path().join("junit.xml")).unwrap();
    assert!(
        junit.contains("<failure") && junit.contains("capacity"),
        "{junit}"
    );
    let listed = world.prony("baseline list");
    assert!(listed.text.contains("regressed"), "{}", listed.text);
    let review = world.prony("baseline review");
    let row = review.line("capacity ");
    assert!(
        row.contains('→') || row.contains("regressed"),
        "{}",
        review.text
    );
    assert!(review.text.contains(" to "), "{}", review.text);
    // Accepted, it is the measure from then on, and the faster engine an improvement.
    assert_eq!(world.prony("baseline accept --all").code, 0);
    suite(&world, 0.0, RULE);
    let ran = world.run("");
    assert_eq!(ran.code, 0, "{}", ran.text);
    let changed = changes(&world);
    assert!(changed.iter().all(|c| c.1 == "improved"), "{changed:?}");
}

#[test]
fn an_assertion_may_name_the_accepted_answer() {
    let world = accepted();
    suite(
        &world,
        0.3,
        "    sla: [capacity >= 0.9 * baseline.capacity]",
    );
    let ran = world.run("--seed 5");
    assert_eq!(ran.code, 101, "{}", ran.text);
    shows(&ran, "capacity >= 0.9 * baseline.capacity: regressed: −");
}

#[test]
fn what_was_looked_for_is_part_of_what_must_be_the_same() {
    let world = accepted();
    let text = std::fs::read_to_string(world.path().join("suites/chat.yaml")).unwrap();
    let other = text.replace("ttft.p90 < 100ms", "ttft.p90 < 300ms");
    std::fs::write(world.path().join("suites/chat.yaml"), other).unwrap();
    let ran = world.run("--ci");
    assert_eq!(ran.code, 5, "{}", ran.text);
    shows(
        &ran,
        "not comparable (load: the highest rate, poisson, at which ttft.p90 < 100ms",
    );
}

#[test]
fn an_accepted_answer_without_interval_or_a_file_without_answers_passes_nothing() {
    let world = accepted();
    let path = world
        .path()
        .join("baselines/chat")
        .join(world.files("baselines").remove(0));
    let whole = file(&world);
    let mut json: serde_json::Value = serde_json::from_str(&whole).unwrap();
    json["answers"]["found"]["capacity"]["interval"] = serde_json::json!([null, null]);
    std::fs::write(&path, json.to_string()).unwrap();
    let ran = world.run("");
    assert_eq!(ran.code, 0, "{}", ran.text);
    says(&ran, "undecided: tolerated is 10 %");
    shows(&ran, "the accepted answer has no interval");
    // Nor does a damaged one.
    let mut damaged = json.clone();
    damaged["answers"]["confidence"] = 1.into();
    std::fs::write(&path, damaged.to_string()).unwrap();
    let ran = world.run("--ci");
    assert_eq!(ran.code, 5, "{}", ran.text);
    shows(&ran, "is damaged: the confidence of its answers is 1");
    // A file from before there were answers.
    json.as_object_mut().unwrap().remove("answers");
    std::fs::write(&path, json.to_string()).unwrap();
    let ran = world.run("--ci");
    assert_eq!(ran.code, 5, "{}", ran.text);
    says(
        &ran,
        "not comparable (the accepted baseline has no answers; accept a new one)",
    );
}

#[test]
fn two_results_folders_of_a_search_are_compared_by_its_answers() {
    let world = World::new();
    suite(&world, 0.0, "    measure_only: true");
    assert_eq!(world.run("--results a").code, 0);
    assert_eq!(world.run("--results b --seed 2").code, 0);
    suite(&world, 0.3, "    measure_only: true");
    assert_eq!(world.run("--results c").code, 0);
    let same = world.prony("compare a/latest b/latest --tolerance 10%");
    assert_eq!(same.code, 0, "{}", same.text);
    assert!(!same.text.contains("regressed"), "{}", same.text);
    let slower = world.prony("compare a/latest c/latest --tolerance 10%");
    assert_eq!(slower.code, 101, "{}", slower.text);
    slower.says("capacity", "regressed");
}
