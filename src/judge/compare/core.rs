use super::input::{Basis, Comparison, Pairing, Rule, RunValue, Scale, Side};
use super::settle::to_settle;
use super::spread::{Sessions, Spread, merged, sampling};
use crate::metrics::Direction;
use crate::result::ChangeKind;
use crate::stats::{Moments, TEstimate};

/// Fewer runs than this on a side decide nothing relative.
pub(in crate::judge) const FEWEST_RUNS: usize = 3;
/// Level, shared by all relative assertions of a suite, at which a change must differ from none at all.
pub(in crate::judge) const FROM_NOTHING: f64 = 0.01;

/// Compares `candidate` with `base`.
///
/// `D` is the mean of the logs on one side less that on the other (of pairs: the mean of their
/// differences), in the direction that is worse. `Regressed`: its one-sided lower bound lies beyond the
/// margin `ln(1 + tolerance)`, and `D` lies beyond 0 at 1 %/m. `Improved`: the same the other way, so
/// exchanging the sides exchanges the two. `WithinTolerance`: the upper bound lies under the margin. Else
/// `Undecided`. Without a margin the lower bound is taken at (1 − confidence)/m.
///
/// Under three runs a side nothing is decided, and a run without a finite value never helps to pass.
pub fn compare(base: &Side<'_>, candidate: &Side<'_>, rule: &Rule) -> Comparison {
    let (base_runs, candidate_runs) = match rule.pairing {
        Pairing::None => (base.runs, candidate.runs),
        _ => {
            let n = base.runs.len().min(candidate.runs.len());
            (&base.runs[..n], &candidate.runs[..n])
        }
    };
    let finite = |runs: &[RunValue]| runs.iter().filter(|r| r.value.is_finite()).count();
    let mut found = Comparison {
        change: ChangeKind::Undecided,
        scale: rule.scale,
        base: None,
        candidate: None,
        ratio: None,
        interval: [None, None],
        error: f64::NAN,
        freedom: f64::NAN,
        session: Basis::Measured,
        runs: [finite(base_runs), finite(candidate_runs)],
        open: false,
        runs_to_settle: None,
        sessions_to_settle: None,
        reason: None,
    };
    let fewest = base_runs.len().min(candidate_runs.len());
    if fewest < FEWEST_RUNS {
        let runs = if fewest == 1 { "run" } else { "runs" };
        found.reason = Some(format!(
            "{fewest} {runs} a side are too few: nothing relative is decided under {FEWEST_RUNS} (`repeats`)"
        ));
        found.open = true;
        let missing = (FEWEST_RUNS - fewest) as u32;
        found.runs_to_settle = Some(missing);
    }
    if let Some((change, reason)) = unbounded(base_runs, candidate_runs, rule.direction) {
        if fewest >= FEWEST_RUNS {
            found.change = change;
        }
        found.open = false;
        found.runs_to_settle = None;
        found.reason = Some(reason);
        return found;
    }
    if fewest == 0 {
        return found;
    }
    let all = || base_runs.iter().chain(candidate_runs);
    if all().any(|r| r.value <= 0.0) {
        found.scale = Scale::Difference;
    }
    let scaled = |x: f64| match found.scale {
        Scale::Ratio => x.ln(),
        Scale::Difference => x,
    };
    let sessions =
        |runs: &[RunValue]| Sessions::new(runs.iter().map(|r| (r.session, scaled(r.value))));
    let (of_base, of_candidate) = (sessions(base_runs), sessions(candidate_runs));
    // A standard deviation of logs is a relative one: of differences it is that share of the value.
    let unit = match found.scale {
        Scale::Ratio => 1.0,
        Scale::Difference => of_base.mean().abs().max(of_candidate.mean().abs()),
    };
    let noise = merged(base.noise, candidate.noise);
    let sampling = sampling(&[base_runs, candidate_runs]);
    let (value, spread) = match rule.pairing {
        Pairing::None => {
            let spread = Spread::of_two(
                &of_base,
                &of_candidate,
                &noise,
                sampling,
                unit,
                rule.assumed,
            );
            (of_candidate.mean() - of_base.mean(), spread)
        }
        pairing => {
            let pairs: Vec<(u32, f64)> = base_runs
                .iter()
                .zip(candidate_runs)
                .map(|(b, c)| (c.session, scaled(c.value) - scaled(b.value)))
                .collect();
            let all: Moments = pairs.iter().map(|p| p.1).collect();
            let pairs = Sessions::new(pairs.into_iter());
            let apart = pairing == Pairing::TwoServers;
            (
                pairs.mean(),
                Spread::of_pairs(&pairs, &all, apart, &noise, sampling, unit, rule.assumed),
            )
        }
    };
    let estimate = spread.estimate(value);
    let middle = |x: f64| match found.scale {
        Scale::Ratio => x.exp(),
        Scale::Difference => x,
    };
    found.base = Some(middle(of_base.mean()));
    found.candidate = Some(middle(of_candidate.mean()));
    found.error = estimate.error;
    found.freedom = estimate.freedom;
    found.session = spread.basis;
    if found.scale == Scale::Ratio {
        found.ratio = Some(value.exp());
    }
    if fewest < FEWEST_RUNS {
        return found;
    }
    let bounds = estimate.bounds(rule.look.confidence(rule.confidence));
    let end = |x: f64| Some(middle(x)).filter(|x| x.is_finite());
    found.interval = [end(bounds.lower), end(bounds.upper)];
    let lines = Lines::new(rule, found.scale, middle(of_base.mean()), unit);
    found.change = lines.change(&estimate, &estimate);
    if found.change == ChangeKind::Undecided {
        found.open = true;
        if rule.direction == Direction::Neutral {
            found.reason = Some("the metric has no better and no worse".to_owned());
        } else {
            let lines = &lines;
            let settled = |e: &TEstimate| lines.change(e, e) != ChangeKind::Undecided;
            found.runs_to_settle = to_settle(|n| settled(&spread.with_runs(value, n)));
            if found.runs_to_settle.is_none() {
                found.sessions_to_settle = to_settle(|n| settled(&spread.with_sessions(value, n)));
            }
        }
    }
    found
}

