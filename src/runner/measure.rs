use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::select;

use super::assemble::MeasuredPhase;
use super::case_result;
use super::context::Context;
use super::harness::exit_code;
use super::host::cpu_seconds;
use super::live::{LiveTarget, NotMeasured, RealWorld, VirtualWorld, World};
use super::progress::ProgressLine;
use super::prompts::prompts_of;
use super::sessions::Sessions;
use super::time_limit::TimeLimit;
use super::tokens::{TokenModels, counter};
use crate::driver::{Driver, RealDriver, VirtualDriver};
use crate::endpoint::Transport;
use crate::load::{Progress, RunInputs, RunOutcome, RunPlan, Signal, drive};
use crate::metrics::summarize_run;
use crate::plan::{Case, Evidence, Measure, MeasuredRun, Step};
use crate::record::{Part, Recorder, RunRecords};
use crate::result::{CaseResult, CaseSeries, ClientHealth, PhaseSeries, Spread, Warning};
use crate::suite::{PromptSource, SaltMode};
use crate::workload::{FileEntry, FromFile, RequestSource, Synthetic, TokenModel, salt};

/// How long requests under way may take to end after an interrupt.
const BRIEF_DRAIN: Duration = Duration::from_secs(2);

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
    let (mut result, series) = if context.is_virtual(case) {
        let driver = VirtualDriver::new();
        let sessions = Sessions::<VirtualWorld>::new(case, context, folder);
        let (mut result, series) = measured_by(sessions, case, &limit, |sessions| {
            Ok(driver.block_on(measure_all(
                driver.clone(),
                case,
                context,
                &limit,
                &records,
                sessions,
            )))
        });
        result.duration_s = driver.now() as f64 / 1e9;
        (result, series)
    } else {
        let sessions = Sessions::<RealWorld>::new(case, context, folder);
        let (mut result, series) = measured_by(sessions, case, &limit, |sessions| {
            RealDriver::run(|driver| measure_all(driver, case, context, &limit, &records, sessions))
        });
        result.duration_s = began.elapsed().as_secs_f64();
        (result, series)
    };
    case_result::note_known_issue(case, &mut result, context.today());
    let result = clean(result);
    context.note_ended(&result, exit_code(&result));
    if let Err(e) = folder.end_case(&result, &series) {
        context.note_internal(format!("cannot write results: {e}"));
    }
    result
}

