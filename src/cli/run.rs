use std::sync::Arc;

use libtest_mimic::Arguments;

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
    let (suites, cases) = match load_cases(&args.select) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    if args.virtual_time
        && let Some(case) = cases.iter().find(|c| !c.is_simulated())
    {
        let text = format!(
            "--virtual: {} has a target of its own time; only sim:// targets can run in virtual time",
            case.full_name()
        );
        return fail(exit::USAGE, &text);
    }
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
    let clean = |text: &str| redactor.apply(text).into_owned();
    let command = std::env::args().map(|a| clean(&a)).collect();
    let labels = args.labels.iter().map(|(k, v)| (clean(k), clean(v)));
    let context = Arc::new(Context::new(
        args.results.clone(),
        run_info(command, args.select.seed, labels.collect()),
        resolved(&suites),
        new_nonce(),
        args.virtual_time,
        interrupt,
    ));
    let outcome = match run_cases(cases, &context, arguments) {
        Ok(outcome) => outcome,
        Err(e) => return fail(exit::INTERNAL, &format!("cannot write results: {e}")),
    };
    if outcome.code == exit::NOTHING_SELECTED && outcome.result.is_none() {
        eprintln!("no case was selected; `prony list` names all cases");
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
