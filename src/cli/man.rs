use clap::CommandFactory;

use super::args::{Cli, ManArgs};
use crate::exit;

/// `prony man DIR`: a man page per command, for those who package prony.
pub fn man(args: &ManArgs) -> i32 {
    let written = std::fs::create_dir_all(&args.dir)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), &args.dir));
    match written {
        Ok(()) => exit::OK,
        Err(e) => {
            eprintln!(
                "error: cannot write man pages to {}: {e}",
                args.dir.display()
            );
            exit::USAGE
        }
    }
}
