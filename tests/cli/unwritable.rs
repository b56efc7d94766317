//! Results that cannot be written: exit code 1, a message that says what and where, no panic.

use crate::liars::limit;
use crate::support::{Ended, Place, easy, sim_suite};

#[test]
fn a_results_path_that_is_a_file() {
    let place = Place::with_suite(&sim_suite(&easy("steady")));
    place.file("taken", "not a folder");
    place
        .prony(["run", "--results", "taken"])
        .exits(1)
        .err_has("cannot write results")
        .err_has("taken");
    assert_eq!(place.read("taken"), "not a folder");
}

#[test]
fn a_report_that_cannot_be_written() {
    let place = Place::with_suite(&sim_suite(&easy("steady")));
    place
        .prony(["run", "--junit", "no/such/folder/junit.xml"])
        .exits(1)
        .err_has("no/such/folder/junit.xml");
    // The results themselves are whole.
    assert_eq!(place.run().case("chat::steady")["verdict"], "pass");
    place
        .prony(["report", "-o", "no/such/folder/page.html"])
        .exits(1)
        .err_has("no/such/folder/page.html");
}

/// A disk that is full, as far as a process can tell: no file may grow beyond `bytes`.
#[cfg(target_os = "linux")]
fn full_at(place: &Place, bytes: u64) -> Ended {
    let mut command = place.command(["run"]);
    limit(&mut command, libc::RLIMIT_FSIZE, bytes);
    Ended::of(assert_cmd::Command::from_std(command))
}

#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_is_full_from_the_start() {
    let place = Place::with_suite(&sim_suite(&easy("steady")));
    full_at(&place, 0)
        .exits(1)
        .err_has("cannot write results")
        .err_has("results/");
}

#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_fills_up_under_way() {
    // The records take more than everything else.
    let scenario = easy("steady").replace("requests: 8", "requests: 200");
    let place = Place::with_suite(&sim_suite(&scenario));
    let text = full_at(&place, 40 << 10);
    let ended = text
        .exits(1)
        .err_has("cannot write")
        .err_has("requests.jsonl");
    // What was measured counts all the same.
    ended.out_has("test chat::steady ... ok");
    let run = place.run();
    assert_eq!(run.case("chat::steady")["phases"][0]["requests"]["ok"], 200);
}

#[test]
#[cfg(target_os = "linux")]
fn a_missed_limit_counts_more_than_a_full_disk() {
    let scenario = easy("missed")
        .replace("requests: 8", "requests: 200")
        .replace("< 100s", "< 1us");
    let place = Place::with_suite(&sim_suite(&scenario));
    full_at(&place, 12 << 10).exits(101).err_has("cannot write");
}

/// Runs `prony` with `args` and its output going to a reader who has left.
fn unheard<const N: usize>(place: &Place, args: [&str; N]) -> Ended {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = place.command(args);
    let child = command
        .stdout(writer)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("prony starts");
    // The command holds the other end of the pipe.
    drop(command);
    Ended::from(child.wait_with_output().expect("it ends"))
}

#[test]
fn a_reader_who_has_had_enough() {
    let place = Place::with_suite(&sim_suite(&easy("steady")));
    for args in [
        ["list", "suites"],
        ["check", "suites"],
        ["sim", "--list-presets"],
    ] {
        let ended = unheard(&place, args).exits(0);
        assert!(ended.stderr.is_empty(), "{args:?}: {ended}");
    }
    // A run is more than what it prints: it says that it is not whole.
    unheard(&place, ["run"])
        .exits(1)
        .err_has("cannot write to standard output");
}

#[test]
#[cfg(target_os = "linux")]
fn output_to_a_full_disk() {
    let place = Place::with_suite(&sim_suite(&easy("steady")));
    let to_full = |args: [&str; 2]| {
        let full = || {
            let mut options = std::fs::OpenOptions::new();
            options.write(true).open("/dev/full").expect("it opens")
        };
        let mut command = place.command(args);
        let child = command.stdout(full()).stderr(full()).spawn();
        child.expect("prony starts").wait().expect("it ends").code()
    };
    assert_eq!(to_full(["list", "suites"]), Some(1));
    assert_eq!(to_full(["run", "suites"]), Some(1));
    assert_eq!(to_full(["run", "nowhere"]), Some(2));
}
