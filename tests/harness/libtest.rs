//! libtest's arguments, those that libtest-mimic lacks among them.

use serde_json::Value;

use crate::world::{Ran, World};

#[test]
fn any_of_several_filters_selects_a_case() {
    let world = World::new();
    let ran = world.run("run -- --list passes undecided");
    assert_eq!(
        ran.stdout,
        "verdicts::passes: test\nverdicts::undecided: test\n"
    );
    let exact = world.run("run -- --list --exact verdicts::fails verdicts::errs verdicts");
    assert_eq!(
        exact.stdout,
        "verdicts::fails: test\nverdicts::errs: test\n"
    );
    assert!(!world.has_results(), "listing leaves nothing behind");
}

#[test]
fn filtered_cases_are_counted_as_libtest_counts_them() {
    let world = World::new();
    let ran = world.run("run -- passes undecided --no-capture");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(ran.tests(), ["verdicts::passes", "verdicts::undecided"]);
    assert!(
        ran.stdout
            .contains("1 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .contains("... ignored (undecided: ttft.p99 < 100s"),
        "an undecided case is never a plain ok: {}",
        ran.stdout
    );
    assert!(
        ran.stderr.contains("verdicts::passes  pass") && ran.stderr.contains("ttft  "),
        "with --no-capture what a passing case measured is shown: {}",
        ran.stderr
    );
}

#[test]
fn nothing_selected_is_an_exit_code_of_its_own() {
    let world = World::new();
    for line in ["run -- no-such-case", "run -- --ignored"] {
        let ran = world.run(line);
        assert_eq!(ran.code, 4, "{line}");
        assert!(ran.stderr.contains("`prony list`"), "{}", ran.stderr);
    }
    assert!(!world.has_results());
}

#[test]
fn wrong_arguments_are_refused_before_anything_is_sent() {
    let world = World::new();
    let refused = |ran: Ran, says: &str| {
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
        assert_eq!(ran.stdout, "");
    };
    refused(world.run("run -- --exat"), "'--exact'");
    refused(world.run("run -- --test-threads 0"), "must not be 0");
    refused(world.run("run -- --format junit"), "--junit FILE");
    refused(world.run("run -- --logfile no/such/folder"), "--logfile");
    let by_variable = world.run_with("run", |c| {
        c.env("RUST_TEST_THREADS", "none");
    });
    refused(by_variable, "RUST_TEST_THREADS is `none`");
    assert!(!world.has_results());
}

#[test]
fn a_shuffled_order_comes_from_its_seed() {
    let world = World::new();
    let order = |seed: u32| {
        world
            .run(&format!("run -- --list --shuffle-seed {seed}"))
            .stdout
    };
    assert_eq!(order(1), order(1));
    assert!((2..20).any(|seed| order(seed) != order(1)));
    let ran = world.run("run -- --shuffle passes");
    let (_, after) = ran
        .stdout
        .split_once("shuffle seed: ")
        .expect("a seed is shown");
    let seed = after.split_whitespace().next().unwrap();
    assert!(seed.parse::<u64>().is_ok(), "{after}");
}

#[test]
fn events_are_all_that_stands_on_standard_output() {
    let world = World::new();
    let ran = world.run("run -- --format json -Z unstable-options --report-time --shuffle-seed 5");
    assert_eq!(ran.code, 101);
    let events: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    assert_eq!(events[0]["test_count"], 4);
    assert_eq!(events[0]["shuffle_seed"], 5);
    let ended = |name: &str| {
        let of_test = |e: &&Value| e["name"] == name && e["event"] != "started";
        events
            .iter()
            .find(of_test)
            .unwrap_or_else(|| panic!("{name}"))
    };
    assert_eq!(ended("verdicts::passes")["event"], "ok");
    assert!(ended("verdicts::passes")["exec_time"].is_f64());
    assert_eq!(ended("verdicts::undecided")["event"], "ignored");
    let why = ended("verdicts::undecided")["message"].as_str().unwrap();
    assert!(why.starts_with("undecided: ttft.p99 < 100s"), "{why}");
    let text = ended("verdicts::fails")["stdout"].as_str().unwrap();
    assert!(
        text.contains("^^^") && text.contains("run it again"),
        "{text}"
    );
    let last = events.last().unwrap();
    assert_eq!(
        (
            &last["event"],
            &last["passed"],
            &last["failed"],
            &last["ignored"]
        ),
        (&"failed".into(), &1.into(), &2.into(), &1.into())
    );
    assert!(ran.stderr.contains("report: "), "{}", ran.stderr);
}
