//! Suites that are wrong: exit code 2 with a clear message, nothing sent, nothing written.

use crate::server::Server;
use crate::support::{Ended, Place, easy, sim_suite, suite};

#[test]
fn typos_are_marked_and_nothing_is_sent() {
    let server = Server::start(|conn, _| conn.answer());
    let scenario = easy("steady").replace("ttft.p50", "tftt.p50");
    let place = Place::with_suite(&suite(&server.url(), &scenario));
    place.file(
        "suites/b.yaml",
        suite(&server.url(), &easy("steady"))
            .replace("suite: chat", "suite: other")
            .replace("requests:", "reqests:"),
    );
    let ended = place
        .prony(["run"])
        .exits(2)
        .err_has("suites/a.yaml:13:9")
        .err_has("did you mean `ttft`?")
        .err_has("suites/b.yaml:11:5")
        .err_has("did you mean `requests`?")
        .err_has("nothing was sent");
    Ended::marks(&ended.stderr, "tftt");
    Ended::marks(&ended.stderr, "reqests");
    assert!(ended.stdout.is_empty(), "{ended}");
    assert_eq!(server.connections(), 0);
    place.assert_no_results();
}

/// Runs `prony run` with `content` as its suite and asserts that it is refused.
#[track_caller]
fn refused(content: &[u8], says: &str) {
    let place = Place::new();
    place.file("suites/a.yaml", content);
    for command in ["run", "check", "list"] {
        let ended = place.prony([command]).exits(2).err_has(says);
        assert!(ended.stdout.is_empty(), "{ended}");
        assert!(ended.stderr.contains("suites/a.yaml"), "{ended}");
    }
    place.assert_no_results();
}

#[test]
fn an_empty_file() {
    refused(b"", "empty");
    refused(b"\n# nothing here\n", "nothing but comments");
}

#[test]
fn a_file_that_is_not_utf8() {
    let mut text = sim_suite(&easy("steady")).into_bytes();
    text.extend(b"# caf\xe9\n");
    refused(&text, "not UTF-8");
    let utf16: Vec<u8> = [0xfeff]
        .into_iter()
        .chain("suite: chat".encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    refused(&utf16, "UTF-16");
}

#[test]
fn a_yaml_bomb() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        let before = vec![format!("*a{}", i - 1); 10].join(", ");
        text += &format!("a{i}: &a{i} [{before}]\n");
    }
    refused(text.as_bytes(), "more than 50000 values");
    refused("[".repeat(100_000).as_bytes(), "deep");
}

#[test]
fn a_key_given_twice() {
    let text = sim_suite(&easy("steady")) + "    requests: 9\n";
    refused(text.as_bytes(), "requests");
}

#[test]
fn a_broken_file() {
    refused(b"suite: \"chat\nscenarios: [", "error");
    refused(b"\x00\x01\x02\xff", "error");
}

#[test]
fn a_folder_without_suites() {
    let place = Place::new();
    std::fs::create_dir(place.path().join("suites")).expect("a folder");
    place
        .prony(["run"])
        .exits(2)
        .err_has("there is no suite in `suites`");
    place.file("suites/notes.txt", "no suite");
    place.prony(["run"]).exits(2);
    place.assert_no_results();
}

#[test]
fn a_path_that_is_not_there() {
    let place = Place::new();
    place.prony(["run"]).exits(2).err_has("cannot read suites");
    place
        .prony(["run", "chat.yaml"])
        .exits(2)
        .err_has("cannot read chat.yaml");
    place.assert_no_results();
}

#[test]
fn two_suites_of_one_name() {
    let place = Place::with_suite(&sim_suite(&easy("steady")));
    place.file("suites/b.yaml", sim_suite(&easy("other")));
    place
        .prony(["run"])
        .exits(2)
        .err_has("suites/a.yaml")
        .err_has("suites/b.yaml");
}

#[test]
fn a_variable_that_is_not_set() {
    let text = sim_suite(&easy("steady")).replace("sim://", "${KEY}");
    let place = Place::with_suite(&text);
    place.prony(["run"]).exits(2).err_has("KEY");
    place.prony_with(["list"], &[("KEY", "sim://")]).exits(0);
}

#[test]
fn a_wrong_command_line() {
    let place = Place::with_suite(&sim_suite(&easy("steady")));
    for args in [
        ["run", "--sed", "1"],
        ["run", "--seed", "one"],
        ["run", "--label", "commit"],
        ["run", "--target", "ftp://127.0.0.1/v1"],
        ["run", "--target", "sim://nope"],
        ["run", "--templates", "nowhere"],
        ["report", "--format", "pfd"],
        ["runn", "--seed", "1"],
    ] {
        let ended = place.prony(args).exits(2);
        assert!(ended.stdout.is_empty(), "{args:?}: {ended}");
        assert!(ended.stderr.contains("error"), "{args:?}: {ended}");
    }
    place.assert_no_results();
}
