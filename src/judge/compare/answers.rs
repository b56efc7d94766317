use super::core::Lines;
use super::input::{Basis, Comparison, Known, Rule, Scale};
use crate::metrics::Direction;
use crate::result::ChangeKind;
use crate::stats::{TEstimate, student_t};

/// One number with what it is known to: an answer of a whole case, as one side of a comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AnswerSide {
    /// The answer; infinite or NaN where there is none.
    pub value: f64,
    /// Its one-sided bounds; infinite or NaN where there is none.
    pub bounds: [f64; 2],
    /// One-sided confidence of the bounds.
    pub confidence: f64,
    /// How exact a search was to be, as a share.
    pub precision: Option<f64>,
    /// Server starts that it rests on.
    pub sessions: usize,
    /// Runs that it rests on.
    pub runs: usize,
}

/// Standard errors of an answer towards its two ends, on the scale that is compared on.
#[derive(Clone, Copy, Debug)]
struct Errors {
    value: f64,
    below: f64,
    above: f64,
}

/// Compares two answers that were found independently of each other, each known by its bounds alone.
///
/// `D` is the log of the candidate over the base (their difference on [`Scale::Difference`]). A bound at
/// confidence `c` that lies `h` from the value stands for a standard error of `h / z(c)` towards that side;
/// `D` goes down where the candidate does or the base goes up, so its error downwards is the root of the
/// sum of squares of the candidate's downwards and the base's upwards, and the other way round. These are
/// the limits of MOVER (Zou and Donner, "Construction of confidence limits about effect measures",
/// Statistics in Medicine 27, 2008), which keep intervals lopsided that are. What server starts differ by
/// comes on top, `s² (1/k + 1/l)` for `k` and `l` starts. What follows from `D` and its errors is decided
/// as by [`compare`](super::compare): the margin, the level, the second condition against no change.
///
/// Neither bound is taken to be nearer than half of what the search was to be exact to. An answer of 0,
/// or none, is at most its upper bound. A bound that is missing is infinitely far, so that nothing which
/// needs it is decided.
pub fn compare_answers(
    base: &AnswerSide,
    candidate: &AnswerSide,
    session: Option<Known>,
    rule: &Rule,
) -> Comparison {
    let finite = |x: f64| Some(x).filter(|x| x.is_finite());
    let mut found = Comparison {
        change: ChangeKind::Undecided,
        scale: rule.scale,
        base: finite(base.value),
        candidate: finite(candidate.value),
        ratio: None,
        interval: [None, None],
        error: f64::NAN,
        freedom: f64::INFINITY,
        session: session.map_or(Basis::Assumed(rule.assumed), |known| Basis::Known(known.sd)),
        runs: [base.runs, candidate.runs],
        open: false,
        runs_to_settle: None,
        sessions_to_settle: None,
        reason: None,
    };
    if let Some(why) = unknown("accepted", base).or_else(|| unknown("measured", candidate)) {
        found.reason = Some(why);
        return found;
    }
    let sides = [base, candidate].map(|side| side.errors(rule.scale));
    let [Some(b), Some(c)] = sides else {
        found.reason = Some("one of the two is 0 and has no upper bound".to_owned());
        return found;
    };
    let unit = match rule.scale {
        Scale::Ratio => 1.0,
        Scale::Difference => base.value.abs().max(candidate.value.abs()),
    };
    let starts = |side: &AnswerSide| 1.0 / side.sessions.max(1) as f64;
    let sd = session.map_or(rule.assumed, |known| known.sd) * unit;
    let between = sd * sd * (starts(base) + starts(candidate));
    let value = c.value - b.value;
    let of = |one: f64, other: f64| TEstimate {
        value,
        error: (one * one + other * other + between).sqrt(),
        freedom: f64::INFINITY,
    };
    let (down, up) = (of(c.below, b.above), of(c.above, b.below));
    let middle = |x: f64| match rule.scale {
        Scale::Ratio => x.exp(),
        Scale::Difference => x,
    };
    if rule.scale == Scale::Ratio && base.value > 0.0 {
        found.ratio = Some(candidate.value / base.value);
    }
    found.error = down.error.max(up.error);
    let confidence = rule.look.confidence(rule.confidence);
    found.interval = [
        finite(middle(down.bounds(confidence).lower)),
        finite(middle(up.bounds(confidence).upper)),
    ];
    let lines = Lines::new(rule, rule.scale, base.value, unit);
    found.change = lines.change(&down, &up);
    if found.change == ChangeKind::Undecided {
        found.reason = match rule.direction {
            Direction::Neutral => Some("the metric has no better and no worse".to_owned()),
            _ => open_ended(base, candidate)
                .or_else(|| Some(what_would_settle(between, down.error.max(up.error)))),
        };
    }
    found
}

