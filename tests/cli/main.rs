//! The built `prony` binary as a person or a CI job uses it: what it prints, what it leaves on disk,
//! which exit code it ends with. Every request goes over real TCP.

mod bad_suites;
mod commands;
mod fresh;
mod interrupted;
mod liars;
mod libtest;
mod load;
mod prompts;
mod secrets;
mod server;
mod support;
mod threads;
mod tokens;
mod unwritable;
mod verdicts;
