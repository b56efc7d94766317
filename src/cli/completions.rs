use std::io::Write;

use clap::CommandFactory;

use super::args::{Cli, CompletionsArgs};
use crate::exit;

/// `prony completions`: a script for a shell, on standard output.
pub fn completions(args: &CompletionsArgs) -> i32 {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "prony", &mut script);
    match std::io::stdout().write_all(&script) {
        Ok(()) => exit::OK,
        Err(_) => exit::INTERNAL,
    }
}
