use proptest::prelude::*;

use super::*;
use crate::metrics::Direction;
use crate::result::ChangeKind;

fn runs(values: &[f64]) -> Vec<RunValue> {
    in_sessions(values, 1)
}

/// `per` runs a session; 0: one session for all.
fn in_sessions(values: &[f64], per: usize) -> Vec<RunValue> {
    values
        .iter()
        .enumerate()
        .map(|(i, &value)| RunValue {
            session: i.checked_div(per).unwrap_or(0) as u32,
            value,
            sampling_var: f64::NAN,
        })
        .collect()
}

fn side(runs: &[RunValue]) -> Side<'_> {
    Side {
        runs,
        noise: Noise::default(),
    }
}

pub(super) fn rule(tolerance: f64) -> Rule {
    Rule {
        direction: Direction::LowerIsBetter,
        tolerance,
        absolute_floor: None,
        scale: Scale::Ratio,
        pairing: Pairing::None,
        m: 1,
        confidence: 0.95,
        look: Look::default(),
        assumed: 0.03,
    }
}

const STEADY: [f64; 5] = [100.0, 101.0, 99.0, 100.5, 99.5];

fn times(factor: f64) -> Vec<f64> {
    STEADY.iter().map(|x| x * factor).collect()
}

fn change(base: &[RunValue], candidate: &[RunValue], rule: &Rule) -> ChangeKind {
    compare(&side(base), &side(candidate), rule).change
}

#[test]
fn clear_changes_and_clear_sameness() {
    let base = runs(&STEADY);
    let of = |factor| change(&base, &runs(&times(factor)), &rule(0.1));
    assert_eq!(of(1.0), ChangeKind::WithinTolerance);
    assert_eq!(of(1.05), ChangeKind::WithinTolerance);
    assert_eq!(of(1.1), ChangeKind::Undecided);
    assert_eq!(of(1.2), ChangeKind::Regressed);
    assert_eq!(of(0.8), ChangeKind::Improved);
    let more_is_better = Rule {
        direction: Direction::HigherIsBetter,
        ..rule(0.1)
    };
    assert_eq!(
        change(&base, &runs(&times(1.2)), &more_is_better),
        ChangeKind::Improved
    );
    assert_eq!(
        change(&base, &runs(&times(0.8)), &more_is_better),
        ChangeKind::Regressed
    );
}

#[test]
fn runs_of_one_server_start_are_not_sessions() {
    // The same numbers: as sessions they prove 20 %, as runs of one start a side they do not prove 12 %.
    let (base, worse) = (in_sessions(&STEADY, 0), in_sessions(&times(1.12), 0));
    let c = compare(&side(&base), &side(&worse), &rule(0.05));
    assert_eq!(
        (c.change, c.session),
        (ChangeKind::Undecided, Basis::Assumed(0.03))
    );
    assert_eq!(
        change(&runs(&STEADY), &runs(&times(1.12)), &rule(0.05)),
        ChangeKind::Regressed
    );
    // More runs of the same start do not settle it; more starts do.
    assert_eq!(c.runs_to_settle, None);
    assert!(c.sessions_to_settle.is_some_and(|n| n <= 4), "{c:?}");
    // What is known replaces what is assumed.
    let quiet = Noise {
        run: None,
        session: Some(Known {
            sd: 0.005,
            freedom: f64::INFINITY,
        }),
        means: None,
    };
    let known = compare(
        &Side {
            runs: &base,
            noise: quiet,
        },
        &Side {
            runs: &worse,
            noise: quiet,
        },
        &rule(0.05),
    );
    assert_eq!(
        (known.change, known.session),
        (ChangeKind::Regressed, Basis::Known(0.005))
    );
}

#[test]
fn under_three_runs_nothing_is_decided() {
    let c = compare(
        &side(&runs(&[1.0, 1.0])),
        &side(&runs(&[9.0, 9.0])),
        &rule(0.1),
    );
    assert_eq!(
        (c.change, c.open, c.runs_to_settle),
        (ChangeKind::Undecided, true, Some(1))
    );
    assert_eq!(c.interval, [None, None]);
    assert!(c.reason.unwrap().contains("too few"));
    let c = compare(&side(&[]), &side(&runs(&STEADY)), &rule(0.1));
    assert_eq!(c.change, ChangeKind::Undecided);
}

