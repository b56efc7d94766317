//! The bytes of responses, in virtual time.

use serde_json::{Value, json};

use super::{ExchangeId, Face, Output, Piece, tokens};
use crate::driver::Nanos;
use crate::sim::config::SimConfig;

fn face(overrides: &Value) -> Face {
    let overrides = overrides.as_object().expect("a map");
    let config = SimConfig::resolve("exact", overrides).expect("a valid configuration");
    Face::new(config, 1, 1_700_000_000)
}

/// Everything that comes of one request sent at `now`, with its times.
fn exchange(
    face: &mut Face,
    now: Nanos,
    method: &str,
    path: &str,
    body: &Value,
) -> Vec<(Nanos, Piece)> {
    let mut out = Vec::new();
    let id = face.request(now, method, path, body.to_string().as_bytes(), &mut out);
    while let Some(at) = face.next_event() {
        face.advance(at, &mut out);
    }
    pieces_of(id, out)
}

fn pieces_of(id: ExchangeId, out: Vec<Output>) -> Vec<(Nanos, Piece)> {
    out.into_iter()
        .filter(|output| output.exchange == id)
        .map(|output| (output.at, output.piece))
        .collect()
}

fn body(pieces: &[(Nanos, Piece)]) -> String {
    pieces
        .iter()
        .filter_map(|(_, piece)| match piece {
            Piece::Body(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        })
        .collect()
}

fn status(pieces: &[(Nanos, Piece)]) -> Option<u16> {
    match pieces.first() {
        Some((_, Piece::Head(head))) => Some(head.status),
        _ => None,
    }
}

fn last(pieces: &[(Nanos, Piece)]) -> &Piece {
    &pieces.last().expect("something came").1
}

fn chat(more: &Value) -> Value {
    let mut body = json!({
        "messages": [{"role": "user", "content": "one two three"}],
        "max_tokens": 3, "stream": true, "stream_options": {"include_usage": true},
    });
    for (key, value) in more.as_object().expect("a map") {
        body[key] = value.clone();
    }
    body
}

const CHAT: &str = "/v1/chat/completions";

fn ask(face: &mut Face, more: &Value) -> Vec<(Nanos, Piece)> {
    exchange(face, 0, "POST", CHAT, &chat(more))
}

#[test]
fn a_chat_stream_byte_for_byte() {
    let pieces = ask(&mut face(&json!({"overhead_ms": 1})), &json!({}));
    let shown: Vec<String> = pieces
        .iter()
        .map(|(at, piece)| match piece {
            Piece::Body(bytes) => format!("{at} {}", String::from_utf8_lossy(bytes).trim_end()),
            other => format!("{at} {other:?}"),
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn whole_answers_byte_for_byte() {
    let more = json!({"stream": false, "return_token_ids": true});
    let chat = body(&ask(&mut face(&json!({})), &more));
    let asked = json!({"prompt": [1, 2, 3], "max_tokens": 2, "return_token_ids": true});
    let completion = body(&exchange(
        &mut face(&json!({})),
        0,
        "POST",
        "/v1/completions",
        &asked,
    ));
    insta::assert_snapshot!(format!("{chat}\n{completion}"));
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let run = || {
        let mut face = face(&json!({"variation": {"step": 0.1}, "stop_mean_tokens": 20}));
        let mut out = Vec::new();
        for i in 0..50 {
            face.advance(i * 7_000_000, &mut out);
            let more = json!({"max_tokens": 100});
            face.request(
                i * 7_000_000,
                "POST",
                CHAT,
                chat(&more).to_string().as_bytes(),
                &mut out,
            );
        }
        while let Some(at) = face.next_event() {
            face.advance(at, &mut out);
        }
        out
    };
    assert_eq!(run(), run());
}

#[test]
fn answers_end_by_themselves_where_the_model_stops() {
    let mut face = face(&json!({"stop_mean_tokens": 30}));
    let mut lengths = Vec::new();
    for i in 0..400 {
        let more = json!({"max_tokens": 1000, "stream": false, "min_tokens": 5});
        let pieces = exchange(&mut face, i * 100_000_000_000, "POST", CHAT, &chat(&more));
        let answer: Value = serde_json::from_str(&body(&pieces)).unwrap();
        assert_eq!(answer["choices"][0]["finish_reason"], "stop");
        lengths.push(answer["usage"]["completion_tokens"].as_u64().unwrap());
    }
    assert!(lengths.iter().all(|n| *n >= 5));
    let mean = lengths.iter().sum::<u64>() as f64 / 400.0;
    assert!((27.0..34.0).contains(&mean), "{mean}");
    let more = json!({"max_tokens": 1000, "stream": false, "ignore_eos": true});
    let answer: Value = serde_json::from_str(&body(&ask(&mut face, &more))).unwrap();
    assert_eq!(answer["usage"]["completion_tokens"], 1000);
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
}

#[test]
fn a_conversation_finds_its_earlier_turns() {
    let mut face = face(&json!({}));
    let question = vec!["word"; 100].join(" ");
    let first = json!({"messages": [{"role": "user", "content": question}], "max_tokens": 50, "stream": false});
    let answer: Value = serde_json::from_str(&body(&ask(&mut face, &first))).unwrap();
    let said = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert_eq!(tokens::count(said), 50);
    let second = json!({"stream": false, "messages": [
        {"role": "user", "content": question},
        {"role": "assistant", "content": said},
        {"role": "user", "content": "and then?"},
    ]});
    let pieces = exchange(&mut face, 60_000_000_000, "POST", CHAT, &chat(&second));
    let usage: Value = serde_json::from_str::<Value>(&body(&pieces)).unwrap()["usage"].clone();
    // 104 tokens of the first prompt and 49 generated ones were computed: nine full blocks.
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 144);
}

#[test]
fn a_cache_salt_keeps_prompts_apart() {
    let mut face = face(&json!({}));
    let long = vec!["word"; 100].join(" ");
    let mut now = 0;
    let cached = ["a", "b", "a"].map(|salt| {
        now += 1_000_000_000;
        let messages = json!([{"role": "user", "content": long}]);
        let more = json!({"stream": false, "cache_salt": salt, "messages": messages});
        let pieces = exchange(&mut face, now, "POST", CHAT, &chat(&more));
        let answer: Value = serde_json::from_str(&body(&pieces)).unwrap();
        answer["usage"]["prompt_tokens_details"]["cached_tokens"].clone()
    });
    assert_eq!(cached, [0, 0, 96]);
}

#[test]
fn cancelling_silences_an_exchange() {
    let mut face = face(&json!({}));
    let mut out = Vec::new();
    let id = face.request(
        0,
        "POST",
        CHAT,
        chat(&json!({})).to_string().as_bytes(),
        &mut out,
    );
    face.cancel(0, id);
    face.cancel(0, id);
    while let Some(at) = face.next_event() {
        face.advance(at, &mut out);
    }
    assert_eq!(pieces_of(id, out), []);
}

mod any_input {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The pieces and the spaces between them are the text, so that nothing is counted twice.
        #[test]
        fn pieces_are_the_text(text in "[a-zé_0-9,.\\n 🙂]{0,60}") {
            let mut rest = text.as_str();
            for piece in tokens::pieces(&text) {
                if !rest.starts_with(piece) {
                    rest = rest.strip_prefix(' ').expect("only a single space is left out");
                }
                rest = rest.strip_prefix(piece).expect("pieces come in order");
            }
            prop_assert_eq!(rest, "");
        }

        /// Every body has an answer that ends.
        #[test]
        fn every_body_is_answered(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            for path in [CHAT, "/v1/completions", "/tokenize", "/detokenize", "/sim/run"] {
                let mut face = face(&json!({}));
                let mut out = Vec::new();
                let id = face.request(0, "POST", path, &bytes, &mut out);
                while let Some(at) = face.next_event() {
                    face.advance(at, &mut out);
                }
                prop_assert!(matches!(last(&pieces_of(id, out)), Piece::End));
            }
        }
    }
}

mod faults {
    use super::*;

    /// The answer to a stream request of six tokens that `fault` spoils.
    fn spoiled(fault: &Value, stream: bool) -> Vec<(Nanos, Piece)> {
        let mut fault = fault.clone();
        fault["requests"] = json!([1]);
        let mut face = face(&json!({"faults": [fault]}));
        let pieces = ask(&mut face, &json!({"max_tokens": 6, "stream": stream}));
        // The next request is not affected, and no slot is held by the spoiled one.
        let next = exchange(&mut face, 10_000_000_000, "POST", CHAT, &chat(&json!({})));
        assert!(matches!(last(&next), Piece::End));
        pieces
    }

    fn stream(kind: &str) -> Vec<(Nanos, Piece)> {
        spoiled(&json!({"kind": kind, "after_chunks": 2}), true)
    }

    /// Chunks with text that are JSON.
    fn texts(pieces: &[(Nanos, Piece)]) -> usize {
        body(pieces)
            .split("\n\n")
            .filter_map(|event| serde_json::from_str::<Value>(event.strip_prefix("data: ")?).ok())
            .filter(|chunk| {
                let content = &chunk["choices"][0]["delta"]["content"];
                content.as_str().is_some_and(|text| !text.is_empty())
            })
            .count()
    }

    fn ends_well(pieces: &[(Nanos, Piece)]) -> bool {
        matches!(last(pieces), Piece::End) && body(pieces).ends_with("data: [DONE]\n\n")
    }

    #[test]
    fn refuse() {
        assert_eq!(stream("refuse"), [(0, Piece::Reset)]);
    }

    #[test]
    fn too_many_requests() {
        let pieces = spoiled(&json!({"kind": "too_many_requests", "seconds": 3}), true);
        let Piece::Head(head) = &pieces[0].1 else {
            panic!("a head");
        };
        assert_eq!((head.status, head.retry_after), (429, Some(3)));
        assert!(body(&pieces).contains("\"code\":429"));
    }

    #[test]
    fn server_error() {
        let pieces = stream("server_error");
        assert_eq!(status(&pieces), Some(500));
        assert!(body(&pieces).contains("InternalServerError"));
    }

    #[test]
    fn error_in_stream() {
        let pieces = stream("error_in_stream");
        assert_eq!((status(&pieces), texts(&pieces)), (Some(200), 2));
        assert!(body(&pieces).contains("data: {\"error\":{"));
        assert!(!body(&pieces).contains("\"finish_reason\":\"length\""));
        assert!(ends_well(&pieces));
        let whole = spoiled(&json!({"kind": "error_in_stream"}), false);
        assert_eq!(status(&whole), Some(200));
        assert!(body(&whole).starts_with("{\"error\":"));
    }

    #[test]
    fn stall() {
        let pieces = stream("stall");
        assert_eq!(texts(&pieces), 2);
        assert!(matches!(last(&pieces), Piece::Body(_)), "it never ends");
        let pieces = spoiled(
            &json!({"kind": "stall", "after_chunks": 2, "seconds": 5}),
            true,
        );
        assert_eq!(texts(&pieces), 6);
        assert!(ends_well(&pieces));
        let longest = pieces.windows(2).map(|w| w[1].0 - w[0].0).max().unwrap();
        assert!((5_000_000_000..5_100_000_000).contains(&longest));
    }

    #[test]
    fn reset() {
        let pieces = stream("reset");
        assert_eq!((texts(&pieces), last(&pieces)), (2, &Piece::Reset));
    }

    #[test]
    fn truncate() {
        let pieces = stream("truncate");
        assert_eq!((texts(&pieces), last(&pieces)), (2, &Piece::Cut));
        assert!(!body(&pieces).ends_with('\n'), "in the middle of an event");
        let whole = spoiled(&json!({"kind": "truncate"}), false);
        assert_eq!(last(&whole), &Piece::Cut);
    }

    #[test]
    fn no_finish_reason() {
        let pieces = stream("no_finish_reason");
        assert_eq!(texts(&pieces), 6);
        assert!(!body(&pieces).contains("\"finish_reason\":\""));
        assert!(ends_well(&pieces));
    }

    #[test]
    fn malformed_json() {
        let pieces = stream("malformed_json");
        assert_eq!(texts(&pieces), 5);
        assert!(ends_well(&pieces));
        let whole = spoiled(&json!({"kind": "malformed_json"}), false);
        assert!(serde_json::from_str::<Value>(&body(&whole)).is_err());
    }

    #[test]
    fn role_only() {
        let pieces = stream("role_only");
        assert_eq!(texts(&pieces), 0);
        assert!(body(&pieces).contains("\"role\":\"assistant\""));
        assert!(ends_well(&pieces));
    }

    #[test]
    fn empty_stream() {
        let pieces = stream("empty_stream");
        assert_eq!(
            (status(&pieces), body(&pieces).as_str()),
            (Some(200), "data: [DONE]\n\n")
        );
    }

    #[test]
    fn usage_in_every_chunk() {
        let pieces = stream("usage_in_every_chunk");
        assert_eq!(texts(&pieces), 6);
        let body = body(&pieces);
        assert_eq!(body.matches("\"usage\":{").count(), 1 + 6 + 1);
        assert!(body.contains("\"completion_tokens\":3}"));
        assert!(ends_well(&pieces));
    }

    #[test]
    fn long_line() {
        let pieces = spoiled(&json!({"kind": "long_line", "bytes": 100_000}), true);
        let longest = body(&pieces).lines().map(str::len).max().unwrap();
        assert!((99_990..100_050).contains(&longest), "{longest}");
        assert_eq!(texts(&pieces), 6, "the line is JSON like any other");
        assert!(ends_well(&pieces));
    }

    #[test]
    fn slow_first_byte() {
        let pieces = spoiled(&json!({"kind": "slow_first_byte", "seconds": 2}), true);
        assert_eq!(pieces[0].0, 2_000_000_000);
        assert!(ends_well(&pieces));
    }

    #[test]
    fn html() {
        let pieces = stream("html");
        let Piece::Head(head) = &pieces[0].1 else {
            panic!("a head");
        };
        assert!(head.content_type.starts_with("text/html"));
        assert!(body(&pieces).starts_with("<!DOCTYPE html>"));
    }
}
