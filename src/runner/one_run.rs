use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};

use super::cache::Asked;
use super::collected::Collected;
use super::context::Context;
use super::crew::{Sink, Threads};
use super::early::EarlyEnd;
use super::health::ClientOfRun;
use super::live::{LiveTarget, NotMeasured};
use super::progress::ProgressLine;
use super::time_limit::TimeLimit;
use super::tokens::count_answers;
use super::watch::Watch;
use crate::driver::Driver;
use crate::endpoint::{Stamps, Transport};
use crate::load::{
    Beside, Member, Progress, RunInputs, RunOutcome, RunPlan, Signal, drive, threads_for,
};
use crate::plan::{Asks, Case, Measure};
use crate::record::{Part, Recorder, RequestRecord, RunRecords};
use crate::result::Warning;
use crate::suite::{Interference, Length, PromptSource, SaltMode};
use crate::telemetry::host::{HostSampler, current_thread};
use crate::workload::{FileEntry, FromFile, Priming, RequestSource, Synthetic, TokenModel, salt};

/// How long requests under way may take to end after an interrupt.
const BRIEF_DRAIN: Duration = Duration::from_secs(2);

/// One run as it came back from the load engine.
pub(super) struct OneRun {
    pub records: RunRecords,
    pub outcome: RunOutcome,
    pub salt: Option<String>,
    pub client: ClientOfRun,
    /// What a reader of the numbers should know of how prompts were made.
    pub warnings: Vec<Warning>,
}

