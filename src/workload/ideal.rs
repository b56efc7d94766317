use std::collections::{BTreeMap, HashMap};

/// The prefix cache that an ideal hit ratio is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheShape {
    /// Tokens of a block; only whole blocks are found again. 1: every token.
    pub block_tokens: u32,
    /// How many blocks there are; `None`: as many as it takes.
    pub capacity: Option<u64>,
}

/// What a perfect prefix cache would find.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdealHits {
    /// Prompt tokens that it finds.
    pub hits: u64,
    /// Prompt tokens in all.
    pub tokens: u64,
}

impl IdealHits {
    /// Share of the prompt tokens that it finds; `None` without any.
    pub fn ratio(&self) -> Option<f64> {
        (self.tokens > 0).then(|| self.hits as f64 / self.tokens as f64)
    }
}

/// What a prefix cache of that shape finds at best when `prompts` come one after the other, each with
/// the tokens that are generated for it. Tokens may be any numbers that are equal where tokens are.
///
/// The rules are those of vLLM's block manager (automatic prefix caching): a block is found when all
/// tokens up to its end are the same; the last token of a prompt is always computed, since its output is
/// needed; blocks that nobody uses are taken in the order in which they were last used, of a request the
/// last one first. A prompt that needs more blocks than there are finds what it can, and leaves as many
/// as there are.
pub fn ideal_hits<P: AsRef<[u32]>>(
    prompts: impl IntoIterator<Item = (P, u32)>,
    cache: CacheShape,
) -> IdealHits {
    let mut ideal = IdealCache::new(cache);
    let mut found = IdealHits::default();
    for (prompt, output) in prompts {
        let prompt = prompt.as_ref();
        found.hits += ideal.serve(prompt, output);
        found.tokens += prompt.len() as u64;
    }
    found
}

/// A perfect prefix cache, asked one prompt after the other; [`ideal_hits`] has its rules.
#[derive(Debug)]
pub struct IdealCache {
    block: usize,
    pool: Pool,
}

impl IdealCache {
    /// An empty one.
    pub fn new(cache: CacheShape) -> Self {
        IdealCache {
            block: cache.block_tokens.max(1) as usize,
            pool: Pool::new(cache.capacity),
        }
    }

    /// How many tokens of `prompt` it finds; then it holds what it can of the prompt and of `output`
    /// tokens generated for it.
    pub fn serve(&mut self, prompt: &[u32], output: u32) -> u64 {
        let block = self.block;
        let hashes = chain(prompt, block);
        let most = prompt.len().saturating_sub(1) / block;
        let hits = self.pool.leading(&hashes[..most.min(hashes.len())]);
        // The key and value of the last token generated are never needed.
        let held = (prompt.len() + (output as usize).saturating_sub(1)).div_ceil(block);
        self.pool.serve(&hashes, hits, held);
        (hits * block) as u64
    }
}

/// The hash of every whole block of `tokens` and of all before it.
fn chain(tokens: &[u32], block: usize) -> Vec<u64> {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    tokens
        .chunks_exact(block)
        .map(|tokens| {
            for token in tokens {
                hash = mix(hash ^ u64::from(*token));
            }
            hash
        })
        .collect()
}

/// The finaliser of SplitMix64 (Steele, Lea & Flood 2014).
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Blocks in the order in which they are taken.
#[derive(Debug)]
struct Pool {
    /// Blocks that were never used; they are taken first. `None`: no end of them.
    untouched: Option<u64>,
    /// Used blocks by when they were given back, with the hash of what they hold.
    queue: BTreeMap<u64, Option<u64>>,
    /// When the block that holds a hash was given back.
    place: HashMap<u64, u64>,
    clock: u64,
}

impl Pool {
    fn new(capacity: Option<u64>) -> Self {
        Pool {
            untouched: capacity,
            queue: BTreeMap::new(),
            place: HashMap::new(),
            clock: 0,
        }
    }

    /// How many of the first `hashes` are held.
    fn leading(&self, hashes: &[u64]) -> usize {
        hashes
            .iter()
            .take_while(|hash| self.place.contains_key(hash))
            .count()
    }

