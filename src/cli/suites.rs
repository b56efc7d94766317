use std::path::PathBuf;

use super::args::SelectArgs;
use crate::plan::{Case, expand};
use crate::runner::{discover, load_options, stderr_color};
use crate::suite::{Diagnostic, Suite, load, render_all};

/// The suites and cases that the arguments name, or the exit code after every problem was printed.
pub fn load_cases(select: &SelectArgs) -> Result<(Vec<Suite>, Vec<Case>), i32> {
    let suites = load_suites(&select.paths, select).map_err(|problems| {
        print_problems(&problems);
        crate::exit::USAGE
    })?;
    let cases = expand(&suites);
    Ok((suites, cases))
}

fn load_suites(paths: &[PathBuf], select: &SelectArgs) -> Result<Vec<Suite>, Vec<Diagnostic>> {
    let files = discover(paths)?;
    load(&files, &load_options(select.seed, select.target.clone()))
}

/// Shows every problem, on standard error.
pub fn print_problems(problems: &[Diagnostic]) {
    eprintln!("{}", render_all(problems, stderr_color()));
    let n = problems.len();
    let s = if n == 1 { "" } else { "s" };
    eprintln!("{n} problem{s}; nothing was sent");
}
