use crate::suite::model::Kind;

/// The one phase of kinds `latency` and `throughput`.
pub const MAIN_PHASE: &str = "main";

/// What a scenario measures, as far as assertions may refer to it.
#[derive(Clone, Debug)]
pub struct AssertionContext {
    /// Kind of the scenario.
    pub kind: Kind,
    /// Answers are streamed.
    pub stream: bool,
    /// Requests have times at which they are due.
    pub open_loop: bool,
    /// The target says how many GPUs it has.
    pub gpus: bool,
    /// Phases with a name. Where the only one is [`MAIN_PHASE`], it may be left out.
    pub phases: Vec<String>,
    /// Levels, each of which is a phase, too.
    pub levels: Levels,
    /// Metrics that the case as a whole answers: they stand without a phase.
    pub answers: Vec<&'static str>,
    /// Labels that its requests bear, each with its values where they are few.
    pub labels: Vec<(&'static str, &'static [&'static str])>,
    /// Somebody looks at the target's own counters.
    pub scrape: bool,
}

/// Levels of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub enum Levels {
    /// There are none.
    None,
    /// Requests in flight, or replicas; ascending.
    Counts(Vec<u64>),
    /// Requests per second; ascending.
    Rates(Vec<f64>),
    /// Rates that are known only when they have been measured.
    Unknown,
}

impl AssertionContext {
    /// A scenario that measures one phase, [`MAIN_PHASE`], with requests that bear no labels, while
    /// somebody looks at the target's own counters.
    pub fn one_phase(kind: Kind, stream: bool, open_loop: bool, gpus: bool) -> Self {
        AssertionContext {
            kind,
            stream,
            open_loop,
            gpus,
            phases: vec![MAIN_PHASE.to_owned()],
            levels: Levels::None,
            answers: Vec::new(),
            labels: Vec::new(),
            scrape: true,
        }
    }

    /// Whether a metric belongs to the only phase where it names none.
    pub(super) fn phase_may_be_left_out(&self) -> bool {
        self.phases == [MAIN_PHASE] && self.levels == Levels::None
    }

    /// How phases of this scenario are written.
    pub(super) fn examples(&self) -> Vec<String> {
        let mut all: Vec<String> = self.phases.iter().map(|p| format!("{p}.")).collect();
        match &self.levels {
            Levels::None => {}
            Levels::Counts(counts) => {
                all.extend(counts.iter().map(|n| format!("at({n}).")));
            }
            Levels::Rates(rates) => all.extend(rates.iter().map(|r| format!("at({r}/s)."))),
            Levels::Unknown => {
                all.extend(["at(first).", "at(last).", "at(knee)."].map(str::to_owned));
            }
        }
        all
    }
}
