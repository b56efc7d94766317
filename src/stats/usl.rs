use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use statrs::distribution::{ContinuousCDF, Normal};

use super::Bounds;
use super::quantile::quantile;
use super::student_t;

/// Parameters of the curve: λ, σ and κ.
const PARAMETERS: usize = 3;
/// Fewest different levels that a fit is made of.
const FEWEST_LEVELS: usize = 3;
/// Steps of the search for one minimum; it takes about ten.
const MOST_STEPS: usize = 200;

/// The Universal Scalability Law, `X(N) = λN / (1 + σ(N − 1) + κN(N − 1))` (Gunther, *Guerrilla
/// Capacity Planning*, 2007).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usl {
    /// Throughput of one: λ, in the unit of the throughputs.
    pub lambda: f64,
    /// Contention: the share of work that only one can do at a time.
    pub sigma: f64,
    /// Coherency: what each pays for every other one.
    pub kappa: f64,
}

/// A fit with what is known of its parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UslFit {
    /// The curve.
    pub usl: Usl,
    /// Two one-sided bounds of σ.
    pub sigma: Bounds,
    /// Two one-sided bounds of κ.
    pub kappa: Bounds,
    /// Two one-sided bounds of the level of the peak; the upper one is infinite where κ may be 0.
    pub peak: Bounds,
    /// Standard deviation of what the curve leaves over, as a share of the throughput; absent with no
    /// more points than parameters.
    pub residual: Option<f64>,
}

impl Usl {
    /// Throughput at level `n`.
    pub fn throughput(&self, n: f64) -> f64 {
        self.lambda * n / self.slowdown(n)
    }

    /// The level from which on more of it brings less: `√((1 − σ) / κ)`, never under 1. Infinite
    /// without coherency: then throughput grows for ever, ever less so with contention.
    pub fn peak(&self) -> f64 {
        if self.kappa <= 0.0 {
            return f64::INFINITY;
        }
        ((1.0 - self.sigma).max(0.0) / self.kappa).sqrt().max(1.0)
    }

    fn slowdown(&self, n: f64) -> f64 {
        1.0 + self.sigma * (n - 1.0) + self.kappa * n * (n - 1.0)
    }

    /// Least squares of `ln X` with σ and κ not negative: the spread of a throughput between runs is a
    /// share of it, so that low levels count as much as high ones. `points` are `(N, X)`, N from 1 on,
    /// X above 0; a level may have several. `None` with fewer than three different levels.
    pub fn fit(points: &[(f64, f64)]) -> Option<Usl> {
        let sound = |&(n, x): &(f64, f64)| n >= 1.0 && n.is_finite() && x > 0.0 && x.is_finite();
        if !points.iter().all(sound) {
            return None;
        }
        let mut levels: Vec<f64> = points.iter().map(|p| p.0).collect();
        levels.sort_by(f64::total_cmp);
        levels.dedup();
        if levels.len() < FEWEST_LEVELS {
            return None;
        }
        // The least value with both bounds lies inside, on one of the two edges, or in the corner; each
        // is searched as if there were no bound, and what breaks one is no answer.
        let faces = [(true, true), (true, false), (false, true), (false, false)];
        faces
            .into_iter()
            .filter_map(|(sigma, kappa)| minimum(points, sigma, kappa))
            .filter(|(usl, _)| usl.sigma >= 0.0 && usl.kappa >= 0.0)
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(usl, _)| usl)
    }

    /// [`Usl::fit`] with one-sided bounds of its parameters, each at `confidence`, by a bootstrap of the
    /// relative residuals (Efron and Tibshirani, *An Introduction to the Bootstrap*, §9.4), the level
    /// widened for the degrees of freedom that the fit took, as in
    /// [`block_bootstrap`](super::block_bootstrap). Deterministic: the same `seed` gives the same
    /// bounds. With no more points than parameters nothing is known of the spread, nor of the bounds.
    pub fn fit_with_bounds(
        points: &[(f64, f64)],
        confidence: f64,
        replicates: usize,
        seed: u64,
    ) -> Option<UslFit> {
        let usl = Usl::fit(points)?;
        let Some(freedom) = points.len().checked_sub(PARAMETERS).filter(|&f| f > 0) else {
            return Some(UslFit {
                usl,
                sigma: Bounds::UNKNOWN,
                kappa: Bounds::UNKNOWN,
                peak: Bounds::UNKNOWN,
                residual: None,
            });
        };
        let residuals: Vec<f64> = points
            .iter()
            .map(|&(n, x)| (x / usl.throughput(n)).ln())
            .collect();
        let squares: f64 = residuals.iter().map(|r| r * r).sum();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut found: [Vec<f64>; 3] = Default::default();
        for _ in 0..replicates {
            let drawn: Vec<(f64, f64)> = points
                .iter()
                .map(|&(n, _)| {
                    let residual = residuals[rng.random_range(0..residuals.len())];
                    (n, usl.throughput(n) * residual.exp())
                })
                .collect();
            if let Some(one) = Usl::fit(&drawn) {
                for (values, value) in found.iter_mut().zip([one.sigma, one.kappa, one.peak()]) {
                    values.push(value);
                }
            }
        }
        let tail = widened_tail(confidence, points.len(), freedom);
        let [sigma, kappa, peak] = found.map(|mut values| {
            values.sort_by(f64::total_cmp);
            let at = |q| quantile(&values, q);
            Bounds {
                lower: at(tail).unwrap_or(f64::NEG_INFINITY),
                upper: at(1.0 - tail).unwrap_or(f64::INFINITY),
            }
        });
        Some(UslFit {
            usl,
            sigma,
            kappa,
            peak,
            residual: Some((squares / freedom as f64).sqrt()),
        })
    }
}

