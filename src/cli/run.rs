use std::path::Path;
use std::sync::Arc;

use libtest_mimic::Arguments;

use super::args::RunArgs;
use super::suites::load_cases;
use crate::exit;
use crate::report::{Report, ReportInput, console};
use crate::runner::{
    Context, Interrupt, Outcome, REPORTS_OF_A_RUN, html_report, new_nonce, resolved, run_cases,
    run_info, stdout_style, write_atomically,
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
    let code = finish(&outcome, &context, &args, &html);
    [context.interrupt.code(), outcome.code]
        .into_iter()
        .fold(code, exit::stronger)
}

/// Writes the reports and says where they are; the exit code of that alone.
fn finish(outcome: &Outcome, context: &Context, args: &RunArgs, html: &dyn Report) -> i32 {
    let mut code = exit::OK;
    let mut problem = |what: String| {
        eprintln!("error: {what}");
        code = exit::INTERNAL;
    };
    if let (Some((result, series)), Some(folder)) = (&outcome.result, context.folder_if_made()) {
        let input = ReportInput { result, series };
        let extra = |report: &dyn Report| -> Option<&Path> {
            match report.name() {
                "junit" => args.junit.as_deref(),
                "html" => args.html.as_deref(),
                _ => None,
            }
        };
        for name in REPORTS_OF_A_RUN {
            let report: &dyn Report = match crate::report::by_name(name) {
                Some(report) if report.name() != html.name() => report,
                _ => html,
            };
            let bytes = match report.render(&input) {
                Ok(bytes) => bytes,
                Err(e) => {
                    problem(e.to_string());
                    continue;
                }
            };
            if let Err(e) = folder.write(report.file_name(), &bytes) {
                problem(format!("cannot write the report: {e}"));
            }
            if let Some(path) = extra(report)
                && let Err(e) = write_atomically(path, &bytes)
            {
                problem(format!("cannot write the report: {e}"));
            }
        }
        println!("{}", console::summary_line(result, stdout_style()));
        println!("report: {}", folder.path().join("report.html").display());
    } else if outcome.code == exit::NOTHING_SELECTED {
        eprintln!("no case was selected; `prony list` names all cases");
    }
    context.internal().into_iter().for_each(problem);
    code
}

fn fail(code: i32, what: &str) -> i32 {
    eprintln!("error: {what}");
    code
}
