//! The incremental decoders against plain readings of the whole input, cut everywhere.

use prony::endpoint::{Decoder, Event, Protocol, SseDecoder, TooLong};
use proptest::prelude::*;

use crate::reference;
use crate::server::{chat, completions};

/// Feeds `pieces` to the incremental decoder.
fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<reference::Event> {
    let mut decoder = SseDecoder::default();
    let mut events = Vec::new();
    for piece in pieces {
        let fed: Result<(), TooLong> = decoder.feed(piece, |event| {
            events.push((event.data.to_vec(), event.error));
            Ok(())
        });
        fed.unwrap();
    }
    let finished: Result<(), TooLong> = decoder.finish(|event| {
        events.push((event.data.to_vec(), event.error));
        Ok(())
    });
    finished.unwrap();
    events
}

/// Stretches of `body` of some 4 kB that end where an event ends, so that trying every cut of a
/// long capture stays cheap.
fn stretches(body: &[u8]) -> Vec<&[u8]> {
    let (mut found, mut start) = (Vec::new(), 0);
    for (i, pair) in body.windows(2).enumerate() {
        if pair == b"\n\n" && i + 2 - start > 4_000 {
            found.push(&body[start..i + 2]);
            start = i + 2;
        }
    }
    found.push(&body[start..]);
    found
}

fn streams() -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for (name, recording) in reference::captures() {
        for response in reference::responses(&recording) {
            if response.stream {
                found.push((name.clone(), response.body));
            }
        }
    }
    assert!(found.len() > 15, "the captures are there");
    found
}

#[test]
fn a_capture_cut_at_any_byte_gives_the_same_events() {
    for (name, body) in streams() {
        for stretch in stretches(&body) {
            let whole = reference::sse(stretch);
            assert!(!whole.is_empty(), "{name}");
            for cut in 0..=stretch.len() {
                let (left, right) = stretch.split_at(cut);
                assert!(decode([left, right]) == whole, "{name} cut at {cut}");
            }
        }
        assert!(
            decode(body.chunks(1)) == reference::sse(&body),
            "{name} byte by byte"
        );
    }
}

/// Feeds `pieces` to the decoder of a protocol.
fn events<'a>(
    mut decoder: Box<dyn Decoder>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Event> {
    let mut events = Vec::new();
    for piece in pieces {
        decoder.feed(piece, &mut events).unwrap();
    }
    decoder.finish(&mut events).unwrap();
    events
}

#[test]
fn a_capture_cut_at_any_byte_gives_the_same_output_and_counts() {
    for (name, body) in streams() {
        let protocol: &dyn Protocol = if name.contains("chat") {
            &chat()
        } else {
            &completions()
        };
        let body = stretches(&body)[0];
        let whole = events(protocol.decoder(), [body]);
        for cut in 0..=body.len() {
            let (left, right) = body.split_at(cut);
            assert_eq!(
                events(protocol.decoder(), [left, right]),
                whole,
                "{name} cut at {cut}"
            );
        }
        assert_eq!(
            events(protocol.decoder(), body.chunks(1)),
            whole,
            "{name} byte by byte"
        );
    }
}

/// A line without its end.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof![
        Just("x".to_owned()),
        Just("  two spaces".to_owned()),
        Just("h\u{e9}\u{1f642}\u{4f60}".to_owned()),
        Just("{\"a\":\"b: c\"}".to_owned()),
        Just(String::new()),
        "[ -~]{0,12}",
    ];
    let prefix = prop_oneof![
        8 => Just("data: "),
        4 => Just("data:"),
        1 => Just("data"),
        1 => Just("event: error"),
        1 => Just("event: message"),
        1 => Just("id: "),
        1 => Just("retry: "),
        2 => Just(": "),
        1 => Just("\u{feff}"),
        1 => Just("dat"),
        1 => Just("data "),
        8 => Just("\0blank"),
    ];
    (prefix, text).prop_map(|(prefix, text)| match prefix {
        "\0blank" => Vec::new(),
        "data" => b"data".to_vec(),
        event if event.starts_with("event") => event.as_bytes().to_vec(),
        _ => format!("{prefix}{text}").into_bytes(),
    })
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let end = prop_oneof![3 => Just("\n"), 2 => Just("\r\n"), 1 => Just("\r")];
    let lines = prop::collection::vec((line(), end), 0..24);
    (any::<bool>(), lines, any::<bool>()).prop_map(|(mark, lines, ended)| {
        let mut bytes = if mark {
            b"\xef\xbb\xbf".to_vec()
        } else {
            Vec::new()
        };
        for (line, end) in lines {
            bytes.extend_from_slice(&line);
            bytes.extend_from_slice(end.as_bytes());
        }
        if !ended {
            bytes.pop();
        }
        bytes
    })
}

