use std::io::Write;

use crate::world::World;

/// A world with something accepted.
fn accepted() -> World {
    let world = World::new();
    assert_eq!(world.run("--update-baselines").code, 0);
    assert_eq!((world.accepted(), world.pending()), (1, 0));
    world
}

#[test]
fn the_first_run_proposes_and_the_next_is_compared() {
    let world = World::new();
    let first = world.run("");
    assert_eq!(first.code, 0, "{}", first.text);
    assert!(first.text.contains("ignored (undecided:"), "{}", first.text);
    assert!(
        first.text.contains("prony baseline accept chat::steady"),
        "{}",
        first.text
    );
    assert_eq!((world.accepted(), world.pending()), (0, 1));

    let review = world.prony("baseline review");
    assert!(
        review.text.contains("chat::steady on sim/quick: new"),
        "{}",
        review.text
    );
    assert_eq!(world.prony("baseline accept chat::steady").code, 0);
    assert_eq!((world.accepted(), world.pending()), (1, 0));
    let again = world.run("");
    assert_eq!(again.code, 0);
    assert!(again.text.contains("chat::steady ... ok"), "{}", again.text);
}

#[test]
fn what_regressed_fails_and_says_how_to_accept() {
    let world = accepted();
    world.slower(1.0);
    let ran = world.run("");
    assert_eq!(ran.code, 101, "{}", ran.text);
    for part in [
        "baseline ttft.p50: 20%",
        "regressed: +",
        "^^^^^^^^^^^^^",
        "accept it     prony baseline accept chat::steady",
        "baseline proposed (regressed)",
    ] {
        assert!(ran.text.contains(part), "{part}: {}", ran.text);
    }
    assert_eq!(world.pending(), 1);
    let junit = std::fs::read_to_string(world.path().join("results/latest/junit.xml")).unwrap();
    assert!(
        junit.contains("<failure") && junit.contains("regressed"),
        "{junit}"
    );
    // It is as before again: the proposal is stale.
    world.slower(0.0);
    assert_eq!(world.run("").code, 0);
    assert_eq!(world.pending(), 0);
}

#[test]
fn what_improved_is_proposed_and_passes() {
    let world = World::new();
    world.slower(1.0);
    world.run("--update-baselines");
    world.slower(0.0);
    let ran = world.run("");
    assert_eq!(ran.code, 0, "{}", ran.text);
    assert!(
        ran.text.contains("baseline proposed (improved)"),
        "{}",
        ran.text
    );
    let review = world.prony("baseline review");
    assert!(review.text.contains("improved"), "{}", review.text);
    assert_eq!(world.prony("baseline reject --all").code, 0);
    assert_eq!((world.accepted(), world.pending()), (1, 0));
}

#[test]
fn in_ci_nothing_is_written_beside_and_a_missing_one_is_exit_5() {
    let world = World::new();
    let ran = world.run("--ci");
    assert_eq!(ran.code, 5, "{}", ran.text);
    assert_eq!(world.files("baselines"), [] as [&str; 0]);
    assert!(ran.text.contains("accept --from results/"), "{}", ran.text);
    // An explicit wish is stronger.
    assert_eq!(world.run("--ci --update-baselines=missing").code, 0);
    assert_eq!(world.accepted(), 1);
    assert_eq!(world.run("--ci").code, 0);
    world.slower(1.0);
    assert_eq!(world.run("--ci").code, 101);
    assert_eq!(world.pending(), 0);
    assert_eq!(world.run("--ci --update-baselines=all").code, 0);
    assert_eq!(world.run("--ci").code, 0);
}

#[test]
fn a_proposal_that_waits_is_exit_5_in_ci() {
    let world = accepted();
    world.slower(1.0);
    world.run("");
    world.slower(0.0);
    let ran = world.run("--ci");
    assert_eq!(ran.code, 5, "{}", ran.text);
    assert_eq!(world.pending(), 1);
}

#[test]
fn another_load_is_not_comparable() {
    let world = accepted();
    let ran = world.run("--set load.rate=25/s");
    assert_eq!(ran.code, 0, "{}", ran.text);
    let says = "not comparable (load: 20/s poisson → 25/s poisson)";
    assert!(ran.text.contains(says), "{}", ran.text);
    assert_eq!(world.run("--set load.rate=25/s --ci").code, 5);
    // So is another machine, which has a file of its own.
    let ran = world.run("--variant H200");
    assert!(
        ran.text
            .contains("not comparable (accelerator: sim/quick → H200)"),
        "{}",
        ran.text
    );
    world.prony("baseline accept --all");
    assert_eq!(world.accepted(), 2);
}

