//! The machine the client runs on, read while it measures: by a thread of its own, a few times a
//! second. Where a value cannot be read (other systems than Linux, a container that hides it) it is
//! absent.

mod parse;
mod read;
mod sample;
mod sampler;
mod series;
mod usage;

pub use read::{current_thread, thread_cpu_seconds};
pub use sample::{Sample, ThreadTimes, Throttled};
pub use sampler::{HostSampler, HostTrace};
pub use usage::{HostUsage, Level};
