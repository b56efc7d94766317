use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use super::facts::{accelerator, identities, identity_of_answers};
use super::settings::Update;
use super::store::{Found, Store, write_in_folder};
use crate::baseline::{
    BASELINE_SCHEMA, BaselineFile, MeasuredFor, Proposal, ProposedChange, Why, baseline_of,
};
use crate::exit;
use crate::judge::{
    AcceptedInput, JudgeInput, JudgePhase, JudgedAgainst, Look, NoBaseline, Verdict, answers_of,
    asserted_values, judge_against,
};
use crate::plan::Case;
use crate::result::{AssertionKind, BaselineStanding, CandidateResult, CaseResult, ChangeKind};
use crate::runner::assemble::MeasuredPhase;
use crate::runner::case_result::model_of;
use crate::runner::context::Context;
use crate::runner::folder::ResultsFolder;
use crate::suite::KindPlan;
use crate::text::quote;

/// Fewest runs that are worth accepting.
const FEWEST_RUNS: usize = 3;

/// What is accepted of one case, and what a run proposes instead.
#[derive(Debug)]
pub struct CaseBaseline {
    store: Store,
    variant: Option<String>,
    found: Found,
}

impl CaseBaseline {
    /// What is accepted of `case`; `None` where it is not compared with anything accepted.
    ///
    /// # Errors
    /// When the folder of accepted results cannot be read.
    pub fn of(case: &Case, context: &Context) -> io::Result<Option<Self>> {
        if !case.scenario.has_baseline() {
            return Ok(None);
        }
        let settings = &context.baselines;
        let store = Store::new(&settings.folder);
        let variant = case
            .phases
            .first()
            .and_then(|phase| accelerator(phase.target(case), settings));
        let found = store.find(&case.suite, &case.slug, variant.as_deref())?;
        Ok(Some(CaseBaseline {
            store,
            variant,
            found,
        }))
    }

    /// What the judge says of `input`, the accepted baseline included.
    pub fn judge(
        &self,
        input: JudgeInput<'_>,
        context: &Context,
        look: Look,
        model: impl Fn(Option<&str>) -> Option<String>,
    ) -> JudgedAgainst {
        let case = input.case;
        let is_virtual = context.is_virtual(case);
        let answers = identity_of_answers(case, &context.baselines, is_virtual, &model);
        let identities = identities(case, &context.baselines, is_virtual, &model);
        let nothing;
        let accepted = match &self.found.accepted {
            Some(Ok(file)) => Ok(file),
            Some(Err(problem)) => {
                nothing = NoBaseline::NotComparable(format!("not comparable ({problem})"));
                Err(&nothing)
            }
            None => {
                let first = case.phases.first().and_then(|p| identities.get(&p.name));
                nothing = match first.and_then(|identity| self.found.elsewhere(identity, &answers))
                {
                    Some(why) => NoBaseline::NotComparable(why),
                    None => {
                        NoBaseline::Missing("nothing is accepted yet to compare with".to_owned())
                    }
                };
                Err(&nothing)
            }
        };
        let accepted = AcceptedInput {
            accepted,
            identities: &identities,
            answers: &answers,
        };
        judge_against(input, look, accepted)
    }

