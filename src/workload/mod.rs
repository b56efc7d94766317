//! What is asked, and when: arrival schedules, prompt sources, tokenizers, lengths. Everything is
//! seeded.

mod arrivals;
mod block_size;
mod ideal;
mod length;
mod pieces;
mod priming;
mod request;
mod salt;
mod seed;
mod source;
mod synthetic;
mod token_model;
mod tokenizer;
mod words;

pub use arrivals::Schedule;
pub use block_size::{PROBES, block_size, telling_lengths};
pub use ideal::{CacheShape, IdealCache, IdealHits, ideal_hits};
pub use pieces::{NotLearned, Pieces, Reader};
pub use priming::Priming;
pub use request::{PlannedRequest, Prompt};
pub use salt::{SALT_WORDS, salt};
pub use seed::stream;
pub use source::{FileEntry, FromFile, PromptFileError, RequestSource, parse_prompt_file};
pub use synthetic::{GROUP, SHARED, Synthetic, TURN};
pub use token_model::TokenModel;
pub use tokenizer::{LocalTokenizer, Tokenize};
