use statrs::distribution::{ContinuousCDF, Normal};

/// What a two-sample rank test found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MannWhitney {
    /// Pairs in which the value of the first sample is the larger, ties counted half.
    pub u: f64,
    /// Two-sided p, normal approximation with correction for ties and continuity.
    pub p: f64,
}

/// The U test of Mann and Whitney (1947): whether values of one sample tend to be larger than those of
/// the other. It takes values for independent: not for requests of one run. `+∞` is the largest
/// value; `None` without values, with a NaN, or when all are equal.
pub fn mann_whitney(a: &[f64], b: &[f64]) -> Option<MannWhitney> {
    let mut all: Vec<(f64, bool)> = a
        .iter()
        .map(|&x| (x, true))
        .chain(b.iter().map(|&x| (x, false)))
        .collect();
    if a.is_empty() || b.is_empty() || all.iter().any(|x| x.0.is_nan()) {
        return None;
    }
    all.sort_by(|x, y| x.0.total_cmp(&y.0));
    let n = all.len() as f64;
    let (mut rank_sum, mut ties, mut before) = (0.0, 0.0, 0.0);
    for equal in all.chunk_by(|x, y| x.0 == y.0) {
        let size = equal.len() as f64;
        let rank = before + (size + 1.0) / 2.0;
        before += size;
        rank_sum += rank * equal.iter().filter(|x| x.1).count() as f64;
        ties += size * size * size - size;
    }
    let (na, nb) = (a.len() as f64, b.len() as f64);
    let u = rank_sum - na * (na + 1.0) / 2.0;
    let variance = na * nb / 12.0 * (n + 1.0 - ties / (n * (n - 1.0)));
    if variance <= 0.0 {
        return None;
    }
    let z = ((u - na * nb / 2.0).abs() - 0.5) / variance.sqrt();
    Some(MannWhitney {
        u,
        p: (2.0 * Normal::standard().sf(z)).min(1.0),
    })
}
