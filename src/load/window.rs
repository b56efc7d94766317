use super::plan::RunPlan;
use super::state::nanos;
use crate::driver::Nanos;
use crate::record::{Part, Window};

/// The window while it is being measured, in ns since the run's start.
#[derive(Debug)]
pub(super) struct WindowState {
    pub start: Nanos,
    /// Its end by time: the planned one, or where it was ended.
    pub end: Option<Nanos>,
    /// Its end by the count of requests, as soon as it is known.
    count_end: Option<Nanos>,
    /// Most requests of it.
    requests: Option<u64>,
    /// Requests that were sent in it, of a load without a schedule.
    sent: u64,
    /// Requests of the window that have not ended, and schedules while they may hold more of them.
    pub outstanding: u64,
    pub closed: bool,
}

impl WindowState {
    /// The window of `plan`; `schedules` of the threads may hold requests of it.
    pub fn new(plan: &RunPlan, schedules: u64) -> Self {
        let start = nanos(plan.warmup);
        WindowState {
            start,
            end: plan.duration.map(|d| start.saturating_add(nanos(d))),
            count_end: None,
            requests: plan.requests,
            sent: 0,
            outstanding: schedules,
            closed: false,
        }
    }

    /// Where a request stands that is due at `due`, with `before` ones due before it and after the warm-up. By
    /// that alone: one that a late client takes up after the end still belongs to the window it was due
    /// in. Counts it as outstanding when it belongs to the window.
    pub fn classify_due(&mut self, due: Nanos, before: u64) -> Part {
        let too_many = self.requests.is_some_and(|most| before >= most);
        self.classify(due, too_many)
    }

    /// The same for one that is sent at `t`, where nothing is due.
    pub fn classify_sent(&mut self, t: Nanos) -> Part {
        let too_many = self.requests.is_some_and(|most| self.sent >= most);
        let part = self.classify(t, too_many);
        self.sent += u64::from(part == Part::Window);
        part
    }

    fn classify(&mut self, t: Nanos, too_many: bool) -> Part {
        if t < self.start {
            return Part::Warmup;
        }
        if self.end.is_some_and(|end| t >= end) {
            return Part::Tail;
        }
        if too_many {
            // The first request too many marks the end of the window.
            self.ends_by_count(t);
            return Part::Tail;
        }
        self.outstanding += 1;
        Part::Window
    }

    /// The first request too many is due or sent at `t`, or one after it.
    pub fn ends_by_count(&mut self, t: Nanos) {
        self.count_end = Some(self.count_end.map_or(t, |end| end.min(t)));
    }

    /// Ends it at `t` if it has not ended; whether nothing of it is outstanding.
    pub fn close(&mut self, t: Nanos) -> bool {
        if !self.closed {
            self.closed = true;
            self.end = Some(self.end.map_or(t, |end| end.min(t)).max(self.start));
        }
        self.outstanding == 0
    }

    /// Something outstanding has ended; whether it was the last of a window that has ended too.
    pub fn release(&mut self) -> bool {
        self.outstanding -= 1;
        self.closed && self.outstanding == 0
    }

    /// Whether what is due at `t` lies past the window, as far as its end is known.
    pub fn is_past(&self, t: Nanos) -> bool {
        // Of several due at the very end by count, some may belong to it.
        self.end.is_some_and(|end| t >= end) || self.count_end.is_some_and(|end| t > end)
    }

    /// The measured window, in µs since the run's start.
    pub fn measured(&self) -> Window {
        let end = self.end.into_iter().chain(self.count_end).min();
        let end = end.unwrap_or(self.start).max(self.start);
        Window {
            start_us: self.start / 1000,
            end_us: end / 1000,
        }
    }
}