/// The tail of a percentile interval that makes up for `n` residuals with `freedom` degrees of freedom.
fn widened_tail(confidence: f64, n: usize, freedom: usize) -> f64 {
    let widening = (n as f64 / freedom as f64).sqrt();
    Normal::new(0.0, 1.0).map_or(0.0, |normal| {
        normal.cdf(-widening * student_t(confidence, freedom as f64))
    })
}

/// The least sum of squares where σ, or κ, or both are free; what is not free is 0. Levenberg-Marquardt.
fn minimum(points: &[(f64, f64)], sigma: bool, kappa: bool) -> Option<(Usl, f64)> {
    let mut usl = start(points, sigma, kappa);
    let mut cost = sum_of_squares(&usl, points)?;
    let mut damping = 1e-3;
    for _ in 0..MOST_STEPS {
        let (matrix, gradient) = normal_equations(&usl, points, [true, sigma, kappa]);
        let Some(step) = damped_step(matrix, gradient, damping) else {
            damping *= 10.0;
            continue;
        };
        let next = Usl {
            lambda: usl.lambda * step[0].exp(),
            sigma: usl.sigma + step[1],
            kappa: usl.kappa + step[2],
        };
        match sum_of_squares(&next, points) {
            Some(better) if better <= cost => {
                let gained = cost - better;
                usl = next;
                cost = better;
                damping = (damping / 10.0).max(1e-15);
                if gained <= 1e-16 * cost || cost == 0.0 {
                    break;
                }
            }
            _ => {
                damping *= 10.0;
                if damping > 1e12 {
                    break;
                }
            }
        }
    }
    Some((usl, cost))
}

/// A curve near enough: `λN/X` is linear in σ and κ, so least squares of that, with λ from the lowest
/// level, bounded to what is possible.
fn start(points: &[(f64, f64)], sigma: bool, kappa: bool) -> Usl {
    let lambda = points
        .iter()
        .map(|&(n, x)| x / n)
        .fold(0.0, |a: f64, b| a.max(b));
    let (mut aa, mut ab, mut bb, mut ay, mut by) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for &(n, x) in points {
        // Relative to the slowdown itself, as the squares of logarithms are.
        let slowdown = (lambda * n / x).max(1.0);
        let (a, b, y) = (
            (n - 1.0) / slowdown,
            n * (n - 1.0) / slowdown,
            (slowdown - 1.0) / slowdown,
        );
        aa += a * a;
        ab += a * b;
        bb += b * b;
        ay += a * y;
        by += b * y;
    }
    let alone = |square: f64, product: f64| if square > 0.0 { product / square } else { 0.0 };
    let (s, k) = match (sigma, kappa) {
        (true, true) => {
            let determinant = aa * bb - ab * ab;
            if determinant > 0.0 {
                (
                    (ay * bb - by * ab) / determinant,
                    (by * aa - ay * ab) / determinant,
                )
            } else {
                (alone(aa, ay), 0.0)
            }
        }
        (true, false) => (alone(aa, ay), 0.0),
        (false, true) => (0.0, alone(bb, by)),
        (false, false) => (0.0, 0.0),
    };
    Usl {
        lambda,
        sigma: s.max(0.0),
        kappa: k.max(0.0),
    }
}

