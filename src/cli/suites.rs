use std::path::PathBuf;

use super::args::SelectArgs;
use crate::plan::{Case, expand};
use crate::runner::{discover, stderr_color};
use crate::suite::{Diagnostic, LoadOptions, Suite, load};

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
    let options = LoadOptions {
        seed: select.seed,
        target_url: select.target.clone(),
        ..crate::runner::load_options()
    };
    load(&files, &options)
}

fn print_problems(problems: &[Diagnostic]) {
    let color = stderr_color();
    for problem in problems {
        eprintln!("{}", problem.render(color));
    }
    let n = problems.len();
    let s = if n == 1 { "" } else { "s" };
    eprintln!("{n} problem{s}; nothing was sent");
}
