use serde_json::{Map, Value, json};

use super::{Chat, Completions};
use crate::endpoint::{Event, Protocol, ServerKind, Usage};
use crate::record::{ErrorKind, RequestError};
use crate::workload::{PlannedRequest, Prompt};

fn extra(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn chat() -> Chat {
    Chat::new("m", true, &Map::new())
}

fn request(prompt: Prompt) -> PlannedRequest {
    PlannedRequest {
        prompt,
        input_tokens: None,
        counted: false,
        output_tokens: Some(7),
        labels: Default::default(),
    }
}

fn text(text: &str) -> PlannedRequest {
    request(Prompt::Text(text.to_owned()))
}

fn body(protocol: &dyn Protocol, request: &PlannedRequest) -> Value {
    serde_json::from_slice(&protocol.encode(request)).unwrap()
}

/// Events of a stream with these data lines.
fn read(lines: &[Value]) -> Vec<Event> {
    let stream: String = lines.iter().map(|l| format!("data: {l}\n\n")).collect();
    let (mut decoder, mut events) = (chat().decoder(), Vec::new());
    decoder.feed(stream.as_bytes(), &mut events).unwrap();
    decoder.finish(&mut events).unwrap();
    events
}

/// Token counts of the chunks with output.
fn tokens(lines: &[Value]) -> Vec<Option<u32>> {
    read(lines)
        .into_iter()
        .filter_map(|event| match event {
            Event::Output { tokens } => Some(tokens),
            _ => None,
        })
        .collect()
}

fn delta(delta: Value) -> Value {
    json!({ "choices": [{ "delta": delta }] })
}

fn whole(protocol: &dyn Protocol, answer: &str) -> Result<Vec<Event>, RequestError> {
    let (mut decoder, mut events) = (protocol.decoder(), Vec::new());
    for piece in answer.as_bytes().chunks(7) {
        decoder.feed(piece, &mut events)?;
    }
    decoder.finish(&mut events)?;
    Ok(events)
}

#[test]
fn a_chat_body_says_what_is_asked() {
    let expected = json!({
        "model": "m", "stream": true, "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": "say \"hi\"\n\u{1f642}"}], "max_tokens": 7,
    });
    assert_eq!(body(&chat(), &text("say \"hi\"\n\u{1f642}")), expected);
    let messages = json!([{"role": "system", "content": "be brief"}]);
    let sent = body(&chat(), &request(Prompt::Messages(messages.clone())));
    assert_eq!(sent["messages"], messages);
}

#[test]
fn a_completion_body_says_what_is_asked() {
    let protocol = Completions::new("m", false, &Map::new());
    let expected = json!({"model": "m", "stream": false, "prompt": "hi", "max_tokens": 7});
    assert_eq!(body(&protocol, &text("hi")), expected);
    assert_eq!(
        (protocol.path(), protocol.streams()),
        ("completions", false)
    );
}

#[test]
fn a_length_that_was_not_asked_for_is_not_sent() {
    let mut request = text("hi");
    request.output_tokens = None;
    assert_eq!(body(&chat(), &request).get("max_tokens"), None);
}

#[test]
fn the_suites_fields_are_merged_over_pronys() {
    let fields = extra(json!({
        "ignore_eos": true,
        "max_tokens": null,
        "max_completion_tokens": 9,
        "stream_options": {"continuous_usage_stats": true},
        "model": "other",
        "metadata": {"keep": 1, "drop": null},
    }));
    let expected = json!({
        "model": "other", "stream": true, "ignore_eos": true, "max_completion_tokens": 9,
        "stream_options": {"include_usage": true, "continuous_usage_stats": true},
        "metadata": {"keep": 1},
        "messages": [{"role": "user", "content": "hi"}],
    });
    assert_eq!(body(&Chat::new("m", true, &fields), &text("hi")), expected);
    let bare = extra(json!({
        "model": null, "stream": null, "stream_options": null, "messages": null, "max_tokens": null,
    }));
    let protocol = Chat::new("m", true, &bare);
    assert_eq!(body(&protocol, &text("hi")), json!({}));
    assert!(!protocol.streams(), "servers do not stream unasked");
}

