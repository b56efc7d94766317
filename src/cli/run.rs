use std::sync::Arc;

use libtest_mimic::Arguments;

use super::adhoc::{AdHocRun, metrics_tables};
use super::args::RunArgs;
use super::suites::load_cases;
use crate::exit;
use crate::runner::{
    Context, Interrupt, Wanted, finish, html_report, new_nonce, resolved, run_cases, run_info,
};

/// `prony run`: suites in, verdicts out.
pub fn run(args: RunArgs) -> i32 {
    let arguments = Arguments::from_iter(
        std::iter::once("prony run --".to_owned()).chain(args.libtest.iter().cloned()),
    );
    let ad_hoc = match AdHocRun::of(&args) {
        Ok(ad_hoc) => ad_hoc,
        Err(code) => return code,
    };
    let loaded = match &ad_hoc {
        Some(ad_hoc) => ad_hoc.load(),
        None => load_cases(&args.select),
    };
    let (suites, cases) = match loaded {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let html = match html_report(args.templates.as_deref()) {
        Ok(html) => html,
        Err(e) => return fail(exit::USAGE, &e),
    };
    let interrupt = match Interrupt::install() {
        Ok(interrupt) => interrupt,
        Err(e) => return fail(exit::INTERNAL, &format!("cannot listen for signals: {e}")),
    };
    let secrets: Vec<(String, String)> = suites.iter().flat_map(|s| s.secrets.clone()).collect();
    let redactor = crate::text::Redactor::new(&secrets);
    let command = std::env::args()
        .map(|a| redactor.apply(&a).into_owned())
        .collect();
    let context = Arc::new(Context::new(
        args.results.clone(),
        run_info(
            command,
            args.select.seed,
            args.labels.iter().cloned().collect(),
        ),
        resolved(&suites),
        new_nonce(),
        interrupt,
    ));
    let outcome = match run_cases(cases, &context, arguments) {
        Ok(outcome) => outcome,
        Err(e) => return fail(exit::INTERNAL, &format!("cannot write results: {e}")),
    };
    if outcome.code == exit::NOTHING_SELECTED && outcome.result.is_none() {
        eprintln!("no case was selected; `prony list` names all cases");
    }
    if let (Some(_), Some((result, _))) = (&ad_hoc, &outcome.result) {
        print!("{}", metrics_tables(result));
    }
    let wanted = Wanted {
        junit: args.junit,
        html_file: args.html,
        html,
    };
    finish(&outcome, &context, &wanted)
}

fn fail(code: i32, what: &str) -> i32 {
    eprintln!("error: {what}");
    code
}