#[test]
fn what_is_missing_or_unbounded_never_passes() {
    let base = runs(&STEADY);
    for odd in [f64::NAN, f64::INFINITY] {
        let mut values = STEADY.to_vec();
        values[2] = odd;
        for (a, b) in [(runs(&values), base.clone()), (base.clone(), runs(&values))] {
            let c = compare(&side(&a), &side(&b), &rule(0.1));
            assert_eq!((c.change, c.open), (ChangeKind::Undecided, false));
            assert!(c.reason.is_some());
        }
    }
    let never = runs(&[f64::INFINITY; 5]);
    assert_eq!(change(&base, &never, &rule(0.1)), ChangeKind::Regressed);
    assert_eq!(change(&never, &base, &rule(0.1)), ChangeKind::Improved);
    assert_eq!(change(&never, &never, &rule(0.1)), ChangeKind::Undecided);
    assert_eq!(
        change(&base, &runs(&[f64::NAN; 5]), &rule(0.1)),
        ChangeKind::Undecided
    );
}

#[test]
fn a_change_below_the_floor_is_tolerated() {
    let base = runs(&[1.0, 1.01, 0.99, 1.0, 1.005]);
    let worse = runs(&[1.5, 1.51, 1.49, 1.5, 1.505]);
    assert_eq!(change(&base, &worse, &rule(0.1)), ChangeKind::Regressed);
    let floored = Rule {
        absolute_floor: Some(5.0),
        ..rule(0.1)
    };
    assert_eq!(change(&base, &worse, &floored), ChangeKind::WithinTolerance);
}

#[test]
fn shares_are_compared_by_difference() {
    let base = runs(&[0.0, 0.001, 0.0, 0.002, 0.001]);
    let points = Rule {
        absolute_floor: Some(0.01),
        scale: Scale::Difference,
        ..rule(0.0)
    };
    assert_eq!(change(&base, &base, &points), ChangeKind::WithinTolerance);
    let worse = runs(&[0.05, 0.051, 0.05, 0.052, 0.051]);
    let c = compare(&side(&base), &side(&worse), &points);
    assert_eq!(
        (c.change, c.scale, c.ratio),
        (ChangeKind::Regressed, Scale::Difference, None)
    );
}

#[test]
fn pairs_cancel_what_both_sides_share() {
    // Repeats drift by 40 %, what a pair differs by does not.
    let drift = [100.0, 110.0, 120.0, 130.0, 140.0];
    let slower: Vec<f64> = drift
        .iter()
        .zip(STEADY)
        .map(|(d, s)| d * 1.15 * s / 100.0)
        .collect();
    let (base, worse) = (in_sessions(&drift, 0), in_sessions(&slower, 0));
    let paired = Rule {
        pairing: Pairing::OneServer,
        ..rule(0.1)
    };
    assert_eq!(change(&base, &worse, &paired), ChangeKind::Regressed);
    assert_eq!(change(&base, &worse, &rule(0.1)), ChangeKind::Undecided);
    // On a server each, what their starts differ by does not cancel.
    let apart = Rule {
        pairing: Pairing::TwoServers,
        ..rule(0.1)
    };
    let c = compare(&side(&base), &side(&worse), &apart);
    assert_eq!(
        (c.change, c.session),
        (ChangeKind::Undecided, Basis::Assumed(0.03))
    );
}

#[test]
fn a_known_spread_needs_fewer_runs_and_a_surprising_one_is_believed() {
    let known = Noise {
        run: None,
        session: Some(Known {
            sd: 0.01,
            freedom: f64::INFINITY,
        }),
        means: None,
    };
    let noisy = [100.0, 109.0, 92.0, 103.0, 97.0];
    let with = |values: &[f64]| {
        let runs = runs(values);
        compare(
            &Side {
                runs: &runs,
                noise: known,
            },
            &Side {
                runs: &runs,
                noise: known,
            },
            &rule(0.02),
        )
    };
    assert!((with(&STEADY).error - 0.01 * (0.4f64).sqrt()).abs() < 1e-12);
    assert_eq!(with(&STEADY).freedom, f64::INFINITY);
    // 6 % where 1 % is known: the known one no longer describes.
    assert!(with(&noisy).error > 0.03);
}

/// `values`, each of which its own requests leave `sd` open.
fn sampled(values: &[f64], sd: f64) -> Vec<RunValue> {
    let open = |run| RunValue {
        sampling_var: sd * sd,
        ..run
    };
    in_sessions(values, 0).into_iter().map(open).collect()
}

#[test]
fn few_pairs_that_lie_close_by_chance_are_held_to_what_their_requests_leave_open() {
    let (base, slower) = ([100.0, 100.4, 99.7], [115.0, 115.2, 114.9]);
    let paired = Rule {
        pairing: Pairing::OneServer,
        ..rule(0.1)
    };
    let of = |sd| change(&sampled(&base, sd), &sampled(&slower, sd), &paired);
    assert_eq!(of(f64::NAN), ChangeKind::Regressed);
    assert_eq!(of(0.001), ChangeKind::Regressed);
    assert_eq!(of(0.05), ChangeKind::Undecided);
}