    /// Proposes what was measured, where that is worth it: into the results folder, and beside the
    /// accepted file where a person should look. Says in `result` what it did, and returns the exit code
    /// that the baseline asks for by itself.
    ///
    /// # Errors
    /// When something cannot be written.
    pub fn conclude(
        &self,
        case: &Case,
        context: &Context,
        folder: &ResultsFolder,
        phases: &[MeasuredPhase],
        result: &mut CaseResult,
    ) -> io::Result<i32> {
        let settings = &context.baselines;
        let Some(baseline) = &mut result.baseline else {
            return Ok(exit::OK);
        };
        baseline.file = Some(self.found.path.display().to_string());
        let standing = baseline.standing;
        let why = why(standing, baseline.changes.iter().map(|c| c.change));
        let mut settled = false;
        if worth_accepting(case, result, phases) {
            let candidate = self.candidate(case, context, phases, result, why);
            let name = self.found.path.file_name().unwrap_or_default();
            let path = folder.path().join("baselines").join(&case.suite).join(name);
            write_in_folder(&path, &candidate)?;
            let update = match settings.update {
                Some(Update::All) => true,
                Some(Update::Missing) => matches!(why, Why::New | Why::NotComparable),
                None => false,
            };
            if update {
                self.store
                    .accept(&self.accept_path(case, standing), candidate)?;
                settled = true;
            } else if !settings.ci && why.wants_review() {
                self.store
                    .propose(&self.accept_path(case, standing), &candidate)?;
            } else if !settings.ci && !why.wants_review() {
                self.store.reject(&self.found.path)?;
            }
            if let Some(baseline) = &mut result.baseline {
                baseline.candidate = (!settled && why.wants_review()).then(|| CandidateResult {
                    why: why.name().to_owned(),
                    file: path.display().to_string(),
                    accept: self.accept_command(case, context, folder),
                });
            }
        }
        if settled {
            note_accepted(result, why);
            return Ok(exit::OK);
        }
        let wanting = standing != BaselineStanding::Compared || self.found.pending;
        if settings.ci && self.found.pending && standing == BaselineStanding::Compared {
            result.notes.push(format!(
                "a proposed baseline waits beside {}; `prony baseline review` decides",
                self.found.path.display()
            ));
        }
        Ok(if settings.ci && wanting {
            exit::BASELINE
        } else {
            exit::OK
        })
    }

    /// Where an accepted file would go: never into the place of one for any machine, where that is
    /// another's.
    fn accept_path(&self, case: &Case, standing: BaselineStanding) -> PathBuf {
        let own = || {
            let variant = self.variant.as_deref();
            self.store.path(&case.suite, &case.slug, variant)
        };
        match (&self.found.accepted, standing) {
            (Some(Ok(file)), BaselineStanding::NotComparable) if file.variant.is_none() => own(),
            (Some(_), _) => self.found.path.clone(),
            (None, _) => own(),
        }
    }

    fn accept_command(&self, case: &Case, context: &Context, folder: &ResultsFolder) -> String {
        let mut words = vec![
            "prony".to_owned(),
            "baseline".to_owned(),
            "accept".to_owned(),
        ];
        if context.baselines.ci {
            words.extend(["--from".to_owned(), folder.path().display().to_string()]);
        }
        if context.baselines.folder != super::BaselineSettings::default().folder {
            let folder = context.baselines.folder.display().to_string();
            words.extend(["--baselines".to_owned(), folder]);
        }
        words.push(case.full_name());
        words.iter().map(|w| quote(w)).collect::<Vec<_>>().join(" ")
    }

    fn candidate(
        &self,
        case: &Case,
        context: &Context,
        phases: &[MeasuredPhase],
        result: &CaseResult,
        why: Why,
    ) -> BaselineFile {
        let model = |name: Option<&str>| model_of(case, phases, name);
        let is_virtual = context.is_virtual(case);
        let answers = identity_of_answers(case, &context.baselines, is_virtual, model);
        let identities = identities(case, &context.baselines, is_virtual, model);
        let inputs: Vec<JudgePhase<'_>> = phases.iter().map(MeasuredPhase::judged).collect();
        let none = BTreeMap::new();
        // Which loads a search tries follows from what it finds: they are no phases of another run.
        let searched = matches!(case.scenario.plan, KindPlan::Search(_));
        let kept = phases.iter().filter(|_| !searched);
        let phases = kept
            .map(|phase| {
                let measured = MeasuredFor {
                    name: &phase.name,
                    identity: identities.get(&phase.name).unwrap_or(&none),
                    runs: &phase.runs,
                    gpus: phase.gpus,
                };
                baseline_of(measured, &asserted_values(case, &inputs, &phase.name))
            })
            .collect();
        let info = &context.info;
        let host = info
            .host
            .name
            .clone()
            .unwrap_or_else(|| info.host.os.clone());
        let mut file = BaselineFile {
            schema: BASELINE_SCHEMA,
            suite: case.suite.clone(),
            case: case.name.clone(),
            variant: self.variant.clone(),
            proposal: Some(Proposal {
                why,
                run: info.id.clone(),
                changes: changes(result),
            }),
            subject: info.labels.clone(),
            context: BTreeMap::from([
                ("date".to_owned(), context.today().to_string()),
                ("host".to_owned(), host),
                ("prony".to_owned(), info.version.clone()),
            ]),
            phases,
            answers: answers_of(result, answers),
        };
        if context.is_virtual(case) {
            // The same numbers come of it everywhere and always.
            file.context.clear();
        }
        file
    }
}

