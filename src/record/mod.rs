//! What was observed of each request, and how it reaches the disk.

mod request;
mod run;

pub use request::{Chunk, ErrorKind, Part, Provenance, RequestError, RequestRecord, TokenSource};
pub use run::{RunRecords, Window};
