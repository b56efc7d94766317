//! The scan of events against serde: the same on every input.

use prony::endpoint::openai::stream_decoder;
use prony::endpoint::{Decoder, Event};
use prony::record::RequestError;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::reference;

type Outcome = (Vec<Event>, Result<(), RequestError>);

/// What a decoder makes of `input`, fed in pieces that end at `cuts`.
fn read(mut decoder: Box<dyn Decoder>, input: &[u8], cuts: &[Index]) -> Outcome {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
    ends.push(input.len());
    ends.sort_unstable();
    let mut events = Vec::new();
    let mut from = 0;
    for end in ends {
        if let Err(error) = decoder.feed(&input[from..end], &mut events) {
            return (events, Err(error));
        }
        from = end;
    }
    let finished = decoder.finish(&mut events);
    (events, finished)
}

fn assert_equal(input: &[u8], cuts: &[Index]) {
    let scanned = read(stream_decoder(true), input, cuts);
    let parsed = read(stream_decoder(false), input, cuts);
    assert_eq!(scanned, parsed, "{}", input.escape_ascii());
}

fn captured() -> Vec<Vec<u8>> {
    reference::captures()
        .into_iter()
        .flat_map(|(_, recording)| reference::responses(&recording))
        .filter(|response| response.stream)
        .map(|response| response.body)
        .collect()
}

#[test]
fn every_capture() {
    let captured = captured();
    assert!(captured.len() > 10);
    for body in captured {
        assert_equal(&body, &[]);
    }
}

/// Every event of `body` with its blank line.
fn events_of(body: &[u8]) -> Vec<&[u8]> {
    let mut events = Vec::new();
    let mut from = 0;
    while let Some(end) = body[from..].windows(2).position(|w| w == b"\n\n") {
        events.push(&body[from..from + end + 2]);
        from += end + 2;
    }
    events
}

#[test]
fn every_event_of_every_capture_with_every_byte_spoilt() {
    // A whole event teaches the scan its pattern; the spoilt one after it must not be taken for alike.
    let mut seen = std::collections::BTreeSet::new();
    for body in captured() {
        let events = events_of(&body);
        for pair in events.windows(2).take(3) {
            let (before, event) = (pair[0], pair[1]);
            // Events differ in length and counts; one of a kind is enough.
            let kind: Vec<u8> = event
                .iter()
                .filter(|b| !b.is_ascii_alphanumeric())
                .copied()
                .collect();
            if !seen.insert(kind) {
                continue;
            }
            for at in 0..event.len() {
                for spoilt in b"\"\\{}[],:0 e-\n\x80" {
                    let mut input = [before, event, event].concat();
                    input[before.len() + event.len() + at] = *spoilt;
                    assert_equal(&input, &[]);
                }
                let mut shorter = [before, event, event].concat();
                shorter.remove(before.len() + event.len() + at);
                assert_equal(&shorter, &[]);
            }
        }
    }
    assert!(seen.len() > 5, "{}", seen.len());
}

/// Values that may stand where a text stands: most of them like each other, some not a string at all.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[ -!#-\\[\\]-~]{1,8}".prop_map(|s| format!("\"{s}\"")),
        2 => select(vec![
            r#""""#, r#""\n""#, r#""\"""#, r#""\\""#, r#""\\\"""#, r#""\u00e9""#, r#""\ud83d\ude42""#,
            r#""\ud83d""#, r#""\uD7ff""#, r#""\u12g4""#, r#""\x""#, "\"h\u{e9}\u{1f642}\"", "\"a\tb\"",
            r#""a","content":"b""#, "null", "7", "[]", "[1]", "{}", r#"{"a":1}"#, "true", "\"", "\"\\",
        ]).prop_map(str::to_owned),
    ]
}

/// The same for counts.
fn count() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => (0..2_000_u32).prop_map(|n| n.to_string()),
        1 => select(vec![
            "0", "00", "01", "-1", "-0", "1.0", "1.5", "1e3", "1E3", "9007199254740992", "9007199254740993",
            "999999999999999", "18446744073709551616", "null", "\"7\"", "", "1 ", " 1", "1,", "true",
        ]).prop_map(str::to_owned),
    ]
}

/// The same for lists of token ids.
fn ids() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::collection::vec(0..150_000_u32, 0..4).prop_map(|ids| format!("{ids:?}")),
        2 => prop::collection::vec(0..150_000_u32, 1..4).prop_map(|ids| format!("{ids:?}").replace(' ', "")),
        1 => select(vec!["null", "[1,]", "[,1]", "[-1]", "[1.5]", "[01]", "[1,  2]", "[ 1]", "[[1]]", "7", "{}", "["])
            .prop_map(str::to_owned),
    ]
}

