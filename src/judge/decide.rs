use crate::metrics::Unit;
use crate::suite::Undecided;
use crate::suite::assertion::CmpOp;

use super::estimate::Estimate;
use super::expression::bounds_above;
use super::verdict::Verdict;
use super::words::quantity;

/// What becomes of one comparison.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Decision {
    pub verdict: Verdict,
    pub borderline: bool,
    /// The interval leaves it open.
    pub open: bool,
    pub reason: Option<String>,
}

/// Decides `estimate op limit`.
///
/// Clearly in (the bound on the far side holds too): pass. Clearly out (even the bound on the near side
/// does not hold): fail. Between: the policy. The observed value can never say the opposite of the
/// verdict, and an unbounded one holds nowhere.
pub(super) fn decide(
    estimate: &Estimate,
    op: CmpOp,
    limit: f64,
    unit: Unit,
    policy: Undecided,
) -> Decision {
    let point_holds = op.holds(estimate.point, limit);
    let (far, near) = if bounds_above(op) {
        (estimate.bounds.upper, estimate.bounds.lower)
    } else {
        (estimate.bounds.lower, estimate.bounds.upper)
    };
    let clear = |verdict| Decision {
        verdict,
        borderline: false,
        open: false,
        reason: None,
    };
    if estimate.descriptive {
        return Decision {
            reason: estimate.note.clone(),
            ..clear(if point_holds {
                Verdict::Pass
            } else {
                Verdict::Fail
            })
        };
    }
    if point_holds && op.holds(far, limit) {
        return clear(Verdict::Pass);
    }
    if !point_holds && !op.holds(near, limit) {
        return clear(Verdict::Fail);
    }
    let (lower, upper) = (estimate.bounds.lower, estimate.bounds.upper);
    let end = |x: f64| {
        if x.is_finite() {
            quantity(x, unit)
        } else {
            "?".to_owned()
        }
    };
    let mut reason = if lower.is_finite() || upper.is_finite() {
        format!(
            "the data cannot decide: the limit lies inside the interval {} to {}",
            end(lower),
            end(upper)
        )
    } else {
        "the data cannot decide".to_owned()
    };
    if let Some(note) = &estimate.note {
        reason = format!("{reason}; {note}");
    }
    let (verdict, borderline) = match (policy, point_holds) {
        (Undecided::Lean, true) => (Verdict::Pass, true),
        (Undecided::Lean, false) => (Verdict::Fail, true),
        (Undecided::Warn, _) => (Verdict::Undecided, false),
        (Undecided::Fail, _) => (Verdict::Fail, false),
    };
    if policy == Undecided::Fail {
        reason.push_str("; the suite says `undecided: fail`");
    }
    Decision {
        verdict,
        borderline,
        open: true,
        reason: Some(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Bounds;

    fn at(point: f64, lower: f64, upper: f64) -> Estimate {
        Estimate {
            point,
            bounds: Bounds { lower, upper },
            n: 100,
            descriptive: false,
            share: false,
            note: None,
        }
    }

    fn verdict(e: &Estimate, op: CmpOp, policy: Undecided) -> (Verdict, bool) {
        let d = decide(e, op, 100.0, Unit::Milliseconds, policy);
        (d.verdict, d.borderline)
    }

    #[test]
    fn clearly_in_and_clearly_out_need_no_policy() {
        for policy in [Undecided::Lean, Undecided::Warn, Undecided::Fail] {
            let inside = at(80.0, 70.0, 99.0);
            assert_eq!(verdict(&inside, CmpOp::Lt, policy), (Verdict::Pass, false));
            assert_eq!(verdict(&inside, CmpOp::Gt, policy), (Verdict::Fail, false));
            let outside = at(120.0, 101.0, 140.0);
            assert_eq!(verdict(&outside, CmpOp::Le, policy), (Verdict::Fail, false));
            assert_eq!(verdict(&outside, CmpOp::Ge, policy), (Verdict::Pass, false));
        }
    }

    #[test]
    fn between_the_policy_decides_and_an_observed_violation_never_passes() {
        let holds = at(95.0, 80.0, 110.0);
        let violates = at(105.0, 80.0, 110.0);
        assert_eq!(
            verdict(&holds, CmpOp::Lt, Undecided::Lean),
            (Verdict::Pass, true)
        );
        assert_eq!(
            verdict(&violates, CmpOp::Lt, Undecided::Lean),
            (Verdict::Fail, true)
        );
        assert_eq!(
            verdict(&holds, CmpOp::Lt, Undecided::Warn),
            (Verdict::Undecided, false)
        );
        assert_eq!(
            verdict(&violates, CmpOp::Lt, Undecided::Warn),
            (Verdict::Undecided, false)
        );
        assert_eq!(
            verdict(&holds, CmpOp::Lt, Undecided::Fail),
            (Verdict::Fail, false)
        );
    }

    #[test]
    fn an_interval_that_contradicts_the_observed_value_does_not_pass() {
        let odd = at(101.0, 80.0, 99.0);
        assert_eq!(
            verdict(&odd, CmpOp::Lt, Undecided::Warn),
            (Verdict::Undecided, false)
        );
    }

    #[test]
    fn the_limit_itself_is_inside_for_le_only() {
        let exact = at(100.0, 100.0, 100.0);
        assert_eq!(verdict(&exact, CmpOp::Le, Undecided::Warn).0, Verdict::Pass);
        assert_eq!(verdict(&exact, CmpOp::Lt, Undecided::Warn).0, Verdict::Fail);
        assert_eq!(verdict(&exact, CmpOp::Ge, Undecided::Warn).0, Verdict::Pass);
        assert_eq!(verdict(&exact, CmpOp::Gt, Undecided::Warn).0, Verdict::Fail);
    }

    #[test]
    fn the_reason_names_the_interval() {
        let d = decide(
            &at(95.0, f64::NEG_INFINITY, 110.0),
            CmpOp::Lt,
            100.0,
            Unit::Milliseconds,
            Undecided::Lean,
        );
        assert_eq!(
            d.reason.as_deref(),
            Some("the data cannot decide: the limit lies inside the interval ? to 110 ms")
        );
    }
}
