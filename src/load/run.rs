use std::rc::Rc;
use std::sync::Arc;

use futures_util::future::{Either, select};

use super::beside::Beside;
use super::common::Common;
use super::crew::{Member, Report, Seat};
use super::health::{Tick, Ticks};
use super::plan::RunPlan;
use super::prepare::Maker;
use super::signal::Signal;
use super::state::{CLOSED, CUT, Progress, Run, nanos};
use super::{beside, closed, health, open};
use crate::driver::{Driver, Nanos};
use crate::endpoint::{Protocol, Transport};
use crate::record::{RequestRecord, Window};
use crate::stats::Delays;
use crate::suite::LoadShape;
use crate::workload::{RequestSource, Schedule};

/// Everything a run needs from outside.
pub struct RunInputs<T> {
    /// How to drive it.
    pub plan: RunPlan,
    /// What carries requests.
    pub transport: T,
    /// How they are written and read.
    pub protocol: Arc<dyn Protocol>,
    /// What is asked.
    pub source: Arc<dyn RequestSource>,
    /// Requests are made ready ahead of the schedule on a thread of their own, which only real time
    /// has use for.
    pub ahead: bool,
    /// What disturbs the load.
    pub beside: Option<Beside>,
    /// Takes every record as it is made; must not block.
    pub sink: Box<dyn FnMut(RequestRecord)>,
    /// Further measuring threads; none, and this one does all.
    pub crew: Vec<Member>,
    /// Counters for a progress line.
    pub progress: Arc<Progress>,
    /// Level 1: stop sending, drain briefly, end.
    pub interrupt: Signal,
}

/// How a run went; its records went to the sink.
#[derive(Clone, Debug, PartialEq)]
pub struct RunOutcome {
    /// When it started, in the driver's time.
    pub epoch: Nanos,
    /// The measured window.
    pub window: Window,
    /// Requests were due by a schedule.
    pub open_loop: bool,
    /// It was interrupted before its end.
    pub interrupted: bool,
    /// The drain ended before the window's last request did.
    pub drain_over: bool,
    /// Lateness of the timers of the client's measuring threads inside the window, in the order of time.
    pub ticks: Vec<Tick>,
    /// How long requests of the run that could have gone out waited for their own prompt.
    pub preparation: Delays,
    /// What the other measuring threads say of their part.
    pub others: Vec<Report>,
    /// Measuring threads that ended before the run did: what was measured is not what was asked for.
    pub lost: usize,
}

/// Drives one run to its end: warm-up, window, and unmeasured load until the window's last request
/// has ended. This thread is the first of those that measure.
pub async fn drive<D: Driver, T: Transport>(driver: D, inputs: RunInputs<T>) -> RunOutcome {
    let RunInputs {
        plan,
        transport,
        protocol,
        source,
        ahead,
        beside,
        sink,
        crew,
        progress,
        interrupt,
    } = inputs;
    let maker = Maker { source, protocol };
    let threads = 1 + crew.len();
    let common = Common::new(plan, threads, maker, ahead, progress, interrupt.clone());
    let common = Arc::new(common);
    let crew = super::crew::seat(&common, crew);
    open_ahead(&driver, &transport, &common, 0).await;
    crew.ready().await;
    let pause = if threads > 1 { TOGETHER } else { 0 };
    common.begin(driver.now() + pause);
    let run = Rc::new(Run::new(common, 0, driver, transport, sink));
    let ticks = start(&run);
    if let Some(others) = beside {
        run.driver.spawn(beside::drive(run.clone(), others));
    }

    let interrupted = matches!(
        select(Box::pin(until_closed(&run)), interrupt.reached(1)).await,
        Either::Right(_)
    );
    // An interrupt ends the window where it is: what was due by now stays measured.
    run.close(run.now());
    let mut interrupted = interrupted;
    let mut drain = nanos(if interrupted {
        run.plan.brief_drain
    } else {
        run.plan.drain
    });
    let mut drain_over = false;
    let drained = &run.common.drained;
    while drained.level() == 0 {
        let limit = Box::pin(run.driver.after(std::time::Duration::from_nanos(drain)));
        let ended = select(drained.reached(1), limit);
        if interrupted {
            drain_over = matches!(ended.await, Either::Right(_));
            break;
        }
        match select(ended, interrupt.reached(1)).await {
            Either::Left((end, _)) => {
                drain_over = matches!(end, Either::Right(_));
                break;
            }
            Either::Right(_) => {
                interrupted = true;
                drain = nanos(run.plan.brief_drain);
            }
        }
    }
    run.common.raise_over(CUT);
    finish(&run).await;
    let (others, lost) = crew.done().await;

    let mut outcome = RunOutcome {
        epoch: run.epoch,
        window: run.common.measured(),
        open_loop: run.plan.is_open(),
        interrupted,
        drain_over,
        ticks: ticks.take(),
        preparation: run.preparation.take(),
        others: Vec::new(),
        lost,
    };
    for mut other in others {
        outcome.ticks.append(&mut other.ticks);
        outcome.preparation.merge(&other.preparation);
        outcome.others.push(other);
    }
    outcome.ticks.sort_by_key(|tick| tick.due_us);
    outcome
}