/// A shape of events: what servers of the field send, and what none should.
fn shape() -> impl Strategy<Value = &'static str> {
    select(vec![
        r#"{"id":"c-1","created":C,"choices":[{"index":0,"delta":{"content":T},"logprobs":null,"finish_reason":null}]}"#,
        r#"{"id":"c-1","created":C,"choices":[{"index":0,"delta":{"content":T},"finish_reason":null,"token_ids":I}],"usage":{"prompt_tokens":C,"total_tokens":C,"completion_tokens":C}}"#,
        r#"{"choices":[{"index":0,"text":T,"token_ids":I},{"index":1,"text":T,"token_ids":I}]}"#,
        r#"{"choices":[{"index":0,"text":T,"finish_reason":null}],"usage":{"prompt_tokens":C,"completion_tokens":C,"prompt_tokens_details":{"cached_tokens":C}}}"#,
        r#"{ "choices" : [ { "delta" : { "reasoning_content" : T , "content" : T } } ] , "created" : C }"#,
        r#"{"choices":[{"delta":{"content":T}}],"timings":{"cache_n":C,"prompt_n":C,"predicted_n":C},"usage":{"completion_tokens":C}}"#,
        r#"{"choices":[{"delta":{"c\u006fntent":T},"message":{"content":T}}]}"#,
        r#"{"choices":[{"delta":{"content":T,"content":T}}]}"#,
        r#"{"choices":[{"text":T}],"usage":{"prompt_tokens":C},"usage":{"prompt_tokens":C}}"#,
        r#"{"choices":[{"text":T}],"error":T}"#,
        r#"{"choices":[{"text":T}],"created":C,"created":C,"x":{"choices":[{"text":T,"token_ids":I}]}}"#,
        r#"{"choices":[{"text":"a","logprobs":{"tokens":[T],"n":C},"finish_reason":T}]}"#,
        r#"[{"choices":[{"text":T}]}]"#,
        r#"{"choices":{"text":T},"usage":C}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":T}}]}}]}"#,
    ])
}

fn event() -> impl Strategy<Value = String> {
    let values = (
        prop::collection::vec(text(), 3),
        prop::collection::vec(count(), 6),
        prop::collection::vec(ids(), 2),
    );
    (shape(), values).prop_map(|(shape, (texts, counts, lists))| {
        let (mut texts, mut counts, mut lists) =
            (texts.into_iter(), counts.into_iter(), lists.into_iter());
        let mut out = String::new();
        // A place holder is a letter where a value stands.
        let bytes = shape.as_bytes();
        for (i, c) in shape.char_indices() {
            let place = i > 0 && matches!(bytes[i - 1], b':' | b' ' | b'[');
            let next = match c {
                'T' if place => texts.next(),
                'C' if place => counts.next(),
                'I' if place => lists.next(),
                _ => None,
            };
            match next {
                Some(value) => out.push_str(&value),
                None => out.push(c),
            }
        }
        out
    })
}

/// A stream in which one shape comes again and again, now and then interrupted by another event.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let end = select(vec!["\n\n", "\n\n", "\r\n\r\n", "\n"]);
    let name = select(vec!["", "", "", "", "event: error\n", ": ping\n\n"]);
    prop::collection::vec((event(), name, end), 1..12).prop_map(|events| {
        let mut out = Vec::new();
        for (event, name, end) in events {
            out.extend_from_slice(format!("{name}data: {event}{end}").as_bytes());
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
        out
    })
}

/// Events of one shape each, so that patterns are learnt and matched again.
fn monotone() -> impl Strategy<Value = Vec<u8>> {
    (
        0..15_usize,
        prop::collection::vec((event(), any::<Index>()), 4..40),
    )
        .prop_map(|(_, events)| {
            let mut out = Vec::new();
            let first = events[0].0.clone();
            for (event, at) in events {
                // Now and then the first one with one value of the other's put into it.
                let event = if at.index(3) == 0 {
                    event
                } else {
                    graft(&first, &event)
                };
                out.extend_from_slice(format!("data: {event}\n\n").as_bytes());
            }
            out
        })
}

/// `stem` with its first text replaced by that of `scion`.
fn graft(stem: &str, scion: &str) -> String {
    let value = |json: &str| {
        let key = ["\"content\":", "\"text\":"]
            .iter()
            .find_map(|k| Some(json.find(k)? + k.len()))?;
        let rest = &json[key..];
        let end = rest[1..].find(['"', ',', '}'])? + 2;
        Some((key, key + end))
    };
    match (value(stem), value(scion)) {
        (Some((a, b)), Some((c, d))) if stem.is_char_boundary(b) && scion.is_char_boundary(d) => {
            format!("{}{}{}", &stem[..a], &scion[c..d], &stem[b..])
        }
        _ => stem.to_owned(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn generated_events(input in stream(), cuts in prop::collection::vec(any::<Index>(), 0..6)) {
        assert_equal(&input, &cuts);
    }

    #[test]
    fn events_that_are_nearly_alike(input in monotone(), cuts in prop::collection::vec(any::<Index>(), 0..6)) {
        assert_equal(&input, &cuts);
    }

    #[test]
    fn captures_cut_anywhere_and_damaged(
        which in any::<Index>(),
        cuts in prop::collection::vec(any::<Index>(), 0..8),
        damage in prop::collection::vec((any::<Index>(), any::<u8>(), 0..3_u8), 0..6),
    ) {
        let captured = captured();
        let mut body = captured[which.index(captured.len())].clone();
        for (at, byte, how) in damage {
            let at = at.index(body.len());
            match how {
                0 => body[at] = byte,
                1 => body.insert(at, b"\"\\,:{}[]0 \n"[usize::from(byte) % 11]),
                _ => drop(body.remove(at)),
            }
        }
        assert_equal(&body, &cuts);
    }

    #[test]
    fn arbitrary_bytes(
        pieces in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..30),
                event().prop_map(String::into_bytes),
                select(vec![&b"data: "[..], b"\n\n", b"\r\n", b"data:", b"[DONE]", b"\xff\xfe", b"\\u", b"\"}]}"])
                    .prop_map(<[u8]>::to_vec),
            ],
            0..12,
        ),
        cuts in prop::collection::vec(any::<Index>(), 0..6),
    ) {
        assert_equal(&pieces.concat(), &cuts);
    }
}
