use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::future::select;

use super::assemble::MeasuredPhase;
use super::baselines::CaseBaseline;
use super::case_result;
use super::collected::Collected;
use super::context::Context;
use super::folder::ResultsFolder;
use super::harness::exit_code;
use super::live::{NotMeasured, RealWorld, VirtualWorld, World};
use super::one_run::measure_one;
use super::prompts::prompts_of;
use super::sessions::Sessions;
use super::time_limit::TimeLimit;
use super::tokens::TokenModels;
use crate::driver::{Driver, RealDriver, VirtualDriver};
use crate::exit;
use crate::judge::{JudgeInput, Verdict, bounds_at, judge_at, swept};
use crate::plan::{Case, Evidence, LookResult, MeasuredRun, Open, SoFar, Step};
use crate::result::{AssertionKind, CaseResult, CaseSeries, PhaseSeries};
use crate::suite::{Goal, KindPlan, Search};

/// Measures a case from its first run to its verdict, and writes everything to the results folder.
pub fn run_case(case: &Case, context: &Context) -> CaseResult {
    let began = Instant::now();
    let folder = match context.folder() {
        Ok(folder) => folder,
        Err(e) => {
            context.note_internal(format!("cannot write results: {e}"));
            return case_result::not_measured(case, &format!("cannot write results: {e}"));
        }
    };
    let clean = |result| case_result::redacted(result, &context.redactor(case));
    if let Some(reason) = &case.scenario.skip {
        let result = clean(case_result::skipped(case, reason));
        context.note_ended(&result, exit_code(&result));
        if let Err(e) = folder.end_case(&result, &CaseSeries::default()) {
            context.note_internal(format!("cannot write results: {e}"));
        }
        return result;
    }
    let records = match folder.begin_case(&clean(case_result::placeholder(case))) {
        Ok(path) => path,
        Err(e) => {
            context.note_internal(format!("cannot write results: {e}"));
            return case_result::not_measured(case, &format!("cannot write results: {e}"));
        }
    };
    let limit = TimeLimit::new(case, context);
    let baseline = match CaseBaseline::of(case, context) {
        Ok(baseline) => baseline,
        Err(e) => {
            context.note_internal(format!("cannot read baselines: {e}"));
            let result = case_result::not_measured(case, &format!("cannot read baselines: {e}"));
            context.note_ended(&result, exit_code(&result));
            return result;
        }
    };
    let kept = Kept {
        case,
        context,
        folder,
        limit: &limit,
        baseline: baseline.as_ref(),
    };
    let (mut result, series, code) = if context.is_virtual(case) {
        let driver = VirtualDriver::new();
        let sessions = Sessions::<VirtualWorld>::new(case, context, folder);
        let (mut result, series, code) = measured_by(sessions, kept, |sessions| {
            Ok(driver.block_on(measure_all(driver.clone(), kept, &records, sessions)))
        });
        result.duration_s = driver.now() as f64 / 1e9;
        (result, series, code)
    } else {
        let sessions = Sessions::<RealWorld>::new(case, context, folder);
        let (mut result, series, code) = measured_by(sessions, kept, |sessions| {
            RealDriver::run(|driver| measure_all(driver, kept, &records, sessions))
        });
        result.duration_s = began.elapsed().as_secs_f64();
        (result, series, code)
    };
    case_result::note_known_issue(case, &mut result, context.today());
    let result = clean(result);
    context.note_ended(&result, exit::stronger(exit_code(&result), code));
    if let Err(e) = folder.end_case(&result, &series) {
        context.note_internal(format!("cannot write results: {e}"));
    }
    result
}

/// What stays the same while a case is measured, whatever its world.
#[derive(Clone, Copy)]
struct Kept<'a> {
    case: &'a Case,
    context: &'a Context,
    folder: &'a ResultsFolder,
    limit: &'a TimeLimit,
    baseline: Option<&'a CaseBaseline>,
}

