//! Arrival processes against their theory, a million arrivals for each of twenty seeds: rate, KS
//! distance of the gaps, and dispersion of the counts. Every figure must lie inside its 99 % interval with the
//! seeds pooled, and at most 3 of the 60 figures of single seeds outside theirs; constant arrivals must
//! be exact. The exit code says whether that holds; formulas and sources are in `figures.rs`.
//!
//!     cargo run --release --example arrivals

mod figures;

use std::process::ExitCode;

use figures::{Extent, account};
use prony::suite::Arrivals;
use prony::workload::{Schedule, stream};

const EXTENT: Extent = Extent {
    seeds: 20,
    arrivals: 1_000_000,
    per_interval: 500.0,
};

fn main() -> ExitCode {
    let mut holds = [3, 7, 8, 50, 1000].into_iter().all(constant);
    let mut processes = vec![("poisson".to_owned(), Arrivals::Poisson, 1.0)];
    for shape in [0.25, 0.5, 2.0, 8.0] {
        processes.push((format!("gamma({shape})"), Arrivals::Gamma(shape), shape));
    }
    for (name, arrivals, shape) in processes {
        let account = account(EXTENT, shape, |seed| {
            Schedule::steady(1.0, arrivals, stream(seed, "arrivals", 0))
                .take(EXTENT.arrivals)
                .collect()
        });
        for figure in account.pooled {
            println!(
                "{name:12} {:12} {:.6} in [{:.6}, {:.6}]{}",
                figure.name,
                figure.value,
                figure.low,
                figure.high,
                if figure.inside() { "" } else { "   OUTSIDE" }
            );
        }
        println!(
            "{name:12} {} of {} single figures outside their intervals{}",
            account.outside(),
            account.single.len(),
            if account.holds() { "" } else { "   FAILED" }
        );
        holds &= account.holds();
    }
    if holds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Whether the i-th of a million constant arrivals is due at i/rate, to the nanosecond.
fn constant(per_second: u64) -> bool {
    let schedule = Schedule::steady(
        per_second as f64,
        Arrivals::Constant,
        stream(0, "arrivals", 0),
    );
    let exact = |i: usize| (2_000_000_000 * i as u64 + per_second) / (2 * per_second);
    let wrong = schedule
        .take(EXTENT.arrivals)
        .enumerate()
        .filter(|&(i, due)| due != exact(i))
        .count();
    println!(
        "constant     {per_second}/s: {wrong} of {} not exact",
        EXTENT.arrivals
    );
    wrong == 0
}
