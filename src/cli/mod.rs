//! The command line: each command a thin file.

mod args;
mod check;
mod list;
mod main;
mod report;
mod run;
mod sim;
mod suites;

pub use args::Cli;
pub use main::main;
