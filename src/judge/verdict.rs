use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Verdict of an assertion, a phase or a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Holds.
    Pass,
    /// Does not hold.
    Fail,
    /// The data cannot tell.
    Undecided,
    /// The client was the limit, or the data is not what was asked for: neither pass nor fail.
    Invalid,
    /// Never became ready, or prony could not measure.
    Error,
    /// Not run; the reason says why.
    Skipped,
}

impl Verdict {
    /// The name in outputs.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Undecided => "undecided",
            Verdict::Invalid => "invalid",
            Verdict::Error => "error",
            Verdict::Skipped => "skipped",
        }
    }

    /// The verdict of a whole whose parts have these two: fail > error > invalid > undecided > pass;
    /// skipped parts do not count beside others.
    pub fn and(self, other: Verdict) -> Verdict {
        let rank = |v| match v {
            Verdict::Fail => 5,
            Verdict::Error => 4,
            Verdict::Invalid => 3,
            Verdict::Undecided => 2,
            Verdict::Pass => 1,
            Verdict::Skipped => 0,
        };
        if rank(self) >= rank(other) {
            self
        } else {
            other
        }
    }
}