/// What came of a case that `measure` measures in `sessions`.
fn measured_by<W: World>(
    mut sessions: Sessions<'_, W>,
    case: &Case,
    limit: &TimeLimit,
    measure: impl FnOnce(&mut Sessions<'_, W>) -> std::io::Result<Measured>,
) -> (CaseResult, CaseSeries) {
    // A panic is prony's own failure; what the case has started ends all the same, and `after` is done.
    let measured = catch_unwind(AssertUnwindSafe(|| measure(&mut sessions)));
    let after = sessions.finish();
    let measured = match measured {
        Ok(Ok(measured)) => measured,
        Ok(Err(e)) => Measured {
            phases: Vec::new(),
            ending: Ending::Failed(format!("cannot start measuring: {e}")),
        },
        Err(panic) => resume_unwind(panic),
    };
    let interrupted = measured.phases.iter().any(|p| p.interrupted);
    let (mut result, series) = judged(case, measured);
    if interrupted && let Some(used_up) = limit.used_up() {
        result.reason = Some(format!(
            "{used_up}: what was measured is kept, nothing was judged"
        ));
    }
    if let Err(NotMeasured(reason)) = after {
        case_result::also_error(&mut result, reason);
    }
    result.notes.extend(sessions.notes());
    (result, series)
}

/// What was measured of a case, and how that ended.
struct Measured {
    phases: Vec<MeasuredPhase>,
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

fn judged(case: &Case, measured: Measured) -> (CaseResult, CaseSeries) {
    let phases = measured.phases;
    let series = CaseSeries {
        slug: case.slug.clone(),
        phases: phases
            .iter()
            .map(|p| PhaseSeries {
                name: p.name.clone(),
                runs: p.runs.iter().map(crate::metrics::series).collect(),
            })
            .collect(),
    };
    let result = match measured.ending {
        Ending::Regular => case_result::judged(case, &phases),
        Ending::Died(reason) => case_result::died(case, &phases, &reason),
        Ending::Failed(reason) => case_result::broken_off(case, &phases, &reason),
    };
    (result, series)
}

/// The one measuring loop: asks the procedure what to measure next until it is done, whatever the
/// kind of case. What was measured before something went wrong is kept.
async fn measure_all<W: World>(
    driver: W::Driver,
    case: &Case,
    context: &Context,
    limit: &TimeLimit,
    records: &Path,
    sessions: &mut Sessions<'_, W>,
) -> Measured {
    limit.start(&driver);
    let (mut runs, mut measured) = (Vec::new(), Vec::new());
    let so_far = (&mut runs, &mut measured);
    let (evidence, ending) = measure_runs(&driver, case, context, limit, records, sessions, so_far)
        .await
        .unwrap_or_else(|NotMeasured(reason)| {
            (Evidence::everything(&runs), Ending::Failed(reason))
        });
    let mut measured: Vec<Option<OneRun>> = measured.into_iter().map(Some).collect();
    let phases = evidence
        .phases
        .into_iter()
        .map(|phase| {
            let of_phase = phase
                .runs
                .iter()
                .filter_map(|&i| measured.get_mut(i).and_then(Option::take))
                .collect();
            phase_of(case, phase.name, of_phase, sessions)
        })
        .collect();
    Measured { phases, ending }
}

async fn measure_runs<W: World>(
    driver: &W::Driver,
    case: &Case,
    context: &Context,
    limit: &TimeLimit,
    records: &Path,
    sessions: &mut Sessions<'_, W>,
    (runs, measured): (&mut Vec<MeasuredRun>, &mut Vec<OneRun>),
) -> Result<(Evidence, Ending), NotMeasured> {
    let entries = prompts_of(&case.scenario.prompts.source)
        .map_err(|problem| NotMeasured(problem.message))?;
    let procedure = case.procedure();
    let mut models = TokenModels::default();
    loop {
        let measure = match procedure.next(runs) {
            Step::Done(evidence) => return Ok((evidence, Ending::Regular)),
            Step::Measure(measure) => measure,
        };
        limit.during(sessions.ready_for(&measure, driver)).await??;
        let live = sessions.live()?;
        let ended = sessions.ended();
        let gpus = live.gpus;
        let target = measure.phase.target(case);
        let asked = models.of(live, target, &case.scenario.prompts.source, driver);
        let model = limit.during(asked).await??;
        let prompts = (&entries, model);
        let mut one = measure_one(
            driver, case, context, limit, &measure, live, ended, prompts, records,
        )
        .await?;
        one.warnings = models.warnings();
        let interrupted = one.outcome.interrupted;
        runs.push(MeasuredRun {
            result: summarize_run(&one.records, gpus, interrupted),
            measure: *measure,
        });
        measured.push(one);
        if limit.stop.level() > 0 && interrupted {
            return Ok((Evidence::everything(runs), Ending::Regular));
        }
        let last = measured.last().map(|one| &one.records);
        if let Some(how) = sessions.died(last) {
            return Ok((Evidence::everything(runs), Ending::Died(how)));
        }
    }
}

fn phase_of<W: World>(
    case: &Case,
    name: String,
    runs: Vec<OneRun>,
    sessions: &Sessions<'_, W>,
) -> MeasuredPhase {
    let plan = case.phases.iter().find(|p| p.name == name);
    let plan = plan.unwrap_or(&case.phases[0]);
    let health = health(&runs);
    let (target, model) = sessions.about();
    MeasuredPhase {
        warnings: warnings(&runs, sessions.stale_connections()),
        target,
        model,
        gpus: plan.target(case).gpus,
        interrupted: runs.iter().any(|r| r.outcome.interrupted),
        salts: runs.iter().map(|r| r.salt.clone()).collect(),
        load: case_result::load(plan),
        name,
        health,
        runs: runs.into_iter().map(|r| r.records).collect(),
    }
}

fn warnings(runs: &[OneRun], stale: u32) -> Vec<Warning> {
    let mut warnings = stale_connections(stale);
    // Each target is asked once, so that the last run knows of all.
    warnings.extend(runs.last().into_iter().flat_map(|r| r.warnings.clone()));
    warnings
}

fn stale_connections(n: u32) -> Vec<Warning> {
    match n {
        0 => Vec::new(),
        n => vec![Warning {
            text: format!(
                "{n} requests met a connection that the server had closed although it had announced to keep it; they were sent anew on one of their own"
            ),
            remedy: "nothing to do: connecting is timed apart (`connect_time`); a server that keeps its connections saves its users that time".to_owned(),
        }],
    }
}

/// One run as it came back from the load engine.
struct OneRun {
    records: RunRecords,
    outcome: RunOutcome,
    salt: Option<String>,
    warnings: Vec<Warning>,
    transport: &'static str,
    /// Processor time over wall time.
    cpu: Option<f64>,
}

#[expect(
    clippy::too_many_arguments,
    reason = "all of one call, and each of another origin"
)]
async fn measure_one<D: Driver, T: Transport>(
    driver: &D,
    case: &Case,
    context: &Context,
    limit: &TimeLimit,
    measure: &Measure,
    live: &LiveTarget<T>,
    ended: Signal,
    prompts: (&Arc<[FileEntry]>, Arc<TokenModel>),
    records: &Path,
) -> Result<OneRun, NotMeasured> {
    let scenario = &case.scenario;
    let recorder = Recorder::counting(records, counter(measure.phase.target(case)))
        .map_err(|e| NotMeasured(format!("cannot write {}: {e}", records.display())))?;
    let salt = (scenario.prompts.salt == SaltMode::On).then(|| {
        salt(
            context.nonce_of(case),
            &case.full_name(),
            &measure.phase.name,
            measure.run,
        )
    });
    let plan = RunPlan {
        case: case.full_name(),
        phase: measure.phase.name.clone(),
        run: measure.run,
        session: measure.session,
        load: measure.phase.load.clone(),
        requests: measure.phase.requests,
        duration: measure.phase.duration,
        warmup: scenario.warmup,
        drain: scenario.drain,
        brief_drain: BRIEF_DRAIN.min(scenario.drain),
        timeouts: scenario.timeouts,
        seed: scenario.seed,
    };
    live.begin_run(u64::from(measure.run));
    let progress = Arc::new(Progress::default());
    let line = ProgressLine::start(
        measure.phase.name.clone(),
        measure.phase.duration.map(|d| d + scenario.warmup),
        progress.clone(),
    );
    let (began, cpu_before) = (Instant::now(), cpu_seconds());
    let stop = Signal::new();
    let inputs = RunInputs {
        plan,
        transport: live.transport.clone(),
        protocol: live.protocol.clone(),
        source: source(case, measure, salt.clone(), prompts),
        ahead: !context.is_virtual(case),
        sink: redacting(context, case, recorder.sink()),
        progress,
        interrupt: stop.clone(),
    };
    let outcome = drive_until(driver, inputs, stop, &limit.stop, &ended).await;
    drop(line);
    let wall = began.elapsed().as_secs_f64();
    // Virtual time has no processor time to hold against it.
    let cpu = cpu_before
        .zip(cpu_seconds())
        .filter(|_| !context.is_virtual(case))
        .map(|(a, b)| (b - a) / wall);
    let recorded = recorder.finish();
    if let Some(e) = recorded.error {
        context.note_internal(format!("cannot write {}: {e}", records.display()));
    }
    Ok(OneRun {
        records: RunRecords {
            session: measure.session,
            open_loop: outcome.open_loop,
            window: outcome.window,
            records: recorded.records,
        },
        outcome,
        salt,
        warnings: Vec::new(),
        transport: live.transport_name,
        cpu,
    })
}