proptest! {
    #[test]
    fn any_stream_cut_anywhere_decodes_as_the_standard_says(
        stream in stream(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut cuts: Vec<_> = cuts.iter().map(|c| c.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]);
        prop_assert_eq!(decode(pieces), reference::sse(&stream));
    }

    #[test]
    fn arbitrary_bytes_decode_as_the_standard_says(
        stream in prop::collection::vec(prop_oneof![
            Just(b'\n'), Just(b'\r'), Just(b':'), Just(b' '), Just(b'd'), Just(b'a'), Just(b't'),
            any::<u8>(),
        ], 0..200),
        cut in any::<prop::sample::Index>(),
    ) {
        let (left, right) = stream.split_at(cut.index(stream.len() + 1));
        prop_assert_eq!(decode([left, right]), reference::sse(&stream));
    }

    #[test]
    fn what_is_held_never_exceeds_the_bound(
        stream in stream(),
        max in 1_usize..40,
        size in 1_usize..10,
    ) {
        let longest = stream.split(|b| matches!(b, b'\n' | b'\r')).map(<[u8]>::len).max();
        let mut decoder = SseDecoder::with_max(max);
        let mut refused = false;
        for piece in stream.chunks(size) {
            let fed: Result<(), TooLong> = decoder.feed(piece, |_| Ok(()));
            prop_assert!(decoder.held() <= 2 * max + 1);
            if fed.is_err() {
                refused = true;
                break;
            }
        }
        // A line over the bound is always refused, wherever it is cut.
        if longest.is_some_and(|n| n > max) {
            prop_assert!(refused);
        }
    }
}

/// What a chunk may look like, good and bad.
const DATA: [&str; 12] = [
    r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#,
    r#"{"choices":[{"delta":{"content":"hé🙂"}}]}"#,
    r#"{"choices":[{"delta":{"content":"x"},"token_ids":[1,2]}]}"#,
    r#"{"choices":[{"delta":{"content":""},"token_ids":[3]}]}"#,
    r#"{"choices":[{"delta":{"content":"y"}}],"usage":{"completion_tokens":7}}"#,
    r#"{"choices":[{"text":"z","finish_reason":"stop"}]}"#,
    r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":9}}"#,
    r#"{"choices":[],"timings":{"cache_n":1,"prompt_n":2,"predicted_n":3}}"#,
    r#"{"error":{"message":"no"}}"#,
    r#"{"choices":[{"delta":{"con"#,
    "[DONE]",
    "",
];

proptest! {
    #[test]
    fn a_decoder_says_the_same_however_its_input_is_cut(
        picks in prop::collection::vec((0..DATA.len(), prop::bool::weighted(0.9)), 0..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut stream = Vec::new();
        for (pick, ended) in picks {
            stream.extend_from_slice(format!("data: {}\n", DATA[pick]).as_bytes());
            stream.extend_from_slice(if ended { b"\n" } else { b"" });
        }
        let run = |pieces: &mut dyn Iterator<Item = &[u8]>| {
            let (mut decoder, mut events) = (chat().decoder(), Vec::new());
            let mut result = Ok(());
            for piece in pieces {
                result = result.and_then(|()| decoder.feed(piece, &mut events));
            }
            result = result.and_then(|()| decoder.finish(&mut events));
            (events, result)
        };
        let mut cuts: Vec<_> = cuts.iter().map(|c| c.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let whole = run(&mut std::iter::once(&stream[..]));
        let cut = run(&mut cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]));
        prop_assert_eq!(cut, whole);
    }
}

#[test]
fn an_endless_line_is_refused_before_it_is_held() {
    let mut decoder = chat().decoder();
    let mut events = Vec::new();
    let piece = vec![b'a'; 64 << 10];
    let error = (0..1_000)
        .find_map(|_| decoder.feed(&piece, &mut events).err())
        .expect("a bound on the line");
    assert_eq!(error.kind, prony::record::ErrorKind::TooLarge);
}
