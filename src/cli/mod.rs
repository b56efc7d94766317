//! The command line: each command a thin file.

mod ab;
mod adhoc;
mod args;
mod baseline;
mod calibrate;
mod check;
mod compare;
mod completions;
mod doctor;
mod fail;
mod init;
mod introduce;
mod list;
mod main;
mod man;
mod reference;
mod report;
mod run;
mod schema;
mod sim;
mod suites;

pub use args::Cli;
pub use main::main;
pub use reference::reference;
