/// Lags times values that are looked at, at most (but always 1000 lags): a series that is still
/// correlated there is worth next to nothing either way.
const MAX_STEPS: usize = 50_000_000;

/// Autocorrelations of lag 1, 2, … of `segments` laid end to end, about their common mean, up to
/// `max_lag`. Pairs across the border of two segments do not count. Empty when nothing varies.
///
/// `ρ_k = Σ (x_i − x̄)(x_{i+k} − x̄) / Σ (x_i − x̄)²`.
pub fn autocorrelations(segments: &[&[f64]], max_lag: usize) -> Vec<f64> {
    lags(segments).take(max_lag).collect()
}

/// How many independent observations the values of `segments`, in the order in which they were made,
/// are worth: `n / (1 + 2 Σ ρ_k)`, at most `n` and at least 1.
///
/// The sum ends where the sum of two neighbouring autocorrelations is no longer positive (Geyer,
/// *Practical Markov Chain Monte Carlo*, 1992: initial positive sequence), so that noise at large
/// lags does not count.
pub fn effective_sample_size(segments: &[&[f64]]) -> f64 {
    let n: usize = segments.iter().map(|s| s.len()).sum();
    let mut lags = lags(segments);
    let mut sum = 0.0;
    // Geyer's pairs are (ρ_0, ρ_1), (ρ_2, ρ_3), …; ρ_0 = 1 belongs to the first.
    let Some(first) = lags.next() else {
        return n as f64;
    };
    if 1.0 + first > 0.0 {
        sum += first;
        while let (Some(a), Some(b)) = (lags.next(), lags.next()) {
            if a + b <= 0.0 {
                break;
            }
            sum += a + b;
        }
    }
    let n = n as f64;
    (n / (1.0 + 2.0 * sum).max(1.0)).max(1.0)
}

fn lags<'a>(segments: &'a [&'a [f64]]) -> impl Iterator<Item = f64> + 'a {
    let n: usize = segments.iter().map(|s| s.len()).sum();
    let mean = segments.iter().flat_map(|s| s.iter()).sum::<f64>() / n.max(1) as f64;
    let variance: f64 = segments
        .iter()
        .flat_map(|s| s.iter())
        .map(|x| (x - mean) * (x - mean))
        .sum();
    let longest = segments.iter().map(|s| s.len()).max().unwrap_or(0);
    let affordable = (MAX_STEPS / n.max(1)).max(1000);
    let last = if variance > 0.0 {
        longest.min(affordable)
    } else {
        0
    };
    (1..last).map(move |k| {
        segments
            .iter()
            .map(|s| {
                s.iter()
                    .zip(s.iter().skip(k))
                    .map(|(a, b)| (a - mean) * (b - mean))
                    .sum::<f64>()
            })
            .sum::<f64>()
            / variance
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn ar1(rng: &mut ChaCha8Rng, n: usize, rho: f64) -> Vec<f64> {
        let mut x = 0.0;
        (0..n)
            .map(|_| {
                // Sum of uniforms: close enough to normal here.
                let e: f64 = (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
                x = rho * x + (1.0 - rho * rho).sqrt() * e;
                x
            })
            .collect()
    }

    #[test]
    fn an_ar1_series_is_worth_what_theory_says() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for (rho, share) in [(0.0, 1.0), (0.5, 1.0 / 3.0), (0.8, 1.0 / 9.0)] {
            let mean: f64 = (0..20)
                .map(|_| effective_sample_size(&[&ar1(&mut rng, 4000, rho)]) / 4000.0)
                .sum::<f64>()
                / 20.0;
            assert!((mean / share - 1.0).abs() < 0.15, "rho {rho}: {mean}");
        }
    }

    #[test]
    fn what_never_varies_or_alternates_is_worth_its_number() {
        assert_eq!(effective_sample_size(&[&[1.0; 50]]), 50.0);
        let alternating: Vec<f64> = (0..100).map(|i| f64::from(i % 2)).collect();
        assert_eq!(effective_sample_size(&[&alternating]), 100.0);
        assert_eq!(effective_sample_size(&[]), 0.0);
    }

    #[test]
    fn one_burst_is_worth_little() {
        let mut x = vec![0.0; 1000];
        x[400..440].fill(1.0);
        let n = effective_sample_size(&[&x]);
        assert!(n < 60.0, "{n}");
    }

    #[test]
    fn pairs_across_runs_do_not_count() {
        let runs: Vec<[f64; 2]> = (0..100).map(|i| [0.0, f64::from(i % 2)]).collect();
        let segments: Vec<&[f64]> = runs.iter().map(|r| r.as_slice()).collect();
        assert_eq!(autocorrelations(&segments, 10).len(), 1);
    }
}
