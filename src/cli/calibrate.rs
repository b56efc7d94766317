use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::args::CalibrateArgs;
use super::fail::fail;
use super::suites::{load_cases, refuse_real_time};
use crate::calibrate::{
    Asked, Calibrated, Verified, baseline_line, calibrating, noise_setting, table,
};
use crate::exit;
use crate::plan::Case;
use crate::report::Html;
use crate::result::{CaseResult, ChangeKind};
use crate::runner::{
    Ci, Context, Interrupt, Outcome, TestArguments, Wanted, exit_code, finish, new_nonce, print,
    resolved, run_info, run_quietly, tell, today, write_atomically,
};
use crate::suite::{Edit, edited};
use crate::text::Redactor;

/// `prony calibrate`: the same over and over, to learn how much it varies by itself and what can be
/// gated on therefore.
pub fn calibrate(args: CalibrateArgs) -> i32 {
    let arguments = match TestArguments::from_words("prony calibrate --", args.libtest.clone()) {
        Ok(arguments) => arguments,
        Err(refused) => return refused.print(),
    };
    let (suites, cases) = match load_cases(&args.select) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let wanted = |case: &Case| arguments.selects(&case.full_name()) && case.scenario.skip.is_none();
    let cases: Vec<Case> = cases.into_iter().filter(wanted).collect();
    if cases.is_empty() {
        tell("no case was selected; `prony list` names all cases");
        return exit::NOTHING_SELECTED;
    }
    if args.virtual_time
        && let Some(code) = refuse_real_time(&cases)
    {
        return code;
    }
    let time = args.max_time.as_ref().map(|t| t.duration);
    let asked = Asked {
        repeats: args.repeats,
        sessions: args.sessions,
        time: time.map(|t| t / u32::try_from(cases.len()).unwrap_or(u32::MAX)),
        pairs: args.verify.unwrap_or(0),
    };
    let calibrated: Result<Vec<Case>, String> = cases
        .iter()
        .map(|case| calibrating(case.clone(), &asked))
        .collect();
    let measured = match calibrated {
        Ok(cases) => cases,
        Err(e) => return fail(exit::USAGE, &e),
    };
    let interrupt = match Interrupt::install() {
        Ok(interrupt) => interrupt,
        Err(e) => return fail(exit::INTERNAL, &format!("cannot listen for signals: {e}")),
    };
    let secrets: Vec<(String, String)> = suites.iter().flat_map(|s| s.secrets.clone()).collect();
    let redactor = Redactor::new(&secrets);
    let words = std::env::args_os().enumerate();
    let command = words.map(|(i, word)| match word.to_string_lossy() {
        word if i < 2 => word.into_owned(),
        word => redactor.apply(&word).into_owned(),
    });
    let context = Arc::new(Context::new(
        args.results.clone(),
        run_info(command.collect(), args.select.seed, BTreeMap::new()),
        resolved(&suites),
        new_nonce(),
        args.virtual_time,
        interrupt,
    ));
    let json = args.format == "json";
    let results = run_quietly(&measured, &context);
    let budget = args.time_budget.as_ref().map(|t| t.duration);
    let found = Found::of(&cases, &results, budget);
    let mut code = results
        .iter()
        .map(exit_code)
        .chain(found.is_wrong().then_some(exit::FAILED))
        .fold(exit::OK, exit::stronger);
    if !json {
        for phase in &found.phases {
            print(table(&phase.found, phase.verified.as_ref()) + "\n");
        }
    }
    for result in &results {
        if let Some(reason) = &result.reason {
            tell(format_args!("{}: {reason}", result.full_name()));
        }
    }
    let outcome = Outcome {
        json: true,
        quiet: true,
        code,
    };
    let no_more = Wanted {
        html: Html::default(),
        ci: Ci::default(),
        ..Wanted::default()
    };
    code = exit::stronger(code, finish(&outcome, &context, &no_more));
    if json {
        code = exit::stronger(code, print(format!("{:#}\n", found.json())));
    }
    if args.write && !context.interrupt.raised() {
        code = exit::stronger(code, write(&cases, &found));
    } else if !json {
        code = exit::stronger(code, print(found.proposal(&cases)));
    }
    code
}

/// What was found of all cases.
struct Found {
    phases: Vec<FoundPhase>,
}

struct FoundPhase {
    found: Calibrated,
    verified: Option<Verified>,
}

impl Found {
    fn of(cases: &[Case], results: &[CaseResult], budget: Option<Duration>) -> Found {
        let budget = budget.map(|b| b.as_secs_f64());
        let mut phases = Vec::new();
        for result in results {
            let name = result.full_name();
            let Some(case) = cases.iter().find(|c| c.full_name() == name) else {
                continue;
            };
            for found in Calibrated::of(case, result, budget) {
                let verified = Verified::of(&found, result, case.scenario.confidence);
                phases.push(FoundPhase {
                    verified: (!verified.changes.is_empty()).then_some(verified),
                    found,
                });
            }
        }
        Found { phases }
    }

