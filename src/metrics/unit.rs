use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The unit in which a metric is stored, compared and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Unit {
    /// Milliseconds.
    #[serde(rename = "ms")]
    Milliseconds,
    /// A share from 0 to 1, or any quotient of two values of one unit.
    #[serde(rename = "ratio")]
    Ratio,
    /// Per second.
    #[serde(rename = "1/s")]
    PerSecond,
    /// Tokens per second.
    #[serde(rename = "tok/s")]
    TokensPerSecond,
    /// Tokens.
    #[serde(rename = "tokens")]
    Tokens,
    /// A plain count, such as requests in flight.
    #[serde(rename = "count")]
    Count,
}

impl Unit {
    /// The name as it stands in `summary.json`.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Milliseconds => "ms",
            Unit::Ratio => "ratio",
            Unit::PerSecond => "1/s",
            Unit::TokensPerSecond => "tok/s",
            Unit::Tokens => "tokens",
            Unit::Count => "count",
        }
    }

    /// What may be added to and compared with a value of this unit.
    pub fn dimension(self) -> Dimension {
        let (time, tokens) = match self {
            Unit::Milliseconds => (1, 0),
            Unit::Ratio | Unit::Count => (0, 0),
            Unit::PerSecond => (-1, 0),
            Unit::TokensPerSecond => (-1, 1),
            Unit::Tokens => (0, 1),
        };
        Dimension { time, tokens }
    }
}

/// Exponents of time and tokens. Requests and shares have none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dimension {
    /// Exponent of time.
    pub time: i8,
    /// Exponent of tokens.
    pub tokens: i8,
}