/// What came of a case that `measure` measures in `sessions`, and the exit code that its baseline asks
/// for by itself.
fn measured_by<W: World>(
    mut sessions: Sessions<'_, W>,
    kept: Kept<'_>,
    measure: impl FnOnce(&mut Sessions<'_, W>) -> std::io::Result<Measured>,
) -> (CaseResult, CaseSeries, i32) {
    // A panic is prony's own failure; what the case has started ends all the same, and `after` is done.
    let measured = catch_unwind(AssertUnwindSafe(|| measure(&mut sessions)));
    let after = sessions.finish();
    let measured = match measured {
        Ok(Ok(measured)) => measured,
        Ok(Err(e)) => Measured {
            phases: Vec::new(),
            evidence: Evidence::everything(&[]),
            ending: Ending::Failed(format!("cannot start measuring: {e}")),
        },
        Err(panic) => resume_unwind(panic),
    };
    let interrupted = measured.phases.iter().any(|p| p.interrupted);
    let (mut result, series, code) = judged(kept, measured);
    if interrupted && let Some(used_up) = kept.limit.used_up() {
        result.reason = Some(format!(
            "{used_up}: what was measured is kept, nothing was judged"
        ));
    }
    if let Err(NotMeasured(reason)) = after {
        case_result::also_error(&mut result, reason);
    }
    result.notes.extend(sessions.notes());
    (result, series, code)
}

/// What was measured of a case, and how that ended.
struct Measured {
    phases: Vec<MeasuredPhase>,
    evidence: Evidence,
    ending: Ending,
}

enum Ending {
    /// As planned, or interrupted by the user, which its phases tell.
    Regular,
    /// The target died after it had been ready.
    Died(String),
    /// prony could not go on.
    Failed(String),
}

fn judged(kept: Kept<'_>, measured: Measured) -> (CaseResult, CaseSeries, i32) {
    let Kept { case, context, .. } = kept;
    let phases = measured.phases;
    let series = CaseSeries {
        slug: case.slug.clone(),
        phases: phases
            .iter()
            .map(|p| PhaseSeries {
                name: p.name.clone(),
                runs: p.series(),
            })
            .collect(),
    };
    let against = kept.baseline.map(|baseline| (baseline, context));
    let mut result = match measured.ending {
        Ending::Regular => case_result::judged(case, &phases, &measured.evidence, against),
        Ending::Died(reason) => case_result::died(case, &phases, &reason),
        Ending::Failed(reason) => case_result::broken_off(case, &phases, &reason),
    };
    let mut code = exit::OK;
    if let Some(baseline) = kept.baseline {
        let proposed = baseline.conclude(case, context, kept.folder, &phases, &mut result);
        code = proposed.unwrap_or_else(|e| {
            context.note_internal(format!("cannot write the proposed baseline: {e}"));
            exit::OK
        });
    }
    (result, series, code)
}

/// The one measuring loop: asks the procedure what to measure next until it is done, whatever the
/// kind of case. What was measured before something went wrong is kept.
async fn measure_all<W: World>(
    driver: W::Driver,
    kept: Kept<'_>,
    records: &Path,
    sessions: &mut Sessions<'_, W>,
) -> Measured {
    kept.limit.start(&driver);
    let case = kept.case;
    let mut collected = Collected::default();
    let around = Around {
        driver,
        kept,
        records,
    };
    let (evidence, ending) = measure_runs(&around, sessions, &mut collected)
        .await
        .unwrap_or_else(|NotMeasured(reason)| {
            let evidence = Evidence::everything(&collected.runs);
            (evidence, Ending::Failed(reason))
        });
    Measured {
        phases: collected.into_phases(case, &evidence, sessions),
        evidence,
        ending,
    }
}

/// What stays the same while a case is measured.
struct Around<'a, D> {
    driver: D,
    kept: Kept<'a>,
    records: &'a Path,
}

