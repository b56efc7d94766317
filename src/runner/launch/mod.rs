//! Processes that prony starts: targets and the programs of hooks. Each is a process group of its
//! own that never outlives prony.

mod exit;
mod group;
mod log;
mod pool;
mod port;
mod program;
mod server;
mod stray;
mod watchdog;

pub use exit::Exit;
pub use group::{ProcessGroup, kill_all};
pub use log::{TAIL_LINES, last_lines};
pub use pool::LaunchPool;

pub use program::program;
pub use server::{LaunchedServer, LogPlace};