/// Drives a run that the user or the death of the target ends before its time.
async fn drive_until<D: Driver, T: Transport>(
    driver: &D,
    inputs: RunInputs<T>,
    stop: Signal,
    user: &Signal,
    ended: &Signal,
) -> RunOutcome {
    let watch = Box::pin(async {
        select(user.reached(1), ended.reached(1)).await;
        stop.raise(1);
        std::future::pending::<RunOutcome>().await
    });
    select(Box::pin(drive(driver.clone(), inputs)), watch)
        .await
        .factor_first()
        .0
}

/// What servers say can repeat a key back: error messages pass the case's redactor before they are
/// written anywhere.
fn redacting(
    context: &Context,
    case: &Case,
    mut sink: impl FnMut(crate::record::RequestRecord) + 'static,
) -> Box<dyn FnMut(crate::record::RequestRecord)> {
    let redactor = context.redactor(case);
    Box::new(move |mut record| {
        let said = record.error.as_mut().map(|e| &mut e.message);
        for text in said.into_iter().chain(&mut record.finish) {
            if let std::borrow::Cow::Owned(clean) = redactor.apply(text) {
                *text = clean;
            }
        }
        sink(record);
    })
}

fn source(
    case: &Case,
    measure: &Measure,
    salt: Option<String>,
    (entries, tokens): (&Arc<[FileEntry]>, Arc<TokenModel>),
) -> Arc<dyn RequestSource> {
    let scenario = &case.scenario;
    match &scenario.prompts.source {
        PromptSource::Synthetic {
            input_tokens,
            output_tokens,
            prefix,
        } => {
            let (input, output) = (input_tokens.clone(), output_tokens.clone());
            let which = (scenario.seed, measure.run);
            let source = Synthetic::new(which, salt.as_deref(), input, output, tokens);
            Arc::new(source.with_prefix(*prefix))
        }
        PromptSource::File {
            output_tokens,
            shuffle,
            ..
        } => Arc::new(FromFile {
            entries: entries.clone(),
            seed: scenario.seed,
            run: measure.run,
            shuffle: *shuffle,
            salt,
            output_tokens: output_tokens.clone(),
        }),
    }
}

