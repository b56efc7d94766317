use std::path::Path;

use super::ab::compare_live;
use super::args::CompareArgs;
use super::fail::fail;
use crate::exit;
use crate::judge::{ResultsRule, compare_results};
use crate::metrics::Unit;
use crate::result::{Change, ChangeKind, RunResult};
use crate::runner::{find_run, print, rebuild};
use crate::text::{MISSING, number, significant};

/// One-sided confidence of each decision.
pub(super) const CONFIDENCE: f64 = 0.95;
/// What is tolerated where nobody says.
pub(super) const TOLERANCE: f64 = 0.10;

/// `prony compare`: two results folders, or two live targets; a regression is exit code 101.
pub fn compare(args: &CompareArgs) -> i32 {
    match &args.base {
        Some(base) => {
            let candidate = args.candidate.as_deref().unwrap_or(Path::new("latest"));
            compare_folders(args, base, candidate)
        }
        None => compare_live(args),
    }
}

fn compare_folders(args: &CompareArgs, base: &Path, candidate: &Path) -> i32 {
    let open = |run: &Path| -> Result<RunResult, String> {
        let folder = find_run(run, &args.results).ok_or_else(|| {
            format!(
                "no results folder {}; give its path, or its name under {}",
                run.display(),
                args.results.display()
            )
        })?;
        rebuild(&folder)
            .map(|(result, _)| result)
            .map_err(|e| e.to_string())
    };
    let (base, candidate) = match (open(base), open(candidate)) {
        (Ok(base), Ok(candidate)) => (base, candidate),
        (Err(e), _) | (_, Err(e)) => return fail(exit::USAGE, &e),
    };
    let pairs: Vec<_> = candidate
        .cases
        .iter()
        .filter_map(|now| {
            let name = now.full_name();
            let then = base.cases.iter().find(|c| c.full_name() == name)?;
            Some((then, now))
        })
        .collect();
    if pairs.is_empty() {
        return fail(exit::NOTHING_SELECTED, "the two have no case in common");
    }
    let rule = ResultsRule {
        tolerance: args.tolerance.unwrap_or(TOLERANCE),
        session: args.noise,
        confidence: CONFIDENCE,
        cases: u32::try_from(pairs.len()).unwrap_or(u32::MAX),
    };
    let mut code = exit::OK;
    let mut out = String::new();
    for (then, now) in pairs {
        let said = compare_results(then, now, rule);
        code = exit::stronger(code, told(&now.full_name(), said, &mut out));
    }
    if args.noise.is_none() {
        out.push_str(ASSUMED);
    }
    print(out);
    code
}

/// What a comparison is based on where nobody says how starts of the server differ.
pub(super) const ASSUMED: &str = "server starts are assumed to differ by 3 % (in times by 5 %) where a side has fewer than three (`--noise`, `prony calibrate`)\n";

/// Says in `out` what became of the case `name`, and returns the exit code that this asks for.
pub(super) fn told(name: &str, said: Result<Vec<Change>, String>, out: &mut String) -> i32 {
    out.push_str(&format!("{name}\n"));
    match said {
        Ok(changes) => {
            for change in &changes {
                out.push_str(&format!("  {}\n", line(change)));
            }
            if changes.is_empty() {
                out.push_str("  nothing was measured on both sides\n");
            }
            if changes.iter().any(|c| c.change == ChangeKind::Regressed) {
                return exit::FAILED;
            }
        }
        Err(why) => out.push_str(&format!("  {why}\n")),
    }
    exit::OK
}

fn line(change: &Change) -> String {
    let unit = change.unit.unwrap_or(Unit::Count);
    let percent = |x: f64| {
        let percent = (x - 1.0) * 100.0;
        let sign = if percent > 0.0 { "+" } else { "" };
        format!("{sign}{} %", significant(percent, 3))
    };
    let by = change.ratio.map_or_else(|| MISSING.to_owned(), percent);
    let interval = match change.interval {
        [Some(lo), Some(hi)] => format!(" ({} to {})", percent(lo), percent(hi)),
        _ => String::new(),
    };
    let reason = change
        .reason
        .as_ref()
        .map_or_else(String::new, |r| format!(" ({r})"));
    format!(
        "{:<22} {:>12} → {:<12} {by}{interval}: {}{reason}",
        change.metric,
        number(change.accepted, unit),
        number(change.observed, unit),
        change.change.name()
    )
}