#[test]
fn servers_are_asked_beyond_the_protocol_for_what_they_know() {
    let asked = |kind: ServerKind, full_length: bool, suites: Value| {
        let chat = Chat::asking("m", true, &kind.beyond(full_length), &extra(suites));
        let mut body = body(&chat, &text("a"));
        for plain in ["model", "stream", "messages"] {
            body.as_object_mut().expect("an object").remove(plain);
        }
        body
    };
    let usage = json!({"include_usage": true});
    let counts = json!({"include_usage": true, "continuous_usage_stats": true});
    for kind in [ServerKind::Vllm, ServerKind::Sglang, ServerKind::Prony] {
        assert_eq!(
            asked(kind, true, json!({})),
            json!({"stream_options": counts, "ignore_eos": true, "max_tokens": 7, "min_tokens": 7})
        );
        // Prompts from a file are left to end as they do.
        assert_eq!(
            asked(kind, false, json!({})),
            json!({"stream_options": counts, "max_tokens": 7})
        );
    }
    assert_eq!(
        asked(ServerKind::LlamaCpp, true, json!({})),
        json!({"stream_options": usage, "timings_per_token": true, "ignore_eos": true, "max_tokens": 7})
    );
    // TGI, OpenAI and who else there is.
    assert_eq!(
        asked(ServerKind::Other, true, json!({})),
        json!({"stream_options": usage, "max_tokens": 7})
    );
}

#[test]
fn the_suite_decides_whether_answers_end_by_themselves() {
    let asked = |suites: Value| {
        let beyond = ServerKind::Vllm.beyond(true);
        let completions = Completions::asking("m", false, &beyond, &extra(suites));
        let body = body(&completions, &text("a"));
        ["ignore_eos", "max_tokens", "min_tokens"].map(|key| body.get(key).cloned())
    };
    let all = [json!(true), json!(7), json!(7)].map(Some);
    assert_eq!(asked(json!({})), all);
    assert_eq!(asked(json!({"ignore_eos": true})), all);
    let natural = [Some(json!(false)), Some(json!(7)), None];
    assert_eq!(asked(json!({"ignore_eos": false})), natural);
    assert_eq!(
        asked(json!({"ignore_eos": null})),
        [None, Some(json!(7)), None]
    );
    // A least that is more than the suite's own most would be refused.
    assert_eq!(
        asked(json!({"max_tokens": 3})),
        [Some(json!(true)), Some(json!(3)), None]
    );
    assert_eq!(
        asked(json!({"max_tokens": null})),
        [Some(json!(true)), None, None]
    );
    assert_eq!(
        asked(json!({"min_tokens": 2})),
        [Some(json!(true)), Some(json!(7)), Some(json!(2))]
    );
    assert_eq!(
        asked(json!({"min_tokens": null})),
        [Some(json!(true)), Some(json!(7)), None]
    );
}

#[test]
fn the_suites_stream_decides() {
    let protocol = Chat::new("m", true, &extra(json!({"stream": false})));
    assert!(!protocol.streams());
    assert_eq!(body(&protocol, &text("hi")).get("stream_options"), None);
}

