use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::Zipf;

use super::request::{PlannedRequest, Prompt};
use super::seed::stream;
use super::source::RequestSource;
use super::token_model::TokenModel;
use crate::suite::{Conversation, Length, Popularity, Prefix};

/// Label of requests where prompts have a `prefix`: whether it shares one, `true` or `false`.
pub const SHARED: &str = "shared";
/// Label of requests that share a prefix: which group, from 0.
pub const GROUP: &str = "group";
/// Label of requests that are turns of a conversation: which turn, from 1.
pub const TURN: &str = "turn";

/// Prefixes that are kept, in bytes of text; more are made again for every request.
const KEPT: u64 = 32 << 20;

/// Made-up prompts of given lengths.
///
/// Lengths follow from the seed and the run. Content follows from these and the salt: two salts share
/// no more than chance, a word in some two hundred. Requests of a run differ from the first word on as
/// long as their numbers lie less than [some fifty](super::Pieces) apart.
#[derive(Clone, Debug)]
pub struct Synthetic {
    seed: u64,
    run: u32,
    /// What content is drawn from besides the seed.
    salt: String,
    input_tokens: Length,
    output_tokens: Length,
    prefix: Option<Prefix>,
    conversation: Option<Conversation>,
    /// Nothing is shared, although prompts bear the labels of those that do.
    apart: bool,
    tokens: Arc<TokenModel>,
    prefixes: Arc<[OnceLock<Text>]>,
}

/// A text and how many tokens it has.
#[derive(Clone, Debug)]
struct Text {
    text: Arc<str>,
    tokens: u32,
}

impl Synthetic {
    /// Prompts of run `run`. Without a `salt` content follows from the seed alone. `input_tokens` are
    /// all tokens that the server counts, beyond the prefix where there is one.
    pub fn new(
        (seed, run): (u64, u32),
        salt: Option<&str>,
        input_tokens: Length,
        output_tokens: Length,
        tokens: Arc<TokenModel>,
    ) -> Self {
        Synthetic {
            seed,
            run,
            salt: salt.unwrap_or_default().to_owned(),
            input_tokens,
            output_tokens,
            prefix: None,
            conversation: None,
            apart: false,
            tokens,
            prefixes: Arc::new([]),
        }
    }

    /// The same, prompts beginning in groups alike.
    pub fn with_prefix(mut self, prefix: Option<Prefix>) -> Self {
        self.prefix = prefix;
        if let Some(prefix) = prefix
            && u64::from(prefix.groups) * u64::from(prefix.tokens) * 8 <= KEPT
        {
            self.prefixes = (0..prefix.groups).map(|_| OnceLock::new()).collect();
        }
        self
    }

    /// The same, prompts being turns of conversations: each holds what was said in the turns before it,
    /// made-up answers of the lengths that were asked for included, and `input_tokens` more.
    pub fn with_conversation(mut self, conversation: Option<Conversation>) -> Self {
        self.conversation = conversation;
        self
    }

    /// The same requests by length and labels, each with a content of its own from its first token on.
    pub fn apart(mut self) -> Self {
        self.apart = true;
        self
    }

    /// Tokens that prompts of a group share; 0 without groups.
    pub fn prefix_tokens(&self) -> u32 {
        self.prefix.map_or(0, |prefix| prefix.tokens)
    }

    /// A request of `tokens` tokens for a single one, which shares nothing with the run's; the same
    /// for the same `index`.
    pub fn alone(&self, index: u64, tokens: u32) -> PlannedRequest {
        self.made(index, None, tokens, 1, "alone")
    }

    /// The group that request `id` shares its prefix with, of a prefix with `prefix`.
    fn group(&self, prefix: &Prefix, rng: &mut ChaCha8Rng) -> Option<u32> {
        // Both are drawn for every request, so that a ratio changes no group.
        let (shares, group) = (
            rng.random::<f64>() < prefix.ratio,
            match prefix.popularity {
                Popularity::Uniform => rng.random_range(0..prefix.groups),
                Popularity::Zipf(s) => match Zipf::new(f64::from(prefix.groups), s) {
                    Ok(zipf) => (rng.sample(zipf) as u32).clamp(1, prefix.groups) - 1,
                    Err(_) => 0,
                },
            },
        );
        shares.then_some(group)
    }

    /// What the prompts of `group` begin with.
    fn prefix_of(&self, group: u32, tokens: u32) -> Text {
        let make = || {
            let purpose = format!("prefix/{}", self.salt);
            let mut text = String::new();
            let mut rng = stream(self.seed, &purpose, u64::from(group));
            let turn = self.turn(&purpose);
            let first = turn.wrapping_add(u64::from(group));
            let tokens = self.tokens.pieces.write(tokens, first, &mut rng, &mut text);
            Text {
                text: text.into(),
                tokens,
            }
        };
        match self.prefixes.get(group as usize) {
            Some(kept) => kept.get_or_init(make).clone(),
            None => make(),
        }
    }

