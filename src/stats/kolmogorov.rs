/// What a test of Kolmogorov and Smirnov found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kolmogorov {
    /// The greatest distance of the two distribution functions.
    pub distance: f64,
    /// Two-sided p by the limiting distribution: too large for small samples, never too small by much.
    pub p: f64,
}

/// Whether `sample` comes from the distribution with the continuous distribution function `cdf`.
/// `None` without values or with a NaN. Values are taken for independent.
pub fn ks_one_sample(sample: &[f64], cdf: impl Fn(f64) -> f64) -> Option<Kolmogorov> {
    let sorted = sorted(sample)?;
    let n = sorted.len() as f64;
    let distance = sorted
        .iter()
        .enumerate()
        .map(|(i, &x)| {
            let f = cdf(x);
            ((i as f64 + 1.0) / n - f).max(f - i as f64 / n)
        })
        .fold(0.0, f64::max);
    Some(Kolmogorov {
        distance,
        p: limiting(n.sqrt() * distance),
    })
}

/// Whether `a` and `b` come from one distribution. `None` without values or with a NaN; `+∞` is the
/// largest value. Values are taken for independent.
pub fn ks_two_sample(a: &[f64], b: &[f64]) -> Option<Kolmogorov> {
    let (a, b) = (sorted(a)?, sorted(b)?);
    let (na, nb) = (a.len() as f64, b.len() as f64);
    let (mut i, mut j, mut distance) = (0, 0, 0.0_f64);
    while i < a.len() && j < b.len() {
        let x = a[i].min(b[j]);
        while i < a.len() && a[i] <= x {
            i += 1;
        }
        while j < b.len() && b[j] <= x {
            j += 1;
        }
        distance = distance.max((i as f64 / na - j as f64 / nb).abs());
    }
    Some(Kolmogorov {
        distance,
        p: limiting((na * nb / (na + nb)).sqrt() * distance),
    })
}

fn sorted(values: &[f64]) -> Option<Vec<f64>> {
    if values.is_empty() || values.iter().any(|x| x.is_nan()) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some(sorted)
}

/// `P(K > x) = 2 Σ (−1)^(k−1) exp(−2 k² x²)` (Kolmogorov 1933); for small `x` by its dual series
/// `1 − √(2π)/x Σ exp(−(2k−1)² π² / (8 x²))`, where that one converges.
fn limiting(x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let p = if x < 1.0 {
        let sum: f64 = (1..20)
            .map(|k| {
                let odd = f64::from(2 * k - 1) * std::f64::consts::PI;
                (-odd * odd / (8.0 * x * x)).exp()
            })
            .sum();
        1.0 - (2.0 * std::f64::consts::PI).sqrt() / x * sum
    } else {
        2.0 * (1..20)
            .map(|k| {
                let k = f64::from(k);
                let sign = if k % 2.0 == 1.0 { 1.0 } else { -1.0 };
                sign * (-2.0 * k * k * x * x).exp()
            })
            .sum::<f64>()
    };
    p.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_samples_are_no_distance_apart() {
        let x = [1.0, 2.0, 2.0, 5.0];
        assert_eq!(
            ks_two_sample(&x, &x),
            Some(Kolmogorov {
                distance: 0.0,
                p: 1.0
            })
        );
        assert_eq!(ks_two_sample(&x, &[]), None);
        let apart = ks_two_sample(&[1.0; 30], &[f64::INFINITY; 30]).unwrap();
        assert!(apart.distance == 1.0 && apart.p < 1e-9);
    }
}
