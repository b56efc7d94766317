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
    /// Every request of the run's load, warm-up and tail included, in the order in which they ended.
    pub records: Vec<RequestRecord>,
    /// What disturbed it: requests of the part [`Beside`](super::Part::Beside), in the same order.
    pub beside: Vec<RequestRecord>,
    /// Why it was ended before its time, its requests piling up without end: what was cut by that counts
    /// nowhere.
    pub stopped: Option<String>,
    /// Looks at the target's own counters, in order of time. Empty: nobody looked.
    pub scrapes: Vec<Scrape>,
    /// What is known of the target's prefix cache; of kind `cache`, in its warm phase.
    pub cache: Option<CacheFacts>,
}

/// What the ideal of a prefix cache rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheFacts {
    /// Tokens of a block; only whole blocks are found again.
    pub block_tokens: u32,
    /// How that is known.
    pub block_from: BlockFrom,
    /// Tokens that the server puts around every prompt.
    pub template_tokens: u32,
}

/// How the size of a cache's blocks is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockFrom {
    /// The suite says so.
    Suite,
    /// Prompts that were asked twice showed it.
    FoundOut,
    /// It is not: every token counts by itself.
    Assumed,
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