#[test]
fn what_breaks_its_own_limits_is_not_proposed() {
    let world = World::new();
    let ran = world.run("--set sla=[ttft.p50<1ms]");
    assert_eq!(ran.code, 101, "{}", ran.text);
    assert_eq!(world.files("baselines"), [] as [&str; 0]);
    assert_eq!(world.files("results/latest/baselines"), [] as [&str; 0]);
}

#[test]
fn candidates_are_taken_from_a_results_folder_and_from_a_zip() {
    let world = World::new();
    world.run("--ci");
    let accept = world.prony("baseline accept --from latest --all");
    assert_eq!(accept.code, 0, "{}", accept.text);
    assert_eq!(world.accepted(), 1);

    // As CI systems pack it: with whatever folders above.
    let name = world.files("results/latest/baselines").remove(0);
    let bytes = std::fs::read(
        world
            .path()
            .join("results/latest/baselines/chat")
            .join(&name),
    )
    .unwrap();
    let file = std::fs::File::create(world.path().join("artefact.zip")).unwrap();
    let mut zip = zip::ZipWriter::new(file);
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated);
    zip.start_file(format!("results/2026/baselines/chat/{name}"), options)
        .unwrap();
    zip.write_all(&bytes).unwrap();
    zip.start_file("results/2026/summary.json", options)
        .unwrap();
    zip.finish().unwrap();
    std::fs::remove_dir_all(world.path().join("baselines")).unwrap();
    let accept = world.prony("baseline accept --from artefact.zip chat::steady");
    assert_eq!(accept.code, 0, "{}", accept.text);
    assert_eq!(world.accepted(), 1);
    assert_eq!(
        world
            .prony("baseline accept --from suites/chat.yaml --all")
            .code,
        2
    );
}

#[test]
fn a_renamed_case_takes_its_file_along_and_what_is_left_over_is_pruned() {
    let world = accepted();
    world.suite("calm", "ttft.p50: 20%", "");
    let list = world.prony("baseline list");
    assert!(
        list.text.contains("no suite has such a case"),
        "{}",
        list.text
    );
    let hint = "prony baseline rename chat::steady chat::calm";
    assert!(list.text.contains(hint), "{}", list.text);
    assert_eq!(world.prony(hint.trim_start_matches("prony ")).code, 0);
    assert!(world.run("").text.contains("chat::calm ... ok"));

    world.suite("other", "ttft.p50: 20%", "");
    let shown = world.prony("baseline prune --dry-run");
    assert!(shown.text.contains("would remove"), "{}", shown.text);
    assert_eq!(world.accepted(), 1);
    assert_eq!(world.prony("baseline prune").code, 0);
    assert_eq!(world.accepted(), 0);
}

#[test]
fn the_same_seed_proposes_the_same_bytes() {
    let bytes = || {
        let world = World::new();
        world.run("--update-baselines");
        let name = world.files("baselines").remove(0);
        std::fs::read(world.path().join("baselines/chat").join(name)).unwrap()
    };
    assert!(bytes() == bytes());
}

#[test]
fn nothing_to_accept_is_said() {
    let world = World::new();
    let ran = world.prony("baseline accept --all");
    assert_eq!(ran.code, 4, "{}", ran.text);
    assert!(
        world
            .prony("baseline list")
            .text
            .contains("nothing is accepted")
    );
    assert!(
        world
            .prony("baseline review")
            .text
            .contains("no proposal waits")
    );
}

#[test]
fn two_results_folders_are_compared_and_swapping_them_swaps_the_verdict() {
    let world = World::new();
    world.run("--results a");
    world.slower(1.0);
    world.run("--results b");
    let there = world.prony("compare a/latest b/latest --noise 1%");
    assert_eq!(there.code, 101, "{}", there.text);
    there.says("ttft.p50", "regressed");
    there.says("tpot.p50", "within tolerance");
    let back = world.prony("compare b/latest a/latest --noise 1%");
    assert_eq!(back.code, 0, "{}", back.text);
    back.says("ttft.p50", "improved");
    assert_eq!(world.prony("compare a/latest nowhere").code, 2);
}
