//! What is asked, and when: arrival schedules, prompt sources, lengths. Everything is seeded.

mod arrivals;
mod length;
mod request;
mod salt;
mod seed;
mod source;
mod words;

pub use arrivals::Schedule;
pub use request::{PlannedRequest, Prompt};
pub use salt::{SALT_WORDS, salt};
pub use seed::stream;
pub use source::{
    FileEntry, FromFile, PromptFileError, RequestSource, Synthetic, parse_prompt_file,
};