    /// Where the turn of first words begins: elsewhere for each salt.
    fn turn(&self, purpose: &str) -> u64 {
        stream(self.seed, purpose, u64::MAX).random::<u64>() >> 1
    }

    /// The request that brings the prefix of `group` into a cache: the prefix, a single word, and a
    /// single token to generate.
    pub fn priming(&self, group: u32) -> Option<PlannedRequest> {
        let prefix = self.prefix?;
        let own = self.tokens.overhead.saturating_add(1);
        let mut request = self.made(
            u64::from(group),
            Some((prefix, Some(group))),
            own,
            1,
            "prime",
        );
        request.output_tokens = Some(1);
        Some(request)
    }

    fn made(
        &self,
        id: u64,
        prefix: Option<(Prefix, Option<u32>)>,
        input: u32,
        output: u32,
        purpose: &str,
    ) -> PlannedRequest {
        let pieces = &self.tokens.pieces;
        let purpose = format!("{purpose}/{}/{}", self.salt, self.run);
        let mut rng = stream(self.seed, &purpose, id);
        let first = self.turn(&purpose).wrapping_add(id);
        let own = input.saturating_sub(self.tokens.overhead).max(1);
        let mut labels = BTreeMap::new();
        let mut text = String::new();
        let mut asked = input;
        match prefix {
            None => {
                pieces.write(own, first, &mut rng, &mut text);
            }
            Some((prefix, group)) => {
                asked = asked.saturating_add(prefix.tokens);
                labels.insert(SHARED.to_owned(), group.is_some().to_string());
                if let Some(group) = group {
                    labels.insert(GROUP.to_owned(), group.to_string());
                }
                match group.filter(|_| !self.apart) {
                    None => {
                        let all = own.saturating_add(prefix.tokens);
                        pieces.write(all, first, &mut rng, &mut text);
                    }
                    Some(group) => {
                        let shared = self.prefix_of(group, prefix.tokens);
                        // What a prefix lacks or has too much, the rest makes up for.
                        let rest = own + prefix.tokens - shared.tokens.min(own + prefix.tokens);
                        text.reserve(shared.text.len() + 7 * rest as usize);
                        text.push_str(&shared.text);
                        pieces.extend(rest, Some(first), &mut rng, &mut text);
                    }
                }
            }
        }
        PlannedRequest {
            prompt: Prompt::Text(text),
            input_tokens: Some(asked),
            counted: self.tokens.exact,
            output_tokens: Some(output),
            labels,
        }
    }
}

/// Which conversation the request at position `id` belongs to, and which of its turns it is, both from 0.
fn place(talk: Conversation, id: u64) -> (u64, u32) {
    let open = u64::from(talk.open.max(1));
    let all = open * u64::from(talk.turns.max(1));
    let within = id % all;
    let turn = u32::try_from(within / open).unwrap_or(u32::MAX);
    (id / all * open + within % open, turn)
}

impl Synthetic {
    /// The request at position `id` where prompts are turns of conversations.
    fn turn_of_conversation(&self, talk: Conversation, id: u64) -> PlannedRequest {
        let (conversation, turn) = place(talk, id);
        let number = |turn: u32| conversation * u64::from(talk.turns) + u64::from(turn);
        let lengths = |turn: u32| {
            let purpose = format!("turn/{}", self.run);
            let mut rng = stream(self.seed, &purpose, number(turn));
            let input = self.input_tokens.draw(&mut rng);
            (input.max(1), self.output_tokens.draw(&mut rng))
        };
        let mut labels = BTreeMap::from([(TURN.to_owned(), (turn + 1).to_string())]);
        let purpose = format!("conversation/{}", self.run);
        let mut rng = stream(self.seed, &purpose, conversation);
        let group = self.prefix.map(|p| (p, self.group(&p, &mut rng)));
        let shares = turn > 0 || matches!(group, Some((_, Some(_))));
        labels.insert(SHARED.to_owned(), shares.to_string());
        // All tokens up to the end of a turn, beyond the template's.
        let mut said = group.map_or(0, |(prefix, _)| prefix.tokens);
        let (mut text, mut written) = (String::new(), 0);
        if let Some((prefix, Some(group))) = group {
            labels.insert(GROUP.to_owned(), group.to_string());
            if !self.apart {
                let shared = self.prefix_of(group, prefix.tokens);
                text.push_str(&shared.text);
                written = shared.tokens;
            }
        }
        let purpose = format!("talk/{}/{}", self.salt, self.run);
        for t in 0..=turn {
            let (input, _) = lengths(t);
            let own = match t {
                0 => input.max(self.tokens.least()) - self.tokens.overhead,
                // With the answer to the turn before.
                _ => input.saturating_add(lengths(t - 1).1),
            };
            said = said.saturating_add(own);
            if !self.apart {
                let mut rng = stream(self.seed, &purpose, number(t));
                let first = self.turn(&purpose).wrapping_add(conversation);
                let left = said.saturating_sub(written);
                written += self.append(left, first, &mut rng, &mut text);
            }
        }
        if self.apart {
            let purpose = format!("apart/{}/{}", self.salt, self.run);
            let mut rng = stream(self.seed, &purpose, id);
            let first = self.turn(&purpose).wrapping_add(id);
            self.append(said, first, &mut rng, &mut text);
        }
        PlannedRequest {
            prompt: Prompt::Text(text),
            input_tokens: Some(said.saturating_add(self.tokens.overhead)),
            counted: self.tokens.exact,
            output_tokens: Some(lengths(turn).1),
            labels,
        }
    }