fn why(standing: BaselineStanding, changes: impl Iterator<Item = ChangeKind> + Clone) -> Why {
    let any = |kind| changes.clone().any(|c| c == kind);
    match standing {
        BaselineStanding::Missing => Why::New,
        BaselineStanding::NotComparable => Why::NotComparable,
        BaselineStanding::Compared if any(ChangeKind::Regressed) => Why::Regressed,
        BaselineStanding::Compared if any(ChangeKind::Improved) => Why::Improved,
        BaselineStanding::Compared => Why::Unchanged,
    }
}

/// Whether the measurement is one to compare later ones with: whole, valid, steady, enough of it, and
/// good enough by itself.
fn worth_accepting(case: &Case, result: &CaseResult, phases: &[MeasuredPhase]) -> bool {
    let enough = match &case.scenario.plan {
        // It found something, and measured as often as it took.
        KindPlan::Search(_) => {
            let found = result.answers.first().and_then(|a| a.value);
            found.is_some_and(|v| v > 0.0)
        }
        _ => phases.iter().map(|p| p.runs.len()).min().unwrap_or(0) >= FEWEST_RUNS,
    };
    let whole = !phases.iter().any(|p| p.interrupted);
    let mut absolute = result
        .assertions
        .iter()
        .filter(|a| a.kind == AssertionKind::Absolute);
    let within_one = |a: &crate::result::AssertionResult| a.verdict == Verdict::Pass;
    let overloaded = result
        .reason
        .as_deref()
        .is_some_and(|r| r.starts_with("overloaded"));
    whole
        && enough
        && !overloaded
        && !matches!(
            result.verdict,
            Verdict::Error | Verdict::Invalid | Verdict::Skipped
        )
        && absolute.all(within_one)
}

fn changes(result: &CaseResult) -> Vec<ProposedChange> {
    let all = result.baseline.iter().flat_map(|b| &b.changes);
    all.filter(|c| c.change != ChangeKind::NotComparable)
        .map(|c| ProposedChange {
            metric: c.metric.clone(),
            change: c.change,
            ratio: c.ratio,
        })
        .collect()
}

/// What was measured is accepted now: whatever was said against it by the baseline is settled.
fn note_accepted(result: &mut CaseResult, why: Why) {
    let texts: Vec<String> = result
        .assertions
        .iter()
        .filter(|a| a.kind == AssertionKind::Relative && a.verdict != Verdict::Pass)
        .filter(|a| a.text.contains("baseline"))
        .map(|a| a.text.clone())
        .collect();
    for assertion in &mut result.assertions {
        if texts.contains(&assertion.text) {
            assertion.verdict = Verdict::Pass;
            let was = assertion.reason.take().unwrap_or_default();
            assertion.reason = Some(format!("accepted by `--update-baselines`; it was {was}"));
        }
    }
    let verdicts = result.assertions.iter().map(|a| a.verdict);
    let verdict = verdicts.reduce(Verdict::and).unwrap_or(result.verdict);
    if verdict != result.verdict {
        result.verdict = verdict;
        result.reason = match verdict {
            Verdict::Pass => None,
            _ => {
                let first = result.assertions.iter().find(|a| a.verdict == verdict);
                first.map(|a| a.reason.clone().unwrap_or_else(|| a.text.clone()))
            }
        };
    }
    result.notes.push(format!(
        "accepted as the baseline (`--update-baselines`), because it was {}",
        why.name()
    ));
}