/// Values that are missing or unbounded. When every run of one side is unbounded and none of the other,
/// that side is the slower one; anything else cannot be decided.
fn unbounded(
    base: &[RunValue],
    candidate: &[RunValue],
    direction: Direction,
) -> Option<(ChangeKind, String)> {
    let count = |runs: &[RunValue]| runs.iter().filter(|r| !r.value.is_finite()).count();
    let (b, c) = (count(base), count(candidate));
    if b == 0 && c == 0 {
        return None;
    }
    let infinite = |runs: &[RunValue]| runs.iter().all(|r| r.value == f64::INFINITY);
    let change = if direction != Direction::LowerIsBetter {
        ChangeKind::Undecided
    } else if b == 0 && infinite(candidate) {
        ChangeKind::Regressed
    } else if c == 0 && infinite(base) {
        ChangeKind::Improved
    } else {
        ChangeKind::Undecided
    };
    let missing = base.iter().chain(candidate).any(|r| r.value.is_nan());
    let what = if missing {
        "have no value"
    } else {
        "have no bound because requests failed"
    };
    let reason = format!(
        "{} of {} runs {what} ({b} of the base, {c} of the candidate)",
        b + c,
        base.len() + candidate.len()
    );
    Some((change, reason))
}

/// The lines that a change has to lie beyond, on the scale that is compared on.
pub(super) struct Lines {
    /// +1: larger is worse; −1: smaller is worse; 0: neither.
    worse: f64,
    margin: f64,
    /// One-sided level of the bounds.
    level: f64,
    /// The same for a change where there is no margin.
    without_margin: f64,
    /// Level at which a change must differ from none.
    from_nothing: f64,
}

impl Lines {
    pub(super) fn new(rule: &Rule, scale: Scale, base: f64, unit: f64) -> Self {
        let m = f64::from(rule.m.max(1));
        let error = 1.0 - rule.confidence;
        let floor = rule.absolute_floor.unwrap_or(0.0).max(0.0);
        let tolerance = rule.tolerance.max(0.0);
        let margin = match scale {
            Scale::Ratio => tolerance.ln_1p().max((floor / base).ln_1p()),
            Scale::Difference => (tolerance * unit).max(floor),
        };
        Lines {
            worse: match rule.direction {
                Direction::LowerIsBetter => 1.0,
                Direction::HigherIsBetter => -1.0,
                Direction::Neutral => 0.0,
            },
            margin,
            level: rule.look.share(error),
            without_margin: rule.look.share(error / m),
            from_nothing: rule.look.share(FROM_NOTHING / m),
        }
    }

    // Tails are compared with levels, rather than bounds with lines: the same, without inverting Student's
    // t, which is most of the work.
    /// The change of one value, with its error downwards and its error upwards.
    pub(super) fn change(&self, down: &TEstimate, up: &TEstimate) -> ChangeKind {
        let toward = |sign: f64, error: &TEstimate| TEstimate {
            value: sign * error.value,
            ..*error
        };
        // How little the change in one direction may be, and how much.
        let at_least = |sign: f64| toward(sign, if sign > 0.0 { down } else { up });
        let at_most = |sign: f64| toward(sign, if sign > 0.0 { up } else { down });
        if self.worse == 0.0 {
            return if self.within(&at_most(1.0)) && self.within(&at_most(-1.0)) {
                ChangeKind::WithinTolerance
            } else {
                ChangeKind::Undecided
            };
        }
        if self.beyond(&at_least(self.worse)) {
            ChangeKind::Regressed
        } else if self.beyond(&at_least(-self.worse)) {
            ChangeKind::Improved
        } else if self.within(&at_most(self.worse)) {
            ChangeKind::WithinTolerance
        } else {
            ChangeKind::Undecided
        }
    }

    /// Whether the upper bound of the change, counted in one direction, lies within the margin.
    fn within(&self, estimate: &TEstimate) -> bool {
        if estimate.error == 0.0 {
            return estimate.value <= self.margin;
        }
        let below = TEstimate {
            value: -estimate.value,
            ..*estimate
        };
        below.p_above(-self.margin) <= self.level
    }

    /// Whether the change, counted in one direction, is clearly more than the margin.
    fn beyond(&self, estimate: &TEstimate) -> bool {
        if self.margin <= 0.0 {
            return estimate.p_above(0.0) < self.without_margin;
        }
        estimate.p_above(self.margin) < self.level && estimate.p_above(0.0) <= self.from_nothing
    }
}
