use statrs::distribution::{Continuous, ContinuousCDF, Normal};

/// The level at which each of `looks` looks at the same growing data may decide, so that the chance of
/// a wrong decision at any of them is `error`.
///
/// For two looks, the second on twice the data of the first, Pocock's rule (*Biometrika* 64, 1977): the
/// same level at both, `P(Z₁ > z or Z₂ > z) = error` with correlation `√½`. A second look on less than
/// twice the data errs less. More looks share the error evenly (Bonferroni).
pub fn level_per_look(error: f64, looks: u32) -> f64 {
    match looks {
        0 | 1 => error,
        2 => pocock(error),
        n => error / f64::from(n),
    }
}

fn pocock(error: f64) -> f64 {
    // Between Bonferroni and no correction; the chance grows with the level.
    let (mut low, mut high) = ((error / 2.0).ln(), error.ln());
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if either(middle.exp()) < error {
            low = middle;
        } else {
            high = middle;
        }
    }
    low.exp()
}

/// `P(Z₁ > z or Z₂ > z)` for the level `p` of `z` and correlation `√½`: the first, plus the second
/// given each value of the first that did not decide, by Simpson's rule.
fn either(p: f64) -> f64 {
    let normal = Normal::standard();
    let z = -normal.inverse_cdf(p);
    let rho = 0.5_f64.sqrt();
    let given = |x: f64| normal.pdf(x) * normal.sf((z - rho * x) / (1.0 - rho * rho).sqrt());
    let (from, steps) = (-8.0, 240);
    let width = (z - from) / f64::from(steps);
    let sum: f64 = (0..=steps)
        .map(|i| {
            let weight = match i {
                0 => 1.0,
                i if i == steps => 1.0,
                i if i % 2 == 1 => 4.0,
                _ => 2.0,
            };
            weight * given(from + f64::from(i) * width)
        })
        .sum();
    p + sum * width / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_looks_at_five_percent_are_pococks_three() {
        // Jennison and Turnbull, Group Sequential Methods (2000), table 2.1: C_P(2, 0.1) = 1.875,
        // C_P(2, 0.05) = 2.178, C_P(2, 0.01) = 2.772, two-sided; these are halves.
        let z = |error| -Normal::standard().inverse_cdf(level_per_look(error, 2));
        for (two_sided, constant) in [(0.1, 1.875), (0.05, 2.178), (0.01, 2.772)] {
            assert!((z(two_sided / 2.0) - constant).abs() < 2e-3, "{two_sided}");
        }
        assert_eq!(level_per_look(0.05, 1), 0.05);
        assert_eq!(level_per_look(0.06, 3), 0.02);
    }

    #[test]
    fn small_errors_stay_between_bonferroni_and_none() {
        for error in [0.01, 1e-3, 1e-5, 1e-7] {
            let level = level_per_look(error, 2);
            assert!(level > error / 2.0 && level < error, "{error}: {level}");
        }
    }
}
