//! When no further case is started, and which ones are run again.

use crate::world::World;

fn verdicts(world: &World) -> Vec<String> {
    let pairs = world.verdicts().into_iter();
    pairs
        .map(|(name, verdict)| format!("{name} {verdict}"))
        .collect()
}

#[test]
fn cases_that_a_time_budget_leaves_over_are_skipped_and_not_a_success() {
    let world = World::new();
    let ran = world.run("run --max-time 1us");
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(
        ran.stdout
            .contains("ignored (skipped: not started: the 1us of `--max-time` were used up)"),
        "{}",
        ran.stdout
    );
    assert_eq!(
        verdicts(&world),
        [
            "passes skipped",
            "fails skipped",
            "undecided skipped",
            "errs skipped"
        ]
    );
    let junit = std::fs::read_to_string(world.path("results/latest/junit.xml")).unwrap();
    assert_eq!(junit.matches("<skipped").count(), 4, "{junit}");
}

#[test]
fn a_case_under_way_is_not_cut_by_the_budget() {
    let world = World::new();
    world.write(
        "suites/verdicts.yaml",
        r#"
target: { url: "sim://" }
defaults:
  kind: latency
  load: { concurrency: 1 }
  warmup: 0s
  measure_only: true
  prompts: { type: synthetic, input_tokens: 8, output_tokens: 4 }
scenarios:
  - { name: long, duration: 3s }
  - { name: after, requests: 5 }
"#,
    );
    // Nobody else's locks, or the first case might wait until the time is over.
    let ran = world.run_with("run --max-time 2s", |c| {
        c.env("TMPDIR", world.path("."));
    });
    assert_eq!(
        verdicts(&world),
        ["long pass", "after skipped"],
        "{}",
        ran.stderr
    );
    assert_eq!(ran.code, 3);
}

#[test]
fn a_budget_that_is_no_duration_is_a_usage_error() {
    let world = World::new();
    let ran = world.run("run --max-time 30");
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("write `30s`"), "{}", ran.stderr);
}

#[test]
fn fail_fast_starts_nothing_after_the_first_that_did_not_pass() {
    let world = World::new();
    for line in ["run --fail-fast", "run -- --fail-fast"] {
        let ran = world.run(line);
        assert_eq!(ran.code, 101);
        assert_eq!(
            verdicts(&world),
            [
                "passes pass",
                "fails fail",
                "undecided skipped",
                "errs skipped"
            ]
        );
        assert!(
            ran.stdout
                .contains("(skipped: not started: verdicts::fails did not pass"),
            "{}",
            ran.stdout
        );
    }
}

#[test]
fn what_failed_is_run_again_and_nothing_else() {
    let world = World::new();
    assert_eq!(world.run("run").code, 101);
    let first = world.summary()["run"]["id"].as_str().unwrap().to_owned();
    let again = world.run("run --rerun-failed");
    assert_eq!(again.tests(), ["verdicts::fails", "verdicts::errs"]);
    assert_eq!(verdicts(&world), ["fails fail", "errs error"]);

    // Mended: the latest run has nothing that failed, the first one still has.
    let suite = crate::world::VERDICTS.replace("ttft.p50 > 100s", "ttft.p50 < 100s");
    world.write("suites/verdicts.yaml", &suite);
    let mended = world.run(&format!("run --rerun-failed {first} -- fails"));
    assert_eq!(
        (mended.code, verdicts(&world)),
        (0, vec!["fails pass".to_owned()])
    );
    let none = world.run("run --rerun-failed");
    assert_eq!(none.code, 4);
    assert!(
        none.stderr.contains("nothing to run again"),
        "{}",
        none.stderr
    );
    let old = std::fs::read_to_string(world.path(&format!("results/{first}/junit.xml"))).unwrap();
    assert!(old.contains("<failure"), "the earlier run stays as it was");
}

#[test]
fn the_suites_of_the_earlier_run_are_run_again_wherever_they_are() {
    let world = World::new();
    std::fs::rename(world.path("suites"), world.path("perf")).unwrap();
    assert_eq!(world.run("run perf -- fails").code, 101);
    let again = world.run("run --rerun-failed");
    assert_eq!(again.tests(), ["verdicts::fails"], "{}", again.stderr);
    let gone = crate::world::VERDICTS.replace("name: fails", "name: renamed");
    world.write("perf/verdicts.yaml", &gone);
    let gone = world.run("run --rerun-failed");
    assert_eq!(gone.code, 4);
    assert!(gone.stderr.contains("no such case"), "{}", gone.stderr);
}

#[test]
fn a_run_that_does_not_exist_is_a_usage_error() {
    let world = World::new();
    let ran = world.run("run --rerun-failed yesterday");
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("no results folder yesterday"),
        "{}",
        ran.stderr
    );
}
