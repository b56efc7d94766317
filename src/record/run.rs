use super::request::RequestRecord;
use super::scrape::Scrape;

/// One measured run: its records and the window inside it.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRecords {
    /// Session (server start) it belongs to, from 0.
    pub session: u32,
    /// Whether requests were due by a schedule (open loop).
    pub open_loop: bool,
    /// The measured window.
    pub window: Window,
    /// Every request of the run, warm-up and tail included, in the order in which they ended.
    pub records: Vec<RequestRecord>,
    /// Looks at the target's own counters, in order of time. Empty: nobody looked.
    pub scrapes: Vec<Scrape>,
}

/// A stretch of a run, in µs since its start; the end is exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// First µs.
    pub start_us: u64,
    /// One past the last µs.
    pub end_us: u64,
}

impl Window {
    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        self.end_us.saturating_sub(self.start_us) as f64 / 1e6
    }

    /// Whether `t_us` lies inside.
    pub fn contains(&self, t_us: u64) -> bool {
        (self.start_us..self.end_us).contains(&t_us)
    }
}
