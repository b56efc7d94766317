//! Three figures of an arrival process and where they must lie.
//!
//! With gaps of mean 1/λ and squared coefficient of variation c² (1 for Poisson, 1/k for gamma of
//! shape k), n of them seen, and counts taken in m intervals of length T:
//!
//! - **rate**: the mean gap times λ. By the central limit theorem normal about 1 with standard
//!   deviation c/√n.
//! - **KS distance** of the gaps from their distribution, D = sup |Fₙ − F|. (√n + 0.12 + 0.11/√n)·D
//!   has Kolmogorov's distribution (Stephens, *EDF Statistics for Goodness of Fit and Some
//!   Comparisons*, JASA 69, 1974). Both of its ends count: gaps can fit too well.
//! - **dispersion** of the counts, Σ(N − λT)² / (m·λT). Of a Poisson process m times that is
//!   chi-square with m degrees of freedom (Fisher's index of dispersion); of a renewal process
//!   the variance of a count is λT·c² + 1/6 + c⁴/2 − μ₃λ³/3 with the third central moment μ₃ (Cox,
//!   *Renewal Theory*, 1962, §4.5, equilibrium process), for gamma gaps λT/k + 1/6 − 1/(6k²). Counts
//!   of hundreds of arrivals are close enough to normal, and to independent of each other, for
//!   chi-square. It sees what the two others cannot: gaps that depend on each other. Quantiles by
//!   Wilson and Hilferty (*The Distribution of Chi-Square*, PNAS 17, 1931).
//!
//! All intervals are two-sided and of 99 %.

use statrs::distribution::{ContinuousCDF, Gamma};

/// 0.995 quantile of the normal distribution.
const Z: f64 = 2.575_829_303_548_9;
/// Gaps below this are not told apart by their size: due times are whole nanoseconds.
const FINE_NS: u64 = 1_000;

/// How much of a process is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Independent seeds.
    pub seeds: u64,
    /// Arrivals of each.
    pub arrivals: usize,
    /// Expected arrivals in an interval of which they are counted.
    pub per_interval: f64,
}

/// A figure and the interval it should lie in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// What it is.
    pub name: &'static str,
    /// As measured.
    pub value: f64,
    /// 99 % interval.
    pub low: f64,
    /// 99 % interval.
    pub high: f64,
}

impl Figure {
    /// Whether it lies in its interval.
    pub fn inside(&self) -> bool {
        (self.low..=self.high).contains(&self.value)
    }
}

/// The figures of a process: of each seed, and of all seeds pooled.
pub struct Account {
    /// Three for each seed.
    pub single: Vec<Figure>,
    /// Rate, KS distance, dispersion.
    pub pooled: [Figure; 3],
}

impl Account {
    /// How many single figures lie outside their intervals.
    pub fn outside(&self) -> usize {
        self.single.iter().filter(|f| !f.inside()).count()
    }

    /// Every pooled figure inside its interval, at most 3 in 60 of the single ones outside.
    pub fn holds(&self) -> bool {
        self.pooled.iter().all(Figure::inside) && self.outside() * 20 <= self.single.len()
    }
}

/// The account of gaps that should be gamma of `shape` (1: exponential) at one a second; `due` gives
/// a seed's due times in ns.
pub fn account(extent: Extent, shape: f64, due: impl Fn(u64) -> Vec<u64>) -> Account {
    let mut single = Vec::new();
    let mut all_gaps = Vec::with_capacity(extent.arrivals * extent.seeds as usize);
    let mut squares = 0.0;
    let mut intervals = 0;
    for seed in 0..extent.seeds {
        let due = due(seed);
        let mut gaps: Vec<u64> = due.windows(2).map(|w| w[1] - w[0]).collect();
        gaps.sort_unstable();
        let (sum, m) = squared_deviations(&due, extent.per_interval);
        single.extend([
            rate(&gaps, shape),
            ks(&gaps, shape),
            dispersion(sum, m, extent.per_interval, shape),
        ]);
        squares += sum;
        intervals += m;
        all_gaps.extend(gaps);
    }
    // Stable, because it merges what is sorted already.
    all_gaps.sort();
    let pooled = [
        rate(&all_gaps, shape),
        ks(&all_gaps, shape),
        dispersion(squares, intervals, extent.per_interval, shape),
    ];
    Account { single, pooled }
}

fn rate(gaps: &[u64], shape: f64) -> Figure {
    let n = gaps.len() as f64;
    let mean = gaps.iter().sum::<u64>() as f64 / n / 1e9;
    let half = Z / (shape * n).sqrt();
    Figure {
        name: "rate",
        value: mean,
        low: 1.0 - half,
        high: 1.0 + half,
    }
}

