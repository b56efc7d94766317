//! OpenAI chat completions and completions: bodies and answers, streamed or whole.

mod body;
mod chat;
mod completions;
mod content;
mod keep_text;
mod scan;
mod stream;
mod whole;
mod wire;

pub use chat::Chat;
pub use completions::Completions;
pub use content::stream_decoder;
pub use keep_text::KeepText;
pub(in crate::endpoint) use stream::snippet;
pub(in crate::endpoint) use wire::error_message;

#[cfg(test)]
mod tests;
