//! The reduced form of `examples/arrivals`: the same figures of fewer arrivals, and that they tell a
//! generator that is wrong.

use prony::suite::Arrivals;
use prony::workload::{Schedule, stream};

#[path = "../../examples/arrivals/figures.rs"]
pub mod figures;

use figures::{Account, Extent, account};

const EXTENT: Extent = Extent {
    seeds: 20,
    arrivals: 20_000,
    per_interval: 100.0,
};

fn due(arrivals: Arrivals, per_second: f64, seed: u64) -> Vec<u64> {
    Schedule::steady(per_second, arrivals, stream(seed, "arrivals", 0))
        .take(EXTENT.arrivals)
        .collect()
}

fn seen(account: &Account) -> [bool; 3] {
    account.pooled.map(|figure| !figure.inside())
}

#[test]
fn poisson_and_gamma_arrivals_are_what_they_say() {
    for (arrivals, shape) in [
        (Arrivals::Poisson, 1.0),
        (Arrivals::Gamma(0.5), 0.5),
        (Arrivals::Gamma(4.0), 4.0),
    ] {
        let account = account(EXTENT, shape, |seed| due(arrivals, 1.0, seed));
        assert!(
            account.holds(),
            "{arrivals:?}: {:?}, {} outside",
            account.pooled,
            account.outside()
        );
    }
}

#[test]
fn a_rate_that_is_one_percent_off_is_seen() {
    let account = account(EXTENT, 1.0, |seed| due(Arrivals::Poisson, 1.01, seed));
    assert!(seen(&account)[0]);
    assert!(!account.holds());
}

#[test]
fn gaps_of_another_shape_are_seen() {
    let account = account(EXTENT, 1.0, |seed| due(Arrivals::Gamma(1.05), 1.0, seed));
    assert!(seen(&account)[1]);
    assert!(!account.holds());
}

/// Every other pair of gaps in ascending order: the same gaps, the same rate, but long ones follow
/// long ones less often than they should.
#[test]
fn gaps_that_depend_on_each_other_are_seen() {
    let account = account(EXTENT, 1.0, |seed| {
        let due = due(Arrivals::Poisson, 1.0, seed);
        let mut gaps: Vec<u64> = due.windows(2).map(|w| w[1] - w[0]).collect();
        for (i, four) in gaps.chunks_mut(200).enumerate() {
            four.sort_unstable();
            if i % 2 == 1 {
                four.reverse();
            }
        }
        let mut at = due[0];
        std::iter::once(at)
            .chain(gaps.into_iter().map(move |gap| {
                at += gap;
                at
            }))
            .collect()
    });
    assert_eq!(seen(&account), [false, false, true]);
    assert!(!account.holds());
}

/// Gaps from evenly spread quantiles fit their distribution better than random ones can.
#[test]
fn gaps_that_fit_too_well_are_seen() {
    let account = account(EXTENT, 1.0, |_| {
        let n = EXTENT.arrivals as u64;
        let mut at = 0;
        (0..n)
            .map(|i| {
                let u = ((i * 7_919) % n) as f64 + 0.5;
                at += (-(1.0 - u / n as f64).ln() * 1e9) as u64;
                at
            })
            .collect()
    });
    assert!(seen(&account)[1]);
}
