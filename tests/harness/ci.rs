//! What GitHub Actions is told.

use std::process::Command;

use crate::world::World;

fn on_github(world: &World) -> impl FnOnce(&mut Command) {
    let (workspace, summary) = (world.path("."), world.path("step.md"));
    move |command| {
        command
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_WORKSPACE", workspace.canonicalize().unwrap())
            .env("GITHUB_STEP_SUMMARY", summary);
    }
}

#[test]
fn failed_assertions_are_annotated_at_their_lines() {
    let world = World::new();
    let ran = world.run_with("run", on_github(&world));
    assert_eq!(ran.code, 101);
    let commands: Vec<&str> = ran.stdout.lines().filter(|l| l.starts_with("::")).collect();
    let line = crate::world::VERDICTS
        .lines()
        .position(|l| l.contains("ttft.p50 > 100s"))
        .unwrap()
        + 1;
    let failed = format!(
        "::error file=suites/verdicts.yaml,line={line},col=9,title=verdicts%3A%3Afails%3A fail::ttft.p50 > 100s: fail%0A"
    );
    assert!(commands[0].starts_with(&failed), "{commands:#?}");
    assert!(
        commands[1].contains("title=verdicts%3A%3Aerrs%3A error::"),
        "{commands:#?}"
    );
    assert!(
        commands[2].starts_with("::warning file=suites/verdicts.yaml,")
            && commands[2].contains("title=verdicts%3A%3Aundecided%3A undecided::"),
        "{commands:#?}"
    );
    assert_eq!(commands.len(), 3, "{commands:#?}");
}

#[test]
fn the_steps_summary_gets_the_report_behind_what_is_there() {
    let world = World::new();
    world.write("step.md", "# Build\n");
    for _ in 0..2 {
        world.run_with("run -- fails", on_github(&world));
    }
    let text = std::fs::read_to_string(world.path("step.md")).unwrap();
    assert!(text.starts_with("# Build\n<!-- prony "), "{text}");
    assert_eq!(
        text.matches("| ❌ fail | `verdicts::fails` |").count(),
        2,
        "a section a run: {text}"
    );
}

#[test]
fn suites_that_cannot_be_read_are_annotated() {
    let world = World::new();
    let wrong = crate::world::VERDICTS.replace("ttft.p50 > 100s", "ttft.p50 > 100");
    world.write("suites/verdicts.yaml", &wrong);
    let ran = world.run_with("run", on_github(&world));
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr
            .contains("::error file=suites/verdicts.yaml,line=13,"),
        "{}",
        ran.stderr
    );
}

#[test]
fn events_stay_alone_on_standard_output() {
    let world = World::new();
    let ran = world.run_with("run -- fails --format json", on_github(&world));
    assert!(
        ran.stdout.lines().all(|l| l.starts_with('{')),
        "{}",
        ran.stdout
    );
    assert!(ran.stderr.contains("::error file="), "{}", ran.stderr);
}

#[test]
fn elsewhere_nothing_of_this_is_printed() {
    let world = World::new();
    let ran = world.run_with("run -- fails", |c| {
        c.env("GITHUB_STEP_SUMMARY", world.path("step.md"));
    });
    assert!(!ran.stdout.contains("::error"));
    assert!(!world.path("step.md").exists());
}
