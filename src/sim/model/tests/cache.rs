use serde_json::json;

use super::lab::{Lab, request};
use crate::sim::model::{EngineRequest, PromptTokens};

fn totals(lab: &mut Lab) -> (u64, u64) {
    lab.engine.stats().fold((0, 0), |(q, h), s| {
        (q + s.prefix_queries, h + s.prefix_hits)
    })
}

fn shared(block_tokens: u32, common: u32, salt: u64, own: u32) -> PromptTokens {
    let mut prompt = PromptTokens::unique(block_tokens, 1, common);
    for token in 0..own {
        prompt.push(1_000_000 + (salt as u32) * 1000 + token);
    }
    prompt
}

/// vLLM caches full blocks, and always computes the last token. The first figures are those of a
/// vLLM server with blocks of 32: a prompt of 481 tokens, sent again, had 480 cached.
#[test]
fn a_repeated_prompt_is_found_but_for_its_last_block() {
    for (block, prompt, cached) in [
        (32, 481, 480),
        (16, 480, 464),
        (16, 481, 480),
        (16, 16, 0),
        (16, 17, 16),
    ] {
        let mut lab = Lab::new(&json!({"kv": {"block_tokens": block}}), 1);
        let ask = || EngineRequest {
            prompt: PromptTokens::unique(block, 9, prompt),
            ..request(1, 1, 2)
        };
        let cold = lab.submit(0, ask());
        lab.run_out();
        let now = lab.seen[&cold].end() + 1;
        let warm = lab.submit(now, ask());
        lab.run_out();
        assert_eq!(
            (lab.seen[&cold].cached, lab.seen[&warm].cached),
            (0, cached)
        );
        assert_eq!(totals(&mut lab), (2 * u64::from(prompt), u64::from(cached)));
        if cached > 0 {
            assert!(lab.seen[&warm].ttft() < lab.seen[&cold].ttft());
        }
    }
}

#[test]
fn a_shared_prefix_counts_in_full_blocks() {
    let mut lab = Lab::new(&json!({}), 1);
    let mut now = 0;
    for salt in 0..5 {
        let prompt = shared(16, 100, salt, 60);
        let id = lab.submit(
            now,
            EngineRequest {
                prompt,
                ..request(salt, 1, 2)
            },
        );
        lab.run_out();
        now = lab.seen[&id].end() + 1;
        // 100 common tokens are six full blocks.
        assert_eq!(lab.seen[&id].cached, if salt == 0 { 0 } else { 96 });
    }
    assert_eq!(totals(&mut lab), (5 * 160, 4 * 96));
}

#[test]
fn another_salt_shares_nothing() {
    let a = PromptTokens::unique(16, 1, 64);
    let b = PromptTokens::unique(16, 2, 64);
    assert!(a.blocks().iter().all(|hash| !b.blocks().contains(hash)));
    assert_eq!(a.blocks().len(), 4);
}

#[test]
fn requests_of_one_step_share_what_the_first_of_them_computes() {
    let mut lab = Lab::new(&json!({}), 1);
    let ids = [1, 2].map(|salt| {
        let prompt = shared(16, 64, salt, 10);
        lab.submit(
            0,
            EngineRequest {
                prompt,
                ..request(salt, 1, 2)
            },
        )
    });
    lab.run_out();
    assert_eq!(ids.map(|id| lab.seen[&id].cached), [0, 64]);
}

#[test]
fn answers_are_cached_for_the_next_turn() {
    let mut lab = Lab::new(&json!({}), 1);
    let first = lab.submit(0, request(5, 40, 60));
    lab.run_out();
    let mut next = PromptTokens::unique(16, 5, 40);
    for index in 0..60 {
        next.push(EngineRequest::token(5, index));
    }
    for token in 0..30 {
        next.push(2_000_000 + token);
    }
    let now = lab.seen[&first].end() + 1;
    let second = lab.submit(
        now,
        EngineRequest {
            prompt: next,
            ..request(6, 1, 1)
        },
    );
    lab.run_out();
    // Of 100 tokens 99 were computed: the last generated one never was.
    assert_eq!(lab.seen[&second].cached, 96);
}

#[test]
fn the_least_recently_used_prefix_is_evicted() {
    let mut lab = Lab::new(&json!({"max_model_len": 320, "kv": {"blocks": 20}}), 1);
    let mut now = 0;
    let mut cached = |salt| {
        let id = lab.submit(now, request(salt, 129, 1));
        lab.run_out();
        now = lab.seen[&id].end() + 1;
        lab.seen[&id].cached
    };
    // Nine blocks each, eight of them full: two fit into twenty.
    assert_eq!([1, 2, 1, 2].map(&mut cached), [0, 0, 128, 128]);
    // The third takes what 1 left longest ago; 2 is still whole.
    assert_eq!([3, 2].map(&mut cached), [0, 128]);
    assert!(cached(1) < 128);
}

#[test]
fn a_reset_forgets_and_a_cache_that_is_off_never_knew() {
    for (enabled, expected) in [(true, 48), (false, 0)] {
        let mut lab = Lab::new(&json!({"kv": {"prefix_cache": enabled}}), 1);
        let mut now = 0;
        let mut ask = |lab: &mut Lab| {
            let id = lab.submit(now, request(1, 50, 1));
            lab.run_out();
            now = lab.seen[&id].end() + 1;
            lab.seen[&id].cached
        };
        ask(&mut lab);
        assert_eq!(ask(&mut lab), expected);
        assert!(lab.engine.reset_prefix_cache());
        assert_eq!(ask(&mut lab), 0);
    }
}
