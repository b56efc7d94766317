use std::path::PathBuf;

use super::args::SelectArgs;
use super::fail::fail;
use crate::exit;
use crate::plan::{Case, expand};
use crate::runner::{
    Ci, check_prompt_files, discover, find_project, load_options, stderr_color, tell,
};
use crate::suite::{Diagnostic, LoadOptions, Suite, load, render_all};

/// The suites and cases that the arguments name, or the exit code after every problem was printed.
pub fn load_cases(select: &SelectArgs) -> Result<(Vec<Suite>, Vec<Case>), i32> {
    let suites = load_suites(&select.paths, select).map_err(|problems| {
        print_problems(&problems);
        exit::USAGE
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
    let suites = load(&files, &options)?;
    match check_prompt_files(&suites) {
        problems if problems.is_empty() => Ok(suites),
        problems => Err(problems),
    }
}

/// Says which of `cases` cannot run in virtual time, if any, and gives the exit code.
pub fn refuse_real_time(cases: &[Case]) -> Option<i32> {
    let case = cases.iter().find(|c| !c.is_simulated())?;
    let text = format!(
        "--virtual: {} has a target of its own time; only sim:// targets can run in virtual time",
        case.full_name()
    );
    Some(fail(exit::USAGE, &text))
}

/// Shows every problem, on standard error.
pub fn print_problems(problems: &[Diagnostic]) {
    tell(render_all(problems, stderr_color()));
    let n = problems.len();
    let s = if n == 1 { "" } else { "s" };
    tell(format_args!("{n} problem{s}; nothing was sent"));
    let annotations = Ci::from_env().annotate_problems(problems);
    if !annotations.is_empty() {
        tell(annotations.trim_end());
    }
}
