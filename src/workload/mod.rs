//! What is asked, and when: arrival schedules, prompt sources, lengths. Everything is seeded.

mod request;

pub use request::{PlannedRequest, Prompt};
