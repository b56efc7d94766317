use super::pieces::{Pieces, Reader};
use super::request::{PlannedRequest, Prompt};

/// What is known of how a target counts the tokens of prompts that prony makes up.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenModel {
    /// What prompts are made of.
    pub pieces: Pieces,
    /// Tokens that the server adds to what is sent: chat template and special tokens.
    pub overhead: u32,
    /// How many of those stand before what is sent, where that is known: every prompt shares them.
    pub head: Option<u32>,
    /// Lengths are those of the target's tokenizer; else a word is taken for a token.
    pub exact: bool,
}

impl TokenModel {
    /// Fewest tokens of a prompt as the server counts it: a word, and what it adds.
    pub fn least(&self) -> u32 {
        self.overhead.saturating_add(self.pieces.least())
    }

    /// A number for each token of what the server makes of a made-up `request`, equal where the tokens
    /// are, for [`ideal_hits`](super::ideal_hits); `reader` is that of these pieces. Where it is not known
    /// how much of the template stands before the text, all of it is taken to stand after it. `None`: it
    /// was not made of these pieces.
    pub fn numbers(&self, request: &PlannedRequest, reader: &Reader) -> Option<Vec<u32>> {
        let Prompt::Text(text) = &request.prompt else {
            return None;
        };
        let head = self.head.unwrap_or(0).min(self.overhead);
        let template = |k: u32| u32::MAX - k;
        let mut numbers: Vec<u32> = (0..head).map(template).collect();
        if !reader.read(text, &mut numbers) {
            return None;
        }
        numbers.extend((head..self.overhead).map(template));
        Some(numbers)
    }

    /// Nothing is known: a word is taken for a token, and nothing is added to it.
    pub fn assumed() -> Self {
        TokenModel {
            pieces: Pieces::assumed(),
            overhead: 0,
            head: None,
            exact: false,
        }
    }
}
