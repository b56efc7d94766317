use std::time::Duration;

use crate::suite::hooks::Hook;
use crate::suite::launch::CommandLine;
use crate::suite::model::{Arrivals, Length, Load, LoadShape, SlaAssertion, Start, Target};

/// What a scenario measures beside one load on one target.
#[derive(Clone, Debug, Default)]
pub enum KindPlan {
    /// One phase, `main`, at the scenario's load.
    #[default]
    One,
    /// `search:`: a load is looked for.
    Search(Search),
    /// `sweep:`: levels of load, or numbers of replicas.
    Sweep(Sweep),
    /// A cold and a warm phase.
    Cache(CachePlan),
    /// Two targets against each other, or long prompts against a steady load, or both.
    Disaggregation(Disaggregation),
}

/// What a load is raised by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Axis {
    /// Requests per second, in an open loop.
    Rate {
        /// How they are spaced.
        arrivals: Arrivals,
        /// At most that many in flight.
        max_concurrency: Option<u32>,
    },
    /// Requests in flight, in a closed loop.
    Concurrency,
}

/// The axes by name.
pub(in crate::suite) const AXES: [&str; 2] = ["rate", "concurrency"];

impl Axis {
    /// The name in suites.
    pub fn name(&self) -> &'static str {
        match self {
            Axis::Rate { .. } => AXES[0],
            Axis::Concurrency => AXES[1],
        }
    }

    /// The load at `level`: requests per second, or requests in flight (rounded, at least 1).
    pub fn load(&self, level: f64) -> Load {
        match *self {
            Axis::Rate {
                arrivals,
                max_concurrency,
            } => Load {
                shape: LoadShape::Rate {
                    per_second: level,
                    arrivals,
                },
                max_concurrency,
                start: Start::default(),
            },
            Axis::Concurrency => Load {
                // A float becomes the nearest number that there is.
                shape: LoadShape::Concurrency((level.round() as u32).max(1)),
                max_concurrency: None,
                start: Start::default(),
            },
        }
    }

    /// The phase at `level`, as assertions write it: `at(8)`, `at(5/s)`.
    pub fn phase(&self, level: f64) -> String {
        match self {
            Axis::Rate { .. } => format!("at({level}/s)"),
            Axis::Concurrency => format!("at({})", level.round()),
        }
    }
}

/// A load that is looked for.
#[derive(Clone, Debug)]
pub struct Search {
    /// What makes a load the answer.
    pub goal: Goal,
    /// What is raised.
    pub axis: Axis,
    /// The lowest load that is tried.
    pub from: f64,
    /// The highest load that is tried, above `from`.
    pub to: f64,
    /// How exact the answer has to be, as a share of it.
    pub precision: f64,
    /// What the search may use up.
    pub budget: Budget,
}

/// What makes a load the answer of a search.
#[derive(Clone, Debug)]
pub enum Goal {
    /// The highest at which all of these hold.
    Capacity {
        /// Assertions over one probe, at least one.
        subject_to: Vec<SlaAssertion>,
    },
    /// The lowest past which throughput stops growing.
    Saturation,
}

/// What a search may use up; whatever is reached first ends it. `None`: as much as it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Time of all probes together, warm-up and drain included.
    pub time: Option<Duration>,
    /// Requests, warm-up included.
    pub requests: Option<u64>,
    /// Tokens, of prompts and of answers together.
    pub tokens: Option<u64>,
}

/// Levels that are measured one after the other.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// Which.
    pub levels: SweepLevels,
    /// In which order.
    pub order: SweepOrder,
    /// Without load between two of them.
    pub idle: Duration,
}

/// What differs between the levels of a sweep.
#[derive(Clone, Debug)]
pub enum SweepLevels {
    /// The load.
    Load {
        /// What is raised.
        axis: Axis,
        /// Ascending, at least two, all different.
        levels: Vec<f64>,
    },
    /// The rate; the levels follow from what the target can do.
    Auto {
        /// How requests are spaced, and how many may be in flight.
        axis: Axis,
    },
    /// The number of replicas.
    Replicas {
        /// Where each number of them is found.
        replicas: Replicas,
        /// Whether the load grows with them.
        mode: Scaling,
    },
}

/// Where a target is found with so many replicas.
#[derive(Clone, Debug)]
pub enum Replicas {
    /// A target for each number, ascending.
    Targets(Vec<(u32, Target)>),
    /// The scenario's target, scaled by a command.
    Scaled {
        /// Numbers of replicas, ascending.
        levels: Vec<u32>,
        /// How it is scaled.
        scale: Scale,
    },
}

impl Replicas {
    /// The numbers of replicas, ascending.
    pub fn levels(&self) -> Vec<u32> {
        match self {
            Replicas::Targets(targets) => targets.iter().map(|(n, _)| *n).collect(),
            Replicas::Scaled { levels, .. } => levels.clone(),
        }
    }
}

/// What brings a target to a number of replicas. It has to end when they are ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scale {
    /// A program; `{replicas}` in it, and its variable `PRONY_REPLICAS`, are the number.
    pub command: CommandLine,
    /// How long it may take.
    pub timeout: Duration,
}

impl Scale {
    /// The program for `n` replicas.
    pub fn command(&self, n: u32) -> CommandLine {
        let put = |text: &String| text.replace(REPLICAS, &n.to_string());
        match &self.command {
            CommandLine::Shell(text) => CommandLine::Shell(put(text)),
            CommandLine::Program(words) => CommandLine::Program(words.iter().map(put).collect()),
        }
    }
}

/// Stands for the number of replicas in the command of [`Scale`].
const REPLICAS: &str = "{replicas}";

/// Whether the load grows with the replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scaling {
    /// It does: each replica has the same work at every level.
    Weak,
    /// It does not: the same work is shared by more of them.
    Strong,
}

/// In which order the levels of a sweep are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SweepOrder {
    /// From the lowest to the highest.
    Ascending,
    /// Drawn from the seed, anew in every repeat.
    Random,
}

/// A cold and a warm phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachePlan {
    /// How the cache is emptied before each of them.
    pub flush: Flush,
    /// Tokens of a block of the server's cache; `None`: to be found out.
    pub block_size: Option<u32>,
    /// Tokens that the cache holds; `None`: all there are.
    pub capacity: Option<u64>,
}

/// How a prefix cache is emptied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flush {
    /// It is not: the prompts of a phase are new to it.
    None,
    /// The target is started anew.
    Restart,
    /// An endpoint or a command does it.
    Hook(Box<Hook>),
}

/// Two targets against each other, or long prompts against a steady load, or both.
#[derive(Clone, Debug)]
pub struct Disaggregation {
    /// One phase each: two with names of their own, or the scenario's target as `main`.
    pub targets: Vec<(String, Target)>,
    /// Long prompts that arrive beside the load.
    pub interference: Option<Interference>,
}

/// Long prompts that arrive beside a steady load, which they disturb.
#[derive(Clone, Debug, PartialEq)]
pub struct Interference {
    /// Per second.
    pub rate: f64,
    /// How they are spaced.
    pub arrivals: Arrivals,
    /// Tokens of a prompt.
    pub input_tokens: Length,
    /// Output tokens asked for.
    pub output_tokens: Length,
}

impl Default for CachePlan {
    /// Nothing is known of the cache, and it is not emptied.
    fn default() -> Self {
        CachePlan {
            flush: Flush::None,
            block_size: None,
            capacity: None,
        }
    }
}