#[test]
fn output_is_what_was_generated() {
    for filled in [
        json!({"content": "x"}),
        json!({"content": " "}),
        json!({"content": [{"type": "text", "text": "x"}]}),
        json!({"content": "", "reasoning_content": "x"}),
        json!({"content": null, "reasoning": "x"}),
        json!({"refusal": "no"}),
        json!({"role": "assistant", "content": "x"}),
        json!({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": ""}}]}),
        json!({"function_call": {"name": "f"}}),
        json!({"content": "\u{fffd}"}),
    ] {
        assert_eq!(tokens(&[delta(filled.clone())]), [None], "{filled}");
    }
    for empty in [
        json!({"role": "assistant"}),
        json!({"role": "assistant", "content": ""}),
        json!({"role": "assistant", "content": null, "tool_calls": []}),
        json!({"content": "", "reasoning_content": null, "refusal": null, "reasoning": ""}),
        json!({}),
        json!(null),
    ] {
        assert!(read(&[delta(empty.clone())]).is_empty(), "{empty}");
    }
    assert!(read(&[json!({"choices": null}), json!({"choices": []}), json!({})]).is_empty());
}

#[test]
fn the_finish_chunk_may_carry_the_last_text() {
    let last = json!({"choices": [{"delta": {"content": "x"}, "finish_reason": "length"}]});
    let events = read(&[last]);
    let expected = [
        Event::Output { tokens: None },
        Event::Finish("length".into()),
    ];
    assert_eq!(events, expected);
    assert!(read(&[json!({"choices": [{"delta": {}, "finish_reason": ""}]})]).is_empty());
}

#[test]
fn token_ids_are_exact_counts() {
    let chunk = |content: &str, ids: Value| json!({"choices": [{"delta": {"content": content}, "token_ids": ids}]});
    let counts = tokens(&[
        chunk("a", json!([1])),
        // Half a character: its token comes with the next text.
        chunk("", json!([2])),
        chunk("\u{e9}", json!([3, 4])),
        chunk("b", json!(null)),
    ]);
    assert_eq!(counts, [Some(1), Some(3), None]);
}

#[test]
fn continuous_usage_gives_the_difference() {
    let chunk = |content: &str, n: u64| {
        json!({
            "choices": [{"delta": {"content": content}}],
            "usage": {"prompt_tokens": 5, "completion_tokens": n},
        })
    };
    assert_eq!(
        tokens(&[
            chunk("", 0),
            chunk("a", 1),
            chunk("b", 4),
            chunk("", 5),
            chunk("c", 6)
        ]),
        [Some(1), Some(3), Some(2)],
    );
    // A count after a chunk without one covers both; from there on differences are one chunk's again.
    assert_eq!(
        tokens(&[delta(json!({"content": "a"})), chunk("b", 5), chunk("c", 6)]),
        [None, None, Some(1)],
    );
    // Zeros until the end count nothing.
    assert_eq!(
        tokens(&[chunk("a", 0), chunk("b", 0), chunk("c", 50)]),
        [None, None, None]
    );
}

/// vLLM tells both ways at once; either alone gives the same.
#[test]
fn a_running_count_tells_what_token_ids_tell() {
    let capture = include_str!("../../../tests/captures/vllm-chat-stream-contusage-tokenids.txt");
    let lines: Vec<Value> = capture
        .lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
        .collect();
    let mut without_ids = lines.clone();
    let mut without_count = lines.clone();
    for line in &mut without_ids {
        if let Some(choice) = line["choices"].get_mut(0) {
            choice
                .as_object_mut()
                .expect("an object")
                .remove("token_ids");
        }
    }
    for line in &mut without_count {
        line.as_object_mut().expect("an object").remove("usage");
    }
    let expected = vec![Some(1); 3];
    for told in [lines, without_ids, without_count] {
        assert_eq!(tokens(&told), expected);
    }
    // Speculative decoding: several tokens at once, and half a character that is held back.
    let step = |text: &str, ids: Value, total: u32| {
        json!({"choices": [{"delta": {"content": text}, "token_ids": ids}],
            "usage": {"prompt_tokens": 8, "completion_tokens": total}})
    };
    let steps = [
        step("a b c", json!([5, 6, 7]), 3),
        step("", json!([8]), 4),
        step("\u{1f642}", json!([9, 10]), 6),
        step(" d", json!([11]), 7),
    ];
    let strip = |key: &str| {
        let mut steps = steps.clone();
        for step in &mut steps {
            step.as_object_mut().expect("an object").remove(key);
            step["choices"][0]
                .as_object_mut()
                .expect("an object")
                .remove(key);
        }
        steps
    };
    for told in [steps.clone(), strip("usage"), strip("token_ids")] {
        assert_eq!(tokens(&told), [3, 3, 1].map(Some));
    }
}

#[test]
fn llamas_timings_count_per_token_and_stand_in_for_usage() {
    let chunk = |n: u64| {
        json!({
            "choices": [{"text": "x", "finish_reason": null}],
            "timings": {"cache_n": 1, "prompt_n": 5, "predicted_n": n},
        })
    };
    assert_eq!(tokens(&[chunk(1), chunk(3)]), [Some(1), Some(2)]);
    let usage = Usage {
        input: Some(6),
        output: Some(1),
        cached: Some(1),
    };
    assert!(read(&[chunk(1)]).contains(&Event::Usage(usage)));
    // A report on the prompt's progress is no output, and its counts are not the prompt's.
    let progress = json!({
        "choices": [{"text": "", "finish_reason": null}],
        "timings": {"cache_n": 1, "prompt_n": 2, "predicted_n": 0},
        "prompt_progress": {"total": 6, "processed": 3},
    });
    let usage = Usage {
        input: None,
        output: Some(0),
        cached: Some(1),
    };
    assert_eq!(read(&[progress]), [Event::Usage(usage)]);
}

#[test]
fn usage_may_hold_anything_and_only_counts_are_taken() {
    let usage = |usage: Value| read(&[json!({"choices": [], "usage": usage})]);
    let expected = Usage {
        input: Some(8),
        output: Some(4),
        cached: Some(0),
    };
    assert_eq!(
        usage(json!({
            "prompt_tokens": 8, "completion_tokens": 4.0, "total_tokens": 12,
            "prompt_tokens_details": {"cached_tokens": 0, "multimodal_tokens": null},
            "completion_tokens_details": null,
        })),
        [Event::Usage(expected)],
    );
    for nothing in [
        json!(null),
        json!({}),
        json!({"prompt_tokens": null, "prompt_tokens_details": null}),
        json!({"prompt_tokens": -1, "completion_tokens": "4"}),
        json!({"prompt_tokens_details": {"cached_tokens": null}}),
    ] {
        assert!(usage(nothing.clone()).is_empty(), "{nothing}");
    }
}

#[test]
fn nothing_after_done_is_read() {
    let mut events = Vec::new();
    let mut decoder = chat().decoder();
    decoder
        .feed(b"data:[DONE]\n\ndata: rubbish\n\n", &mut events)
        .unwrap();
    assert_eq!(events, [Event::Done]);
}

#[test]
fn a_stream_may_end_without_a_blank_line() {
    let mut events = Vec::new();
    let mut decoder = chat().decoder();
    decoder.feed(b"data: [DONE]", &mut events).unwrap();
    assert!(events.is_empty());
    decoder.finish(&mut events).unwrap();
    assert_eq!(events, [Event::Done]);
}

#[test]
fn bytes_that_are_no_utf8_are_replaced() {
    let mut events = Vec::new();
    let mut decoder = chat().decoder();
    let stream = b"data: {\"choices\":[{\"delta\":{\"content\":\"\xf0\x9f\"}}]}\n\n";
    decoder.feed(stream, &mut events).unwrap();
    assert_eq!(events, [Event::Output { tokens: None }]);
}

#[test]
fn what_is_not_an_object_is_malformed() {
    for data in [
        "5",
        "[]",
        "\"x\"",
        "null",
        "{\"choices\":5}",
        "{\"choices\":[5]}",
        "{",
        "hello",
    ] {
        let stream = format!("data: {data}\n\n");
        let error = chat().decoder().feed(stream.as_bytes(), &mut Vec::new());
        assert_eq!(error.unwrap_err().kind, ErrorKind::Malformed, "{data}");
    }
}

#[test]
fn errors_are_told_apart_from_answers() {
    let message = |data: Value| match &read(std::slice::from_ref(&data))[..] {
        [Event::Error { kind, message }] => {
            assert_eq!(*kind, ErrorKind::ErrorInStream);
            message.clone()
        }
        other => panic!("{data}: {other:?}"),
    };
    assert_eq!(
        message(json!({"error": {"message": "no\n  memory"}})),
        "no memory"
    );
    assert_eq!(
        message(json!({"error": {"type": "overloaded"}})),
        "an error of type overloaded"
    );
    assert_eq!(
        message(json!({"error": {"code": 500}, "choices": []})),
        "an error of type 500"
    );
    assert_eq!(message(json!({"error": 7})), "{\"error\":7}");
    assert_eq!(
        message(json!({"detail": [{"loc": ["body"], "msg": "Field required"}]})),
        "Field required"
    );
    // A null is no error, and neither is a `detail` beside choices.
    assert!(read(&[json!({"error": null, "choices": []})]).is_empty());
    let beside = json!({"detail": "x", "choices": [{"delta": {"content": "x"}}]});
    assert_eq!(tokens(&[beside]), [None]);
}

#[test]
fn a_whole_answer_is_read_at_its_end() {
    let protocol = Chat::new("m", false, &Map::new());
    let answer = json!({
        "choices": [{"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 8, "completion_tokens": 2},
    });
    let usage = Usage {
        input: Some(8),
        output: Some(2),
        cached: None,
    };
    let expected = vec![
        Event::Output { tokens: None },
        Event::Usage(usage),
        Event::Finish("stop".into()),
    ];
    assert_eq!(whole(&protocol, &answer.to_string()), Ok(expected));
    assert_eq!(whole(&protocol, ""), Ok(Vec::new()));
    let cut = &answer.to_string()[..60];
    assert_eq!(
        whole(&protocol, cut).unwrap_err().kind,
        ErrorKind::Truncated
    );
    assert_eq!(
        whole(&protocol, "<html>").unwrap_err().kind,
        ErrorKind::Malformed
    );
    assert_eq!(
        whole(&protocol, "[]").unwrap_err().kind,
        ErrorKind::Malformed
    );
}

#[test]
fn a_content_type_that_cannot_be_right_is_told() {
    let (streamed, plain) = (chat(), Chat::new("m", false, &Map::new()));
    let refused = |protocol: &Chat, content_type, body: &[u8]| {
        let mut decoder = protocol.decoder_for(Some(content_type));
        let mut events = Vec::new();
        decoder.feed(body, &mut events)?;
        decoder.finish(&mut events)?;
        Ok::<_, RequestError>(events)
    };
    let stream = b"data: {\"choices\":[]}\n\n";
    for (protocol, content_type, body) in [
        (
            &streamed,
            "application/json; charset=utf-8",
            &b"{\"choices\":[]}"[..],
        ),
        (&plain, "text/event-stream", stream),
        (&plain, "Text/HTML", b"<html>"),
        (&streamed, "text/html", stream),
        (&streamed, "application/json", b""),
    ] {
        let error = refused(protocol, content_type, body).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Malformed, "{content_type}");
    }
    // Types that say nothing are read as what was asked for.
    for content_type in ["text/plain", "application/octet-stream", ""] {
        assert_eq!(refused(&streamed, content_type, stream), Ok(Vec::new()));
    }
    let endless = refused(&streamed, "text/html", &vec![b'x'; 1 << 20]);
    assert_eq!(endless.unwrap_err().kind, ErrorKind::Malformed);
}
