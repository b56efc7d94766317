//! What was observed of each request and of the server's counters, and how it reaches the disk.

mod chunks;
mod reader;
mod request;
mod run;
mod scrape;
mod uncounted;
mod writer;

pub use chunks::{Chunk, Chunks, Iter as ChunkIter};
pub use reader::read_records;
pub use request::{ErrorKind, Part, Provenance, RequestError, RequestRecord, TokenSource};
pub use run::{BlockFrom, CacheFacts, RunRecords, Window};
pub use scrape::{Buckets, ReplicaScrape, Scrape, read_scrapes};
pub use uncounted::{AnswerText, CountTokens};
pub use writer::{Recorded, Recorder};
