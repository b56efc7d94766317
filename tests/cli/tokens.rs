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

/// Answers in chunks of 1, 2 and 3 tokens, over and over: what the server itself counts.
const CHUNKS: [usize; 6] = [1, 2, 3, 1, 2, 3];

/// A text of as many tokens as [`CHUNKS`] has, cut where its chunks end.
fn in_chunks() -> Vec<String> {
    let text = "people and coffee are in the house, and people drink it: Grüße!";
    let ends = tokenizer().ends(text).expect("it encodes");
    let mut from = 0;
    let mut taken = 0;
    CHUNKS
        .iter()
        .map(|tokens| {
            taken += tokens;
            let until = ends[taken - 1];
            let chunk = text[from..until].to_owned();
            from = until;
            chunk
        })
        .collect()
}

/// Every other answer has the server's own count, `factor` times what it is.
fn multi_token_server(factor: usize) -> Server {
    Server::start(move |conn, n| {
        conn.stream_head();
        for chunk in in_chunks() {
            conn.event(&delta(&chunk));
        }
        conn.event(FINISH);
        if n % 2 == 0 {
            let tokens = factor * CHUNKS.iter().sum::<usize>();
            let usage = serde_json::json!({"choices": [], "usage": {"completion_tokens": tokens}});
            conn.event(&usage.to_string());
        }
        conn.event("[DONE]");
    })
}

#[test]
fn chunks_of_several_tokens_are_counted_after_the_run_as_the_server_would() {
    let server = multi_token_server(1);
    let file = format!("{{ file: \"{TOKENIZER}\" }}");
    let two = scenario(&file).replace("concurrency: 1", "concurrency: 2");
    let place = Place::with_suite(&suite(&server.url(), &two));
    place.prony(["run"]).exits(0);
    let run = place.run();
    let (mut by_server, mut by_client) = (0, 0);
    for record in run.window("chat::steady") {
        let tokens: Vec<_> = record.chunks.iter().map(|c| c.tokens).collect();
        assert_eq!(tokens, CHUNKS.map(|n| Some(n as u32)));
        assert_eq!(record.output_tokens, Some(12));
        assert_eq!(record.provenance.chunks, Some(TokenSource::Client));
        match record.provenance.output {
            Some(TokenSource::Server) => by_server += 1,
            Some(TokenSource::Client) => by_client += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(by_server > 0 && by_client > 0, "{by_server} {by_client}");
    let phase = &run.case("chat::steady")["phases"][0];
    let mean = phase["metrics"]["chunk_tokens"]["mean"].as_f64();
    assert!(mean.is_some_and(|m| (m - 2.0).abs() < 1e-9), "{mean:?}");
    let warnings = phase["warnings"].to_string();
    assert!(!warnings.contains("tokenizer counts"), "{warnings}");
    // The texts are gone: nothing but the files of every run is left.
    for file in run.files() {
        let text = String::from_utf8_lossy(&std::fs::read(&file).expect("a file")).into_owned();
        assert!(!text.contains("drink"), "{}", file.display());
    }
}

#[test]
fn a_tokenizer_that_is_not_the_servers_is_told_by_their_counts() {
    let server = multi_token_server(2);
    let file = format!("{{ file: \"{TOKENIZER}\" }}");
    let place = Place::with_suite(&suite(&server.url(), &scenario(&file)));
    place.prony(["run"]).exits(0);
    let run = place.run();
    let warnings = run.case("chat::steady")["phases"][0]["warnings"].to_string();
    assert!(
        warnings.contains("the tokenizer counts 36 tokens"),
        "{warnings}"
    );
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
fn how_answers_of_another_length_ended_stands_in_every_report() {
    let scenario = scenario("auto")
        .replace("requests: 6", "requests: 40")
        .replace("    sla:", "    prompts: { type: synthetic, input_tokens: 24, output_tokens: { min: 5, max: 30 } }\n    body: { ignore_eos: false }\n    sla:");
    let text =
        sim_suite(&scenario).replace("api: chat", "api: chat, sim: { stop_mean_tokens: 12 }");
    let place = Place::with_suite(&text);
    place
        .prony(["run", "--virtual", "--html", "report.html"])
        .exits(0);
    let run = place.run();
    let window = run.window("chat::steady");
    let asked = |r: &prony::record::RequestRecord| -> u64 {
        r.labels["asked_output_tokens"].parse().expect("a number")
    };
    let short = window.iter().filter(|r| r.output_tokens < Some(asked(r)));
    let short: Vec<_> = short.collect();
    assert!(short.len() > 5, "{} ended early", short.len());
    assert!(short.iter().all(|r| r.finish.as_deref() == Some("stop")));
    let output = &run.case("chat::steady")["phases"][0]["tokens"]["output"];
    assert_eq!(output["shorter"], short.len());
    assert_eq!(output["longer"], 0);
    let ended = serde_json::json!([{"finish": "stop", "shorter": short.len(), "longer": 0}]);
    assert_eq!(output["endings"], ended);
    let mean = window.iter().map(asked).sum::<u64>() as f64 / window.len() as f64;
    let told = output["asked_lengths"]["mean"].as_f64().expect("a mean");
    assert!((told - mean).abs() < 1e-9, "{told} {mean}");
    let said = format!("of 40 shorter ({} `stop`)", short.len());
    for format in ["html", "markdown", "junit"] {
        place
            .prony(["report", "--format", format, "-o", "-"])
            .exits(0)
            .out_has(if format == "markdown" {
                "Lengths, asked for and got"
            } else {
                &said
            });
    }
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
