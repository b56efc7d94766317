use crate::plan::Case;
use crate::result::ClientHealth;
use crate::suite::Location;
use crate::suite::assertion::Operand;

use super::against::{BaselineClaim, baseline_claims};
use super::answers::is_answer;
use super::case::{Claim, claims, on_servers_apart};
use super::input::{JudgeInput, JudgePhase};
use super::relative::margin;

/// What an assertion asks to be told apart, before anything is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The assertion as written.
    pub text: String,
    /// Where it stands.
    pub location: Location,
    /// What is measured, such as `ttft.p99`; absent where it is more than one value.
    pub metric: Option<String>,
    /// Phases it is about, by name.
    pub phases: Vec<String>,
    /// What it is held against.
    pub held: HeldAgainst,
    /// The change that it tolerates, as a share; absent where it is a line rather than a margin.
    pub tolerance: Option<f64>,
}

/// What a value is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldAgainst {
    /// A constant.
    Limit,
    /// A phase of the same case, on the same server.
    Phase,
    /// A phase of the same case, on a server of its own.
    Server,
    /// What was accepted earlier.
    Baseline,
}

impl HeldAgainst {
    /// Whether runs are what counts, rather than requests.
    pub fn is_relative(self) -> bool {
        self != HeldAgainst::Limit
    }
}

/// What every written assertion of `case` asks: those of `sla:` in their order, then those of `baseline:`.
pub fn asked(case: &Case) -> Vec<Asked> {
    let health = ClientHealth::default();
    let phases = planned(case, &health);
    let input = JudgeInput::new(case, &phases);
    let claims = claims(&input);
    // What an answer of the whole case can tell follows from the search, not from repeats.
    let mut accepted = baseline_claims(&case.scenario);
    accepted.retain(|claim| !claim.now.operands().iter().any(is_answer));
    let of_sla = case.scenario.sla.iter().enumerate().filter_map(|(i, sla)| {
        let operands = sla.assertion.operands();
        if operands.iter().any(is_answer) && operands.iter().any(Operand::is_baseline) {
            return None;
        }
        let mut accepted = accepted.iter();
        if let Some(claim) = accepted.find(|claim| claim.sla == Some(i)) {
            return Some(of_baseline(claim));
        }
        let mut claims = claims.iter().filter(|c| !c.implicit);
        let claim = claims.find(|c| c.location == sla.location)?;
        Some(of_claim(claim, &input))
    });
    let rules = accepted.iter().filter(|claim| claim.sla.is_none());
    of_sla.chain(rules.map(of_baseline)).collect()
}

/// The phases of a plan, with nothing in them yet.
pub(super) fn planned<'a>(case: &'a Case, health: &'a ClientHealth) -> Vec<JudgePhase<'a>> {
    case.phases
        .iter()
        .map(|plan| JudgePhase {
            name: &plan.name,
            runs: &[],
            health,
            gpus: None,
            interrupted: false,
        })
        .collect()
}

fn of_claim(claim: &Claim, input: &JudgeInput<'_>) -> Asked {
    let resolved = claim.resolved.as_ref().unwrap_or(&claim.assertion);
    let relative = claim.assertion.is_relative();
    let names = claim.phases.iter().filter_map(|&i| input.phases.get(i));
    Asked {
        text: claim.assertion.text.clone(),
        location: claim.location.clone(),
        metric: one_metric(&resolved.operands()),
        phases: names.map(|p| p.name.to_owned()).collect(),
        held: match (relative, on_servers_apart(input, &claim.phases)) {
            (false, _) => HeldAgainst::Limit,
            (true, false) => HeldAgainst::Phase,
            (true, true) => HeldAgainst::Server,
        },
        tolerance: if relative { margin(resolved) } else { None },
    }
}

fn of_baseline(claim: &BaselineClaim) -> Asked {
    let operands = claim.now.operands();
    let names = operands.iter().filter_map(Operand::inner_phase);
    Asked {
        text: claim.text.clone(),
        location: claim.location.clone(),
        metric: one_metric(&operands),
        phases: names.map(ToString::to_string).collect(),
        held: HeldAgainst::Baseline,
        tolerance: Some(claim.tolerance).filter(|t| *t > 0.0),
    }
}

/// The metric that all of `operands` are, whatever their phase.
fn one_metric(operands: &[Operand<'_>]) -> Option<String> {
    let mut names = operands.iter().map(Operand::bare);
    let first = names.next()?;
    names.all(|name| name == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::test_support::case_from;

    #[test]
    fn every_written_assertion_says_what_it_is_held_against() {
        let case = case_from(
            "    repeats: 5\n    baseline: { ttft.p99: 15% }\n    sla: [ttft.p95 < 1s, \
             tokens_per_second >= 0.9 * baseline.tokens_per_second]\n",
        );
        let all = asked(&case);
        let said: Vec<_> = all
            .iter()
            .map(|a| (a.metric.as_deref().unwrap_or("-"), a.held, a.tolerance))
            .collect();
        let close = |a: Option<f64>, b: f64| a.is_some_and(|a| (a - b).abs() < 1e-9);
        assert_eq!((said[0].0, said[0].1), ("ttft.p95", HeldAgainst::Limit));
        assert_eq!(said[0].2, None, "a constant is a line");
        assert_eq!(
            (said[1].0, said[1].1),
            ("tokens_per_second", HeldAgainst::Baseline)
        );
        assert_eq!((said[2].0, said[2].1), ("ttft.p99", HeldAgainst::Baseline));
        assert!(close(said[2].2, 0.15), "{said:?}");
        assert!(said[1..].iter().all(|s| s.1.is_relative()) && !said[0].1.is_relative());
    }
}
