use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use futures_util::future::{Either, select};

use super::beside::Beside;
use super::health::Tick;
use super::plan::RunPlan;
use super::prepare::{Ahead, Maker};
use super::signal::Signal;
use super::state::{CLOSED, CUT, Progress, Run, WindowState, nanos};
use super::{beside, closed, health, open};
use crate::driver::{Driver, Nanos};
use crate::endpoint::{Protocol, Transport};
use crate::record::{RequestRecord, Window};
use crate::stats::Delays;
use crate::suite::{LoadShape, StageLevel};
use crate::workload::{RequestSource, Schedule, stream};

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
    /// Lateness of the client's own timer inside the window, in the order of time.
    pub ticks: Vec<Tick>,
    /// How long requests of the run that could have gone out waited for their own prompt.
    pub preparation: Delays,
}

/// Drives one run to its end: warm-up, window, and unmeasured load until the window's last request
/// has ended.
pub async fn drive<D: Driver, T: Transport>(driver: D, inputs: RunInputs<T>) -> RunOutcome {
    let RunInputs {
        plan,
        transport,
        protocol,
        source,
        ahead,
        beside,
        sink,
        progress,
        interrupt,
    } = inputs;
    let maker = Maker { source, protocol };
    let ahead = ahead.then(|| Ahead::start(maker.clone())).flatten();
    open_ahead(&driver, &transport, &plan, &interrupt).await;
    let window = RefCell::new(WindowState::new(&plan));
    let run = Rc::new(Run {
        epoch: driver.now(),
        driver,
        transport,
        maker,
        ahead,
        progress,
        over: Signal::new(),
        drained: Signal::new(),
        interrupt: interrupt.clone(),
        idle: Signal::new(),
        window,
        next_id: Cell::new(0),
        open: Cell::new(0),
        sink: RefCell::new(sink),
        preparation: RefCell::default(),
        plan,
    });
    let ticks = health::Ticks::default();
    run.driver.spawn(health::probe(run.clone(), ticks.clone()));
    let open_loop = start(&run);
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
    while run.drained.level() == 0 {
        let limit = Box::pin(run.driver.after(std::time::Duration::from_nanos(drain)));
        let ended = select(run.drained.reached(1), limit);
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
    run.over.raise(CUT);
    run.settle();
    run.idle.reached(1).await;
    // Every record is in: the sink goes now, not with the last task that still has to wake up.
    drop(run.sink.replace(Box::new(drop)));

    RunOutcome {
        epoch: run.epoch,
        window: run.window(),
        open_loop,
        interrupted,
        drain_over,
        ticks: ticks.take(),
        preparation: run.preparation.take(),
    }
}

/// Opens the connections that the first requests will need, for as long as one request would wait.
async fn open_ahead<D: Driver, T: Transport>(
    driver: &D,
    transport: &T,
    plan: &RunPlan,
    interrupt: &Signal,
) {
    let opening = Box::pin(transport.open_ahead(plan.first_connections()));
    let enough = Box::pin(driver.after(plan.timeouts.connect));
    select(select(opening, enough), interrupt.reached(1)).await;
}

/// Starts the load; whether it is an open loop.
fn start<D: Driver, T: Transport>(run: &Rc<Run<D, T>>) -> bool {
    let plan = &run.plan;
    let warmup = nanos(plan.warmup);
    let rng = || stream(plan.seed, "arrivals", u64::from(plan.run));
    match &plan.load.shape {
        LoadShape::Concurrency(n) => {
            let steps = vec![(0, *n)];
            run.driver.spawn(closed::drive(run.clone(), steps));
            false
        }
        LoadShape::Rate {
            per_second,
            arrivals,
        } => {
            let schedule = Schedule::steady(*per_second, *arrivals, rng());
            run.hold();
            run.driver.spawn(open::drive(run.clone(), schedule));
            true
        }
        LoadShape::Stages { stages, arrivals } => {
            let by_rate = stages
                .first()
                .is_some_and(|s| matches!(s.from, StageLevel::Rate(_)));
            if by_rate {
                let seconds = plan.warmup.as_secs_f64();
                let schedule = Schedule::stages(seconds, stages, *arrivals, rng());
                run.hold();
                run.driver.spawn(open::drive(run.clone(), schedule));
            } else {
                let steps = closed::steps(warmup, stages);
                run.driver.spawn(closed::drive(run.clone(), steps));
            }
            by_rate
        }
    }
}

/// Completes when the window has ended, by time or by count.
async fn until_closed<D: Driver, T>(run: &Rc<Run<D, T>>) {
    let by_count = run.over.reached(CLOSED);
    let end = run.window.borrow().end;
    match end {
        Some(end) => {
            let by_time = Box::pin(run.driver.at(run.epoch.saturating_add(end)));
            select(by_time, by_count).await;
        }
        None => by_count.await,
    }
}
