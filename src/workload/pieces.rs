use std::collections::HashMap;

use rand::{Rng, RngExt};

use super::tokenizer::Tokenize;
use super::words::WORDS;

/// The stuff that prompts of exact length are made of: words whose tokens stay the same whatever
/// words stand around them ("closed under pre-tokenisation"), so that lengths add up.
///
/// A prompt is one *head* (a word at the very start, without a space) and then *words*, each with a
/// space before it. Which words hold to that is found out by asking the tokenizer, and proven on
/// random sequences of them ([`Pieces::learn`]).
#[derive(Clone, Debug, PartialEq)]
pub struct Pieces {
    heads: Vec<Piece>,
    words: Vec<Piece>,
    /// Every word is one token.
    even: bool,
    /// Whether the words can make up that many tokens, by number; numbers beyond are as the last ones.
    reachable: Vec<bool>,
}

/// A word and how many tokens it makes up.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    text: &'static str,
    tokens: u32,
}

/// Why no prompts of exact length can be made for a tokenizer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotLearned {
    /// The tokenizer could not be asked.
    Unasked(String),
    /// Its tokens reach across words, or no set of words makes up every length.
    NotClosed(String),
}

impl std::fmt::Display for NotLearned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NotLearned::Unasked(why) | NotLearned::NotClosed(why) => f.write_str(why),
        }
    }
}

/// Words that can begin a prompt, at most: one question each to a tokenizer that is asked over a
/// network.
const HEADS: usize = 48;
/// With that many words of a single token there is no need for longer ones.
const ENOUGH: usize = 32;
/// Up to here it is worked out which numbers of tokens can be made up.
const REACH: usize = 1024;
/// Words of a sequence that proves that lengths add up, and how many such sequences.
const PROOF: (usize, u64) = (160, 3);

impl Pieces {
    /// A word for a token: true of the embedded engine, and about right for the usual vocabularies.
    pub fn assumed() -> Self {
        let one = |text| Piece { text, tokens: 1 };
        Self::new(
            WORDS[..HEADS].iter().copied().map(one).collect(),
            WORDS.iter().copied().map(one).collect(),
        )
    }

    fn new(heads: Vec<Piece>, words: Vec<Piece>) -> Self {
        let mut reachable = vec![false; REACH];
        reachable[0] = true;
        for n in 1..REACH {
            reachable[n] = words
                .iter()
                .any(|w| w.tokens as usize <= n && reachable[n - w.tokens as usize]);
        }
        Pieces {
            even: words.iter().all(|w| w.tokens == 1),
            heads,
            words,
            reachable,
        }
    }

    /// Finds out which words `tokenizer` keeps apart and how long each is, and proves it.
    ///
    /// # Errors
    /// When it cannot be asked, or has no such words.
    pub async fn learn(tokenizer: &impl Tokenize) -> Result<Self, NotLearned> {
        let words = learn_words(tokenizer).await?;
        let heads = learn_heads(tokenizer, &words).await?;
        let pieces = Self::new(heads, words);
        if !pieces.reachable[REACH / 2..].iter().all(|r| *r) {
            return Err(NotLearned::NotClosed(
                "its words do not make up prompts of every length".to_owned(),
            ));
        }
        for index in 0..PROOF.1 {
            let mut rng = super::seed::stream(0, "proof of pieces", index);
            let mut text = String::new();
            let (words, odd) = (PROOF.0 as u32, 7 * index as u32);
            let tokens = pieces.write(words + odd, index, &mut rng, &mut text);
            let counted = ids(tokenizer, &text).await?.len();
            if counted != tokens as usize {
                return Err(NotLearned::NotClosed(format!(
                    "its tokens reach across words: {counted} tokens in a text of {tokens}"
                )));
            }
        }
        Ok(pieces)
    }

    /// Fewest tokens of a prompt.
    pub fn least(&self) -> u32 {
        self.heads.iter().map(|h| h.tokens).min().unwrap_or(1)
    }

    /// Appends a text of exactly `tokens` tokens to `out`: the head that stands at `first` (all heads
    /// in turn as it counts up), then words drawn from `rng`. Returns how many tokens it really has:
    /// others than asked for only where that many cannot be made up, such as fewer than a head has.
    pub fn write(&self, tokens: u32, first: u64, rng: &mut impl Rng, out: &mut String) -> u32 {
        let heads = self.heads.len() as u64;
        let fits = |head: &&Piece| head.tokens <= tokens && self.reaches(tokens - head.tokens);
        let turn = (0..heads).map(|k| &self.heads[((first + k) % heads) as usize]);
        let Some(head) = turn.clone().find(fits).or_else(|| turn.clone().next()) else {
            return 0;
        };
        out.reserve(tokens as usize * 7);
        out.push_str(head.text);
        head.tokens + self.extend(tokens.saturating_sub(head.tokens), None, rng, out)
    }

