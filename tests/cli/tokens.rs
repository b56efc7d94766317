//! How long prompts and answers are, and who counted.

use prony::record::TokenSource;
use prony::workload::LocalTokenizer;

use crate::server::{Conn, FINISH, Server, delta};
use crate::support::{Place, sim_suite, suite};

/// A small tokenizer of the GPT family.
const TOKENIZER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tokens/gpt.json");

fn tokenizer() -> LocalTokenizer {
    LocalTokenizer::from_path(TOKENIZER.as_ref()).expect("it is one")
}

fn scenario(tokenizer: &str) -> String {
    format!(
        "  - name: steady
    kind: latency
    load: {{ concurrency: 1 }}
    requests: 6
    tokenizer: {tokenizer}
    sla: [e2e_latency.p50 < 20s]
"
    )
}

/// The text that was asked, by request.
fn asked(server: &Server) -> Vec<String> {
    let content = |b: &serde_json::Value| b["messages"][0]["content"].as_str().map(str::to_owned);
    server.bodies().iter().filter_map(content).collect()
}

/// An answer that counts `extra` tokens more than its prompt has.
fn counted(conn: &mut Conn, extra: usize) {
    let (_, body) = conn.request.split_once("\r\n\r\n").expect("a body");
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let text = body["messages"][0]["content"].as_str().expect("a prompt");
    let tokens = tokenizer().encode(text).expect("it encodes").len() + extra;
    conn.stream_head();
    conn.event(&delta("Hi"));
    conn.event(FINISH);
    let usage = serde_json::json!({"choices": [], "usage": {"prompt_tokens": tokens, "completion_tokens": 1}});
    conn.event(&usage.to_string());
    conn.event("[DONE]");
}

#[test]
fn the_template_is_learned_and_prompts_are_as_long_as_asked() {
    let server = Server::start(|conn, _| counted(conn, 7));
    let file = format!("{{ file: \"{TOKENIZER}\" }}");
    let place = Place::with_suite(&suite(&server.url(), &scenario(&file)));
    place.prony(["run"]).exits(0);
    let run = place.run();
    for record in run.window("chat::steady") {
        assert_eq!(record.input_tokens, Some(24));
        assert_eq!(record.labels["asked_input_tokens"], "24");
        assert_eq!(record.provenance.input, Some(TokenSource::Server));
    }
    let tokens = &run.case("chat::steady")["phases"][0]["tokens"]["input"];
    assert_eq!(tokens["differ"], 0, "{tokens}");
    // What is sent is the template shorter; two small requests told how much that is.
    let texts = asked(&server);
    let lengths: Vec<usize> = texts
        .iter()
        .map(|text| tokenizer().encode(text).expect("it encodes").len())
        .collect();
    assert!(lengths[2..].iter().all(|n| *n == 17), "{lengths:?}");
}

#[test]
fn prompts_of_another_length_make_a_case_invalid() {
    // What the template seems to add while it is learned, and what it adds under load.
    let start = || Server::start(|conn, n| counted(conn, if n < 2 { 7 } else { 12 }));
    let server = start();
    let file = format!("{{ file: \"{TOKENIZER}\" }}");
    let text = suite(&server.url(), &scenario(&file));
    let place = Place::with_suite(&text);
    place
        .prony(["run"])
        .exits(3)
        .out_has("invalid")
        .out_has("where 24 were asked for")
        .out_has("length_tolerance");
    assert_eq!(place.run().case("chat::steady")["verdict"], "invalid");
    let another = start();
    let wider = text.replace(&server.url(), &another.url()).replace(
        "    sla:",
        "    prompts: { type: synthetic, input_tokens: 24, output_tokens: 4, length_tolerance: { tokens: 12 } }\n    sla:",
    );
    let place = Place::with_suite(&wider);
    place.prony(["run"]).exits(0);
}

#[test]
fn where_the_server_counts_nothing_a_tokenizer_here_does() {
    let server = Server::start(|conn, _| {
        conn.stream_head();
        conn.event(&delta("people and"));
        conn.event(&delta(" coffee"));
        conn.event(FINISH);
        conn.event("[DONE]");
    });
    let file = format!("{{ file: \"{TOKENIZER}\" }}");
    let place = Place::with_suite(&suite(&server.url(), &scenario(&file)));
    place.prony(["run"]).exits(0);
    let expected = tokenizer().encode("people and coffee").expect("it encodes");
    let run = place.run();
    for record in run.window("chat::steady") {
        assert_eq!(record.output_tokens, Some(expected.len() as u64));
        assert_eq!(record.provenance.output, Some(TokenSource::Client));
        // Nobody knows the template, so that the whole prompt is an estimate.
        assert_eq!(record.provenance.input, Some(TokenSource::Estimate));
    }
    let warnings = run.case("chat::steady")["phases"][0]["warnings"].to_string();
    assert!(warnings.contains("chat template"), "{warnings}");
}

#[test]
fn a_tokenizer_that_is_needed_and_missing_is_an_error() {
    let server = Server::start(|conn, _| conn.answer());
    let place = Place::with_suite(&suite(&server.url(), &scenario("server")));
    place.prony(["run"]).exits(3).out_has("has no `/tokenize`");
    let place = Place::with_suite(&suite(&server.url(), &scenario("{ file: nowhere.json }")));
    place
        .prony(["check"])
        .exits(2)
        .err_has("cannot read suites/nowhere.json");
}

#[test]
fn the_embedded_engine_counts_what_was_asked_for() {
    for (api, virtually) in [("chat", true), ("completions", true), ("chat", false)] {
        let text = sim_suite(&scenario("auto")).replace("api: chat", &format!("api: {api}"));
        let place = Place::with_suite(&text);
        if virtually {
            place.prony(["run", "--virtual"]).exits(0);
        } else {
            place.prony(["run"]).exits(0);
        }
        let window = place.run().window("chat::steady");
        assert_eq!(window.len(), 6);
        for record in window {
            assert_eq!(
                Some(record.labels["asked_input_tokens"].clone()),
                record.input_tokens.map(|n| n.to_string())
            );
            assert_eq!(
                Some(record.labels["asked_output_tokens"].clone()),
                record.output_tokens.map(|n| n.to_string())
            );
            assert!(record.chunks.iter().all(|c| c.tokens.is_some()));
        }
    }
}
