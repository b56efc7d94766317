use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};

use super::context::Context;
use super::discover::{discover, find_project};
use super::edge::{load_options, new_nonce, resolved};
use super::finish::{Wanted, finish};
use super::harness::{run_cases, run_info};
use super::interrupt::Interrupt;
use crate::exit;
use crate::plan::{Case, expand};
use crate::suite::{Diagnostic, LoadOptions, Suite, load, render_all};

/// The whole of a test target that runs suites as tests, with `harness = false`:
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     prony::harness("suites")
/// }
/// ```
///
/// `suites` is a suite file or a folder of suites. Arguments are libtest's. As with any test binary a
/// filter that matches nothing is no failure, and a broken suite is one failing test.
pub fn harness(suites: impl AsRef<Path>) -> ExitCode {
    ExitCode::from(u8::try_from(run(suites.as_ref())).unwrap_or(1))
}

fn run(path: &Path) -> i32 {
    let arguments = Arguments::from_args();
    let (suites, cases) = match load_from(path) {
        Ok(loaded) => loaded,
        Err(problems) => return broken(path, &problems, &arguments),
    };
    let interrupt = match Interrupt::install() {
        Ok(interrupt) => interrupt,
        Err(e) => {
            eprintln!("error: cannot listen for signals: {e}");
            return exit::INTERNAL;
        }
    };
    let context = Arc::new(Context::new(
        "results".into(),
        run_info(std::env::args().collect(), None, BTreeMap::new()),
        resolved(&suites),
        new_nonce(),
        interrupt,
    ));
    let outcome = match run_cases(cases, &context, arguments) {
        Ok(outcome) => outcome,
        Err(e) => {
            eprintln!("error: cannot write results: {e}");
            return exit::INTERNAL;
        }
    };
    match finish(&outcome, &context, &Wanted::default()) {
        // Other test binaries of the same `cargo test` may hold what the filter names.
        exit::NOTHING_SELECTED => exit::OK,
        code => code,
    }
}

fn load_from(path: &Path) -> Result<(Vec<Suite>, Vec<Case>), Vec<Diagnostic>> {
    let paths = [path.to_owned()];
    let options = LoadOptions {
        project: find_project(&paths).map_err(|problem| vec![problem])?,
        ..load_options(None, None)
    };
    let suites = load(&discover(&paths)?, &options)?;
    let cases = expand(&suites);
    Ok((suites, cases))
}

/// One failing test in place of suites that cannot be read.
fn broken(path: &Path, problems: &[Diagnostic], arguments: &Arguments) -> i32 {
    let text = render_all(problems, false);
    let name = format!("{}::suites", path.display());
    let trial = Trial::test(name, move || Err(Failed::from(text)));
    let conclusion = libtest_mimic::run(arguments, vec![trial]);
    if conclusion.has_failed() {
        exit::FAILED
    } else {
        exit::OK
    }
}