async fn measure_runs<W: World>(
    around: &Around<'_, W::Driver>,
    sessions: &mut Sessions<'_, W>,
    collected: &mut Collected,
) -> Result<(Evidence, Ending), NotMeasured> {
    let Around {
        driver,
        kept,
        records,
    } = around;
    let Kept {
        case,
        context,
        limit,
        ..
    } = *kept;
    let entries = prompts_of(&case.scenario.prompts.source)
        .map_err(|problem| NotMeasured(problem.message))?;
    let procedure = case.procedure();
    let looks = Looks::default();
    let mut models = TokenModels::default();
    let began = driver.now();
    loop {
        let elapsed = Duration::from_nanos(driver.now().saturating_sub(began));
        let so_far = SoFar {
            runs: &collected.runs,
            look: &|evidence| looks.at(evidence, || look(*kept, collected, evidence, sessions)),
            elapsed,
            left: limit.left(elapsed, context),
        };
        let step = procedure.next(&so_far);
        let stopped = limit.stop.level() > 0 && collected.runs.last().is_some_and(|run| run.cut);
        let measure = match step {
            Step::Measure(measure) if !stopped => measure,
            // What was planned may be there although what came on top of it was cut.
            Step::Done(evidence) if !stopped || is_whole(&evidence, &collected.runs) => {
                return Ok((evidence, Ending::Regular));
            }
            Step::Done(_) | Step::Measure(_) => {
                return Ok((Evidence::everything(&collected.runs), Ending::Regular));
            }
        };
        let from = driver.now();
        limit.during(sessions.ready_for(&measure, driver)).await??;
        if !measure.phase.idle.is_zero() {
            let idle = Box::pin(driver.after(measure.phase.idle));
            select(idle, limit.stop.reached(1)).await;
        }
        let live = sessions.live()?;
        let ended = sessions.ended();
        let gpus = live.gpus;
        let nth = collected.runs.len() as u64;
        let target = measure.phase.target(case);
        let asked = models.of(live, target, &case.scenario.prompts.source, driver);
        let prompts = (&entries, limit.during(asked).await??);
        let mut one = measure_one(
            driver, case, context, limit, &measure, nth, live, ended, prompts, records, collected,
        )
        .await?;
        one.warnings = models.warnings();
        let took = Duration::from_nanos(driver.now().saturating_sub(from));
        collected.push(*measure, one, gpus, took);
        let interrupted = limit.stop.level() > 0 && collected.runs.last().is_some_and(|r| r.cut);
        if !interrupted && let Some(how) = sessions.died(collected.last()) {
            let evidence = Evidence::everything(&collected.runs);
            return Ok((evidence, Ending::Died(how)));
        }
    }
}

/// Whether no run of `evidence` ended before its time.
fn is_whole(evidence: &Evidence, runs: &[MeasuredRun]) -> bool {
    let all = evidence.phases.iter().flat_map(|p| &p.runs);
    let mut cut = all.filter_map(|&i| runs.get(i)).map(|run| run.cut);
    !cut.any(|cut| cut)
}

/// What the judge says of `evidence`, as procedures want to know it.
fn look<W: World>(
    kept: Kept<'_>,
    collected: &Collected,
    evidence: &Evidence,
    sessions: &Sessions<'_, W>,
) -> LookResult {
    let case = kept.case;
    if let KindPlan::Search(Search {
        goal: Goal::Capacity { subject_to },
        ..
    }) = &case.scenario.plan
    {
        let seen = collected.look(case, evidence, |phases| {
            bounds_at(case, subject_to, phases, evidence.look)
        });
        return match seen {
            Ok(bounds) => LookResult {
                bounds,
                ..LookResult::default()
            },
            Err(why) => LookResult {
                invalid: Some(why),
                ..LookResult::default()
            },
        };
    }
    let judged = collected.look(case, evidence, |phases| {
        let swept = swept(case, phases);
        let input = JudgeInput {
            knee: swept.as_ref().and_then(|s| s.knee.as_deref()),
            found: swept.as_ref().map(|s| &s.found),
            ..JudgeInput::new(case, phases)
        };
        match kept.baseline {
            Some(baseline) => {
                let model = |name: Option<&str>| sessions.about(name).1;
                baseline
                    .judge(input, kept.context, evidence.look, model)
                    .judged
            }
            None => judge_at(input, evidence.look),
        }
    });
    // What fails anyhow, or cannot be judged, is not helped by more data.
    let beyond_help = judged.assertions.iter().any(|a| {
        let bad = matches!(a.verdict, Verdict::Fail | Verdict::Error | Verdict::Invalid);
        bad && !a.open && a.kind == AssertionKind::Absolute
    });
    if beyond_help {
        return LookResult::default();
    }
    let open = judged.assertions.iter().filter_map(|a| {
        let relative = a.kind == AssertionKind::Relative;
        let confirm = relative && a.verdict == Verdict::Fail && !a.open;
        (a.open || confirm).then(|| Open {
            text: a.text.clone(),
            relative,
            confirm,
        })
    });
    LookResult {
        open: open.collect(),
        ..LookResult::default()
    }
}

/// What the judge has said: procedures are asked again after every run, and the same evidence gets
/// the same answer.
#[derive(Default)]
struct Looks(RefCell<Vec<(Evidence, LookResult)>>);

impl Looks {
    fn at(&self, evidence: &Evidence, look: impl FnOnce() -> LookResult) -> LookResult {
        let known = |said: &[(Evidence, LookResult)]| {
            let same = said.iter().find(|(of, _)| of == evidence);
            same.map(|(_, result)| result.clone())
        };
        if let Some(result) = known(&self.0.borrow()) {
            return result;
        }
        let result = look();
        let mut said = self.0.borrow_mut();
        said.push((evidence.clone(), result.clone()));
        result
    }
}
