use std::collections::BTreeMap;
use std::sync::Arc;

use super::args::{CompareArgs, SelectArgs};
use super::compare::{ASSUMED, CONFIDENCE, TOLERANCE, told};
use super::fail::fail;
use super::suites::load_cases;
use crate::exit;
use crate::judge::{ResultsRule, Verdict, compare_sides};
use crate::plan::{Case, side_by_side};
use crate::report::Html;
use crate::result::CaseResult;
use crate::runner::{
    Ci, Context, Interrupt, Outcome, Wanted, exit_code, finish, new_nonce, print, resolved,
    run_info, run_quietly, tell,
};
use crate::text::Redactor;

/// `prony compare --ab`: two live targets, measured by turns.
pub(super) fn compare_live(args: &CompareArgs) -> i32 {
    let [base, candidate] = args.ab.as_slice() else {
        return fail(exit::USAGE, "--ab takes two targets");
    };
    let load = |target: &String| {
        load_cases(&SelectArgs {
            paths: args.suite.clone(),
            target: Some(target.clone()),
            set: args.set.clone(),
            ..SelectArgs::default()
        })
    };
    let (suites, cases) = match load(base) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let (other_suites, others) = match load(candidate) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let (mut measured, mut tolerances) = (Vec::new(), BTreeMap::new());
    for (case, other) in cases.iter().zip(&others) {
        if case.scenario.skip.is_some() {
            continue;
        }
        let targets = [&case.scenario.target, &other.scenario.target];
        match side_by_side(case.clone(), targets, args.repeats) {
            Ok(ready) => measured.push(ready),
            Err(why) => tell(why),
        }
        tolerances.insert(case.full_name(), tolerances_of(case));
    }
    if measured.is_empty() {
        return fail(
            exit::NOTHING_SELECTED,
            "no scenario of the suites is one load on one target",
        );
    }
    if args.virtual_time
        && let Some(case) = measured.iter().find(|c| !c.is_simulated())
    {
        let text = format!(
            "--virtual: {} has a target of its own time; only sim:// targets can run in virtual time",
            case.full_name()
        );
        return fail(exit::USAGE, &text);
    }
    let interrupt = match Interrupt::install() {
        Ok(interrupt) => interrupt,
        Err(e) => return fail(exit::INTERNAL, &format!("cannot listen for signals: {e}")),
    };
    let all = suites.iter().chain(&other_suites);
    let secrets: Vec<(String, String)> = all.flat_map(|s| s.secrets.clone()).collect();
    let redactor = Redactor::new(&secrets);
    let words = std::env::args_os().enumerate();
    let command = words.map(|(i, word)| match word.to_string_lossy() {
        word if i < 2 => word.into_owned(),
        word => redactor.apply(&word).into_owned(),
    });
    let context = Arc::new(Context::new(
        args.results.clone(),
        run_info(command.collect(), None, BTreeMap::new()),
        resolved(&suites),
        new_nonce(),
        args.virtual_time,
        interrupt,
    ));
    let results = run_quietly(&measured, &context);
    let own = args.tolerance.is_none();
    let rule = ResultsRule {
        tolerance: args.tolerance.unwrap_or(TOLERANCE),
        session: args.noise,
        confidence: CONFIDENCE,
        cases: u32::try_from(results.len()).unwrap_or(u32::MAX),
    };
    let (mut code, mut out) = (exit::OK, String::new());
    for result in &results {
        let name = result.full_name();
        let of_case = tolerances.get(&name).filter(|_| own);
        let said = said_of(result, rule, of_case.unwrap_or(&BTreeMap::new()));
        code = exit::stronger(code, told(&name, said, &mut out));
        code = exit::stronger(code, exit_code(result));
    }
    if args.noise.is_none() {
        out.push_str(ASSUMED);
    }
    let no_more = Wanted {
        html: Html::default(),
        ci: Ci::default(),
        ..Wanted::default()
    };
    let outcome = Outcome {
        json: true,
        quiet: true,
        code,
    };
    code = exit::stronger(code, finish(&outcome, &context, &no_more));
    exit::stronger(code, print(out))
}

/// What changed, unless what was measured says nothing.
fn said_of(
    result: &CaseResult,
    rule: ResultsRule,
    tolerances: &BTreeMap<String, f64>,
) -> Result<Vec<crate::result::Change>, String> {
    match result.verdict {
        Verdict::Error | Verdict::Invalid | Verdict::Skipped => Err(format!(
            "{}: {}",
            result.verdict.name(),
            result.reason.as_deref().unwrap_or("nothing was measured")
        )),
        _ => compare_sides(result, rule, tolerances),
    }
}

/// What the scenario's `baseline:` tolerates, by metric.
fn tolerances_of(case: &Case) -> BTreeMap<String, f64> {
    let rules = case.scenario.baseline.iter();
    rules
        .filter_map(|rule| Some((rule.text.clone(), rule.tolerance.worse?)))
        .collect()
}
