use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::assemble::MeasuredPhase;
use super::case_result;
use super::context::Context;
use super::host::cpu_seconds;
use super::live::{LiveTarget, NotMeasured};
use super::progress::ProgressLine;
use super::time_limit::TimeLimit;
use crate::driver::RealDriver;
use crate::load::{Progress, RunInputs, RunOutcome, RunPlan, drive};
use crate::metrics::summarize_run;
use crate::plan::{Case, Evidence, Measure, MeasuredRun, Step};
use crate::record::{Part, Recorder, RunRecords};
use crate::result::{CaseResult, CaseSeries, ClientHealth, PhaseSeries, Spread, Warning};
use crate::suite::{PromptSource, SaltMode};
use crate::workload::{FileEntry, FromFile, RequestSource, Synthetic, parse_prompt_file, salt};

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
    if let Some(reason) = &case.scenario.skip {
        let mut result = case_result::skipped(case, reason);
        context.redact(case, &mut result);
        if let Err(e) = folder.end_case(&result, &CaseSeries::default()) {
            context.note_internal(format!("cannot write results: {e}"));
        }
        return result;
    }
    let records = match folder.begin_case(&case_result::placeholder(case)) {
        Ok(path) => path,
        Err(e) => {
            context.note_internal(format!("cannot write results: {e}"));
            return case_result::not_measured(case, &format!("cannot write results: {e}"));
        }
    };
    let limit = TimeLimit::new(case, context);
    let measured = RealDriver::run(|driver| measure_all(driver, case, context, &limit, &records))
        .unwrap_or_else(|e| Err(NotMeasured(format!("cannot start measuring: {e}"))));
    let (mut result, series) = match measured {
        Ok(phases) => {
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
            let mut result = case_result::judged(case, &phases);
            if phases.iter().any(|p| p.interrupted)
                && let Some(used_up) = limit.used_up()
            {
                result.reason = Some(format!(
                    "{used_up}: what was measured is kept, nothing was judged"
                ));
            }
            (result, series)
        }
        Err(NotMeasured(reason)) => (
            case_result::not_measured(case, &reason),
            CaseSeries::default(),
        ),
    };
    result.duration_s = began.elapsed().as_secs_f64();
    case_result::note_known_issue(case, &mut result, context.today());
    context.redact(case, &mut result);
    if let Err(e) = folder.end_case(&result, &series) {
        context.note_internal(format!("cannot write results: {e}"));
    }
    result
}

/// The one measuring loop: asks the procedure what to measure next until it is done, whatever the
/// kind of case.
async fn measure_all(
    driver: RealDriver,
    case: &Case,
    context: &Context,
    limit: &TimeLimit,
    records: &Path,
) -> Result<Vec<MeasuredPhase>, NotMeasured> {
    limit.start(&driver);
    let entries = prompt_entries(case)?;
    let open = LiveTarget::open(case, &case.phases[0], &driver, context);
    let live = limit.during(open).await??;
    let gpus = live.gpus;
    let procedure = case.procedure();
    let mut runs: Vec<MeasuredRun> = Vec::new();
    let mut measured: Vec<OneRun> = Vec::new();
    let evidence = loop {
        match procedure.next(&runs) {
            Step::Done(evidence) => break evidence,
            Step::Measure(measure) => {
                let one = measure_one(
                    &driver, case, context, limit, &measure, &live, &entries, records,
                )
                .await?;
                let interrupted = one.outcome.interrupted;
                runs.push(MeasuredRun {
                    result: summarize_run(&one.records, gpus, interrupted),
                    measure: *measure,
                });
                measured.push(one);
                if interrupted {
                    break Evidence::everything(&runs);
                }
            }
        }
    };
    let mut measured: Vec<Option<OneRun>> = measured.into_iter().map(Some).collect();
    Ok(evidence
        .phases
        .into_iter()
        .map(|phase| {
            let of_phase = phase
                .runs
                .iter()
                .filter_map(|&i| measured.get_mut(i).and_then(Option::take))
                .collect();
            phase_of(case, phase.name, of_phase, &live)
        })
        .collect())
}