/// Drives one run, the `nth` of its case, from its warm-up to the end of its drain, and records it.
#[expect(
    clippy::too_many_arguments,
    reason = "all of one call, and each of another origin"
)]
pub(super) async fn measure_one<D: Driver, T: Transport>(
    driver: &D,
    case: &Case,
    context: &Context,
    limit: &TimeLimit,
    measure: &Measure,
    nth: u64,
    live: &LiveTarget<T>,
    ended: Signal,
    prompts: (&Arc<[FileEntry]>, Arc<TokenModel>),
    records: &Path,
    earlier: &Collected,
) -> Result<OneRun, NotMeasured> {
    let scenario = &case.scenario;
    let recorder = Recorder::append(records)
        .map_err(|e| NotMeasured(format!("cannot write {}: {e}", records.display())))?;
    let salt = (scenario.prompts.salt == SaltMode::On).then(|| {
        salt(
            context.nonce_of(case),
            &case.full_name(),
            measure.phase.content(),
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
        warmup: measure.phase.warmup(scenario),
        drain: scenario.drain,
        brief_drain: BRIEF_DRAIN.min(scenario.drain),
        timeouts: scenario.timeouts,
        seed: scenario.seed,
    };
    live.begin_run(nth);
    let progress = Arc::new(Progress::default());
    let line = ProgressLine::start(
        measure.phase.name.clone(),
        measure
            .phase
            .duration
            .map(|d| d + measure.phase.warmup(scenario)),
        progress.clone(),
    );
    let reads_before = live.transport.read_delays();
    let stop = Signal::new();
    let tokens = prompts.1.clone();
    let source = source(case, measure, salt.clone(), prompts);
    let early = measure.phase.stops_early.then(|| EarlyEnd::of(&plan));
    let early = early.flatten();
    let sink = |recorder: &Recorder| {
        let sink = redacting(context, case, recorder.sink());
        match &early {
            Some(early) => early.noting(sink),
            None => sink,
        }
    };
    let (threads, crew) = crew_of(case, live, &plan, &|| sink(&recorder))?;
    let mut measuring: Vec<u32> = current_thread().into_iter().collect();
    measuring.extend(&threads.ids);
    let inputs = RunInputs {
        plan,
        transport: live.transport.clone(),
        protocol: live.protocol.clone(),
        source: source.clone(),
        ahead: !context.is_virtual(case),
        beside: measure.phase.beside.as_ref().map(|long| Beside {
            rate: long.rate,
            arrivals: long.arrivals,
            source: Arc::new(long_prompts(case, measure, salt.as_deref(), &tokens, long)),
        }),
        sink: sink(&recorder),
        crew,
        progress,
        interrupt: stop.clone(),
    };
    let file = records.with_file_name("telemetry.jsonl");
    let watch = Watch::start(driver, case, measure, live, context, file).await;
    watch.begin();
    // Virtual time has no machine to hold against it.
    let sampler = (!context.is_virtual(case))
        .then(|| HostSampler::start(Instant::now(), measuring))
        .flatten();
    let sampled_from = driver.now();
    let (mut outcome, stopped) =
        drive_until(driver, inputs, stop, &limit.stop, &ended, early.as_ref()).await;
    // Connections were opened before the run's own time began.
    let ahead = outcome.epoch.saturating_sub(sampled_from) as f64 / 1e9;
    let host = sampler.map(|s| s.finish().counted_from(ahead));
    threads.join();
    if outcome.lost > 0 {
        return Err(NotMeasured(
            "a measuring thread ended before the run did: what it was to send is missing; `client: { threads: 1 }` needs no other"
                .to_owned(),
        ));
    }
    let scrapes = watch.finish(context).await;
    drop(line);
    let mut recorded = recorder.finish();
    count_answers(measure.phase.target(case), &mut recorded);
    let asked = Asked {
        case,
        measure,
        salt: salt.as_deref(),
        tokens: &tokens,
    };
    let cache = asked.note_ideal(&*source, &mut recorded, earlier);
    if let Some(e) = recorded.error {
        context.note_internal(format!("cannot write {}: {e}", records.display()));
    }
    let mut stamps = live.transport.stamps();
    let mut read_delays = live
        .transport
        .read_delays()
        .map(|now| now.since(&reads_before.unwrap_or_default()));
    for other in &outcome.others {
        let stale = live.stale_elsewhere.get();
        live.stale_elsewhere
            .set(stale.saturating_add(other.stale_connections));
        stamps = match (stamps, other.stamps) {
            (Some(a), Some(b)) => Some(a.and(b)),
            (a, b) => a.or(b),
        };
        if let Some(delays) = &other.read_delays {
            read_delays.get_or_insert_default().merge(delays);
        }
    }
    let (beside, records) = recorded
        .records
        .into_iter()
        .partition(|r| r.part == Part::Beside);
    Ok(OneRun {
        records: RunRecords {
            session: measure.session,
            open_loop: outcome.open_loop,
            window: outcome.window,
            records,
            beside,
            stopped,
            scrapes,
            cache,
        },
        client: ClientOfRun {
            transport: live.transport_name,
            stamps: stamps.map(Stamps::name),
            ticks: std::mem::take(&mut outcome.ticks),
            preparation: std::mem::take(&mut outcome.preparation),
            host,
            read_delays,
        },
        outcome,
        salt,
        warnings: Vec::new(),
    })
}

/// The further measuring threads of a run: as many as the suite says, or as its load may need.
fn crew_of<T>(
    case: &Case,
    live: &LiveTarget<T>,
    plan: &RunPlan,
    sink: &dyn Fn() -> Sink,
) -> Result<(Threads, Vec<Member>), NotMeasured> {
    let Some(equipment) = &live.equipment else {
        return Ok((Threads::default(), Vec::new()));
    };
    let answer = match &case.scenario.prompts.source {
        PromptSource::Synthetic { output_tokens, .. } => Some(output_tokens.mean()),
        PromptSource::File { .. } => None,
    };
    let all = match case.scenario.threads {
        Some(n) => n as usize,
        None => {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            threads_for(plan, answer, cores, equipment.beside())
        }
    };
    let sinks = (1..all).map(|_| sink()).collect();
    Threads::start(equipment, sinks)
}

/// Drives a run that the user, the death of the target or requests that pile up end before its time; and
/// why, in the last case.
async fn drive_until<D: Driver, T: Transport>(
    driver: &D,
    inputs: RunInputs<T>,
    stop: Signal,
    user: &Signal,
    ended: &Signal,
    early: Option<&EarlyEnd>,
) -> (RunOutcome, Option<String>) {
    let why = RefCell::new(None);
    let watch = Box::pin(async {
        let told = select(user.reached(1), ended.reached(1));
        match early {
            None => drop(told.await),
            Some(early) => {
                if let Either::Right((seen, _)) = select(told, Box::pin(early.seen(driver))).await {
                    why.replace(Some(seen));
                }
            }
        }
        stop.raise(1);
        std::future::pending::<RunOutcome>().await
    });
    let run = Box::pin(drive(driver.clone(), inputs));
    let mut outcome = select(run, watch).await.factor_first().0;
    let why = why
        .take()
        .filter(|_| user.level() == 0 && ended.level() == 0);
    // That was prony's own wish, and the run is whole as far as it goes.
    outcome.interrupted &= why.is_none();
    (outcome, why)
}

/// What servers say can repeat a key back: error messages pass the case's redactor before they are
/// written anywhere.
fn redacting(
    context: &Context,
    case: &Case,
    mut sink: impl FnMut(RequestRecord) + Send + 'static,
) -> Sink {
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
        PromptSource::Synthetic { prefix, .. } => {
            let groups = prefix.map_or(0, |prefix| prefix.groups);
            let source = synthetic(case, measure.run, salt.as_deref(), tokens);
            match measure.phase.asks {
                Asks::Planned => Arc::new(source),
                Asks::Apart => Arc::new(source.apart()),
                Asks::Prefixes => Arc::new(Priming::new(source, groups)),
            }
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

/// The made-up prompts of run `run`; of a scenario with others, prompts of no length.
pub(super) fn synthetic(
    case: &Case,
    run: u32,
    salt: Option<&str>,
    tokens: Arc<TokenModel>,
) -> Synthetic {
    let none = (&Length::Fixed(0), &Length::Fixed(0), &None, &None);
    let (input, output, prefix, conversation) = match &case.scenario.prompts.source {
        PromptSource::Synthetic {
            input_tokens,
            output_tokens,
            prefix,
            conversation,
        } => (input_tokens, output_tokens, prefix, conversation),
        PromptSource::File { .. } => none,
    };
    let which = (case.scenario.seed, run);
    Synthetic::new(which, salt, input.clone(), output.clone(), tokens)
        .with_prefix(*prefix)
        .with_conversation(*conversation)
}

/// The long prompts that disturb a run; they share nothing with its own.
fn long_prompts(
    case: &Case,
    measure: &Measure,
    salt: Option<&str>,
    tokens: &Arc<TokenModel>,
    long: &Interference,
) -> Synthetic {
    let salt = format!("{} beside", salt.unwrap_or_default());
    let which = (case.scenario.seed, measure.run);
    let (input, output) = (long.input_tokens.clone(), long.output_tokens.clone());
    Synthetic::new(which, Some(&salt), input, output, tokens.clone())
}