/// `None` where the curve does not exist at one of the levels.
fn sum_of_squares(usl: &Usl, points: &[(f64, f64)]) -> Option<f64> {
    let mut sum = 0.0;
    for &(n, x) in points {
        let slowdown = usl.slowdown(n);
        if slowdown <= 0.0 {
            return None;
        }
        sum += (x / usl.throughput(n)).ln().powi(2);
    }
    sum.is_finite().then_some(sum)
}

type Matrix = [[f64; PARAMETERS]; PARAMETERS];

/// `JᵀJ` and `Jᵀr` of the residuals in `(ln λ, σ, κ)`; what is not free has neither.
fn normal_equations(
    usl: &Usl,
    points: &[(f64, f64)],
    free: [bool; PARAMETERS],
) -> (Matrix, [f64; PARAMETERS]) {
    let mut matrix = Matrix::default();
    let mut gradient = [0.0; PARAMETERS];
    for &(n, x) in points {
        let slowdown = usl.slowdown(n);
        let residual = (x / usl.throughput(n)).ln();
        let mut slope = [1.0, -(n - 1.0) / slowdown, -n * (n - 1.0) / slowdown];
        for (value, free) in slope.iter_mut().zip(free) {
            if !free {
                *value = 0.0;
            }
        }
        for i in 0..PARAMETERS {
            gradient[i] += slope[i] * residual;
            for j in 0..PARAMETERS {
                matrix[i][j] += slope[i] * slope[j];
            }
        }
    }
    (matrix, gradient)
}

