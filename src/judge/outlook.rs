use crate::metrics::{Provenance, Shape};
use crate::plan::Case;
use crate::result::ClientHealth;
use crate::stats::{clopper_pearson, quantile_ranks};
use crate::suite::assertion::{CmpOp, Function, MetricRef, Statistic};
use crate::suite::{Location, Undecided};

use super::asked::planned;
use super::case::{Claim, claims};
use super::estimate::MIN_REQUESTS;
use super::expression::{Measured, bounds_above, compile, flipped, scale};
use super::input::JudgeInput;

/// What an assertion could decide with the sample that is planned, before anything is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlook {
    /// The assertion as written.
    pub text: String,
    /// Where it stands; the scenario, where prony adds it.
    pub location: Location,
    /// prony adds it to every case.
    pub implicit: bool,
    /// Independent requests that are planned for it, where that is known.
    pub planned: Option<u64>,
    /// The same measured on as far as `extend` allows; absent where it is not measured on.
    pub at_most: Option<u64>,
    /// What they can do.
    pub prospect: Prospect,
}

/// What a sample can do for an assertion. Numbers of requests are of independent ones: where
/// neighbours resemble each other it takes more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Prospect {
    /// It can be proven; absent numbers are not known.
    Proves {
        /// Requests that it takes at least.
        needs: u64,
        /// How many of the planned ones may lie on the wrong side of the limit in a proof.
        allows: Option<u64>,
    },
    /// It cannot be proven by what is planned, and can where it is measured on.
    Extended {
        /// Requests that it takes at least.
        needs: u64,
    },
    /// A pass can never be more than what was observed.
    TooFew {
        /// Requests that it takes at least.
        needs: u64,
    },
    /// No sample could prove it: one more request might refute it.
    Never,
    /// What was observed decides: a least or greatest value has no interval.
    Observed,
    /// It depends on how much the values spread, once there are so many requests.
    Spread {
        /// Requests that it takes at least.
        needs: u64,
    },
    /// It compares measured phases, or is more than a plan can tell.
    Unknown,
}

impl Outlook {
    /// Whether it is known that a clear pass cannot come out.
    pub fn cannot_decide(&self) -> bool {
        match self.prospect {
            Prospect::TooFew { .. } | Prospect::Never => true,
            Prospect::Spread { needs } => self.planned.is_some_and(|n| n < needs),
            Prospect::Proves { .. }
            | Prospect::Extended { .. }
            | Prospect::Observed
            | Prospect::Unknown => false,
        }
    }
}

/// The outlook of every assertion of `case`, the error bound that prony adds last.
pub fn outlook(case: &Case) -> Vec<Outlook> {
    let health = ClientHealth::default();
    let phases = planned(case, &health);
    let input = JudgeInput::new(case, &phases);
    claims(&input)
        .iter()
        .map(|claim| one(case, claim))
        .collect()
}

fn one(case: &Case, claim: &Claim) -> Outlook {
    let phase = match claim.phases.as_slice() {
        [phase] => case.phases.get(*phase),
        _ => None,
    };
    let each = phase.and_then(|phase| phase.window_requests());
    let of = |repeats: f64| each.map(|n| (n * repeats).floor().max(0.0) as u64);
    let planned = of(f64::from(case.scenario.repeats));
    let at_most = of(case.most_repeats()).filter(|_| case.measures_on());
    // Where the data is looked at twice, each look has less than the whole error to itself.
    let confidence = case.first_look().confidence(case.scenario.confidence);
    let prospect = match phase {
        Some(_) => match prospect(claim, planned, confidence) {
            Prospect::TooFew { needs } | Prospect::Spread { needs }
                if planned.is_some_and(|n| n < needs) && at_most.is_some_and(|n| n >= needs) =>
            {
                Prospect::Extended { needs }
            }
            other => other,
        },
        None => Prospect::Unknown,
    };
    Outlook {
        text: claim.assertion.text.clone(),
        location: claim.location.clone(),
        implicit: claim.implicit,
        planned,
        at_most,
        prospect,
    }
}

