//! libtest's arguments, as any Rust test binary takes them.

use serde_json::Value;

use crate::server::Server;
use crate::support::{Place, easy, sim_suite, suite};

fn three() -> String {
    easy("steady") + &easy("steady-long") + &easy("burst")
}

#[test]
fn exact_runs_one() {
    let place = Place::with_suite(&sim_suite(&three()));
    place
        .prony(["run", "--", "chat::steady", "--exact"])
        .exits(0)
        .out_has("running 1 test\ntest chat::steady ... ok\n")
        .out_has("2 filtered out");
    assert_eq!(place.run().names(), ["chat::steady"]);
}

#[test]
fn filters_and_skips_choose() {
    let place = Place::with_suite(&sim_suite(&three()));
    place
        .prony(["run", "--", "steady", "--skip", "long"])
        .exits(0)
        .out_has("running 1 test\n");
    assert_eq!(place.run().names(), ["chat::steady"]);
    place
        .prony(["run", "--", "burst", "long"])
        .exits(0)
        .out_has("running 2 tests\n");
    assert_eq!(
        place.runs()[1].names(),
        ["chat::steady-long", "chat::burst"]
    );
}

#[test]
fn listing_touches_nothing() {
    let server = Server::start(|conn, _| conn.answer());
    let place = Place::with_suite(&suite(&server.url(), &three()));
    let ended = place
        .prony(["run", "--", "--list", "--format", "terse"])
        .exits(0);
    assert_eq!(
        ended.stdout,
        "chat::steady: test\nchat::steady-long: test\nchat::burst: test\n"
    );
    assert!(ended.stderr.is_empty(), "{ended}");
    let ended = place
        .prony(["run", "--", "--list", "--format", "terse", "burst"])
        .exits(0);
    assert_eq!(ended.stdout, "chat::burst: test\n");
    // None of them is ignored.
    let ended = place
        .prony(["run", "--", "--list", "--format", "terse", "--ignored"])
        .exits(0);
    assert_eq!(ended.stdout, "");
    assert_eq!(server.connections(), 0);
    place.assert_no_results();
}

#[test]
fn nothing_selected_is_an_exit_code_of_its_own() {
    let server = Server::start(|conn, _| conn.answer());
    let place = Place::with_suite(&suite(&server.url(), &three()));
    place
        .prony(["run", "--", "no-such-case"])
        .exits(4)
        .out_has("running 0 tests")
        .err_has("no case was selected; `prony list` names all cases");
    // A name that is only a part is none under --exact.
    place.prony(["run", "--", "steady", "--exact"]).exits(4);
    assert_eq!(server.connections(), 0);
    place.assert_no_results();
}

#[test]
fn the_json_format_is_json_on_every_line() {
    let missed = easy("missed").replace("< 100s", "< 1us");
    let place = Place::with_suite(&sim_suite(&(easy("steady") + &missed)));
    let ended = place
        .prony(["run", "--", "--format", "json"])
        .exits(101)
        .err_has("report: results/");
    let events: Vec<Value> = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    let ends: Vec<_> = events
        .iter()
        .filter(|e| e["type"] == "test" && e["event"] != "started")
        .map(|e| (e["name"].as_str(), e["event"].as_str()))
        .collect();
    assert_eq!(
        ends,
        [
            (Some("chat::steady"), Some("ok")),
            (Some("chat::missed"), Some("failed"))
        ]
    );
    let failed = events.iter().find(|e| e["event"] == "failed").expect("one");
    assert!(
        failed["stdout"]
            .as_str()
            .is_some_and(|s| s.contains("ttft.p50 < 1us"))
    );
}

#[test]
fn a_run_for_programs_ends_with_what_it_came_to() {
    let place = Place::with_suite(&sim_suite(&easy("steady")));
    let ended = place.prony(["run", "--format", "json"]).exits(0);
    let lines: Vec<Value> = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    let last = lines.last().expect("lines");
    assert_eq!(
        (&last["type"], &last["event"]),
        (&"run".into(), &"finished".into())
    );
    assert_eq!(
        (&last["verdict"], &last["exit_code"]),
        (&"pass".into(), &0.into())
    );
    let folder = place
        .path()
        .join(last["folder"].as_str().expect("a folder"));
    assert!(
        folder.join("summary.json").is_file(),
        "{}",
        folder.display()
    );
    assert_eq!(lines[lines.len() - 2]["type"], "suite");
}

#[test]
fn a_table_per_case_unless_little_is_to_be_said() {
    let place = Place::with_suite(&sim_suite(&(easy("steady") + &easy("burst"))));
    let run = |arguments: &[&str]| {
        let mut all = vec!["run", "--virtual"];
        all.extend(arguments);
        let mut command = place.command([]);
        command.args(all);
        let output = command.output().expect("runs");
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let told = run(&[]);
    for name in ["chat::steady", "chat::burst"] {
        assert!(told.contains(&format!("\n{name}  pass · ")), "{told}");
    }
    assert!(told.contains("  ttft.p50 < 100s"), "{told}");
    assert!(!told.contains('\u{1b}'), "{told}");
    for quiet in [run(&["--quiet"]), run(&["--", "--quiet"])] {
        assert!(!quiet.contains("ttft.p50"), "{quiet}");
        assert!(quiet.contains("All 2 cases passed"), "{quiet}");
        assert!(quiet.contains("report: results/"), "{quiet}");
    }
    let colored = place
        .prony_with(["run", "--virtual"], &[("CLICOLOR_FORCE", "1")])
        .exits(0);
    assert!(
        colored.stdout.contains("\u{1b}[32mpass\u{1b}[0m · "),
        "{colored}"
    );
}

#[test]
fn wrong_libtest_arguments_are_a_usage_error() {
    let place = Place::with_suite(&sim_suite(&three()));
    let ended = place.prony(["run", "--", "--no-such-flag"]);
    assert!(ended.code.is_some_and(|c| c == 2), "{ended}");
    assert!(ended.stderr.contains("--no-such-flag"), "{ended}");
    place.assert_no_results();
}

#[test]
fn help_of_libtest_is_help() {
    let place = Place::with_suite(&sim_suite(&three()));
    place
        .prony(["run", "--", "--help"])
        .exits(0)
        .out_has("--exact");
    place.assert_no_results();
}

#[test]
fn case_by_case_gives_the_same_verdicts_as_all_at_once() {
    let scenarios = easy("steady") + &easy("missed").replace("< 100s", "< 1us");
    let place = Place::with_suite(&sim_suite(&scenarios));
    place.prony(["run"]).exits(101);
    place
        .prony(["run", "--", "chat::steady", "--exact"])
        .exits(0);
    place
        .prony(["run", "--", "chat::missed", "--exact"])
        .exits(101);
    let runs = place.runs();
    for (alone, name) in [(1, "chat::steady"), (2, "chat::missed")] {
        let (all, one) = (runs[0].case(name), runs[alone].case(name));
        assert_eq!(all["verdict"], one["verdict"]);
        assert_eq!(all["slug"], one["slug"]);
        // The same seed asks for the same things.
        let lengths = |run: &crate::support::Run| -> Vec<_> {
            run.window(name).iter().map(|r| r.labels.clone()).collect()
        };
        assert_eq!(lengths(&runs[0]), lengths(&runs[alone]));
    }
}
