use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tokens asked for against tokens counted, over the successes of the windows. Absent where nothing was
/// asked for, or nobody counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TokenLengths {
    /// Prompts: planned, and counted by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<AskedAndGot>,
    /// Answers: asked for, generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<AskedAndGot>,
}

impl TokenLengths {
    /// Whether there is nothing to compare.
    pub fn is_empty(&self) -> bool {
        self.input.is_none() && self.output.is_none()
    }
}

/// What was asked for and what was got, over requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AskedAndGot {
    /// Requests.
    pub n: u64,
    /// Tokens asked for.
    pub asked: u64,
    /// Tokens counted.
    pub got: u64,
    /// Requests where the two differ.
    pub differ: u64,
    /// Requests that got fewer than asked for. Absent in results of older versions, like all that follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shorter: Option<u64>,
    /// Requests that got more than asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longer: Option<u64>,
    /// How the lengths asked for are distributed, in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_lengths: Option<LengthSummary>,
    /// How those that came are, in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub got_lengths: Option<LengthSummary>,
    /// How answers ended whose length is not the one asked for; of prompts empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endings: Vec<Ending>,
    /// What was asked for is an estimate: no tokenizer was at hand.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
}

/// Lengths in tokens; quantiles by linear interpolation (type 7).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LengthSummary {
    /// Mean.
    pub mean: f64,
    /// The shortest.
    pub min: f64,
    /// Median.
    pub p50: f64,
    /// 90 % are this long at most.
    pub p90: f64,
    /// 99 % are this long at most.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// How many answers of another length than asked for ended with one finish reason.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ending {
    /// The server's finish reason, such as `stop` (by itself) or `length` (at a limit).
    pub finish: String,
    /// Shorter than asked for.
    pub shorter: u64,
    /// Longer than asked for.
    pub longer: u64,
}
