use serde::Serialize;

use super::page::clean;
use crate::judge::Verdict;
use crate::report::rerun::rerun_command;
use crate::result::{BaselineStanding, CaseResult, RunInfo};

/// Something to do about a case.
#[derive(Serialize)]
pub(super) struct NextView {
    pub what: String,
    /// A command line to copy.
    pub command: Option<String>,
}

/// What to do about a case, the most useful first. The last is always how to run it again.
pub(super) fn next(case: &CaseResult, run: &RunInfo) -> Vec<NextView> {
    let mut all: Vec<NextView> = Vec::new();
    let mut say = |what: &str| {
        all.push(NextView {
            what: clean(what),
            command: None,
        });
    };
    match case.verdict {
        Verdict::Invalid => {
            let mut remedies: Vec<&str> = case
                .phases
                .iter()
                .flat_map(|p| p.warnings.iter().map(|w| w.remedy.as_str()))
                .collect();
            remedies.dedup();
            match remedies.as_slice() {
                [] => say(
                    "Let prony doctor say what this client can sustain, and ask for less or give it more.",
                ),
                remedies => remedies.iter().for_each(|r| say(r)),
            }
        }
        Verdict::Undecided => {
            let more = case
                .assertions
                .iter()
                .filter_map(|a| a.repeats_to_settle)
                .max();
            match more {
                Some(n) => say(&format!(
                    "Measure more: about {n} repeats on top of these would settle it."
                )),
                None => say(
                    "Measure more: a longer window, or more repeats. prony check says what each assertion takes.",
                ),
            }
        }
        Verdict::Error => say(
            "See that the target answers; its log, where prony started it, stands among the notes.",
        ),
        Verdict::Pass | Verdict::Fail | Verdict::Skipped => {}
    }
    if let Some(baseline) = &case.baseline {
        let what = match (&baseline.candidate, baseline.standing) {
            (Some(c), BaselineStanding::Compared) if c.why == "regressed" => {
                Some("If the change is wanted, accept what was measured as the new baseline")
            }
            (Some(_), BaselineStanding::Compared) => {
                Some("Accept what was measured as the new baseline")
            }
            (Some(_), BaselineStanding::Missing) => {
                Some("Nothing is accepted yet; accept what was measured")
            }
            (Some(_), BaselineStanding::NotComparable) => Some(
                "What is accepted cannot be compared with; accept what was measured in its place",
            ),
            (None, _) => None,
        };
        if let (Some(what), Some(candidate)) = (what, &baseline.candidate) {
            all.push(NextView {
                what: what.to_owned(),
                command: Some(clean(&candidate.accept)),
            });
        }
    }
    all.push(NextView {
        what: "Run just this case again".to_owned(),
        command: Some(clean(&rerun_command(&run.command, case))),
    });
    all
}
