use crate::record::{RequestRecord, RunRecords};

/// Label of what was measured by when it was: while a long prompt was worked on, or in between.
pub const DURING: &str = "during";
/// The value of [`DURING`] while one was.
pub const PREFILL: &str = "prefill";

/// Its value in between.
pub const QUIET: &str = "quiet";

/// Which stretches of a run are meant.
#[derive(Clone, Debug)]
pub struct During {
    /// From when to when a long prompt was worked on, from its sending to its first token, in µs since
    /// the run's start.
    stretches: Vec<(u64, u64)>,
    /// These, rather than what lies between them.
    inside: bool,
}

impl During {
    /// The stretches of `run` that `labels` mean; `None` where they are not about when.
    pub fn of(run: &RunRecords, labels: &[(String, String)]) -> Option<Self> {
        let (_, value) = labels.iter().find(|(name, _)| name == DURING)?;
        Some(During {
            stretches: run.beside.iter().filter_map(worked_on).collect(),
            inside: value == PREFILL,
        })
    }

    /// Whether what lasted from `from_us` to `until_us` is meant: inside a stretch where any part of it is.
    pub fn covers(&self, from_us: u64, until_us: u64) -> bool {
        let touches = |&(from, until): &(u64, u64)| from_us < until && from < until_us;
        self.stretches.iter().any(touches) == self.inside
    }
}

fn worked_on(record: &RequestRecord) -> Option<(u64, u64)> {
    Some((record.sent_us?, record.first_us.or(record.end_us)?))
}