    /// Appends words of exactly `tokens` tokens; `first` fixes the first of them (all words in turn as
    /// it counts up). Returns how many tokens they have, as [`Pieces::write`] does.
    pub fn extend(
        &self,
        tokens: u32,
        first: Option<u64>,
        rng: &mut impl Rng,
        out: &mut String,
    ) -> u32 {
        let mut left = tokens;
        if let Some(first) = first {
            let n = self.words.len() as u64;
            let mut turn = (0..n).map(|k| &self.words[((first + k) % n) as usize]);
            if let Some(word) = turn.find(|w| w.tokens <= left && self.reaches(left - w.tokens)) {
                left -= push(word, out);
            }
        }
        if self.even {
            // One draw serves four words: 16 bits each, so that no word is favoured by more than 1 %.
            while left > 0 {
                for bits in rng
                    .next_u64()
                    .to_le_bytes()
                    .chunks_exact(2)
                    .take(left as usize)
                {
                    let x = usize::from(u16::from_le_bytes([bits[0], bits[1]]));
                    left -= push(&self.words[(x * self.words.len()) >> 16], out);
                }
            }
        }
        while left > 0 {
            let drawn = &self.words[rng.random_range(0..self.words.len())];
            if drawn.tokens <= left && self.reaches(left - drawn.tokens) {
                left -= push(drawn, out);
                continue;
            }
            let fit: Vec<&Piece> = self
                .words
                .iter()
                .filter(|w| w.tokens <= left && self.reaches(left - w.tokens))
                .collect();
            if fit.is_empty() {
                break;
            }
            left -= push(fit[rng.random_range(0..fit.len())], out);
        }
        tokens - left
    }

    /// Numbers that stand for the tokens of the words, by word: equal where tokens are.
    fn numbers(&self) -> HashMap<&'static str, (u32, u32)> {
        let words = self.words.iter().zip(0..);
        words.map(|(w, i)| (w.text, (i << 8, w.tokens))).collect()
    }

    /// The same of the words at the start of a text.
    fn head_numbers(&self) -> HashMap<&'static str, (u32, u32)> {
        let heads = self.heads.iter().zip(0..);
        heads
            .map(|(w, i)| (w.text, (HEAD_NUMBERS | i << 8, w.tokens)))
            .collect()
    }

    fn reaches(&self, tokens: u32) -> bool {
        self.reachable
            .get(tokens as usize)
            .or(self.reachable.last())
            .is_some_and(|r| *r)
    }
}

/// Reads texts made of [`Pieces`] back as numbers, one a token, equal where the tokens are: what
/// [`ideal_hits`](super::ideal_hits) takes.
#[derive(Debug)]
pub struct Reader {
    words: HashMap<&'static str, (u32, u32)>,
    heads: HashMap<&'static str, (u32, u32)>,
}

/// Numbers of words at the start of a text have this bit.
const HEAD_NUMBERS: u32 = 1 << 30;

impl Reader {
    /// For texts of `pieces`.
    pub fn new(pieces: &Pieces) -> Self {
        Reader {
            words: pieces.numbers(),
            heads: pieces.head_numbers(),
        }
    }

    /// Appends a number for each token of `text`; false where it holds a word that is none of the
    /// pieces.
    pub fn read(&self, text: &str, out: &mut Vec<u32>) -> bool {
        for (i, word) in text.split(' ').enumerate() {
            let numbers = if i == 0 { &self.heads } else { &self.words };
            let Some((number, tokens)) = numbers.get(word) else {
                return false;
            };
            out.extend((0..*tokens).map(|k| number | k));
        }
        true
    }
}

fn push(piece: &Piece, out: &mut String) -> u32 {
    if !out.is_empty() {
        out.push(' ');
    }
    out.push_str(piece.text);
    piece.tokens
}

async fn ids(tokenizer: &impl Tokenize, text: &str) -> Result<Vec<u32>, NotLearned> {
    tokenizer.ids(text).await.map_err(NotLearned::Unasked)
}

/// How long each word is after another one. Asks for all words in one text, and halves it where some
/// of them are longer than a token.
async fn learn_words(tokenizer: &impl Tokenize) -> Result<Vec<Piece>, NotLearned> {
    let anchor = ids(tokenizer, WORDS[0]).await?;
    let mut found = Vec::new();
    let mut firsts = std::collections::BTreeSet::new();
    let mut open = vec![&WORDS[..]];
    while let Some(words) = open.pop() {
        let text = format!("{} {}", WORDS[0], words.join(" "));
        let all = ids(tokenizer, &text).await?;
        let Some(own) = all
            .strip_prefix(&anchor[..])
            .filter(|own| own.len() >= words.len())
        else {
            return Err(NotLearned::NotClosed(
                "its tokens reach across words".to_owned(),
            ));
        };
        if own.len() > words.len() && words.len() > 1 {
            let (left, right) = words.split_at(words.len() / 2);
            open.extend([right, left]);
            continue;
        }
        for (i, text) in words.iter().enumerate() {
            let tokens = match words.len() {
                1 => own.len() as u32,
                _ => 1,
            };
            // Words that a vocabulary does not know are all the same token: one of them will do.
            if tokens > 1 || firsts.insert(own[i]) {
                found.push(Piece { text, tokens });
            }
        }
    }
    if found.iter().filter(|w| w.tokens == 1).count() >= ENOUGH {
        found.retain(|w| w.tokens == 1);
    }
    if found.is_empty() {
        return Err(NotLearned::NotClosed("it knows no words".to_owned()));
    }
    Ok(found)
}

