use crate::stats::Bounds;

/// What a case answers as a whole, beside the metrics of its phases.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The answers; what could not be answered is absent.
    pub answers: Vec<Answer>,
    /// The loads that a search tried, in the order in which it did.
    pub path: Vec<Probe>,
    /// What a reader of the answers should know, in words.
    pub notes: Vec<String>,
    /// Why they are no answers: the client was the limit.
    pub invalid: Option<String>,
}

impl Found {
    /// The answer called `name`.
    pub fn answer(&self, name: &str) -> Option<&Answer> {
        self.answers.iter().find(|a| a.name == name)
    }
}

/// One answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// The metric that it is a value of.
    pub name: &'static str,
    /// In the metric's unit; may be infinite.
    pub value: f64,
    /// Two one-sided bounds.
    pub bounds: Bounds,
}

/// A load that a search tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Its phase.
    pub phase: String,
    /// Requests per second, or requests in flight.
    pub level: f64,
    /// Whether everything held there.
    pub held: Held,
    /// Runs that it took to tell.
    pub runs: u32,
    /// The bounds that did not hold, as written.
    pub broke: Vec<String>,
    /// Requests completed per second.
    pub throughput: Option<f64>,
    /// Why its last run was ended before its time.
    pub stopped: Option<String>,
}

/// What is known of a bound, or of all bounds, at one load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// It holds.
    Yes,
    /// It does not.
    No,
    /// It seems to hold; the data cannot tell.
    Rather,
    /// It seems not to hold; the data cannot tell.
    RatherNot,
}

impl Held {
    /// Whether it counts as holding.
    pub fn counts(self) -> bool {
        matches!(self, Held::Yes | Held::Rather)
    }

    /// Whether more data may change it.
    pub fn is_open(self) -> bool {
        matches!(self, Held::Rather | Held::RatherNot)
    }
}

/// One bound of a search, as the judge sees it at one load.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundSeen {
    /// As written.
    pub text: String,
    /// Whether it holds.
    pub held: Held,
    /// How far past its limit what was observed lies: above 0 it is broken. Without unit, and growing
    /// with the load; infinite where nothing came.
    pub distance: f64,
    /// Standard error of `distance`.
    pub error: f64,
}
