use std::cell::RefCell;
use std::rc::Rc;

use super::state::{CUT, Run};
use crate::driver::{Driver, Nanos};

/// How often the client checks its own promptness.
const TICK: Nanos = 10_000_000;
/// Most ticks that one pause is taken for.
const MOST_MISSED: u64 = 6_000;

/// A look of the measuring thread at the clock, inside the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// When it was due, in µs since the run's start.
    pub due_us: u64,
    /// How late it came, in ns: how late the client sees anything at that moment.
    pub late_ns: u32,
}

pub(super) type Ticks = Rc<RefCell<Vec<Tick>>>;

/// Asks for a wake-up every 10 ms and notes how late each one comes, while the window is open.
pub(super) async fn probe<D: Driver, T>(run: Rc<Run<D, T>>, ticks: Ticks) {
    let mut due = run.epoch;
    while run.over.level() < CUT {
        due += TICK;
        futures_util::future::select(Box::pin(run.driver.at(due)), run.over.reached(CUT)).await;
        let now = run.driver.now();
        let open = {
            let window = run.common.window();
            !window.closed && run.now() >= window.start
        };
        // What arrived during a pause was seen at its end: every tick that it swallowed counts, with
        // its own lateness, as if the moments had been drawn at random.
        for missed in missed(due, now) {
            if open {
                ticks.borrow_mut().push(Tick {
                    due_us: missed.saturating_sub(run.epoch) / 1000,
                    late_ns: u32::try_from(now.saturating_sub(missed)).unwrap_or(u32::MAX),
                });
            }
            due = missed;
        }
        // Past the longest pause that is counted out, the rest is left.
        due = due.max(now.saturating_sub(TICK));
    }
}

/// The ticks from `due` on that had come by `now`; `due` itself in any case.
fn missed(due: Nanos, now: Nanos) -> impl Iterator<Item = Nanos> {
    let more = now.saturating_sub(due) / TICK;
    (0..=more.min(MOST_MISSED)).map(move |k| due + k * TICK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_counts_as_often_as_the_timer_should_have_fired() {
        let at = |due, now| missed(due, now).collect::<Vec<_>>();
        assert_eq!(at(TICK, TICK + 5), [TICK]);
        assert_eq!(at(TICK, 3 * TICK + 5), [TICK, 2 * TICK, 3 * TICK]);
        // Cut before its time.
        assert_eq!(at(TICK, 3), [TICK]);
    }
}