fn prospect(claim: &Claim, planned: Option<u64>, confidence: f64) -> Prospect {
    let mut leaves = Vec::new();
    let mut lhs = compile(&claim.assertion.lhs, &mut leaves);
    let mut rhs = compile(&claim.assertion.rhs, &mut leaves);
    let mut op = claim.assertion.op;
    if matches!(lhs.affine(), Some((_, _, None))) {
        std::mem::swap(&mut lhs, &mut rhs);
        op = flipped(op);
    }
    let spread = Prospect::Spread {
        needs: MIN_REQUESTS,
    };
    let (Some((a, b, Some(leaf))), Some((_, limit, None))) = (lhs.affine(), rhs.affine()) else {
        return if leaves.is_empty() {
            Prospect::Unknown
        } else {
            spread
        };
    };
    if a == 0.0 {
        return Prospect::Unknown;
    }
    if a < 0.0 {
        op = flipped(op);
    }
    let Some(measured) = leaves.get(leaf) else {
        return Prospect::Unknown;
    };
    let limit = (limit - b) / a / scale(measured.unit());
    match measured {
        Measured::Call(_, Function::Goodput(_)) => of_share(op, limit, planned, confidence),
        Measured::Metric(m) if m.metric.name == "error_rate" => {
            of_share(op, limit, planned, confidence)
        }
        Measured::Metric(m) => of_metric(m, op, planned, confidence, spread),
        Measured::Call(_, Function::GoodputRate(_)) => spread,
        Measured::Call(..) => Prospect::Unknown,
    }
}

fn of_metric(
    m: &MetricRef,
    op: CmpOp,
    planned: Option<u64>,
    confidence: f64,
    spread: Prospect,
) -> Prospect {
    match (m.statistic, m.metric.shape) {
        // Requests that bear a label are a part of all, and how large a one is not known.
        _ if m.metric.provenance == Provenance::Server => Prospect::Observed,
        _ if !m.labels.is_empty() => Prospect::Unknown,
        (Some(Statistic::Min | Statistic::Max), _) => Prospect::Observed,
        (Some(Statistic::Quantile(q)), Shape::PerRequest) => {
            let share = if bounds_above(op) { q } else { 1.0 - q };
            let needs = least(share, confidence);
            let Some(n) = planned else {
                return Prospect::Proves {
                    needs,
                    allows: None,
                };
            };
            let ranks = quantile_ranks(n as usize, n as f64, q, confidence);
            let allows = if bounds_above(op) {
                ranks.upper.map(|s| n - s as u64)
            } else {
                ranks.lower.map(|r| r as u64 - 1)
            };
            match allows {
                Some(_) => Prospect::Proves { needs, allows },
                None => Prospect::TooFew { needs },
            }
        }
        _ => spread,
    }
}

/// A share of requests against `limit`.
fn of_share(op: CmpOp, limit: f64, planned: Option<u64>, confidence: f64) -> Prospect {
    // How large a share of the requests must at least be on the right side.
    let right = if bounds_above(op) { 1.0 - limit } else { limit };
    if right >= 1.0 {
        return Prospect::Never;
    }
    if right <= 0.0 {
        return Prospect::Proves {
            needs: 1,
            allows: planned,
        };
    }
    let needs = least(right, confidence);
    let Some(n) = planned else {
        return Prospect::Proves {
            needs,
            allows: None,
        };
    };
    if n < needs {
        return Prospect::TooFew { needs };
    }
    let proves =
        |wrong: u64| clopper_pearson((n - wrong) as f64, n as f64, confidence).lower >= right;
    // The bound falls with every request on the wrong side.
    let (mut low, mut high) = (0, n);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if proves(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    Prospect::Proves {
        needs,
        allows: Some(low),
    }
}

/// How many requests it takes, all on the right side, to prove that at least `share` of all are: the
/// least n with shareⁿ ≤ 1 − confidence.
fn least(share: f64, confidence: f64) -> u64 {
    // What is a whole number but for rounding is one.
    ((1.0 - confidence).ln() / share.ln() - 1e-9)
        .ceil()
        .max(1.0) as u64
}

impl std::fmt::Display for Outlook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let n = self.planned;
        match (self.prospect, n) {
            (
                Prospect::Proves {
                    allows: Some(k), ..
                },
                Some(n),
            ) => write!(
                f,
                "can be proven: {n} requests, of which {k} may lie beyond the limit"
            ),
            (Prospect::Proves { needs, .. }, _) => write!(
                f,
                "can be proven from {needs} requests on; how many there will be is up to the target"
            ),
            (Prospect::Extended { needs }, _) => {
                let n = n.unwrap_or(0);
                write!(
                    f,
                    "can be proven where it is measured on: {n} requests are planned, it takes {needs}, and up to {} may come",
                    self.at_most.unwrap_or(n)
                )
            }
            (Prospect::TooFew { needs }, Some(n)) => write!(
                f,
                "cannot be proven: {n} requests are planned, and it takes {needs}; what is observed decides"
            ),
            (Prospect::TooFew { needs }, None) => {
                write!(f, "cannot be proven with fewer than {needs} requests")
            }
            (Prospect::Never, _) => write!(
                f,
                "cannot be proven by any number of requests; what is observed decides"
            ),
            (Prospect::Observed, _) => write!(
                f,
                "what is observed decides: a least or greatest value, or what a server tells of itself, has no interval"
            ),
            (Prospect::Spread { needs }, Some(n)) if n < needs => write!(
                f,
                "cannot be proven: {n} requests are planned, and an interval takes {needs}"
            ),
            (Prospect::Spread { needs }, _) => write!(
                f,
                "can be proven where values spread little; it takes {needs} requests at least"
            ),
            (Prospect::Unknown, _) => write!(f, "the plan cannot tell what it decides"),
        }
    }
}