/// Health of the client over all runs of a phase: the worst of each.
fn health(runs: &[OneRun]) -> ClientHealth {
    let mut delays: Vec<f64> = runs
        .iter()
        .flat_map(|r| r.outcome.loop_delay_ms.iter().copied())
        .collect();
    let mut preparations: Vec<f64> = runs
        .iter()
        .flat_map(|r| r.outcome.preparation_lag_ms.iter().copied())
        .collect();
    let mut lags: Vec<f64> = runs
        .iter()
        .flat_map(|r| &r.records.records)
        .filter(|r| r.part == Part::Window)
        .filter_map(|r| crate::metrics::request_value(r, "send_lag"))
        .collect();
    let (mut due, mut sent) = (0_u64, 0_u64);
    for record in runs.iter().flat_map(|r| &r.records.records) {
        if record.part == Part::Window && record.due_us.is_some() {
            due += 1;
            sent += u64::from(record.sent_us.is_some());
        }
    }
    ClientHealth {
        transport: runs
            .first()
            .map_or(String::new(), |r| r.transport.to_owned()),
        send_lag: spread(&mut lags),
        loop_delay: spread(&mut delays),
        preparation_lag: spread(&mut preparations),
        cpu: runs.iter().filter_map(|r| r.cpu).reduce(f64::max),
        achieved_share: (due > 0).then(|| sent as f64 / due as f64),
    }
}

fn spread(values: &mut [f64]) -> Option<Spread> {
    values.sort_by(f64::total_cmp);
    Some(Spread {
        p50: crate::stats::quantile(values, 0.5)?,
        p99: crate::stats::quantile(values, 0.99)?,
        max: *values.last()?,
    })
}
