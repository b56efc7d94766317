use crate::metrics::{Direction, Unit};
pub use crate::plan::Look;
use crate::result::ChangeKind;
use crate::stats::level_per_look;

/// What server starts are taken to differ by (a standard deviation of logs) where nothing is known of a
/// metric of this unit: 3 %, and 5 % for times.
///
/// Starts that differ by 3 % in speed differ by more in how long requests take, because a queue magnifies it:
/// `docs/gate.md` has by how much, and what assuming less costs in false alarms.
pub const fn assumed_session_sd(unit: Unit) -> f64 {
    match unit {
        Unit::Milliseconds => 0.05,
        _ => 0.03,
    }
}

/// One run's value of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunValue {
    /// Session (server start) it belongs to.
    pub session: u32,
    /// The value. `+∞`: unbounded because requests failed. NaN: missing.
    pub value: f64,
    /// Variance that the run's own sample leaves to the *logarithm* of the value (its relative
    /// variance). NaN: not known.
    pub sampling_var: f64,
}

/// A standard deviation of logarithms (a relative one) that is known beforehand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Known {
    /// The standard deviation.
    pub sd: f64,
    /// Degrees of freedom behind it; infinite where it is taken as given (`noise:`).
    pub freedom: f64,
}

/// What the means of sessions that were measured earlier varied by, runs and all.
///
/// A spread between sessions with the runs taken out is a difference of two estimates, and of few sessions
/// it often comes out as 0, which is not to say that it is. This one has no such trouble.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KnownMeans {
    /// Standard deviation of the means, of logarithms, with its degrees of freedom.
    pub known: Known,
    /// Mean of `1 / runs` over those sessions: how much of a run's variance is in it.
    pub share: f64,
}

/// What is known of the noise of a metric beside the runs that are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Noise {
    /// Between runs of one session, sampling included: from the history of accepted results.
    pub run: Option<Known>,
    /// Between sessions: from `noise:` or accepted results of several sessions.
    pub session: Option<Known>,
    /// Between sessions as seen, from `calibrate`; where it is there, it stands for `session`.
    pub means: Option<KnownMeans>,
}

/// One side of a comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Side<'a> {
    /// Its runs.
    pub runs: &'a [RunValue],
    /// What is known beside them; what both sides know counts together.
    pub noise: Noise,
}

impl Look {
    /// Whether no other look follows.
    pub fn is_last(self) -> bool {
        self.index + 1 >= self.of
    }

    /// The part of `error` that one look may use up (Pocock; see [`level_per_look`]).
    pub fn share(self, error: f64) -> f64 {
        level_per_look(error, self.of)
    }

    /// The one-sided confidence of this look, where all looks together are to have `confidence`.
    pub fn confidence(self, confidence: f64) -> f64 {
        if self.of <= 1 {
            confidence
        } else {
            1.0 - self.share(1.0 - confidence)
        }
    }
}

/// How runs of the two sides belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pairing {
    /// They do not: a stored baseline.
    #[default]
    None,
    /// The `i`-th with the `i`-th, measured on the same server: phases of a case.
    OneServer,
    /// The `i`-th with the `i`-th, on a server each: what server starts differ by stays in.
    TwoServers,
}

/// What is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Logarithms of values; differences where a value is 0 or less.
    #[default]
    Ratio,
    /// Differences: shares, and whatever can be 0 or less.
    Difference,
}

/// How a change is decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// Which way is better.
    pub direction: Direction,
    /// How much worse is tolerated, as a share: 0.1 is 10 %. A margin, on the scale `ln(1 + tolerance)`.
    pub tolerance: f64,
    /// Changes below this many units are tolerated too (`and_at_least: 5ms`, `+1pt`).
    pub absolute_floor: Option<f64>,
    /// Ratios or differences.
    pub scale: Scale,
    /// How runs belong together.
    pub pairing: Pairing,
    /// Relative assertions in the suite file as written; at least 1.
    pub m: u32,
    /// One-sided, per decision.
    pub confidence: f64,
    /// Which look this is.
    pub look: Look,
    /// What server starts are taken to differ by where nothing is known ([`assumed_session_sd`]).
    pub assumed: f64,
}

/// Where the spread between sessions comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Basis {
    /// From three sessions or more that were compared, on one side at least.
    Measured,
    /// Known beforehand: `noise:`, `calibrate`, accepted results.
    Known(f64),
    /// Nothing is known, so this standard deviation of logs is assumed.
    Assumed(f64),
    /// Both sides were measured on one server: what starts differ by cancels.
    Cancels,
}

/// What a comparison found.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What happened.
    pub change: ChangeKind,
    /// Ratios or differences.
    pub scale: Scale,
    /// Geometric mean of the base's runs (arithmetic on differences). `None`: unbounded or missing.
    pub base: Option<f64>,
    /// The same of the candidate's runs.
    pub candidate: Option<f64>,
    /// Candidate over base. `None` on differences.
    pub ratio: Option<f64>,
    /// The two one-sided bounds of the ratio (or of the difference).
    pub interval: [Option<f64>; 2],
    /// Standard error of the log of the ratio (or of the difference).
    pub error: f64,
    /// Its degrees of freedom.
    pub freedom: f64,
    /// Where the spread between sessions comes from.
    pub session: Basis,
    /// Runs of the base and of the candidate that had a value.
    pub runs: [usize; 2],
    /// More data could settle it.
    pub open: bool,
    /// How many more runs (of the candidate; pairs, where runs are paired) are expected to settle it, in
    /// sessions as they are. `None`: settled, or no sane number would.
    pub runs_to_settle: Option<u32>,
    /// How many more sessions are expected to settle it where more runs would not.
    pub sessions_to_settle: Option<u32>,
    /// Why nothing was decided, or what to know of the decision.
    pub reason: Option<String>,
}