/// What to do about an assertion that cannot be proven.
pub fn remedy(outlook: &Outlook, undecided: Undecided) -> String {
    match outlook.prospect {
        Prospect::TooFew { needs } | Prospect::Spread { needs } => {
            let otherwise = if outlook.implicit {
                "raise `allow_errors`"
            } else if undecided == Undecided::Lean {
                "assert something further from the end"
            } else {
                "assert something further from the end, or write `undecided: lean`"
            };
            format!(
                "plan for {needs} requests at least (`requests`, `duration`, `repeats`), or {otherwise}"
            )
        }
        _ => "leave some room: a limit that a single request breaks is never proven".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::*;
    use super::*;
    use crate::plan::PhasePlan;

    fn of(assertion: crate::suite::assertion::Assertion, requests: u64) -> Vec<Outlook> {
        let mut case = case(vec![assertion]);
        case.phases = case
            .phases
            .iter()
            .map(|phase| PhasePlan {
                requests: Some(requests),
                duration: None,
                ..phase.clone()
            })
            .collect();
        outlook(&case)
    }

    #[test]
    fn a_p99_takes_299_requests_at_95_percent() {
        let few = &of(ttft_p99_under(500.0), 298)[0];
        assert_eq!(few.prospect, Prospect::TooFew { needs: 299 });
        assert!(few.cannot_decide());
        let enough = |n| of(ttft_p99_under(500.0), n)[0].prospect;
        let proves = |allows| Prospect::Proves {
            needs: 299,
            allows: Some(allows),
        };
        assert_eq!(enough(299), proves(0));
        assert_eq!(enough(1000), proves(4));
    }

    #[test]
    fn the_error_bound_that_prony_adds_is_one_more() {
        let outlooks = of(ttft_p99_under(500.0), 1000);
        let bound = &outlooks[1];
        assert!(bound.implicit);
        assert_eq!(
            bound.prospect,
            Prospect::Proves {
                needs: 299,
                allows: Some(4)
            }
        );
    }

    #[test]
    fn shares_quantiles_from_below_and_what_has_no_interval() {
        let prospect = |assertion, n| of(assertion, n)[0].prospect;
        let good = |limit| {
            claim(
                "",
                goodput(&[("ttft", None, 500.0)]),
                CmpOp::Ge,
                share(limit),
            )
        };
        assert_eq!(prospect(good(0.99), 200), Prospect::TooFew { needs: 299 });
        assert_eq!(prospect(good(1.0), 100_000), Prospect::Never);
        let below = claim("", q("ttft", 0.01), CmpOp::Gt, ms(5.0));
        assert_eq!(prospect(below, 298), Prospect::TooFew { needs: 299 });
        let turned = claim("", ms(5.0), CmpOp::Gt, q("ttft", 0.99));
        assert_eq!(prospect(turned, 298), Prospect::TooFew { needs: 299 });
        let greatest = claim(
            "",
            super::super::test_support::of("ttft", Some(Statistic::Max)),
            CmpOp::Lt,
            ms(5.0),
        );
        assert_eq!(prospect(greatest, 10), Prospect::Observed);
        let mean = claim(
            "",
            super::super::test_support::of("ttft", Some(Statistic::Mean)),
            CmpOp::Lt,
            ms(5.0),
        );
        assert!(of(mean.clone(), 10)[0].cannot_decide());
        assert!(!of(mean, 100)[0].cannot_decide());
    }
}
