use crate::metrics::{Unit, counts_failures, metric};
use crate::plan::Case;
use crate::result::{AssertionKind, AssertionResult, Warning};
use crate::suite::assertion::{Assertion, CmpOp, Expr, ExprKind, MetricRef, PhaseRef, Quantity};
use crate::suite::{KindPlan, LoadShape, Location, SlaAssertion, Undecided};

use super::answers::{is_about_answers, judge_answers};
use super::asserted::{Asserted, counts_from_sending, tightest_bound};
use super::assertion::{Outcome, Policy, judge};
use super::cached::not_cold;
use super::compare::{Known, Look, Noise};
use super::expression::{Measured, compile};
use super::input::{JudgeInput, JudgePhase, Judged};
use super::levels::resolved;
use super::overload::overloaded;
use super::prepared::{Prepared, phases_of};
use super::rejudge::{Rejudged, helped_by_rates, least_latency};
use super::relative::{Setting, judge_relative};
use super::steady::{Unsteady, unsteady};
use super::validity::{Invalid, doubts, invalid};
use super::verdict::Verdict;
use super::words::{percent, quantity};

/// An assertion to judge, written or implicit.
pub(super) struct Claim {
    /// As written.
    pub assertion: Assertion,
    /// With its phases by name, or why they cannot be had.
    pub resolved: Result<Assertion, String>,
    pub location: Location,
    pub implicit: bool,
    /// Phases it is about.
    pub phases: Vec<usize>,
}

/// What was found out about a phase as a whole.
struct Condition {
    invalid: Option<Invalid>,
    overloaded: Option<String>,
    unsteady: Option<Unsteady>,
}

/// The verdict of a case: every assertion of its suite, then the error bound, over what was measured.
///
/// Pure: the same plan and records give the same verdicts, whatever else runs.
pub fn judge_case(input: JudgeInput<'_>) -> Judged {
    judge_at(input, Look::default())
}

/// The same at one `look` of several that the plan allows at the growing data: every look may decide, so
/// each has less than the whole error to itself. All that was measured so far is judged together.
pub fn judge_at(input: JudgeInput<'_>, look: Look) -> Judged {
    let claims = claims(&input);
    let singles: Vec<Vec<JudgePhase<'_>>> = input.phases.iter().map(JudgePhase::singles).collect();
    let prepared: Vec<Prepared<'_>> = input
        .phases
        .iter()
        .zip(&singles)
        .map(|(phase, singles)| Prepared::with_runs(phase, singles))
        .collect();
    let conditions: Vec<Condition> = (0..prepared.len())
        .map(|i| condition(&input, look, &claims, i, &prepared))
        .collect();
    let each: Vec<&Prepared<'_>> = prepared.iter().collect();

    let mut warnings = Vec::new();
    let assertions: Vec<AssertionResult> = claims
        .iter()
        .map(|claim| {
            let (result, warning) = judge_claim(claim, &input, look, &each, &conditions);
            if let (Some(warning), Some(phase)) = (warning, claim.phases.first()) {
                warnings.push((*phase, warning));
            }
            result
        })
        .collect();
    for (i, phase) in prepared.iter().enumerate() {
        let doubts = with_asserted(
            &input,
            look,
            &claims,
            &prepared,
            i,
            |asserted| match conditions[i].invalid {
                None => doubts(phase, asserted),
                Some(_) => Vec::new(),
            },
        );
        warnings.extend(doubts.into_iter().map(|warning| (i, warning)));
        if let Some(invalid) = &conditions[i].invalid {
            warnings.push((
                i,
                Warning {
                    text: invalid.reason.clone(),
                    remedy: invalid.remedy.clone(),
                },
            ));
        }
        if let Some(unsteady) = &conditions[i].unsteady {
            warnings.push((i, unsteady.into()));
        }
        if let Some(text) = &conditions[i].overloaded {
            warnings.push((
                i,
                Warning {
                    text: text.clone(),
                    remedy: "lower the rate below what the target can do; to measure the most it can do, use `concurrency`".to_owned(),
                },
            ));
        }
    }
    // Searches and sweeps go past what a target can do, to see what becomes of it there.
    let steady_load = matches!(
        input.case.scenario.plan,
        KindPlan::One | KindPlan::Cache(_) | KindPlan::Disaggregation(_)
    );
    let found = input.found.filter(|_| assertions.is_empty());
    let (verdict, reason) = if found.is_some_and(|f| !f.answers.is_empty()) {
        (Verdict::Pass, None)
    } else if steady_load {
        whole(&assertions, &conditions)
    } else {
        whole(&assertions, &[])
    };
    Judged {
        verdict,
        reason,
        assertions,
        warnings,
    }
}

