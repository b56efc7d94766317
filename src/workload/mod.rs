//! What is asked, and when: arrival schedules, prompt sources, tokenizers, lengths. Everything is
//! seeded.

mod arrivals;
mod ideal;
mod length;
mod pieces;
mod request;
mod salt;
mod seed;
mod source;
mod synthetic;
mod token_model;
mod tokenizer;
mod words;

pub use arrivals::Schedule;
pub use ideal::{CacheShape, IdealHits, ideal_hits};
pub use pieces::{NotLearned, Pieces, Reader};
pub use request::{PlannedRequest, Prompt};
pub use salt::{SALT_WORDS, salt};
pub use seed::stream;
pub use source::{FileEntry, FromFile, PromptFileError, RequestSource, parse_prompt_file};
pub use synthetic::{GROUP, SHARED, Synthetic};
pub use token_model::TokenModel;
pub use tokenizer::{LocalTokenizer, Tokenize};