/// Why nothing can be said of a side at all.
fn unknown(which: &str, side: &AnswerSide) -> Option<String> {
    if side.value.is_nan() || side.bounds.iter().all(|b| !b.is_finite()) {
        return Some(format!("the {which} answer has no interval"));
    }
    (!side.value.is_finite()).then(|| format!("the {which} answer has no bound"))
}

/// A side that goes on without end, which keeps a comparison from being decided.
fn open_ended(base: &AnswerSide, candidate: &AnswerSide) -> Option<String> {
    let open = |side: &AnswerSide| !side.bounds[1].is_finite();
    let which = match (open(base), open(candidate)) {
        (true, _) => "accepted",
        (false, true) => "measured",
        (false, false) => return None,
    };
    Some(format!(
        "the {which} answer has no upper bound: nothing broke at the highest load that was tried; raise `to`"
    ))
}

/// What would settle what is open, by what most of the error `error` is of: its part `between` (a
/// variance) is of server starts.
fn what_would_settle(between: f64, error: f64) -> String {
    if between > error * error / 2.0 {
        "most of that is what server starts differ by: `noise:` can say how much, as `prony calibrate` measures it"
            .to_owned()
    } else {
        "most of that is what the answers leave open: longer windows, or a finer `precision` of a search, narrow it"
            .to_owned()
    }
}

