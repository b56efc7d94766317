use super::block_size::{PROBES, telling_lengths};
use super::request::PlannedRequest;
use super::source::RequestSource;
use super::synthetic::Synthetic;

/// What brings the prefixes of made-up prompts into a cache: a request for each group, and after those,
/// where wanted, pairs of equal prompts that show the size of its blocks.
#[derive(Clone, Debug)]
pub struct Priming {
    prompts: Synthetic,
    groups: u64,
}

impl Priming {
    /// Requests at positions past `groups` are those pairs.
    pub fn new(prompts: Synthetic, groups: u32) -> Self {
        Priming {
            prompts,
            groups: u64::from(groups),
        }
    }

    /// How many requests there are for `groups`, with pairs or without.
    pub fn count(groups: u32, pairs: bool) -> u64 {
        u64::from(groups) + if pairs { 2 * PROBES as u64 } else { 0 }
    }

    /// Whether the request at position `id` asks for the second time what the one before it did.
    pub fn is_again(&self, id: u64) -> bool {
        id.checked_sub(self.groups).is_some_and(|k| k % 2 == 1)
    }
}

impl RequestSource for Priming {
    fn request(&self, id: u64) -> PlannedRequest {
        let group = |id: u64| u32::try_from(id).ok().and_then(|g| self.prompts.priming(g));
        let prime = (id < self.groups).then(|| group(id)).flatten();
        prime.unwrap_or_else(|| {
            let pair = id.saturating_sub(self.groups) / 2;
            let lengths = telling_lengths(self.prompts.prefix_tokens());
            let tokens = lengths[(pair % PROBES as u64) as usize];
            self.prompts.alone(pair, tokens)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::suite::{Length, Popularity, Prefix};
    use crate::workload::TokenModel;

    #[test]
    fn every_group_is_asked_for_and_then_pairs_of_one_prompt() {
        let prefix = Prefix {
            tokens: 500,
            groups: 3,
            ratio: 1.0,
            popularity: Popularity::Uniform,
        };
        let length = Length::Fixed(20);
        let tokens = Arc::new(TokenModel::assumed());
        let prompts = Synthetic::new((1, 0), Some("s"), length.clone(), length, tokens)
            .with_prefix(Some(prefix));
        let priming = Priming::new(prompts, 3);
        assert_eq!(Priming::count(3, true), 9);
        for (id, tokens) in [(0, 501), (2, 501), (3, 448), (4, 448), (5, 384), (8, 256)] {
            let request = priming.request(id);
            assert_eq!(request.input_tokens, Some(tokens), "{id}");
            assert_eq!(request.output_tokens, Some(1));
        }
        for id in [4, 6, 8] {
            assert!(priming.is_again(id));
            assert_eq!(priming.request(id), priming.request(id - 1));
            assert_ne!(priming.request(id).prompt, priming.request(id - 2).prompt);
        }
    }
}