/// How long words are at the start of a text.
async fn learn_heads(tokenizer: &impl Tokenize, words: &[Piece]) -> Result<Vec<Piece>, NotLearned> {
    let mut found: Vec<Piece> = Vec::new();
    let mut firsts = std::collections::BTreeSet::new();
    for word in words.iter().take(HEADS) {
        let alone = ids(tokenizer, word.text).await?;
        if let Some(first) = alone.first()
            && firsts.insert(*first)
        {
            found.push(Piece {
                text: word.text,
                tokens: alone.len() as u32,
            });
        }
    }
    // Heads of one length, where there are some, keep the shortest prompts alike.
    let least = found.iter().map(|h| h.tokens).min().unwrap_or(0);
    if found.iter().filter(|h| h.tokens == least).count() >= 8 {
        found.retain(|h| h.tokens == least);
    }
    if found.is_empty() {
        return Err(NotLearned::NotClosed("it knows no words".to_owned()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::FutureExt;
    use proptest::prelude::*;

    use super::*;
    use crate::workload::LocalTokenizer;
    use crate::workload::seed::stream;

    /// Learns from a tokenizer that answers at once.
    fn learn(tokenizer: &impl Tokenize) -> Result<Pieces, NotLearned> {
        Pieces::learn(tokenizer)
            .now_or_never()
            .expect("it answers at once")
    }

    /// Every byte is a token.
    struct Bytes;
    impl Tokenize for Bytes {
        async fn ids(&self, text: &str) -> Result<Vec<u32>, String> {
            Ok(text.bytes().map(u32::from).collect())
        }
    }

    /// Two words are one token.
    struct Pairs;
    impl Tokenize for Pairs {
        async fn ids(&self, text: &str) -> Result<Vec<u32>, String> {
            let words: Vec<_> = text.split(' ').collect();
            Ok(words.chunks(2).map(|pair| pair.len() as u32).collect())
        }
    }

    /// The embedded engine's, counting how often it is asked.
    #[derive(Default)]
    struct Engine(Cell<u32>);
    impl Tokenize for Engine {
        async fn ids(&self, text: &str) -> Result<Vec<u32>, String> {
            self.0.set(self.0.get() + 1);
            Ok(crate::sim::face::tokens::ids(text).collect())
        }
    }

    #[test]
    fn the_embedded_engine_holds_to_a_word_a_token() {
        let engine = Engine::default();
        assert_eq!(learn(&engine), Ok(Pieces::assumed()));
        assert!(engine.0.get() < 64, "asked {} times", engine.0.get());
    }

    #[test]
    fn tokens_that_reach_across_words_are_found_out() {
        assert!(matches!(learn(&Pairs), Err(NotLearned::NotClosed(_))));
    }

    #[test]
    fn prompts_of_bytes_are_as_long_as_asked_from_the_least_on() {
        let pieces = learn(&Bytes).expect("closed");
        for tokens in pieces.least() + 8..400 {
            let mut text = String::new();
            let mut rng = stream(0, "t", u64::from(tokens));
            assert_eq!(pieces.write(tokens, 3, &mut rng, &mut text), tokens);
            assert_eq!(text.len(), tokens as usize);
        }
    }

    proptest! {
        #[test]
        fn lengths_add_up_under_every_vocabulary(n in 1u32..800, first in any::<u64>(), rest in 0u32..300, which in 0usize..5) {
            let name = crate::suite::TIKTOKEN_NAMES[which + 1];
            let tokenizer = LocalTokenizer::tiktoken(name).expect(name);
            thread_local! {
                static LEARNED: std::cell::RefCell<std::collections::BTreeMap<usize, Pieces>> = Default::default();
            }
            let pieces = LEARNED.with_borrow_mut(|l| l.entry(which).or_insert_with(|| learn(&tokenizer).expect("closed")).clone());
            let mut text = String::new();
            let mut rng = stream(first, "t", 0);
            let mut tokens = pieces.write(n, first, &mut rng, &mut text);
            prop_assert_eq!(tokens, n);
            tokens += pieces.extend(rest, Some(first), &mut rng, &mut text);
            prop_assert_eq!(tokens, n + rest);
            prop_assert_eq!(tokenizer.encode(&text).map(|ids| ids.len()), Ok(tokens as usize));
        }
    }
}
