//! What this client can sustain on this machine, and what a target supports: `prony doctor`.

mod bare_server;
mod cache;
mod findings;
mod own;
mod target;
mod text;

pub use cache::{Known, cache_file, known, remember};
pub use findings::{Answer, Finding, Sustained, TargetReport};
pub use own::{Effort, own_error};
pub use target::examine;
pub use text::{about_client, about_target};