fn phase_of(case: &Case, name: String, runs: Vec<OneRun>, live: &LiveTarget) -> MeasuredPhase {
    let plan = case.phases.iter().find(|p| p.name == name);
    let health = health(&runs);
    MeasuredPhase {
        warnings: stale_connections(live),
        target: live.shown.clone(),
        model: Some(live.model.clone()),
        gpus: live.gpus,
        interrupted: runs.iter().any(|r| r.outcome.interrupted),
        salts: runs.iter().map(|r| r.salt.clone()).collect(),
        load: case_result::load(plan.unwrap_or(&case.phases[0])),
        name,
        health,
        runs: runs.into_iter().map(|r| r.records).collect(),
    }
}

fn stale_connections(live: &LiveTarget) -> Vec<Warning> {
    match live.transport.stale_connections() {
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
    transport: &'static str,
    /// Processor time over wall time.
    cpu: Option<f64>,
}

#[expect(
    clippy::too_many_arguments,
    reason = "what a run depends on, each from another place"
)]
async fn measure_one(
    driver: &RealDriver,
    case: &Case,
    context: &Context,
    limit: &TimeLimit,
    measure: &Measure,
    live: &LiveTarget,
    entries: &Arc<[FileEntry]>,
    records: &Path,
) -> Result<OneRun, NotMeasured> {
    let scenario = &case.scenario;
    let recorder = Recorder::append(records)
        .map_err(|e| NotMeasured(format!("cannot write {}: {e}", records.display())))?;
    let salt = (scenario.prompts.salt == SaltMode::On).then(|| {
        salt(
            context.nonce,
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
    let inputs = RunInputs {
        plan,
        transport: live.transport.clone(),
        protocol: live.protocol.clone(),
        source: source(case, measure, salt.clone(), entries),
        sink: redacting(context, case, recorder.sink()),
        progress,
        interrupt: limit.stop.clone(),
    };
    let outcome = drive(driver.clone(), inputs).await;
    drop(line);
    let wall = began.elapsed().as_secs_f64();
    let cpu = cpu_before.zip(cpu_seconds()).map(|(a, b)| (b - a) / wall);
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
        transport: live.transport_name,
        cpu,
    })
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
        if let Some(error) = &mut record.error
            && let std::borrow::Cow::Owned(clean) = redactor.apply(&error.message)
        {
            error.message = clean;
        }
        sink(record);
    })
}

fn source(
    case: &Case,
    measure: &Measure,
    salt: Option<String>,
    entries: &Arc<[FileEntry]>,
) -> Rc<dyn RequestSource> {
    let scenario = &case.scenario;
    match &scenario.prompts.source {
        PromptSource::Synthetic {
            input_tokens,
            output_tokens,
        } => Rc::new(Synthetic {
            seed: scenario.seed,
            run: measure.run,
            salt,
            input_tokens: *input_tokens,
            output_tokens: *output_tokens,
        }),
        PromptSource::File {
            output_tokens,
            shuffle,
            ..
        } => Rc::new(FromFile {
            entries: entries.clone(),
            seed: scenario.seed,
            run: measure.run,
            shuffle: *shuffle,
            salt,
            output_tokens: *output_tokens,
        }),
    }
}

/// Reads the prompt file, where the case has one.
fn prompt_entries(case: &Case) -> Result<Arc<[FileEntry]>, NotMeasured> {
    let PromptSource::File { path, .. } = &case.scenario.prompts.source else {
        return Ok(Arc::new([]));
    };
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|e| NotMeasured(format!("cannot read prompts from {name}: {e}")))?;
    parse_prompt_file(&name, &text)
        .map(Into::into)
        .map_err(NotMeasured)
}

/// Health of the client over all runs of a phase: the worst of each.
fn health(runs: &[OneRun]) -> ClientHealth {
    let mut delays: Vec<f64> = runs
        .iter()
        .flat_map(|r| r.outcome.loop_delay_ms.iter().copied())
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
