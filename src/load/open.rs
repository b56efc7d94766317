use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use futures_util::future::{FutureExt, select};

use super::common::Job;
use super::state::{CUT, Run, nanos};
use crate::driver::Driver;
use crate::endpoint::Transport;
use crate::record::Part;
use crate::workload::Schedule;

/// Sends each request when it is due, however many are in flight, until the run is over: it is taken up a
/// moment before, and kept ready to be written. Past `max_concurrency` due requests wait their turn, and
/// their waiting is recorded.
///
/// Every measuring thread goes through the whole schedule and sends its share of it. It holds the window open
/// as long as the schedule may have more for it: nothing that is due in it is left out, however late
/// the client is.
pub(super) async fn drive<D: Driver, T: Transport>(run: Rc<Run<D, T>>, schedule: Schedule) {
    // The thread is not idle before this has ended, whoever takes up its requests.
    run.enter();
    let warmup = nanos(run.plan.warmup);
    let mut held = true;
    let mut since_warmup = 0;
    for (id, due) in (0..).zip(schedule) {
        let before = since_warmup;
        if due >= warmup {
            if run.plan.requests == Some(before) {
                run.common.window().ends_by_count(due);
            }
            since_warmup += 1;
        }
        if !run.is_mine(id) {
            continue;
        }
        if held && run.common.window().is_past(due) {
            held = false;
            run.common.release();
        }
        let at = run.epoch.saturating_add(due);
        let ready = run.prepare_for(id, Some(at));
        let time = run.driver.nearly(at);
        select(Box::pin(time), ended(&run)).await;
        if !run.wants_more() {
            break;
        }
        let part = run.admit_due(due, before);
        if held && part == Part::Tail {
            held = false;
            run.common.release();
        }
        if !run.wants_more() {
            run.leave();
            break;
        }
        let job = Job { ready, part, due };
        if let Some(job) = slot_or_wait(&run, job) {
            run.driver.spawn(carry(run.clone(), job));
            // It goes out before the next one is made ready.
            others_first().await;
        }
    }
    if held {
        run.common.release();
    }
    // What still waits when the run ends was never sent, and that is recorded too.
    ended(&run).await;
    loop {
        let Some(job) = run.common.slots().waiting.pop_front() else {
            break;
        };
        run.enter();
        run.never_sent(&job.ready, job.part, job.due);
    }
    run.leave();
}

/// `job` where it has a slot; else it waits, and whichever thread's slot becomes free takes it up.
fn slot_or_wait<D, T>(run: &Run<D, T>, job: Job) -> Option<Job> {
    let mut slots = run.common.slots();
    if slots.free > 0 {
        slots.free -= 1;
        return Some(job);
    }
    slots.wait(job);
    // This thread's own end is kept by `drive` itself.
    run.open.set(run.open.get() - 1);
    None
}

/// Completes once everything that could go on has had its turn.
async fn others_first() {
    let mut waited = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Completes when nothing more may be sent.
fn ended<D, T>(run: &Run<D, T>) -> impl Future<Output = ()> + Unpin + use<D, T> {
    select(run.over.reached(CUT), run.common.interrupt.reached(1)).map(drop)
}

/// Sends `job`, then those that wait, then gives its slot back.
async fn carry<D: Driver, T: Transport>(run: Rc<Run<D, T>>, job: Job) {
    run.send(job.ready, job.part, Some(job.due), None).await;
    while let Some(job) = next_waiting(&run) {
        run.enter();
        let wait = run.now().checked_sub(job.due);
        run.send(job.ready, job.part, Some(job.due), wait).await;
    }
}

/// Who takes over a slot; where nobody does, it is free.
fn next_waiting<D, T>(run: &Run<D, T>) -> Option<Job> {
    let mut slots = run.common.slots();
    let goes_on = run.over.level() < CUT && run.common.interrupt.level() == 0;
    let next = goes_on.then(|| slots.waiting.pop_front()).flatten();
    if next.is_none() {
        slots.free = slots.free.saturating_add(1);
    }
    next
}
