//! The libtest-mimic adapter, the one measuring loop, results folders, interrupts: where everything
//! meets and touches the world.

mod arguments;
mod assemble;
mod baselines;
mod broken;
mod cache;
mod cargo;
mod case_result;
mod ci;
mod collected;
mod context;
mod crew;
mod discover;
mod early;
mod edge;
mod events;
mod finish;
mod folder;
mod harness;
mod health;
mod hooks;
mod host;
mod interrupt;
mod invocation;
mod launch;
mod libtest;
mod live;
mod lock;
mod measure;
mod noise;
mod one_run;
mod plots;
mod progress;
mod prompts;
mod rebuild;
mod recover;
mod rerun;
mod say;
mod sessions;
mod style;
mod suite_hooks;
mod time_limit;
mod tokens;
mod watch;

pub use arguments::{ArgumentsRefused, TestArguments};
pub use baselines::{
    BaselineSettings, Candidates, Entry, Store, Update, candidates_of, full_slug, identity, in_ci,
};
pub use cargo::{Harness, harness};
pub use ci::Ci;
pub use context::{Context, Ended, Limits, Skip};
pub use discover::{PROJECT_FILE, discover, find_project};
pub use edge::{day, html_report, load_options, new_nonce, now, resolved, templates, today};
pub use finish::{Wanted, finish};
pub use folder::{Claim, LockedFolder, ResultsFolder, new_run_id, write_atomically};
pub use harness::{Outcome, exit_code, run_cases, run_info, run_quietly};
pub use host::host;
pub use interrupt::Interrupt;
pub use live::{LiveTarget, NotMeasured, Whereabouts, shown};
pub use measure::run_case;
pub use plots::write_plots;
pub use prompts::{check_prompt_files, read_prompts};
pub use rebuild::rebuild;
pub use rerun::{FailedCases, find_run};
pub use say::{print, tell};
pub use style::{stderr_color, stdout_style};