/// Solves `(A + damping·diag A) x = b`; a parameter without any slope keeps its value.
fn damped_step(mut a: Matrix, mut b: [f64; PARAMETERS], damping: f64) -> Option<[f64; PARAMETERS]> {
    for (i, row) in a.iter_mut().enumerate() {
        if row[i] == 0.0 {
            row[i] = 1.0;
        } else {
            row[i] *= 1.0 + damping;
        }
    }
    for i in 0..PARAMETERS {
        let pivot = a[i][i];
        if pivot <= 0.0 || !pivot.is_finite() {
            return None;
        }
        for below in i + 1..PARAMETERS {
            let factor = a[below][i] / pivot;
            let row = a[i];
            for (value, above) in a[below].iter_mut().zip(row) {
                *value -= factor * above;
            }
            b[below] -= factor * b[i];
        }
    }
    let mut x = [0.0; PARAMETERS];
    for i in (0..PARAMETERS).rev() {
        let known: f64 = (i + 1..PARAMETERS).map(|j| a[i][j] * x[j]).sum();
        x[i] = (b[i] - known) / a[i][i];
    }
    x.iter().all(|v| v.is_finite()).then_some(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LEVELS: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

    fn curve(lambda: f64, sigma: f64, kappa: f64) -> Usl {
        Usl {
            lambda,
            sigma,
            kappa,
        }
    }

    fn points(usl: &Usl, levels: &[f64]) -> Vec<(f64, f64)> {
        levels.iter().map(|&n| (n, usl.throughput(n))).collect()
    }

    /// With noise of `share` on every point.
    fn noisy(usl: &Usl, share: f64, seed: u64) -> Vec<(f64, f64)> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let normal = Normal::new(0.0, share).unwrap();
        let mut draw = || normal.inverse_cdf(rng.random_range(1e-9..1.0 - 1e-9));
        LEVELS
            .iter()
            .map(|&n| (n, usl.throughput(n) * draw().exp()))
            .collect()
    }

    #[test]
    fn the_peak_is_where_the_curve_turns() {
        let usl = curve(100.0, 0.04, 0.0006);
        let peak = usl.peak();
        assert!((peak - 40.0).abs() < 1e-9);
        assert!(usl.throughput(peak) > usl.throughput(peak - 1.0));
        assert!(usl.throughput(peak) > usl.throughput(peak + 1.0));
        assert_eq!(curve(1.0, 0.1, 0.0).peak(), f64::INFINITY);
        assert_eq!(curve(1.0, 1.0, 0.1).peak(), 1.0);
    }

    #[test]
    fn what_cannot_be_fitted_is_not() {
        assert_eq!(Usl::fit(&[(1.0, 10.0), (2.0, 19.0), (2.0, 18.0)]), None);
        assert_eq!(Usl::fit(&[(1.0, 10.0), (2.0, 0.0), (4.0, 30.0)]), None);
        assert_eq!(Usl::fit(&[(0.5, 10.0), (2.0, 1.0), (4.0, 30.0)]), None);
    }

    #[test]
    fn three_points_give_a_curve_and_no_interval() {
        let usl = curve(50.0, 0.05, 0.001);
        let fit = Usl::fit_with_bounds(&points(&usl, &LEVELS[..3]), 0.95, 100, 1).unwrap();
        assert!((fit.usl.sigma - 0.05).abs() < 1e-6);
        assert_eq!((fit.residual, fit.sigma), (None, Bounds::UNKNOWN));
    }

    #[test]
    fn faster_than_linear_is_fitted_without_contention() {
        // Batches that fill up: twice the level, more than twice the throughput.
        let points = [(1.0, 10.0), (2.0, 24.0), (4.0, 50.0), (8.0, 110.0)];
        let usl = Usl::fit(&points).unwrap();
        assert_eq!((usl.sigma, usl.kappa), (0.0, 0.0));
    }

    #[test]
    fn planted_parameters_come_back_from_noisy_points() {
        // Two percent between runs: σ and κ within a tenth, in the middle of twenty seeds.
        let truth = curve(120.0, 0.05, 0.0004);
        let mut errors: [Vec<f64>; 2] = Default::default();
        for seed in 0..20 {
            let fit = Usl::fit(&noisy(&truth, 0.02, seed)).unwrap();
            errors[0].push((fit.sigma / truth.sigma - 1.0).abs());
            errors[1].push((fit.kappa / truth.kappa - 1.0).abs());
        }
        for errors in &mut errors {
            errors.sort_by(f64::total_cmp);
            assert!(quantile(errors, 0.5).unwrap() < 0.1, "{errors:?}");
        }
    }

    #[test]
    fn intervals_hold_the_truth_as_often_as_they_say() {
        let truth = curve(120.0, 0.05, 0.0004);
        let replications = 200;
        let mut covered = [0; 6];
        for seed in 0..replications {
            let data = noisy(&truth, 0.03, 1000 + seed);
            let fit = Usl::fit_with_bounds(&data, 0.95, 200, seed).unwrap();
            let holds = |b: Bounds, x: f64| [b.lower <= x, x <= b.upper];
            let all = [
                holds(fit.sigma, truth.sigma),
                holds(fit.kappa, truth.kappa),
                holds(fit.peak, truth.peak()),
            ];
            for (count, held) in covered.iter_mut().zip(all.concat()) {
                *count += u64::from(held);
            }
        }
        // 95 % asked for; a bound that is met too often is only wider than need be.
        let least = 0.92 * replications as f64;
        assert!(covered.iter().all(|&c| c as f64 >= least), "{covered:?}");
    }

    proptest! {
        #[test]
        fn exact_points_give_back_the_curve(
            lambda in 0.1f64..1e4,
            sigma in 0.0f64..0.6,
            kappa in prop_oneof![Just(0.0), 1e-5f64..0.02],
        ) {
            let truth = curve(lambda, sigma, kappa);
            let fit = Usl::fit(&points(&truth, &LEVELS)).unwrap();
            prop_assert!((fit.lambda / lambda - 1.0).abs() < 1e-4, "{:?}", fit);
            prop_assert!((fit.sigma - sigma).abs() < 1e-4 * (1.0 + sigma), "{:?}", fit);
            prop_assert!((fit.kappa - kappa).abs() < 1e-4 * kappa + 1e-7, "{:?}", fit);
        }

        #[test]
        fn any_points_give_possible_parameters(
            x in prop::collection::vec(0.01f64..1e6, 4..8),
        ) {
            let points: Vec<_> = LEVELS.iter().copied().zip(x).collect();
            let fit = Usl::fit(&points).unwrap();
            prop_assert!(fit.lambda > 0.0 && fit.sigma >= 0.0 && fit.kappa >= 0.0, "{:?}", fit);
        }
    }
}
