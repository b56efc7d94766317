//! The libtest-mimic adapter, the one measuring loop, results folders, interrupts: where everything
//! meets and touches the world.

mod assemble;
mod cargo;
mod case_result;
mod context;
mod discover;
mod edge;
mod finish;
mod folder;
mod harness;
mod host;
mod interrupt;
mod live;
mod measure;
mod progress;
mod rebuild;
mod recover;
mod time_limit;

pub use cargo::harness;
pub use context::Context;
pub use discover::{PROJECT_FILE, discover, find_project};
pub use edge::{day, html_report, load_options, new_nonce, now, resolved, stderr_color, today};
pub use finish::{Wanted, finish};
pub use folder::{ResultsFolder, new_run_id, write_atomically};
pub use harness::{Outcome, exit_code, run_cases, run_info, stdout_style};
pub use interrupt::Interrupt;
pub use live::{LiveTarget, NotMeasured, shown};
pub use measure::run_case;
pub use rebuild::rebuild;