fn ks(sorted: &[u64], shape: f64) -> Figure {
    let root = (sorted.len() as f64).sqrt();
    Figure {
        name: "KS distance",
        value: distance(sorted, shape) * (root + 0.12 + 0.11 / root),
        low: kolmogorov_quantile(0.005),
        high: kolmogorov_quantile(0.995),
    }
}

/// sup |Fₙ − F| over gaps of at least [`FINE_NS`].
fn distance(sorted: &[u64], shape: f64) -> f64 {
    let gamma = Gamma::new(shape, shape).expect("a positive shape");
    let n = sorted.len() as f64;
    let cdf = |i: usize| gamma.cdf(sorted[i] as f64 / 1e9);
    let first = sorted.partition_point(|&gap| gap < FINE_NS);
    let mut best: f64 = 0.0;
    // Both functions rise, so their values at a stretch's ends bound what is inside it: only stretches
    // that could hold more than the best so far are cut in two.
    let mut stretches = vec![(first, cdf(first), sorted.len() - 1, cdf(sorted.len() - 1))];
    while let Some((a, at_a, b, at_b)) = stretches.pop() {
        for (i, f) in [(a, at_a), (b, at_b)] {
            best = best.max(f - i as f64 / n).max((i + 1) as f64 / n - f);
        }
        let bound = (at_b - a as f64 / n).max((b + 1) as f64 / n - at_a);
        if b - a > 1 && bound > best {
            let middle = a + (b - a) / 2;
            let at_middle = cdf(middle);
            stretches.push((a, at_a, middle, at_middle));
            stretches.push((middle, at_middle, b, at_b));
        }
    }
    best
}

/// Σ(N − λT)² over whole intervals, and their number. The last fiftieth of the time is left out:
/// when the last arrival comes is random itself.
fn squared_deviations(due: &[u64], per_interval: f64) -> (f64, usize) {
    let m = (due.len() as f64 * 0.98 / per_interval) as usize;
    let mut counts = vec![0u64; m];
    for &t in due {
        let interval = (t as f64 / 1e9 / per_interval) as usize;
        if let Some(count) = counts.get_mut(interval) {
            *count += 1;
        }
    }
    let squares = counts.iter().map(|&n| (n as f64 - per_interval).powi(2));
    (squares.sum(), m)
}

fn dispersion(squares: f64, m: usize, per_interval: f64, shape: f64) -> Figure {
    let m = m as f64;
    let variance = per_interval / shape + 1.0 / 6.0 - 1.0 / (6.0 * shape * shape);
    let chi_square_over_m = |z: f64| {
        let h = 2.0 / (9.0 * m);
        (1.0 - h + z * h.sqrt()).powi(3)
    };
    Figure {
        name: "dispersion",
        value: squares / m / per_interval,
        low: variance / per_interval * chi_square_over_m(-Z),
        high: variance / per_interval * chi_square_over_m(Z),
    }
}

/// Kolmogorov's limit distribution: 1 − 2 Σ (−1)^(j−1) exp(−2j²x²), in the form that converges fast
/// for small x where x is small.
fn kolmogorov(x: f64) -> f64 {
    use std::f64::consts::{PI, TAU};
    let odd = |j: u32| f64::from(2 * j - 1).powi(2);
    if x < 1.0 {
        let terms = (1..10).map(|j| (-odd(j) * PI * PI / (8.0 * x * x)).exp());
        TAU.sqrt() / x * terms.sum::<f64>()
    } else {
        let term = |j: u32| {
            let sign = if j % 2 == 1 { 1.0 } else { -1.0 };
            sign * (-2.0 * f64::from(j * j) * x * x).exp()
        };
        1.0 - 2.0 * (1..10).map(term).sum::<f64>()
    }
}

fn kolmogorov_quantile(p: f64) -> f64 {
    let (mut low, mut high) = (0.1, 4.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if kolmogorov(middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Critical values as tables give them (Stephens 1974: 1.358 at 5 %, 1.628 at 1 %).
    #[test]
    fn kolmogorov_s_distribution_is_the_tabled_one() {
        assert!((kolmogorov_quantile(0.95) - 1.358).abs() < 1e-3);
        assert!((kolmogorov_quantile(0.99) - 1.628).abs() < 1e-3);
        assert!((kolmogorov(0.999_999) - kolmogorov(1.0)).abs() < 1e-5);
    }

    #[test]
    fn the_distance_is_the_largest_of_all() {
        let gaps: Vec<u64> = (1..400u64).map(|i| i * i * 20_000).collect();
        let gamma = Gamma::new(2.0, 2.0).expect("a shape");
        let n = gaps.len() as f64;
        let by_hand = gaps.iter().enumerate().fold(0.0_f64, |best, (i, &gap)| {
            let f = gamma.cdf(gap as f64 / 1e9);
            best.max(f - i as f64 / n).max((i + 1) as f64 / n - f)
        });
        assert_eq!(distance(&gaps, 2.0), by_hand);
    }
}