    fn is_wrong(&self) -> bool {
        let mut verified = self.phases.iter().filter_map(|p| p.verified.as_ref());
        verified.any(Verified::is_wrong)
    }

    /// What was found of the cases of one scenario.
    fn of_scenario<'a>(&'a self, cases: &[&Case]) -> Vec<&'a Calibrated> {
        let names: Vec<String> = cases.iter().map(|c| c.full_name()).collect();
        let all = self.phases.iter().map(|p| &p.found);
        all.filter(|f| names.contains(&f.case)).collect()
    }

    /// What to put into the suites, for a person who copies it.
    fn proposal(&self, cases: &[Case]) -> String {
        let mut out = String::new();
        for (file, scenario, cases) in scenarios(cases) {
            let found = self.of_scenario(&cases);
            let Some(noise) = noise_setting(found.iter().copied()) else {
                continue;
            };
            out += &format!("{file}, scenario {scenario} (`--write` puts it there):\n");
            for line in comment(&found) {
                out += &format!("    # {line}\n");
            }
            out += &format!("    noise: {noise}\n");
        }
        out
    }

    fn json(&self) -> Json {
        let phases = self.phases.iter().map(|FoundPhase { found, verified }| {
            let proposals: Vec<Json> = found
                .proposals
                .iter()
                .map(|p| {
                    json!({
                        "repeats": p.plan.repeats,
                        "sessions": p.plan.sessions,
                        "seconds": p.plan.seconds,
                        "tolerances": p.tolerances,
                    })
                })
                .collect();
            let mut out = json!({
                "case": found.case,
                "phase": found.phase,
                "runs": found.runs,
                "sessions": found.sessions,
                "run_s": found.cost.run_s,
                "start_s": found.cost.start_s,
                "noise": found.noise,
                "proposals": proposals,
            });
            if let Some(verified) = verified {
                let changes: Vec<Json> = verified
                    .changes
                    .iter()
                    .map(|c| {
                        json!({
                            "pair": c.pair, "metric": c.metric, "change": c.change,
                            "ratio": c.ratio, "tolerance": c.tolerance,
                        })
                    })
                    .collect();
                out["verified"] = json!({
                    "within_tolerance": verified.count(ChangeKind::WithinTolerance),
                    "undecided": verified.count(ChangeKind::Undecided),
                    "regressed": verified.count(ChangeKind::Regressed),
                    "improved": verified.count(ChangeKind::Improved),
                    "changes": changes,
                });
            }
            out
        });
        Json::Array(phases.collect())
    }
}

/// The scenarios that `cases` came from: file, name, and the cases of each.
fn scenarios(cases: &[Case]) -> Vec<(String, String, Vec<&Case>)> {
    let mut found: Vec<(String, String, Vec<&Case>)> = Vec::new();
    for case in cases {
        let file = case.scenario.location.file.path.to_string();
        let name = case.scenario.name.clone();
        match found.iter_mut().find(|(f, n, _)| *f == file && *n == name) {
            Some((.., cases)) => cases.push(case),
            None => found.push((file, name, vec![case])),
        }
    }
    found
}

/// What stands above `noise:`: where it comes from, and what could be gated on.
fn comment(found: &[&Calibrated]) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(first) = found.first() {
        let s = |n: u32| if n == 1 { "" } else { "s" };
        lines.push(format!(
            "prony calibrate, {}: {} run{} in {} session{}. What can be gated on, as it is measured here:",
            today(),
            first.runs,
            s(first.runs),
            first.sessions,
            s(first.sessions)
        ));
    }
    for found in found {
        let whose = if found.phase == "main" && lines.len() == 1 {
            String::new()
        } else {
            format!("{} {}: ", found.case, found.phase)
        };
        lines.extend(found.proposals.iter().map(|proposal| {
            format!(
                "  {whose}{} repeats in {} session{}: {}",
                proposal.plan.repeats,
                proposal.plan.sessions,
                if proposal.plan.sessions == 1 { "" } else { "s" },
                baseline_line(proposal)
            )
        }));
    }
    lines
}

/// Puts what was found into the suites.
fn write(cases: &[Case], found: &Found) -> i32 {
    let mut code = exit::OK;
    for (file, scenario, cases) in scenarios(cases) {
        let found = found.of_scenario(&cases);
        let Some(noise) = noise_setting(found.iter().copied()) else {
            continue;
        };
        let comment = comment(&found);
        let edit = Edit {
            scenario: &scenario,
            key: "noise",
            value: &noise,
            comment: &comment,
        };
        let path = Path::new(&file);
        let changed = std::fs::read_to_string(path)
            .map_err(|e| e.to_string())
            .and_then(|text| edited(&file, &text, &edit))
            .and_then(|text| write_atomically(path, text.as_bytes()).map_err(|e| e.to_string()));
        match changed {
            Ok(()) => tell(format_args!(
                "{file}: scenario {scenario} has its `noise:` now"
            )),
            Err(e) => {
                tell(format_args!(
                    "error: cannot write `noise:` into {file}, scenario {scenario}: {e}; put it there by hand:\n    noise: {noise}"
                ));
                code = exit::INTERNAL;
            }
        }
    }
    code
}
