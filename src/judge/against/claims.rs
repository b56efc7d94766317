use crate::judge::input::JudgeInput;
use crate::judge::levels::rewrite;
use crate::metrics::{Direction, Unit};
use crate::suite::assertion::{
    AgainstBaseline, CmpOp, Expr, ExprKind, Operand, PhaseRef, against_baseline,
};
use crate::suite::{BaselineRule, Location, Scenario};

/// A comparison with what was accepted, from `baseline:` or from `sla:`.
#[derive(Clone, Debug)]
pub(in crate::judge) struct Claim {
    pub text: String,
    pub location: Location,
    /// Its place in `sla:`; absent: of `baseline:`.
    pub sla: Option<usize>,
    /// What is measured now.
    pub now: Expr,
    /// What it is compared with; phases without `baseline.`.
    pub then: Expr,
    /// `then` is multiplied by it before it is compared.
    pub factor: f64,
    pub direction: Direction,
    pub op: CmpOp,
    pub unit: Unit,
    pub tolerance: f64,
    pub floor: Option<f64>,
}

impl Claim {
    /// The same with its phases by their names as measured.
    ///
    /// # Errors
    /// A phase that was not measured, in words.
    pub fn named(&self, input: &JudgeInput<'_>) -> Result<Claim, String> {
        let mut named = self.clone();
        rewrite(&mut named.now, input)?;
        rewrite(&mut named.then, input)?;
        Ok(named)
    }
}

/// What the scenario compares with its baseline, in the order of the suite.
pub(in crate::judge) fn claims(scenario: &Scenario) -> Vec<Claim> {
    let sla = scenario.sla.iter().enumerate().filter_map(|(i, a)| {
        let against = against_baseline(&a.assertion)?.ok()?;
        Some(of_assertion(
            i,
            &a.assertion.text,
            &a.location,
            a.assertion.unit(),
            against,
        ))
    });
    sla.chain(scenario.baseline.iter().filter_map(of_rule))
        .collect()
}

fn of_rule(rule: &BaselineRule) -> Option<Claim> {
    let (direction, unit) = match rule.value.operands().first()? {
        Operand::Metric(m) => (m.metric.direction, m.metric.unit),
        Operand::Call { function, .. } => (Direction::HigherIsBetter, function.unit()),
    };
    let tolerance = rule.tolerance;
    Some(Claim {
        text: format!("baseline {}: {}", rule.text, rule.shown_tolerance()),
        location: rule.location.clone(),
        sla: None,
        now: rule.value.clone(),
        then: rule.value.clone(),
        factor: 1.0,
        direction,
        op: match direction {
            Direction::HigherIsBetter => CmpOp::Ge,
            _ => CmpOp::Le,
        },
        unit,
        tolerance: tolerance.worse.unwrap_or(0.0),
        floor: tolerance.and_at_least,
    })
}

fn of_assertion(
    sla: usize,
    text: &str,
    location: &Location,
    unit: Unit,
    against: AgainstBaseline,
) -> Claim {
    let above = matches!(against.op, CmpOp::Lt | CmpOp::Le);
    // `<= 1.15 *` tolerates 15 %; `<= 0.9 *` asks for less than before, and tolerates nothing.
    let worse = against.factor.map(|f| if above { f } else { 1.0 / f });
    let tolerated = worse.filter(|f| *f > 1.0 + 1e-12).map(|f| f - 1.0);
    Claim {
        text: text.to_owned(),
        location: location.clone(),
        sla: Some(sla),
        then: without_baseline(&against.baseline),
        factor: match (tolerated, against.factor) {
            // The tolerance says it; what it multiplies stands in the expression.
            (Some(_), Some(f)) => 1.0 / f,
            _ => 1.0,
        },
        now: against.now,
        direction: if above {
            Direction::LowerIsBetter
        } else {
            Direction::HigherIsBetter
        },
        op: against.op,
        unit,
        tolerance: tolerated.unwrap_or(0.0),
        floor: None,
    }
}

/// The expression with `baseline.ttft.p99` as `ttft.p99`.
fn without_baseline(expr: &Expr) -> Expr {
    let bare = |phase: &Option<PhaseRef>| match phase {
        Some(PhaseRef::Baseline(inner)) => inner.as_deref().cloned(),
        phase => phase.clone(),
    };
    let kind = match &expr.kind {
        ExprKind::Number(q) => ExprKind::Number(*q),
        ExprKind::Metric(m) => {
            let mut m = m.clone();
            m.phase = bare(&m.phase);
            ExprKind::Metric(m)
        }
        ExprKind::Call { phase, function } => ExprKind::Call {
            phase: bare(phase),
            function: function.clone(),
        },
        ExprKind::Neg(inner) => ExprKind::Neg(Box::new(without_baseline(inner))),
        ExprKind::Binary { op, lhs, rhs } => ExprKind::Binary {
            op: *op,
            lhs: Box::new(without_baseline(lhs)),
            rhs: Box::new(without_baseline(rhs)),
        },
    };
    Expr {
        kind,
        span: expr.span.clone(),
    }
}

/// The name of the phase that an operand is of; `None`: the case's only one.
pub(super) fn phase_name(operand: &Operand<'_>) -> Option<String> {
    operand.inner_phase().map(ToString::to_string)
}
