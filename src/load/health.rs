use std::cell::RefCell;
use std::rc::Rc;

use super::state::{CUT, Run};
use crate::driver::{Driver, Nanos};

/// How often the client checks its own promptness.
const TICK: Nanos = 10_000_000;

/// Lateness of a timer on the measuring core, in ns: how late the client sees anything at all.
pub(super) type Delays = Rc<RefCell<Vec<u32>>>;

/// Asks for a wake-up every 10 ms and notes how late each one comes, while the window is open.
pub(super) async fn probe<D: Driver, T>(run: Rc<Run<D, T>>, delays: Delays) {
    let mut due = run.epoch;
    while run.over.level() < CUT {
        // After a pause the missed ticks are skipped: one pause is one observation.
        due = (due + TICK).max(run.driver.now());
        futures_util::future::select(Box::pin(run.driver.at(due)), run.over.reached(CUT)).await;
        let late = run.driver.now().saturating_sub(due);
        let open = {
            let window = run.window.borrow();
            !window.closed && run.now() >= window.start
        };
        if open {
            delays
                .borrow_mut()
                .push(u32::try_from(late).unwrap_or(u32::MAX));
        }
    }
}