pub(super) fn claims(input: &JudgeInput<'_>) -> Vec<Claim> {
    let scenario = &input.case.scenario;
    let mut claims: Vec<Claim> = scenario
        .sla
        .iter()
        .map(
            |SlaAssertion {
                 assertion,
                 location,
             }| {
                let resolved = if is_about_answers(assertion) {
                    Err("it is about the whole case".to_owned())
                } else {
                    resolved(assertion, input)
                };
                Claim {
                    phases: match &resolved {
                        Ok(resolved) => phases_of(resolved, input.phases),
                        Err(_) => Vec::new(),
                    },
                    resolved,
                    assertion: assertion.clone(),
                    location: location.clone(),
                    implicit: false,
                }
            },
        )
        .collect();
    // A search has gone where things break, and says so itself.
    let judged = match scenario.plan {
        KindPlan::Search(_) => &[],
        _ => input.phases,
    };
    for (i, phase) in judged.iter().enumerate() {
        let bounded = claims
            .iter()
            .any(|c| bounds_errors(&c.assertion) && c.phases.contains(&i));
        if !bounded {
            let name = (input.phases.len() > 1).then_some(phase.name);
            claims.extend(
                error_bound(scenario.allow_errors, name).map(|assertion| Claim {
                    resolved: Ok(assertion.clone()),
                    assertion,
                    location: scenario.location.clone(),
                    implicit: true,
                    phases: vec![i],
                }),
            );
        }
    }
    claims
}

/// Whether the suite bounds the error rate of all requests itself.
fn bounds_errors(assertion: &Assertion) -> bool {
    let mut leaves = Vec::new();
    compile(&assertion.lhs, &mut leaves);
    compile(&assertion.rhs, &mut leaves);
    leaves.iter().any(|leaf| {
        matches!(leaf, Measured::Metric(m) if m.metric.name == "error_rate" && m.labels.is_empty())
    })
}

/// `error_rate <= allow_errors`, as if it stood in the suite.
fn error_bound(allowed: f64, phase: Option<&str>) -> Option<Assertion> {
    let reference = match phase {
        Some(phase) => format!("{phase}.error_rate"),
        None => "error_rate".to_owned(),
    };
    let text = format!("{reference} <= {}", percent(allowed));
    Some(Assertion {
        lhs: Expr {
            kind: ExprKind::Metric(MetricRef {
                phase: phase.map(|p| PhaseRef::Named(p.to_owned())),
                metric: metric("error_rate")?,
                labels: Vec::new(),
                statistic: None,
            }),
            span: 0..reference.len(),
        },
        op: CmpOp::Le,
        rhs: Expr {
            kind: ExprKind::Number(Quantity {
                value: allowed,
                unit: Some(Unit::Ratio),
            }),
            span: reference.len() + 4..text.len(),
        },
        text,
    })
}

fn tightest(claims: &[Claim], phase: usize, among: fn(&str) -> bool) -> Option<f64> {
    claims
        .iter()
        .filter(|c| c.phases.contains(&phase))
        .filter_map(|c| tightest_bound(&c.assertion, among))
        .min_by(f64::total_cmp)
}

