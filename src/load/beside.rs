use std::rc::Rc;
use std::sync::Arc;

use futures_util::future::select;

use super::prepare::Maker;
use super::state::{CUT, Run};
use crate::driver::Driver;
use crate::endpoint::Transport;
use crate::record::Part;
use crate::suite::Arrivals;
use crate::workload::{RequestSource, Schedule, stream};

/// Requests that arrive at a rate of their own beside the load of a run, which they disturb.
pub struct Beside {
    /// Per second.
    pub rate: f64,
    /// How they are spaced.
    pub arrivals: Arrivals,
    /// What they ask.
    pub source: Arc<dyn RequestSource>,
}

/// Where the numbers of such requests begin, far past those of the load.
const FIRST: u64 = 1 << 40;

/// Sends them from the beginning of the run until nothing more is wanted.
pub(super) async fn drive<D: Driver, T: Transport>(run: Rc<Run<D, T>>, beside: Beside) {
    let rng = stream(run.plan.seed, "arrivals beside", u64::from(run.plan.run));
    let maker = Maker {
        source: beside.source,
        protocol: run.common.maker.protocol.clone(),
    };
    let schedule = Schedule::steady(beside.rate, beside.arrivals, rng);
    for (n, due) in (0..).zip(schedule) {
        let mut ready = maker.make(n);
        ready.id = FIRST + n;
        let time = run.driver.at(run.epoch.saturating_add(due));
        select(
            Box::pin(time),
            select(run.over.reached(CUT), run.common.interrupt.reached(1)),
        )
        .await;
        if !run.wants_more() {
            break;
        }
        run.enter();
        let sent = run.clone();
        let job = async move { sent.send(ready, Part::Beside, Some(due), None).await };
        run.driver.spawn(job);
    }
}