impl AnswerSide {
    /// `None` where it has no value on the scale.
    fn errors(&self, scale: Scale) -> Option<Errors> {
        let scaled = |x: f64| match scale {
            Scale::Ratio if x <= 0.0 => f64::NEG_INFINITY,
            Scale::Ratio => x.ln(),
            Scale::Difference => x,
        };
        let [lower, upper] = self.bounds;
        if scale == Scale::Ratio && self.value <= 0.0 {
            // Nothing held: it is somewhere below the first load that was tried.
            return (upper >= 0.0 && upper.is_finite()).then(|| Errors {
                value: upper.max(f64::MIN_POSITIVE).ln(),
                below: f64::INFINITY,
                above: 0.0,
            });
        }
        let least = match (self.precision, scale) {
            (Some(precision), Scale::Ratio) => precision.max(0.0).ln_1p() / 2.0,
            (Some(precision), Scale::Difference) => precision.max(0.0) * self.value.abs() / 2.0,
            (None, _) => 0.0,
        };
        let value = scaled(self.value);
        let far = |x: f64| {
            if x.is_nan() {
                f64::INFINITY
            } else {
                x.max(least)
            }
        };
        let z = student_t(self.confidence, f64::INFINITY);
        let [below, above] = [value - scaled(lower), scaled(upper) - value].map(|h| far(h) / z);
        (z > 0.0).then_some(Errors {
            value,
            below,
            above,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::compare::tests::rule as compare_rule;

    /// An answer known to `below` and `above` it, as shares.
    fn side(value: f64, below: f64, above: f64) -> AnswerSide {
        AnswerSide {
            value,
            bounds: [value * (1.0 - below), value * (1.0 + above)],
            confidence: 0.95,
            precision: None,
            sessions: 1,
            runs: 9,
        }
    }

    fn rule(tolerance: f64) -> Rule {
        Rule {
            direction: Direction::HigherIsBetter,
            ..compare_rule(tolerance)
        }
    }

    fn known(sd: f64) -> Option<Known> {
        Some(Known {
            sd,
            freedom: f64::INFINITY,
        })
    }

    #[test]
    fn half_widths_are_combined_as_roots_of_squares_each_to_its_own_side() {
        let (base, candidate) = (side(40.0, 0.03, 0.05), side(36.0, 0.02, 0.06));
        let found = compare_answers(&base, &candidate, known(0.0), &rule(0.1));
        let root = |a: f64, b: f64| (a * a + b * b).sqrt();
        let down = root((0.98_f64).ln(), (1.05_f64).ln());
        let up = root((1.06_f64).ln(), (0.97_f64).ln());
        let [Some(lower), Some(upper)] = found.interval else {
            panic!("{found:?}")
        };
        assert!((lower - 0.9 * (-down).exp()).abs() < 1e-9, "{lower}");
        assert!((upper - 0.9 * up.exp()).abs() < 1e-9, "{upper}");
        assert!((found.ratio.unwrap() - 0.9).abs() < 1e-12);
        // 36 of 40 is just what is tolerated.
        assert_eq!(found.change, ChangeKind::Undecided);
    }

    #[test]
    fn bounds_of_another_confidence_are_brought_to_the_one_that_is_asked_for() {
        let wide = compare_answers(
            &side(40.0, 0.0, 0.0),
            &side(40.0, 0.05, 0.05),
            known(0.0),
            &rule(0.1),
        );
        let mut of_99 = side(40.0, 0.05, 0.05);
        of_99.confidence = 0.99;
        let narrow = compare_answers(&side(40.0, 0.0, 0.0), &of_99, known(0.0), &rule(0.1));
        assert!(narrow.interval[0].unwrap() > wide.interval[0].unwrap());
        let half = -narrow.interval[0].unwrap().ln();
        let expected = -(0.95_f64).ln() * 1.644_853_6 / 2.326_347_9;
        assert!((half - expected).abs() < 1e-6, "{half}, {expected}");
    }

    #[test]
    fn exchanging_the_sides_exchanges_regressed_and_improved() {
        let (fast, slow) = (side(50.0, 0.03, 0.03), side(35.0, 0.03, 0.03));
        let change = |a, b| compare_answers(a, b, None, &rule(0.1)).change;
        assert_eq!(change(&fast, &slow), ChangeKind::Regressed);
        assert_eq!(change(&slow, &fast), ChangeKind::Improved);
        // Of the same server start nothing would be open; of another one it is.
        let same = side(50.0, 0.01, 0.01);
        let of = |session| compare_answers(&same, &same, session, &rule(0.1));
        assert_eq!(of(known(0.01)).change, ChangeKind::WithinTolerance);
        let open = of(known(0.2));
        assert_eq!(open.change, ChangeKind::Undecided);
        assert!(open.reason.unwrap().contains("server starts differ"));
    }

    #[test]
    fn a_search_is_never_known_better_than_it_was_to_be_exact() {
        let mut exact = side(40.0, 0.0, 0.0);
        exact.precision = Some(0.2);
        let found = compare_answers(&exact, &exact, known(0.0), &rule(0.05));
        let half = (0.1_f64 * 2.0).ln_1p() / 2.0;
        let expected = (2.0 * half * half).sqrt();
        assert!((found.interval[1].unwrap().ln() - expected).abs() < 1e-9);
        assert_eq!(found.change, ChangeKind::Undecided);
        assert!(found.reason.unwrap().contains("finer `precision`"));
    }

    #[test]
    fn what_is_missing_passes_nothing() {
        let good = side(40.0, 0.01, 0.01);
        let none = AnswerSide {
            bounds: [f64::NEG_INFINITY, f64::INFINITY],
            ..good
        };
        for (base, candidate) in [(&none, &good), (&good, &none)] {
            let found = compare_answers(base, candidate, known(0.0), &rule(0.5));
            assert_eq!(found.change, ChangeKind::Undecided);
            assert!(found.reason.unwrap().ends_with("answer has no interval"));
        }
        // Nothing broke at the end of the search: at least that much was accepted.
        let at_least = AnswerSide {
            bounds: [39.6, f64::INFINITY],
            ..good
        };
        let found = compare_answers(&at_least, &good, known(0.0), &rule(0.1));
        assert_eq!(found.change, ChangeKind::Undecided);
        assert!(found.reason.unwrap().contains("raise `to`"));
        let slow = side(20.0, 0.01, 0.01);
        let found = compare_answers(&at_least, &slow, known(0.0), &rule(0.1));
        assert_eq!(found.change, ChangeKind::Regressed);
        let found = compare_answers(&slow, &at_least, known(0.0), &rule(0.1));
        assert_eq!(found.change, ChangeKind::Improved);
    }

    #[test]
    fn a_target_that_holds_at_no_load_regressed() {
        let good = side(40.0, 0.01, 0.01);
        let nothing = AnswerSide {
            value: 0.0,
            bounds: [0.0, 10.0],
            ..good
        };
        let change = |a, b| compare_answers(a, b, None, &rule(0.1)).change;
        assert_eq!(change(&good, &nothing), ChangeKind::Regressed);
        assert_eq!(change(&nothing, &good), ChangeKind::Improved);
        // Nothing was completed at all.
        let dead = AnswerSide {
            bounds: [0.0, 0.0],
            ..nothing
        };
        assert_eq!(change(&good, &dead), ChangeKind::Regressed);
        // Below the lowest load that was tried anything is possible.
        assert_eq!(change(&nothing, &nothing), ChangeKind::Undecided);
    }

    #[test]
    fn shares_are_compared_in_points() {
        let by_points = Rule {
            direction: Direction::LowerIsBetter,
            absolute_floor: Some(0.02),
            scale: Scale::Difference,
            ..rule(0.0)
        };
        let share = |value: f64, half: f64| AnswerSide {
            value,
            bounds: [value - half, value + half],
            ..side(1.0, 0.0, 0.0)
        };
        let change = |a: f64, b: f64| {
            compare_answers(&share(a, 0.003), &share(b, 0.003), None, &by_points).change
        };
        assert_eq!(change(0.0, 0.001), ChangeKind::WithinTolerance);
        assert_eq!(change(0.01, 0.05), ChangeKind::Regressed);
        assert_eq!(change(0.05, 0.01), ChangeKind::Improved);
        assert_eq!(change(0.01, 0.03), ChangeKind::Undecided);
    }
}
