use clap::Parser;

use super::args::{Cli, Command};
use super::{
    baseline, calibrate, check, compare, completions, doctor, init, list, man, report, run, schema,
    sim,
};
use crate::exit;

/// Parses the process's arguments, does what they say and returns the exit code (see [`crate::exit`]).
pub fn main() -> i32 {
    // Left to itself a panic would end the process with the code of a failed case.
    std::panic::catch_unwind(command).unwrap_or(exit::INTERNAL)
}

fn command() -> i32 {
    match Cli::parse().command {
        Command::Run(args) => run::run(*args),
        Command::List(args) => list::list(&args),
        Command::Check(args) => check::check(&args),
        Command::Calibrate(args) => calibrate::calibrate(*args),
        Command::Report(args) => report::report(&args),
        Command::Baseline(args) => baseline::baseline(&args),
        Command::Compare(args) => compare::compare(&args),
        Command::Sim(args) => sim::sim(&args),
        Command::Doctor(args) => doctor::doctor(&args),
        Command::Init(args) => init::init(&args),
        Command::Schema(args) => schema::schema(&args),
        Command::Completions(args) => completions::completions(&args),
        Command::Man(args) => man::man(&args),
    }
}
