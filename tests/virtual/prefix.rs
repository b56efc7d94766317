//! The ideal hit ratio of made-up prompts against the embedded engine's prefix cache.

use std::sync::Arc;

use prony::record::RequestRecord;
use prony::suite::{Length, LoadShape, Popularity, Prefix};
use prony::workload::{CacheShape, Reader, RequestSource, Synthetic, TokenModel, ideal_hits};
use serde_json::json;

use crate::world::{Run, World};

fn source(groups: u32, ratio: f64) -> Synthetic {
    let prefix = Prefix {
        tokens: 200,
        groups,
        ratio,
        popularity: Popularity::Zipf(0.9),
    };
    let model = TokenModel {
        exact: true,
        ..TokenModel::assumed()
    };
    let (input, output) = (Length::uniform(20, 90), Length::Fixed(4));
    Synthetic::new((5, 0), None, input, output, Arc::new(model)).with_prefix(Some(prefix))
}

/// Tokens found by the engine with that many blocks, and by an ideal cache of the same shape, one
/// request after the other.
fn hits(source: &Synthetic, blocks: u32, capacity: Option<u64>) -> (u64, u64) {
    let world = World::new(
        &json!({ "kv.blocks": blocks, "kv.block_tokens": 16, "kv.prefix_cache": true, "max_model_len": 512 }),
    );
    let load = Run {
        requests: Some(300),
        ..Run::new(LoadShape::Concurrency(1))
    };
    let run = world.begin_with(load, source.clone());
    let mut records = world.driver.block_on(run).records;
    records.sort_by_key(|r| r.id);
    // The request that was cut at the end never got far enough to be counted.
    records.retain(RequestRecord::ok);
    assert!(records.len() >= 300);
    let found = records.iter().filter_map(|r| r.cached_tokens).sum();
    let model = TokenModel::assumed();
    let reader = Reader::new(&model.pieces);
    let prompts = records.iter().map(|r| {
        let numbers = model.numbers(&source.request(r.id), &reader);
        let numbers = numbers.expect("made of these pieces");
        assert_eq!(r.input_tokens, Some(numbers.len() as u64));
        (numbers, 4)
    });
    let shape = CacheShape {
        block_tokens: 16,
        capacity,
    };
    (found, ideal_hits(prompts, shape).hits)
}

#[test]
fn with_room_for_all_the_ideal_is_what_the_engine_finds() {
    for (groups, ratio) in [(1, 1.0), (8, 1.0), (8, 0.6)] {
        let (found, ideal) = hits(&source(groups, ratio), 40_000, None);
        assert!(found > 0);
        assert_eq!(found, ideal, "{groups} groups, ratio {ratio}");
    }
}

#[test]
fn with_less_room_it_comes_within_two_percent() {
    for blocks in [40, 60, 90] {
        let (found, ideal) = hits(&source(8, 0.9), blocks, Some(blocks.into()));
        let off = (found as f64 - ideal as f64).abs() / ideal as f64;
        assert!(off <= 0.02, "{blocks} blocks: {found} found, {ideal} ideal");
    }
}
