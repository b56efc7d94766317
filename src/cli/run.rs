use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::adhoc::AdHocRun;
use super::args::{RunArgs, default_paths};
use super::fail::fail;
use super::suites::{load_cases, refuse_real_time};
use crate::exit;
use crate::plan::Case;
use crate::runner::{
    BaselineSettings, Ci, Context, FailedCases, Interrupt, Limits, TestArguments, Update, Wanted,
    finish, html_report, in_ci, new_nonce, resolved, run_cases, run_info, tell,
};

/// `prony run`: suites in, verdicts out.
pub fn run(mut args: RunArgs) -> i32 {
    let began = Instant::now();
    let json = args.format == "json";
    let arguments = match TestArguments::from_words("prony run --", words(&args)) {
        Ok(arguments) => arguments,
        Err(refused) => return refused.print(),
    };
    let ad_hoc = match AdHocRun::of(&args) {
        Ok(ad_hoc) => ad_hoc,
        Err(code) => return code,
    };
    let failed = match failed_before(&mut args) {
        Ok(failed) => failed,
        Err(code) => return code,
    };
    let loaded = match &ad_hoc {
        Some(ad_hoc) => ad_hoc.load(),
        None => load_cases(&args.select),
    };
    let (suites, mut cases) = match loaded {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    if let Some(failed) = &failed {
        cases = still_there(failed, cases);
    }
    if args.virtual_time
        && let Some(code) = refuse_real_time(&cases)
    {
        return code;
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
    // The program and `run` itself are no secrets, whatever a secret looks like.
    let words = std::env::args_os().enumerate();
    let command = words.map(|(i, word)| match word.to_string_lossy() {
        word if i < 2 => word.into_owned(),
        word => clean(&word),
    });
    let labels = args.labels.iter().map(|(k, v)| (clean(k), clean(v)));
    let mut context = Context::new(
        args.results.clone(),
        run_info(command.collect(), args.select.seed, labels.collect()),
        resolved(&suites),
        new_nonce(),
        args.virtual_time,
        interrupt,
    );
    context.limits = Limits {
        max_time: args.max_time.map(|t| (t.written, began + t.duration)),
        fail_fast: args.fail_fast || arguments.fail_fast,
    };
    context.baselines = BaselineSettings {
        folder: args.baselines.clone(),
        variant: args.variant.clone(),
        ci: args.ci || in_ci(),
        update: args.update_baselines.as_deref().map(|which| match which {
            "all" => Update::All,
            _ => Update::Missing,
        }),
    };
    let context = Arc::new(context);
    let outcome = match run_cases(cases, &context, &arguments) {
        Ok(outcome) => outcome,
        Err(e) => return fail(exit::USAGE, &e.to_string()),
    };
    if outcome.code == exit::NOTHING_SELECTED {
        tell("no case was selected; `prony list` names all cases");
    }
    let wanted = Wanted {
        junit: args.junit,
        html_file: args.html,
        html,
        metrics: ad_hoc.is_some(),
        tables: true,
        last_event: json && outcome.json,
        ci: Ci::from_env(),
    };
    finish(&outcome, &context, &wanted)
}

/// libtest's own arguments, those that prony's ask for before those that were given.
fn words(args: &RunArgs) -> Vec<String> {
    let own: &[&str] = match args.format.as_str() {
        "json" => &["--format", "json"],
        _ if args.quiet => &["--quiet"],
        _ => &[],
    };
    let own = own.iter().map(|word| (*word).to_owned());
    own.chain(args.libtest.iter().cloned()).collect()
}

/// The cases that `--rerun-failed` means. Where no paths are given, the suites are those that they
/// stood in.
fn failed_before(args: &mut RunArgs) -> Result<Option<FailedCases>, i32> {
    let Some(run) = &args.rerun_failed else {
        return Ok(None);
    };
    let run = run.as_deref().unwrap_or(Path::new("latest"));
    let failed = FailedCases::of(run, &args.results).map_err(|e| fail(exit::USAGE, &e))?;
    if failed.names.is_empty() {
        tell(format_args!(
            "no case of {} failed; there is nothing to run again",
            failed.folder.display()
        ));
        return Err(exit::NOTHING_SELECTED);
    }
    if args.select.paths == default_paths() {
        let there: Vec<PathBuf> = failed
            .files
            .iter()
            .filter(|f| f.exists())
            .cloned()
            .collect();
        if !there.is_empty() {
            args.select.paths = there;
        }
    }
    Ok(Some(failed))
}

fn still_there(failed: &FailedCases, cases: Vec<Case>) -> Vec<Case> {
    let (cases, gone) = failed.among(cases);
    for name in gone {
        tell(format_args!(
            "warning: {name} failed in {}, but the suites have no such case",
            failed.folder.display()
        ));
    }
    cases
}
