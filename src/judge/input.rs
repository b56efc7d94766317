use crate::plan::{Case, Found};
use crate::record::RunRecords;
use crate::result::{AssertionResult, ClientHealth, Warning};

use super::verdict::Verdict;

/// All that a verdict depends on: the plan, and this case's records.
#[derive(Clone, Copy, Debug)]
pub struct JudgeInput<'a> {
    /// The case as planned.
    pub case: &'a Case,
    /// Its phases as measured, in the order of the report.
    pub phases: &'a [JudgePhase<'a>],
    /// The phase that `at(knee)` means, where a sweep has one.
    pub knee: Option<&'a str>,
    /// What the case answers as a whole, where it does.
    pub found: Option<&'a Found>,
}

impl<'a> JudgeInput<'a> {
    /// Of a case without a knee.
    pub fn new(case: &'a Case, phases: &'a [JudgePhase<'a>]) -> Self {
        JudgeInput {
            case,
            phases,
            knee: None,
            found: None,
        }
    }
}

/// A phase as measured.
#[derive(Clone, Copy, Debug)]
pub struct JudgePhase<'a> {
    /// Such as `main`.
    pub name: &'a str,
    /// Its runs.
    pub runs: &'a [RunRecords],
    /// Health of the client while it measured.
    pub health: &'a ClientHealth,
    /// GPUs of the target.
    pub gpus: Option<u32>,
    /// The user ended the run before its time.
    pub interrupted: bool,
}

impl<'a> JudgePhase<'a> {
    /// The phase's runs as phases of one run each.
    pub(super) fn singles(&self) -> Vec<JudgePhase<'a>> {
        self.runs
            .iter()
            .map(|run| JudgePhase {
                runs: std::slice::from_ref(run),
                ..*self
            })
            .collect()
    }
}

/// What became of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The case's verdict.
    pub verdict: Verdict,
    /// Why, in one line, where the verdict is not `pass`.
    pub reason: Option<String>,
    /// Assertions in the order of the suite, the implicit error bound last.
    pub assertions: Vec<AssertionResult>,
    /// What a reader of the verdicts should know, by the index of the phase it is about.
    pub warnings: Vec<(usize, Warning)>,
}

impl Judged {
    /// Whether more data could settle an assertion that the data cannot decide, so that measuring on is
    /// of use.
    pub fn open(&self) -> bool {
        self.assertions.iter().any(|a| a.open)
    }
}