fn condition(
    input: &JudgeInput<'_>,
    look: Look,
    claims: &[Claim],
    index: usize,
    prepared: &[Prepared<'_>],
) -> Condition {
    let phase = &prepared[index];
    let invalid = with_asserted(input, look, claims, prepared, index, |asserted| {
        invalid(phase, asserted).or_else(|| match input.case.scenario.plan {
            KindPlan::Cache(_) => not_cold(phase.phase, input.phases),
            _ => None,
        })
    });
    let shape = shape_of(input.case, phase.phase.name);
    let constant_rate = matches!(shape, LoadShape::Rate { .. });
    let overloaded = if invalid.is_none() && constant_rate {
        let runs = phase.phase.runs;
        let piled_up: Vec<String> = runs.iter().filter_map(overloaded).collect();
        let most = piled_up.len() * 2 > runs.len();
        piled_up.into_iter().next().filter(|_| most)
    } else {
        None
    };
    // Under a load that changes, values may well change with it.
    let constant = !matches!(shape, LoadShape::Stages { .. });
    let unsteady = if invalid.is_none() && overloaded.is_none() && constant {
        unsteady(phase)
    } else {
        None
    };
    Condition {
        invalid,
        overloaded,
        unsteady,
    }
}

/// Calls `then` with what `claims` assert of the phase at `index`.
fn with_asserted<T>(
    input: &JudgeInput<'_>,
    look: Look,
    claims: &[Claim],
    prepared: &[Prepared<'_>],
    index: usize,
    then: impl FnOnce(&Asserted<'_>) -> T,
) -> T {
    then(&Asserted {
        bounds: input.case.scenario.client,
        lengths: input.case.scenario.prompts.length_tolerance,
        tightest: tightest(claims, index, counts_failures),
        from_due: tightest(claims, index, counts_from_sending),
        slots: match shape_of(input.case, input.phases[index].name) {
            LoadShape::Concurrency(n) => Some(*n),
            LoadShape::Rate { .. } | LoadShape::Stages { .. } => None,
        },
        // What is compared with accepted results is measured in time, too.
        timed: input.case.scenario.has_baseline()
            || claims
                .iter()
                .filter(|c| c.phases.contains(&index))
                .any(|c| !bounds_errors(&c.assertion)),
        compared: &|| {
            claims
                .iter()
                .filter(|c| c.phases.len() > 1)
                .filter_map(|c| c.resolved.as_ref().ok())
                .filter_map(|a| least_latency(a, input.phases, prepared, index))
                .min_by(f64::total_cmp)
        },
        judged: &|phase| {
            let mut seen: Vec<&Prepared<'_>> = prepared.iter().collect();
            seen[index] = phase;
            claims
                .iter()
                .filter(|c| c.phases.contains(&index))
                .filter_map(|c| {
                    let resolved = c.resolved.as_ref().ok()?;
                    Some(Rejudged {
                        outcome: judge_on(c, resolved, input, policy(input, look, c), &seen),
                        helped_by_rates: helped_by_rates(resolved, input.phases, index),
                    })
                })
                .collect()
        },
    })
}

fn shape_of<'a>(case: &'a Case, phase: &str) -> &'a LoadShape {
    let planned = case.phases.iter().find(|p| p.name == phase);
    &planned.map_or(&case.scenario.load, |p| &p.load).shape
}

fn policy(input: &JudgeInput<'_>, look: Look, claim: &Claim) -> Policy {
    let scenario = &input.case.scenario;
    Policy {
        confidence: look.confidence(scenario.confidence),
        overall: scenario.confidence,
        look,
        // Nobody wrote the error bound as a claim to be proven: what was observed decides it.
        undecided: if claim.implicit {
            Undecided::Lean
        } else {
            scenario.undecided
        },
        seed: scenario.seed,
    }
}

fn judge_claim(
    claim: &Claim,
    input: &JudgeInput<'_>,
    look: Look,
    prepared: &[&Prepared<'_>],
    conditions: &[Condition],
) -> (AssertionResult, Option<Warning>) {
    let policy = policy(input, look, claim);
    let error = |reason: String| Outcome {
        reason: Some(reason),
        ..Outcome::blank(claim.assertion.op, claim.assertion.unit())
    };
    let mut outcome = match (&claim.resolved, claim.phases.as_slice()) {
        _ if is_about_answers(&claim.assertion) => {
            judge_answers(&claim.assertion, input.found, policy)
        }
        (Err(reason), _) => error(reason.clone()),
        (Ok(_), []) => error("the assertion measures nothing".to_owned()),
        (Ok(assertion), _) => judge_on(claim, assertion, input, policy, prepared),
    };
    for &phase in &claim.phases {
        outcome = under(outcome, claim.implicit, prepared[phase], &conditions[phase]);
    }
    let warning = outcome.warning.take();
    let mut result = outcome.into_result(
        &claim.assertion.text,
        &claim.location,
        claim.implicit,
        policy.confidence,
    );
    if claim.assertion.is_relative() {
        result.kind = AssertionKind::Relative;
    }
    (result, warning)
}

/// Judges a claim with a value on its phases, whatever their condition.
fn judge_on(
    claim: &Claim,
    resolved: &Assertion,
    input: &JudgeInput<'_>,
    policy: Policy,
    prepared: &[&Prepared<'_>],
) -> Outcome {
    if let [phase] = claim.phases[..] {
        return judge(resolved, prepared[phase], policy);
    }
    let setting = Setting {
        policy,
        m: input.case.relative_in_suite,
        apart: on_servers_apart(input, &claim.phases),
        noise: noise_of(input.case, resolved),
        phases: input.phases,
        prepared,
    };
    judge_relative(resolved, &claim.phases, setting)
}

/// What the suite says of the noise of what `assertion` compares: of its metric where it is one only.
fn noise_of(case: &Case, assertion: &Assertion) -> Noise {
    let mut leaves = Vec::new();
    compile(&assertion.lhs, &mut leaves);
    compile(&assertion.rhs, &mut leaves);
    let mut names = leaves.iter().map(|leaf| match leaf {
        Measured::Metric(m) => MetricRef {
            phase: None,
            ..m.clone()
        }
        .to_string(),
        Measured::Call(..) => String::new(),
    });
    let first = names.next().unwrap_or_default();
    let one = names.all(|name| name == first);
    let said = case.scenario.noise.of(if one { &first } else { "" });
    let known = |sd: Option<f64>| {
        sd.map(|sd| Known {
            sd,
            freedom: f64::INFINITY,
        })
    };
    Noise {
        run: known(said.run),
        session: known(said.session),
        means: None,
    }
}

/// Whether `phases` were measured at targets that are started apart.
pub(super) fn on_servers_apart(input: &JudgeInput<'_>, phases: &[usize]) -> bool {
    let case = input.case;
    let mut targets = phases.iter().filter_map(|&i| {
        let name = input.phases.get(i)?.name;
        let plan = case.phases.iter().find(|p| p.name == name)?;
        Some(&plan.target(case).url)
    });
    let first = targets.next();
    targets.any(|url| Some(url) != first)
}

/// The outcome as the condition of its phase allows it: what is doubtful is no pass, under any policy, and
/// more of the same would not make it one. A failure stays one.
fn under(
    mut outcome: Outcome,
    implicit: bool,
    phase: &Prepared<'_>,
    condition: &Condition,
) -> Outcome {
    let decided = matches!(
        outcome.verdict,
        Verdict::Pass | Verdict::Fail | Verdict::Undecided
    );
    if let (Some(invalid), true) = (&condition.invalid, decided) {
        outcome.verdict = Verdict::Invalid;
        outcome.borderline = false;
        outcome.open = false;
        outcome.reason = Some(format!("{}; {}", invalid.reason, invalid.remedy));
        return outcome;
    }
    let doubt = if condition.overloaded.is_some() {
        Some("the queue grew through the window, so the value has no steady meaning".to_owned())
    } else if phase.phase.interrupted {
        Some("the run was interrupted before its window was full".to_owned())
    } else {
        // Errors are counted, not averaged: a share of them has a meaning all the same.
        let unsteady = condition.unsteady.as_ref().filter(|_| !implicit);
        unsteady.map(|u| format!("{}, so the value has no steady meaning", u.text))
    };
    let Some(doubt) = doubt else {
        return outcome;
    };
    outcome.open = false;
    if outcome.verdict == Verdict::Pass {
        outcome.verdict = Verdict::Undecided;
        outcome.borderline = false;
        outcome.reason = Some(doubt);
    }
    outcome
}

/// fail > error > invalid > undecided > pass, and why.
fn whole(assertions: &[AssertionResult], conditions: &[Condition]) -> (Verdict, Option<String>) {
    let mut verdict = assertions
        .iter()
        .map(|a| a.verdict)
        .reduce(Verdict::and)
        .unwrap_or(Verdict::Error);
    let overload = conditions.iter().find_map(|c| c.overloaded.as_ref());
    if let Some(how) = overload {
        verdict = verdict.and(Verdict::Fail);
        return (verdict, Some(format!("overloaded: {how}")));
    }
    if verdict == Verdict::Pass {
        return (verdict, None);
    }
    let mut decisive = assertions.iter().filter(|a| a.verdict == verdict);
    let Some(first) = decisive.next() else {
        return (verdict, Some("nothing was measured".to_owned()));
    };
    let others = decisive.count();
    let mut reason = match verdict {
        // One condition of the phase makes them all invalid.
        Verdict::Invalid => return (verdict, first.reason.clone()),
        Verdict::Fail => match (first.observed, &first.reason) {
            (Some(x), _) => format!("{}: observed {}", first.text, quantity(x, first.unit)),
            (None, Some(reason)) => format!("{}: {reason}", first.text),
            (None, None) => first.text.clone(),
        },
        _ => match &first.reason {
            Some(reason) => format!("{}: {reason}", first.text),
            None => first.text.clone(),
        },
    };
    if others > 0 {
        reason.push_str(&format!(" (and {others} more)"));
    }
    (verdict, Some(reason))
}
