//! Prompt files are checked before anything is sent.

use crate::server::Server;
use crate::support::{Ended, Place, suite};

fn scenario(path: &str) -> String {
    format!(
        "  - name: from-a-file
    kind: latency
    load: {{ concurrency: 1 }}
    requests: 4
    measure_only: true
    prompts: {{ type: file, path: {path}, output_tokens: 4 }}
"
    )
}

/// A suite with prompts at `path`, what holds them (`None`: nothing), and what is said about it.
#[track_caller]
fn refused(path: &str, content: Option<&[u8]>, says: &[&str]) -> Ended {
    let server = Server::start(|conn, _| conn.answer());
    let place = Place::with_suite(&suite(&server.url(), &scenario(path)));
    if let Some(content) = content {
        place.file(&format!("suites/{path}"), content);
    }
    place.prony(["check"]).exits(2);
    let mut ended = place.prony(["run"]).exits(2);
    for text in says {
        ended = ended.err_has(text);
    }
    assert_eq!(server.connections(), 0);
    place.assert_no_results();
    ended
}

#[test]
fn a_file_that_is_missing() {
    let ended = refused(
        "nowhere.jsonl",
        None,
        &["cannot read suites/nowhere.jsonl", "suites/a.yaml:13:34"],
    );
    Ended::marks(&ended.stderr, "nowhere.jsonl");
}

#[test]
fn a_line_that_is_wrong() {
    let ended = refused(
        "p.jsonl",
        Some(b"{\"prompt\": \"Hi\"}\n\n{\"promt\": \"Hi\"}\n"),
        &[
            "suites/p.jsonl:3:1",
            "a line is {\"prompt\"",
            "suites/a.yaml:13:34",
        ],
    );
    Ended::marks(&ended.stderr, "{\"promt\"");
    refused(
        "p.jsonl",
        Some(b"{\"prompt\": \"Hi\"}\n{\"prompt\": \"Hi\", \"output_tokens\": 0}\n"),
        &[
            "suites/p.jsonl:2:1",
            "output_tokens must be a whole number above 0",
        ],
    );
    refused(
        "p.jsonl",
        Some(b"{\"prompt\": \"Hi\"\n"),
        &["suites/p.jsonl:1:1", "not JSON"],
    );
}

#[test]
fn a_file_without_prompts() {
    refused(
        "p.txt",
        Some(b"\n \n"),
        &["suites/p.txt", "holds no prompt"],
    );
    refused("p.txt", Some(b"caf\xe9\n"), &["suites/p.txt", "UTF-8"]);
}

#[test]
fn every_wrong_file_is_named_in_one_go() {
    let place = Place::with_suite(&suite("sim://", &scenario("one.txt")));
    place.file(
        "suites/b.yaml",
        suite("sim://", &scenario("two.txt")).replace("suite: chat", "suite: other"),
    );
    place
        .prony(["run"])
        .exits(2)
        .err_has("suites/one.txt")
        .err_has("suites/two.txt")
        .err_has("2 problems; nothing was sent");
}

#[test]
fn prompts_are_sent_as_they_stand() {
    let server = Server::start(|conn, _| conn.answer());
    let text = suite(&server.url(), &scenario("p.jsonl"))
        .replace("jsonl, output_tokens: 4", "jsonl, salt: off");
    let place = Place::with_suite(&text);
    place.file(
        "suites/p.jsonl",
        "{\"prompt\": \"Grüße, 世界\"}\n{\"messages\": [{\"role\": \"system\", \"content\": \"Be brief.\"}, {\"role\": \"user\", \"content\": \"Hi\"}], \"output_tokens\": 7}\n",
    );
    place.prony(["run"]).exits(0);
    let bodies = server.bodies();
    assert_eq!(bodies[0]["messages"][0]["content"], "Grüße, 世界");
    assert_eq!(bodies[1]["messages"][0]["content"], "Be brief.");
    assert_eq!(bodies[1]["messages"][1]["content"], "Hi");
    assert_eq!(
        bodies[2]["messages"], bodies[0]["messages"],
        "again from the start"
    );
}
