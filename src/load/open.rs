use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use futures_util::future::{FutureExt, select};

use super::prepare::Ready;
use super::state::{CUT, Run};
use crate::driver::{Driver, Nanos};
use crate::endpoint::Transport;
use crate::record::Part;
use crate::workload::Schedule;

/// Sends each request when it is due, however many are in flight, until the run is over: it is taken up a
/// moment before, and kept ready to be written. Past
/// `max_concurrency` due requests wait their turn, and their waiting is recorded. Takes over a
/// [`Run::hold`] of the window: nothing that is due in it is left out, however late the client is.
pub(super) async fn drive<D: Driver, T: Transport>(run: Rc<Run<D, T>>, schedule: Schedule) {
    let slots = Rc::new(Slots {
        free: Cell::new(run.plan.load.max_concurrency.unwrap_or(u32::MAX)),
        waiting: RefCell::default(),
    });
    let mut held = true;
    for due in schedule {
        if held && run.past_window(due) {
            held = false;
            run.release();
        }
        let at = run.epoch.saturating_add(due);
        let ready = run.prepare_for(Some(at));
        let time = run.driver.nearly(at);
        select(Box::pin(time), ended(&run)).await;
        if !run.wants_more() {
            break;
        }
        let part = run.admit(due);
        if held && part == Part::Tail {
            held = false;
            run.release();
        }
        if !run.wants_more() {
            run.withdraw();
            break;
        }
        let job = Job { ready, part, due };
        match slots.free.get() {
            0 => slots.waiting.borrow_mut().push_back(job),
            free => {
                slots.free.set(free - 1);
                run.driver.spawn(carry(run.clone(), slots.clone(), job));
                // It goes out before the next one is made ready.
                others_first().await;
            }
        }
    }
    if held {
        run.release();
    }
    // What still waits when the run ends was never sent, and that is recorded too.
    ended(&run).await;
    loop {
        let Some(job) = slots.waiting.borrow_mut().pop_front() else {
            break;
        };
        run.never_sent(&job.ready, job.part, job.due);
    }
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
    select(run.over.reached(CUT), run.interrupt.reached(1)).map(drop)
}

struct Slots {
    free: Cell<u32>,
    waiting: RefCell<VecDeque<Job>>,
}

struct Job {
    ready: Ready,
    part: Part,
    due: Nanos,
}

/// Sends `job`, then those that wait, then gives its slot back.
async fn carry<D: Driver, T: Transport>(run: Rc<Run<D, T>>, slots: Rc<Slots>, job: Job) {
    run.send(job.ready, job.part, Some(job.due), None).await;
    while run.over.level() < CUT && run.interrupt.level() == 0 {
        let Some(job) = slots.waiting.borrow_mut().pop_front() else {
            break;
        };
        let wait = run.now().checked_sub(job.due);
        run.send(job.ready, job.part, Some(job.due), wait).await;
    }
    slots.free.set(slots.free.get().saturating_add(1));
}