    /// Appends `tokens` tokens to `text`, which may be empty; how many they really are.
    fn append(&self, tokens: u32, first: u64, rng: &mut ChaCha8Rng, text: &mut String) -> u32 {
        let pieces = &self.tokens.pieces;
        if text.is_empty() {
            pieces.write(tokens, first, rng, text)
        } else {
            pieces.extend(tokens, Some(first), rng, text)
        }
    }
}

impl RequestSource for Synthetic {
    fn request(&self, id: u64) -> PlannedRequest {
        if let Some(talk) = self.conversation {
            return self.turn_of_conversation(talk, id);
        }
        let mut rng = stream(self.seed, &format!("prompt/{}", self.run), id);
        // A draw below the shortest prompt there can be is put on it, as on any other bound.
        let input = self.input_tokens.draw(&mut rng).max(self.tokens.least());
        let output = self.output_tokens.draw(&mut rng);
        let prefix = self
            .prefix
            .map(|prefix| (prefix, self.group(&prefix, &mut rng)));
        self.made(id, prefix, input, output, "content")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sim::face::tokens;
    use crate::suite::Shape;

    fn synthetic(salt: Option<&str>, overhead: u32) -> Synthetic {
        let length = Length::Drawn {
            shape: Shape::Uniform,
            min: 10,
            max: 60,
        };
        let model = TokenModel {
            overhead,
            exact: true,
            ..TokenModel::assumed()
        };
        Synthetic::new((0, 0), salt, length, Length::Fixed(5), Arc::new(model))
    }

    fn prefix(ratio: f64, popularity: Popularity) -> Prefix {
        Prefix {
            tokens: 40,
            groups: 6,
            ratio,
            popularity,
        }
    }

    fn text(request: &PlannedRequest) -> &str {
        match &request.prompt {
            Prompt::Text(text) => text,
            Prompt::Messages(_) => panic!("text expected"),
        }
    }

    fn words(request: &PlannedRequest) -> Vec<&str> {
        text(request).split(' ').collect()
    }

    #[test]
    fn a_salt_changes_the_content_and_not_the_length() {
        let (a, b) = (synthetic(Some("a b c"), 4), synthetic(None, 4));
        for id in 0..200 {
            let (a, b) = (a.request(id), b.request(id));
            assert_eq!(a.input_tokens, b.input_tokens);
            assert_ne!(text(&a), text(&b));
            for request in [&a, &b] {
                let counted = tokens::count_chat([text(request)]);
                assert_eq!(Some(counted), request.input_tokens);
            }
        }
    }

    #[test]
    fn neighbours_differ_in_their_first_word() {
        let source = synthetic(Some("a b c"), 0);
        for id in 0..200 {
            let [a, b] = [id, id + 1].map(|id| source.request(id));
            assert_ne!(words(&a)[0], words(&b)[0]);
        }
    }

    #[test]
    fn groups_share_their_prefix_exactly_and_nothing_else() {
        let source =
            synthetic(Some("a b c"), 0).with_prefix(Some(prefix(0.7, Popularity::Uniform)));
        let requests: Vec<_> = (0..60).map(|id| source.request(id)).collect();
        for a in &requests {
            for b in &requests {
                if std::ptr::eq(a, b) {
                    continue;
                }
                let alike = words(a)
                    .iter()
                    .zip(words(b))
                    .take_while(|(a, b)| *a == b)
                    .count();
                let group = |r: &PlannedRequest| r.labels.get(GROUP).cloned();
                match (group(a), group(b)) {
                    (Some(a), Some(b)) if a == b => assert_eq!(alike, 40),
                    (Some(_), Some(_)) => assert_eq!(alike, 0),
                    // Those of no group may begin with a word of another by chance.
                    _ => assert!(alike <= 2),
                }
            }
        }
        let shared = |r: &&PlannedRequest| r.labels[SHARED] == "true";
        let n = requests.iter().filter(shared).count();
        assert!((30..55).contains(&n), "{n} share");
    }

    #[test]
    fn popular_groups_come_more_often() {
        let source = synthetic(None, 0).with_prefix(Some(prefix(1.0, Popularity::Zipf(1.0))));
        let mut counts = [0_u32; 6];
        for id in 0..4000 {
            let group: usize = source.request(id).labels[GROUP].parse().expect("a number");
            counts[group] += 1;
        }
        // 1/k over their sum, 2.45.
        for (k, n) in (1..).zip(counts) {
            let expected = 4000.0 / f64::from(k) / 2.45;
            let off = (f64::from(n) - expected).abs() / expected.sqrt();
            assert!(off < 5.0, "group {k}: {n}, expected {expected:.0}");
        }
    }

    #[test]
    fn apart_they_are_as_long_and_share_nothing() {
        let together = synthetic(Some("s"), 4).with_prefix(Some(prefix(0.7, Popularity::Uniform)));
        let apart = together.clone().apart();
        let requests: Vec<_> = (0..40).map(|id| apart.request(id)).collect();
        for (i, a) in requests.iter().enumerate() {
            let b = together.request(i as u64);
            assert_eq!(
                (a.input_tokens, a.output_tokens),
                (b.input_tokens, b.output_tokens)
            );
            assert_eq!(a.labels, b.labels);
            assert_eq!(Some(tokens::count_chat([text(a)])), a.input_tokens);
            let others = &requests[i + 1..];
            assert!(others.iter().all(|other| words(other)[0] != words(a)[0]));
        }
    }

    #[test]
    fn priming_holds_the_prefix_of_its_group() {
        let source = synthetic(Some("s"), 4).with_prefix(Some(prefix(1.0, Popularity::Uniform)));
        for id in 0..50 {
            let request = source.request(id);
            let group = request.labels[GROUP].parse().expect("a number");
            let primed = source.priming(group).expect("there is a prefix");
            assert_eq!(words(&primed)[..40], words(&request)[..40]);
            assert_eq!(primed.input_tokens, Some(45));
            assert_eq!(tokens::count_chat([text(&primed)]), 45);
        }
    }

    const TALK: Conversation = Conversation { turns: 3, open: 4 };

    #[test]
    fn turns_of_a_conversation_begin_with_all_that_was_said() {
        for with_prefix in [false, true] {
            let prefix = with_prefix.then(|| prefix(0.6, Popularity::Uniform));
            let source = synthetic(Some("s"), 4).with_prefix(prefix);
            let source = source.with_conversation(Some(TALK));
            let requests: Vec<_> = (0..24).map(|id| source.request(id)).collect();
            for (id, request) in requests.iter().enumerate() {
                let (conversation, turn) = place(TALK, id as u64);
                assert_eq!(conversation, (id / 12 * 4 + id % 4) as u64);
                assert_eq!(request.labels[TURN], (turn + 1).to_string());
                let counted = tokens::count_chat([text(request)]);
                assert_eq!(Some(counted), request.input_tokens);
                if turn == 0 {
                    continue;
                }
                assert_eq!(request.labels[SHARED], "true");
                // The turn before, its answer of five tokens, and what is asked now.
                let before = &requests[id - 4];
                assert!(text(request).starts_with(text(before)));
                let more = request.input_tokens.unwrap() - before.input_tokens.unwrap();
                assert!((10 + 5..=60 + 5).contains(&more), "{more}");
            }
        }
    }

    #[test]
    fn apart_turns_are_as_long_and_share_nothing() {
        let together = synthetic(Some("s"), 4).with_conversation(Some(TALK));
        let apart = together.clone().apart();
        let requests: Vec<_> = (0..24).map(|id| apart.request(id)).collect();
        for (id, a) in requests.iter().enumerate() {
            let b = together.request(id as u64);
            assert_eq!((a.input_tokens, &a.labels), (b.input_tokens, &b.labels));
            assert_eq!(Some(tokens::count_chat([text(a)])), a.input_tokens);
            let others = &requests[id + 1..];
            assert!(others.iter().all(|other| words(other)[0] != words(a)[0]));
        }
    }

    proptest! {
        #[test]
        fn a_request_is_a_function_of_its_number(id in 0u64..1 << 40, shared in any::<bool>()) {
            let ratio = if shared { 0.5 } else { 0.0 };
            let make = || synthetic(Some("x"), 4).with_prefix(Some(prefix(ratio, Popularity::Zipf(0.8))));
            let request = make().request(id);
            prop_assert_eq!(&request, &make().request(id));
            prop_assert_eq!(Some(tokens::count_chat([text(&request)])), request.input_tokens);
        }
    }
}
