//! Prompts are as long as asked under tokenizers of both families, trained for these tests
//! (`train.py`). CI holds the same prompts against Python's transformers (`count.py`).

use std::path::Path;
use std::sync::Arc;

use futures_util::FutureExt;
use prony::suite::{Length, Popularity, Prefix, Shape};
use prony::workload::{LocalTokenizer, Pieces, Prompt, RequestSource, Synthetic, TokenModel, salt};

const TOKENIZERS: [&str; 2] = ["gpt", "llama"];

fn tokenizer(name: &str) -> LocalTokenizer {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/tokens/{name}.json"));
    LocalTokenizer::from_path(&path).expect("it is a tokenizer")
}

/// Prompts made for `tokenizer`.
fn source(tokenizer: &LocalTokenizer, length: Length, prefix: Option<Prefix>) -> Synthetic {
    let pieces = Pieces::learn(tokenizer)
        .now_or_never()
        .expect("it answers at once")
        .expect("it keeps words apart");
    let model = TokenModel {
        pieces,
        overhead: 0,
        head: None,
        exact: true,
    };
    Synthetic::new(
        (7, 0),
        Some("a b c"),
        length,
        Length::Fixed(1),
        Arc::new(model),
    )
    .with_prefix(prefix)
}

fn drawn(shape: Shape) -> Length {
    Length::Drawn {
        shape,
        min: 16,
        max: 400,
    }
}

#[test]
fn prompts_are_as_long_as_asked() {
    let (mean, stddev) = (120.0, 60.0);
    for name in TOKENIZERS {
        let tokenizer = tokenizer(name);
        for length in [
            Length::Fixed(97),
            drawn(Shape::Uniform),
            drawn(Shape::Normal { mean, stddev }),
            drawn(Shape::LogNormal { mean, stddev }),
            drawn(Shape::Exponential { mean }),
            drawn(Shape::Zipf { s: 1.1 }),
        ] {
            let source = source(&tokenizer, length.clone(), None);
            for id in 0..60 {
                let request = source.request(id);
                let Prompt::Text(text) = &request.prompt else {
                    panic!("text expected");
                };
                let counted = tokenizer.encode(text).expect("it encodes").len();
                assert_eq!(
                    Some(counted as u32),
                    request.input_tokens,
                    "{name} {length:?}"
                );
            }
        }
    }
}

/// The tokens themselves: those of a group are the same up to the prefix's end and differ right after.
#[test]
fn groups_share_exactly_their_prefix() {
    let prefix = Prefix {
        tokens: 64,
        groups: 3,
        ratio: 1.0,
        popularity: Popularity::Uniform,
    };
    for name in TOKENIZERS {
        let tokenizer = tokenizer(name);
        let source = source(&tokenizer, Length::Fixed(32), Some(prefix));
        let made: Vec<(String, Vec<u32>)> = (0..20)
            .map(|id| {
                let request = source.request(id);
                assert_eq!(request.input_tokens, Some(96));
                let Prompt::Text(text) = &request.prompt else {
                    panic!("text expected");
                };
                let ids = tokenizer.encode(text).expect("it encodes");
                (request.labels["group"].clone(), ids)
            })
            .collect();
        for (i, (group, a)) in made.iter().enumerate() {
            for (other, b) in &made[..i] {
                let alike = a.iter().zip(b).take_while(|(a, b)| a == b).count();
                let expected = if group == other { 64 } else { 0 };
                assert_eq!(
                    (alike, a.len()),
                    (expected, 96),
                    "{name}: {group} and {other}"
                );
            }
        }
    }
}

#[test]
fn salts_are_equally_long() {
    for name in TOKENIZERS {
        let tokenizer = tokenizer(name);
        let lengths: std::collections::BTreeSet<usize> = (0..100)
            .map(|run| salt(3, "a::b", "main", run))
            .map(|salt| tokenizer.encode(&salt).expect("it encodes").len())
            .collect();
        assert_eq!(lengths.len(), 1, "{name}: {lengths:?}");
    }
}

#[test]
fn special_tokens_around_a_prompt_are_known() {
    let around = TOKENIZERS.map(|name| tokenizer(name).special_tokens());
    assert_eq!(around, [(0, 0), (1, 0)]);
}
