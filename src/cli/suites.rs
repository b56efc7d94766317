use std::path::PathBuf;

use super::args::SelectArgs;
use crate::plan::{Case, expand};
use crate::runner::{discover, find_project, load_options, stderr_color};
use crate::suite::{Diagnostic, LoadOptions, Suite, load, render_all};

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
    let mut options = LoadOptions {
        project: find_project(paths).map_err(|problem| vec![problem])?,
        set: select.set.clone(),
        ..load_options(select.seed, select.target.clone())
    };
    if select.profile.is_some() {
        options.profile.clone_from(&select.profile);
    }
    load(&files, &options)
}

fn print_problems(problems: &[Diagnostic]) {
    eprintln!("{}", render_all(problems, stderr_color()));
    let n = problems.len();
    let s = if n == 1 { "" } else { "s" };
    eprintln!("{n} problem{s}; nothing was sent");
}
