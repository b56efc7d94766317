//! Several measuring threads for one run.

use std::sync::{Arc, Mutex, PoisonError};

use super::common::Common;
use super::health::Tick;
use super::signal::Signal;
use crate::endpoint::Stamps;
use crate::stats::Delays;

/// Takes a seat to wherever a further measuring thread is, and has [`super::assist`] run there.
pub type Member = Box<dyn FnOnce(Seat)>;

/// What a further measuring thread needs to do its part of a run.
///
/// The load is dealt out: of a schedule every thread sends every *n*-th request, each at the moment at which
/// one thread would have sent it; of a closed loop it holds every *n*-th slot. Numbers of requests, the
/// window with its count, `max_concurrency`, drain, and end are those of the run.
pub struct Seat {
    common: Arc<Common>,
    index: usize,
    logbook: Arc<Logbook>,
}

/// What a further measuring thread says of its part.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Lateness of its own timer; [`super::RunOutcome::ticks`] has them all.
    pub ticks: Vec<Tick>,
    /// How long its requests waited for their own prompts; [`super::RunOutcome::preparation`] has all.
    pub preparation: Delays,
    /// Who noted when bytes came in.
    pub stamps: Option<Stamps>,
    /// From readable to read.
    pub read_delays: Option<Delays>,
    /// Its [`crate::endpoint::Transport::stale_connections`].
    pub stale_connections: u32,
}

#[derive(Default)]
struct Logbook {
    /// Rises when its thread has done its part, or ended without.
    over: Signal,
    report: Mutex<Option<Report>>,
}

impl Seat {
    pub(super) fn common(&self) -> &Arc<Common> {
        &self.common
    }

    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// The part is done.
    pub(super) fn leave(self, report: Report) {
        let slot = self.logbook.report.lock();
        *slot.unwrap_or_else(PoisonError::into_inner) = Some(report);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let done = self.logbook.report.lock();
        let done = done.unwrap_or_else(PoisonError::into_inner).is_some();
        if !done {
            // Without it the load is not what was asked for.
            self.common.interrupt.raise(1);
        }
        self.common.ready_of(self.index).raise(1);
        self.logbook.over.raise(1);
    }
}

/// The further threads of a run, as the first one sees them.
pub(super) struct Crew {
    common: Arc<Common>,
    logbooks: Vec<Arc<Logbook>>,
}

/// Gives each of `members` its seat.
pub(super) fn seat(common: &Arc<Common>, members: Vec<Member>) -> Crew {
    let mut logbooks = Vec::new();
    for (i, member) in members.into_iter().enumerate() {
        let logbook = Arc::new(Logbook::default());
        logbooks.push(logbook.clone());
        member(Seat {
            common: common.clone(),
            index: i + 1,
            logbook,
        });
    }
    Crew {
        common: common.clone(),
        logbooks,
    }
}

impl Crew {
    /// Completes once all are ready to begin.
    pub(super) async fn ready(&self) {
        for i in 0..self.logbooks.len() {
            self.common.ready_of(i + 1).reached(1).await;
        }
    }

    /// Waits until all have done their parts: what they say of them, and how many never did.
    pub(super) async fn done(self) -> (Vec<Report>, usize) {
        let mut reports = Vec::new();
        for logbook in &self.logbooks {
            logbook.over.reached(1).await;
            let report = logbook.report.lock();
            reports.extend(report.unwrap_or_else(PoisonError::into_inner).take());
        }
        let lost = self.logbooks.len() - reports.len();
        (reports, lost)
    }
}
