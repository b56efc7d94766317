use std::collections::BTreeMap;

use crate::baseline::BaselineFile;

/// What a case is compared with, beside what was measured.
#[derive(Clone, Copy, Debug)]
pub struct AcceptedInput<'a> {
    /// The accepted baseline.
    pub accepted: Result<&'a BaselineFile, &'a NoBaseline>,
    /// By phase: what must be the same on both sides.
    pub identities: &'a BTreeMap<String, BTreeMap<String, String>>,
    /// The same for what the case answers as a whole.
    pub answers: &'a BTreeMap<String, String>,
}

/// Why there is nothing to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoBaseline {
    /// Nothing was accepted yet.
    Missing(String),
    /// What was accepted is something else, or cannot be read.
    NotComparable(String),
}

impl NoBaseline {
    /// The reason.
    pub fn reason(&self) -> &str {
        match self {
            NoBaseline::Missing(reason) | NoBaseline::NotComparable(reason) => reason,
        }
    }
}
