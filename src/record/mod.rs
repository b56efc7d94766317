//! What was observed of each request, and how it reaches the disk.

mod chunks;
mod reader;
mod request;
mod run;
mod writer;

pub use chunks::{Chunk, Chunks, Iter as ChunkIter};
pub use reader::read_records;
pub use request::{ErrorKind, Part, Provenance, RequestError, RequestRecord, TokenSource};
pub use run::{RunRecords, Window};
pub use writer::{Recorded, Recorder};
