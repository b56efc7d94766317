use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_util::future::select;

use super::state::{CUT, Run, nanos};
use crate::driver::{Driver, Nanos};
use crate::endpoint::Transport;
use crate::suite::{Stage, StageLevel, Start};

/// When the number of slots changes, in ns since the run's start, and to how many.
pub(super) type Steps = Vec<(Nanos, u32)>;

/// The longest time over which the first requests of a closed loop are spread.
const SPREAD: Nanos = 1_000_000_000;

/// The slots over time of concurrency stages: a ramp takes on one slot after the other, each when the
/// line reaches it.
pub(super) fn steps(warmup: Nanos, stages: &[Stage]) -> Steps {
    let level = |l: StageLevel| match l {
        StageLevel::Concurrency(n) => n,
        StageLevel::Rate(_) => 0,
    };
    let mut steps: Steps = Vec::new();
    let mut start = warmup;
    for (i, stage) in stages.iter().enumerate() {
        let (from, to) = (level(stage.from), level(stage.to));
        let length = nanos(stage.duration);
        steps.push((if i == 0 { 0 } else { start }, from));
        let count = u64::from(from.abs_diff(to));
        for k in 1..=count {
            let offset = u128::from(length) * u128::from(k) / u128::from(count);
            let n = if to > from {
                from + k as u32
            } else {
                from - k as u32
            };
            steps.push((start + offset as u64, n));
        }
        start += length;
    }
    steps
}

/// Keeps as many requests in flight as `steps` say, until the run is over: this thread's share of the
/// slots does.
pub(super) async fn drive<D: Driver, T: Transport>(run: Rc<Run<D, T>>, steps: Steps) {
    let slots = Rc::new(Slots::default());
    for (at, wanted) in steps {
        let change = run.driver.at(run.epoch + at);
        select(Box::pin(change), run.over.reached(CUT)).await;
        if !run.wants_more() {
            return;
        }
        slots.wanted.set(wanted);
        // All streams that begin at once meet again and again: their starts are spread over a part
        // of the warm-up. Without a warm-up there is no room for that.
        let room = match run.plan.load.start {
            Start::Spread => (nanos(run.plan.warmup) / 2).min(SPREAD),
            Start::Together => 0,
        };
        for k in slots.vacant(wanted, |k| run.is_mine(u64::from(k))) {
            let delay = if at == 0 {
                room * u64::from(k) / u64::from(wanted)
            } else {
                0
            };
            // The first ones of all are numbered by slot, whichever thread begins first.
            let id = match at {
                0 => u64::from(k),
                _ => run.common.next_id(),
            };
            let begin = (id, at + delay);
            run.driver.spawn(slot(run.clone(), slots.clone(), k, begin));
        }
    }
}

#[derive(Default)]
struct Slots {
    wanted: Cell<u32>,
    taken: RefCell<Vec<bool>>,
}

impl Slots {
    /// Takes the slots below `wanted` that nobody holds. One that still ends its last request after
    /// the level went down simply goes on. Only those that are `mine`.
    fn vacant(&self, wanted: u32, mine: impl Fn(u32) -> bool) -> Vec<u32> {
        let mut taken = self.taken.borrow_mut();
        if taken.len() < wanted as usize {
            taken.resize(wanted as usize, false);
        }
        (0..wanted)
            .filter(|&k| mine(k) && !std::mem::replace(&mut taken[k as usize], true))
            .collect()
    }
}

/// One slot: a request after the other, the next one made ready while the last is under way. The first
/// one is number `id`.
async fn slot<D: Driver, T: Transport>(
    run: Rc<Run<D, T>>,
    slots: Rc<Slots>,
    index: u32,
    (id, start): (u64, Nanos),
) {
    let mut next = run.prepare(id);
    let begin = run.driver.at(run.epoch + start);
    select(Box::pin(begin), run.over.reached(CUT)).await;
    while index < slots.wanted.get() && run.wants_more() {
        let part = run.admit_now();
        // Closing the window can show that nothing of it is under way any more.
        if !run.wants_more() {
            run.leave();
            break;
        }
        let after = run.prepare_for(run.common.next_id(), None);
        let ready = std::mem::replace(&mut next, after);
        run.send(ready, part, None, None).await;
    }
    slots.taken.borrow_mut()[index as usize] = false;
}