#[test]
fn runs_are_never_closer_than_what_their_requests_leave_open() {
    let (base, slower) = ([100.0, 100.4, 99.7], [122.0, 122.2, 121.9]);
    let quiet = Noise {
        session: Some(Known {
            sd: 0.001,
            freedom: f64::INFINITY,
        }),
        ..Noise::default()
    };
    let of = |of_base, of_candidate| {
        let (base, slower) = (sampled(&base, of_base), sampled(&slower, of_candidate));
        let side = |runs| Side { runs, noise: quiet };
        compare(&side(&base), &side(&slower), &rule(0.1))
    };
    assert_eq!(of(f64::NAN, f64::NAN).change, ChangeKind::Regressed);
    assert_eq!(of(0.08, 0.08).change, ChangeKind::Undecided);
    // A stored side does not tell; what the other tells holds of both.
    assert_eq!(of(f64::NAN, 0.08), of(0.08, 0.08));
    // What is known so well costs fewer degrees of freedom.
    assert!(of(0.08, 0.08).freedom > 8.0);
}

#[test]
fn sessions_that_seemed_not_to_differ_are_not_taken_to_be_the_same() {
    // Three sessions of three runs whose means lay 2 % apart: no more than their runs explain.
    let known = |sd, freedom| Some(Known { sd, freedom });
    let taken_out = Noise {
        run: known(0.035, 6.0),
        session: known(0.0, 2.0),
        means: None,
    };
    let as_seen = Noise {
        means: known(0.02, 2.0).map(|known| KnownMeans {
            known,
            share: 1.0 / 3.0,
        }),
        ..taken_out
    };
    let base = in_sessions(&[100.0, 103.0, 97.0], 0);
    let slower = in_sessions(&[112.0, 115.0, 109.0], 0);
    let of = |noise| {
        let side = |runs| Side { runs, noise };
        compare(&side(&base), &side(&slower), &rule(0.04))
    };
    let (sure, honest) = (of(taken_out), of(as_seen));
    assert!(honest.freedom < sure.freedom, "{honest:?} {sure:?}");
    assert!(honest.interval[0] < sure.interval[0]);
    // As many runs a session: the spread of a difference is that of two means.
    assert!((honest.error - 0.02 * 2f64.sqrt()).abs() < 1e-9);
}

#[test]
fn no_margin_shares_the_error_among_all_relative_assertions() {
    let base = runs(&STEADY);
    let slightly = runs(&times(1.012));
    let alone = change(&base, &slightly, &rule(0.0));
    let one_of_many = change(
        &base,
        &slightly,
        &Rule {
            m: 300,
            ..rule(0.0)
        },
    );
    assert_eq!(
        (alone, one_of_many),
        (ChangeKind::Regressed, ChangeKind::Undecided)
    );
}

#[test]
fn a_second_look_costs_confidence_at_both() {
    let base = runs(&STEADY);
    let near = runs(&times(1.088));
    let once = compare(&side(&base), &side(&near), &rule(0.1));
    let first = Rule {
        look: Look { index: 0, of: 2 },
        ..rule(0.1)
    };
    let twice = compare(&side(&base), &side(&near), &first);
    assert!(twice.interval[1] > once.interval[1]);
}

proptest! {
    #[test]
    fn exchanging_the_sides_exchanges_the_verdict(
        a in prop::collection::vec(50.0f64..200.0, 3..9),
        b in prop::collection::vec(50.0f64..200.0, 3..9),
        per in 0usize..3,
        tolerance in 0.0f64..0.3,
    ) {
        let (a, b) = (in_sessions(&a, per), in_sessions(&b, per));
        let one = compare(&side(&a), &side(&b), &rule(tolerance));
        let other = compare(&side(&b), &side(&a), &rule(tolerance));
        prop_assert!((one.error - other.error).abs() < 1e-9);
        prop_assert_eq!(one.change == ChangeKind::Regressed, other.change == ChangeKind::Improved);
        prop_assert_eq!(one.change == ChangeKind::Improved, other.change == ChangeKind::Regressed);
    }

    #[test]
    fn units_do_not_matter(
        a in prop::collection::vec(50.0f64..200.0, 5),
        b in prop::collection::vec(50.0f64..200.0, 5),
        factor in 1e-3f64..1e3,
    ) {
        let scaled = |x: &[f64]| runs(&x.iter().map(|v| v * factor).collect::<Vec<_>>());
        prop_assert_eq!(
            change(&runs(&a), &runs(&b), &rule(0.1)),
            change(&scaled(&a), &scaled(&b), &rule(0.1))
        );
    }
}