/// How long after it is known the run's beginning lies where several threads must hear of it.
const TOGETHER: Nanos = 1_000_000;

/// Does a part of a run, as one of its further measuring threads: what the first one decides holds
/// here too. The driver's time must be that of the first one's.
pub async fn assist<D: Driver, T: Transport>(
    driver: D,
    transport: T,
    sink: Box<dyn FnMut(RequestRecord)>,
    seat: Seat,
) {
    let (common, index) = (seat.common().clone(), seat.index());
    open_ahead(&driver, &transport, &common, index).await;
    common.ready_of(index).raise(1);
    common.begun.reached(1).await;
    let run = Rc::new(Run::new(common, index, driver, transport, sink));
    let ticks = start(&run);
    run.over.reached(CUT).await;
    finish(&run).await;
    seat.leave(Report {
        ticks: ticks.take(),
        preparation: run.preparation.take(),
        stamps: run.transport.stamps(),
        read_delays: run.transport.read_delays(),
        stale_connections: run.transport.stale_connections(),
    });
}

/// Waits for the last record of this thread, after the cut.
async fn finish<D: Driver, T>(run: &Run<D, T>) {
    run.settle();
    run.idle.reached(1).await;
    // Every record is in: the sink goes now, not with the last task that still has to wake up.
    drop(run.sink.replace(Box::new(drop)));
}

/// Opens the connections that this thread's first requests will need, for as long as one request would
/// wait.
async fn open_ahead<D: Driver, T: Transport>(
    driver: &D,
    transport: &T,
    common: &Common,
    index: usize,
) {
    let (all, threads) = (common.plan.first_connections(), common.threads());
    let mine = all / threads + usize::from(index < all % threads);
    let opening = Box::pin(transport.open_ahead(mine));
    let enough = Box::pin(driver.after(common.plan.timeouts.connect));
    select(select(opening, enough), common.interrupt.reached(1)).await;
}

/// Starts this thread's part of the load, and the look at its own promptness.
fn start<D: Driver, T: Transport>(run: &Rc<Run<D, T>>) -> Ticks {
    let ticks = Ticks::default();
    run.driver.spawn(health::probe(run.clone(), ticks.clone()));
    let plan = &run.plan;
    match &plan.load.shape {
        LoadShape::Concurrency(n) => {
            let steps = vec![(0, *n)];
            run.driver.spawn(closed::drive(run.clone(), steps));
        }
        LoadShape::Rate { .. } => {
            if let Some(schedule) = plan.steady_schedule() {
                run.driver.spawn(open::drive(run.clone(), schedule));
            }
        }
        LoadShape::Stages { stages, arrivals } if plan.is_open() => {
            let seconds = plan.warmup.as_secs_f64();
            let schedule = Schedule::stages(seconds, stages, *arrivals, plan.arrivals_rng());
            run.driver.spawn(open::drive(run.clone(), schedule));
        }
        LoadShape::Stages { stages, .. } => {
            let steps = closed::steps(nanos(plan.warmup), stages);
            run.driver.spawn(closed::drive(run.clone(), steps));
        }
    }
    ticks
}

/// Completes when the window has ended, by time or by count.
async fn until_closed<D: Driver, T>(run: &Rc<Run<D, T>>) {
    let by_count = run.over.reached(CLOSED);
    let end = run.common.window().end;
    match end {
        Some(end) => {
            let by_time = Box::pin(run.driver.at(run.epoch.saturating_add(end)));
            select(by_time, by_count).await;
        }
        None => by_count.await,
    }
}
