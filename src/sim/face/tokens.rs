//! The embedded engine's tokenizer: a rule simple enough to make prompts of exactly n tokens with.
//!
//! - A word (a run of letters, digits and `_`) is one token per started eight characters.
//! - One space before a word or sign belongs to it. Any other run of whitespace is a token.
//! - Every other character is a token.
//!
//! So n words of at most eight letters, joined by single spaces, are n tokens. A chat prompt adds
//! [`CHAT_TOKENS`], and [`MESSAGE_TOKENS`] per message.

use crate::sim::model::VOCABULARY;

/// Tokens of a chat prompt beside its messages: its begin, and the mark after which the answer begins.
pub const CHAT_TOKENS: u32 = 2;
/// Tokens of a message beside its content: its role and its end.
pub const MESSAGE_TOKENS: u32 = 2;

pub(super) const BEGIN: u32 = 0x00ff_ff00;
pub(super) const END_OF_MESSAGE: u32 = BEGIN + 1;

const WORD_LIMIT: usize = 8;
const CONSONANTS: &[u8; 16] = b"bcdfghjklmnprstv";
const VOWELS: &[u8; 4] = b"aeio";

/// The token that stands for a role.
pub(super) fn role(name: &str) -> u32 {
    match name {
        "system" | "developer" => BEGIN + 2,
        "user" => BEGIN + 3,
        "assistant" => BEGIN + 4,
        _ => BEGIN + 5,
    }
}

/// How many tokens `text` has.
pub fn count(text: &str) -> u32 {
    pieces(text).count() as u32
}

/// How many prompt tokens a chat of messages with these contents has.
pub fn count_chat<'a>(contents: impl IntoIterator<Item = &'a str>) -> u32 {
    contents.into_iter().fold(CHAT_TOKENS, |sum, content| {
        sum + MESSAGE_TOKENS + count(content)
    })
}

/// The tokens of `text`.
pub fn ids(text: &str) -> impl Iterator<Item = u32> {
    pieces(text).map(id)
}

/// The pieces that `text` is cut into, without the space that belongs to a piece.
pub fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        if first.is_whitespace() {
            let after = rest.trim_start();
            let blank = rest.len() - after.len();
            if &rest[..blank] != " " || after.is_empty() {
                let piece = &rest[..blank];
                rest = after;
                return Some(piece);
            }
            rest = after;
        }
        let length = piece_length(rest)?;
        let (piece, after) = rest.split_at(length);
        rest = after;
        Some(piece)
    })
}

fn piece_length(text: &str) -> Option<usize> {
    let mut chars = text.char_indices();
    let (_, first) = chars.next()?;
    if !is_word(first) {
        return Some(first.len_utf8());
    }
    let end = chars
        .take(WORD_LIMIT)
        .enumerate()
        .find(|(i, (_, c))| *i + 1 == WORD_LIMIT || !is_word(*c))
        .map(|(_, (at, _))| at);
    Some(end.unwrap_or(text.len()))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The word that generated token `id` (below [`VOCABULARY`]) is written as: two syllables.
pub fn word(id: u32) -> [u8; 4] {
    let syllable = |n: u32| {
        let n = n as usize;
        [CONSONANTS[n / 4 % 16], VOWELS[n % 4]]
    };
    let ([a, b], [c, d]) = (syllable(id / 64 % 64), syllable(id % 64));
    [a, b, c, d]
}

/// Appends what generated token `id` reads: a space and its word.
pub(super) fn write(id: u32, text: &mut Vec<u8>) {
    text.push(b' ');
    text.extend_from_slice(&word(id));
}

/// The token of a piece: the inverse of [`word`] for its words, a hash for anything else.
fn id(piece: &str) -> u32 {
    if let [a, b, c, d] = *piece.as_bytes() {
        let syllable = |consonant: u8, vowel: u8| {
            let c = CONSONANTS.iter().position(|x| *x == consonant)?;
            let v = VOWELS.iter().position(|x| *x == vowel)?;
            Some((c * 4 + v) as u32)
        };
        if let (Some(high), Some(low)) = (syllable(a, b), syllable(c, d)) {
            return high * 64 + low;
        }
    }
    // FNV-1a, folded into the numbers between the vocabulary and the marks.
    let hash = piece.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    VOCABULARY + (hash % u64::from(BEGIN - VOCABULARY)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<&str> {
        pieces(text).collect()
    }

    #[test]
    fn words_signs_and_blanks() {
        assert_eq!(all("Hello world"), ["Hello", "world"]);
        assert_eq!(all("Hi, you!"), ["Hi", ",", "you", "!"]);
        assert_eq!(all("a  b\n\nc "), ["a", "  ", "b", "\n\n", "c", " "]);
        assert_eq!(all("abcdefghi abcdefgh"), ["abcdefgh", "i", "abcdefgh"]);
        assert_eq!(all("größenwahnsinnig"), ["größenwa", "hnsinnig"]);
        assert_eq!(all(" 日本語🙂"), ["日本語", "🙂"]);
        assert_eq!(all(""), Vec::<&str>::new());
    }

    #[test]
    fn n_short_words_are_n_tokens() {
        assert_eq!(count(&vec!["eight888"; 500].join(" ")), 500);
    }

    #[test]
    fn a_chat_adds_its_marks() {
        assert_eq!(count_chat(["one two three"]), 3 + 4);
        assert_eq!(count_chat(["be kind", "one two three"]), 5 + 6);
    }

    #[test]
    fn generated_words_are_read_back_as_the_same_tokens() {
        let mut text = Vec::new();
        for id in 0..VOCABULARY {
            write(id, &mut text);
        }
        let text = String::from_utf8(text).unwrap();
        assert!(ids(&text).eq(0..VOCABULARY));
    }

    #[test]
    fn other_words_never_collide_with_the_vocabulary() {
        assert!(ids("Hello , world zzzz").all(|id| (VOCABULARY..BEGIN).contains(&id)));
    }
}
