//! The libtest-mimic adapter, the one measuring loop, results folders, interrupts: where everything
//! meets and touches the world.

mod arguments;
mod assemble;
mod broken;
mod cargo;
mod case_result;
mod ci;
mod context;
mod discover;
mod edge;
mod events;
mod finish;
mod folder;
mod harness;
mod hooks;
mod host;
mod interrupt;
mod invocation;
mod launch;
mod libtest;
mod live;
mod lock;
mod measure;
mod progress;
mod prompts;
mod rebuild;
mod recover;
mod rerun;
mod sessions;
mod suite_hooks;

pub use arguments::{ArgumentsRefused, TestArguments};
pub use cargo::{Harness, harness};
pub use ci::Ci;
pub use context::{Context, Ended, Limits, Skip};
pub use discover::discover;
pub use edge::{html_report, load_options, new_nonce, now, resolved, stderr_color};
pub use finish::{Wanted, finish};
pub use folder::{Claim, LockedFolder, ResultsFolder, new_run_id, write_atomically};
pub use harness::{Outcome, exit_code, run_cases, run_info, stdout_style};
pub use interrupt::Interrupt;
pub use live::{LiveTarget, NotMeasured, Whereabouts, shown};
pub use measure::run_case;
pub use prompts::{check_prompt_files, read_prompts};
pub use rebuild::rebuild;
pub use rerun::{FailedCases, find_run};