    /// A prompt comes and goes: its first `hits` blocks are found, and in the end it holds `held`.
    fn serve(&mut self, hashes: &[u64], hits: usize, held: usize) {
        if self.untouched.is_none() {
            // Nothing is ever taken away.
            self.place.extend(hashes.iter().map(|hash| (*hash, 0)));
            return;
        }
        // In use, and so not to be taken.
        for hash in &hashes[..hits] {
            if let Some(at) = self.place.remove(hash) {
                self.queue.remove(&at);
            }
        }
        let mut blocks: Vec<Option<u64>> = hashes[..hits].iter().map(|h| Some(*h)).collect();
        for i in hits..held {
            if !self.take() {
                break;
            }
            // What another block holds already, this one holds for its request alone.
            let hash = hashes.get(i).filter(|h| !self.place.contains_key(h));
            blocks.push(hash.copied());
        }
        for hash in blocks.into_iter().rev() {
            self.clock += 1;
            self.queue.insert(self.clock, hash);
            if let Some(hash) = hash {
                self.place.insert(hash, self.clock);
            }
        }
    }

    /// Takes the block that was given back first; whether there was one.
    fn take(&mut self) -> bool {
        match &mut self.untouched {
            None => return true,
            Some(0) => {}
            Some(n) => {
                *n -= 1;
                return true;
            }
        }
        let Some((_, hash)) = self.queue.pop_first() else {
            return false;
        };
        if let Some(hash) = hash {
            self.place.remove(&hash);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// The same rules, spelled out: blocks are whole prefixes, the pool is a list.
    fn brute_force(prompts: &[(Vec<u32>, u32)], cache: CacheShape) -> IdealHits {
        let block = cache.block_tokens as usize;
        let capacity = cache.capacity.map_or(800, |n| n as usize);
        let mut free: Vec<Option<Vec<u32>>> = vec![None; capacity];
        let mut found = IdealHits::default();
        for (prompt, output) in prompts {
            let prefixes: Vec<Vec<u32>> = (1..=prompt.len() / block)
                .map(|n| prompt[..n * block].to_vec())
                .collect();
            let mut taken = Vec::new();
            for prefix in &prefixes {
                if prefix.len() == prompt.len() {
                    break;
                }
                let Some(at) = free.iter().position(|b| b.as_ref() == Some(prefix)) else {
                    break;
                };
                taken.push(free.remove(at));
            }
            found.hits += (taken.len() * block) as u64;
            found.tokens += prompt.len() as u64;
            let held = (prompt.len() + output.saturating_sub(1) as usize).div_ceil(block);
            while taken.len() < held && !free.is_empty() {
                free.remove(0);
                let prefix = prefixes
                    .get(taken.len())
                    .filter(|p| !free.contains(&Some((*p).clone())));
                taken.push(prefix.cloned());
            }
            free.extend(taken.into_iter().rev());
        }
        found
    }

    fn shape(block_tokens: u32, capacity: Option<u64>) -> CacheShape {
        CacheShape {
            block_tokens,
            capacity,
        }
    }

    #[test]
    fn a_prompt_again_is_found_but_for_its_last_token() {
        let prompt: Vec<u32> = (0..32).collect();
        let hits = |block| ideal_hits([(&prompt, 1), (&prompt, 1)], shape(block, None)).hits;
        assert_eq!([hits(1), hits(16), hits(32), hits(33)], [31, 16, 0, 0]);
    }

    #[test]
    fn a_block_is_found_only_after_all_before_it() {
        let prompts = [vec![1, 2, 3, 4, 9], vec![7, 2, 3, 4, 9]].map(|p| (p, 1));
        assert_eq!(ideal_hits(prompts, shape(1, None)).hits, 0);
    }

    #[test]
    fn nothing_asked_has_no_ratio() {
        let none: [(Vec<u32>, u32); 0] = [];
        assert_eq!(ideal_hits(none, shape(16, None)).ratio(), None);
    }

    proptest! {
        #[test]
        fn it_finds_what_a_cache_spelled_out_finds(
            prompts in vec((vec(0u32..3, 0..24), 0u32..8), 0..24),
            block in 1u32..6,
            capacity in proptest::option::of(1u64..24),
        ) {
            let cache = shape(block, capacity);
            let expected = brute_force(&prompts, cache);
            prop_assert_eq!(ideal_hits(prompts.iter().map(|(p, o)| (p, *o)), cache), expected);
        }

        #[test]
        fn more_room_never_finds_less_where_prompts_only_share_their_head(
            groups in vec(0u32..5, 1..40),
            capacity in 8u64..40,
        ) {
            let prompts: Vec<(Vec<u32>, u32)> = (0..).zip(&groups).map(|(i, g)| {
                let own = 1000 + 8 * i..1008 + 8 * i;
                ((8 * g..8 * g + 8).chain(own).collect(), 4)
            }).collect();
            let hits = |capacity| ideal_hits(prompts.iter().map(|(p, o)| (p, *o)), shape(4, capacity)).hits;
            prop_assert!(hits(Some(capacity)) <= hits(None));
        }
    }
}
