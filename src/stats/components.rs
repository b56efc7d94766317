use super::moments::Moments;

/// A component of variance and how well it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Component {
    /// The variance, not negative.
    pub variance: f64,
    /// Degrees of freedom (Satterthwaite's where it is a difference of mean squares).
    pub freedom: f64,
}

impl Component {
    /// Its square root.
    pub fn sd(&self) -> f64 {
        self.variance.sqrt()
    }
}

/// One value with the variance that its own sample leaves it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// The value of a run.
    pub value: f64,
    /// Variance of the value as an estimate from the run's own sample; `None`: not known.
    pub sampling: Option<f64>,
}

/// What runs that come in sessions vary by, at three levels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Components {
    /// Within a run: the mean of what each run's own sample leaves open. `None`: not known of all.
    pub sampling: Option<f64>,
    /// Between runs of a session, sampling left out. `None` where no session has two runs, or sampling
    /// is not known.
    pub run: Option<Component>,
    /// Between runs of a session with what sampling adds: what more runs average out.
    pub within: Option<Component>,
    /// Between sessions, runs left out. `None` under two sessions, or when every session has one run
    /// (then `between` has both).
    pub session: Option<Component>,
    /// Variance of the means of sessions. `None` under two sessions.
    pub between: Option<Component>,
}

/// Variance components by the method of moments (analysis of variance for unbalanced nested data,
/// Searle, Casella and McCulloch, *Variance Components*, §3.6): with `N` runs in `S` sessions of `n_j`,
/// `MS_w = Σ (x − x̄_j)² / (N − S)`, `MS_b = Σ n_j (x̄_j − x̄)² / (S − 1)`,
/// `n_0 = (N − Σ n_j² / N) / (S − 1)`, `σ_s² = (MS_b − MS_w) / n_0`; sampling is subtracted from `MS_w`.
/// What comes out negative is 0. Values that are not finite are left out.
pub fn variance_components(sessions: &[Vec<Measured>]) -> Components {
    let sessions: Vec<Vec<Measured>> = sessions
        .iter()
        .map(|s| s.iter().copied().filter(|m| m.value.is_finite()).collect())
        .filter(|s: &Vec<Measured>| !s.is_empty())
        .collect();
    let runs: f64 = sessions.iter().map(|s| s.len() as f64).sum();
    if runs == 0.0 {
        return Components::default();
    }
    let count = sessions.len() as f64;
    let sampling = sessions
        .iter()
        .flatten()
        .map(|m| m.sampling.filter(|v| v.is_finite() && *v >= 0.0))
        .sum::<Option<f64>>()
        .map(|sum| sum / runs);
    let moments: Vec<Moments> = sessions
        .iter()
        .map(|s| s.iter().map(|m| m.value).collect())
        .collect();
    let means: Vec<f64> = moments.iter().filter_map(Moments::mean).collect();
    let squares: f64 = moments
        .iter()
        .map(|m| m.stddev().map_or(0.0, |sd| sd * sd * (m.n() as f64 - 1.0)))
        .sum();
    let freedom = runs - count;
    let within = (freedom > 0.0).then(|| Component {
        variance: squares / freedom,
        freedom,
    });
    let run = within.zip(sampling).map(|(w, s)| {
        difference(
            w,
            Component {
                variance: s,
                freedom: f64::INFINITY,
            },
            1.0,
        )
    });
    let between = Moments::from_iter(means.iter().copied())
        .stddev()
        .map(|sd| Component {
            variance: sd * sd,
            freedom: count - 1.0,
        });
    let session = (count > 1.0).then_some(()).and(within).map(|w| {
        let grand = sessions.iter().flatten().map(|m| m.value).sum::<f64>() / runs;
        let mean_square = moments
            .iter()
            .zip(&means)
            .map(|(m, mean)| m.n() as f64 * (mean - grand).powi(2))
            .sum::<f64>()
            / (count - 1.0);
        let sizes: f64 = moments.iter().map(|m| (m.n() as f64).powi(2)).sum();
        let typical = (runs - sizes / runs) / (count - 1.0);
        difference(
            Component {
                variance: mean_square,
                freedom: count - 1.0,
            },
            w,
            typical,
        )
    });
    Components {
        sampling,
        run,
        within,
        session,
        between,
    }
}

/// `(a − b) / divisor`, not below 0.
fn difference(a: Component, b: Component, divisor: f64) -> Component {
    let variance = (a.variance - b.variance) / divisor;
    let spread = a.variance * a.variance / a.freedom + b.variance * b.variance / b.freedom;
    let freedom = if variance > 0.0 {
        ((a.variance - b.variance).powi(2) / spread).max(f64::MIN_POSITIVE)
    } else {
        a.freedom
    };
    Component {
        variance: variance.max(0.0),
        // A difference is never known better than what it was taken from.
        freedom: freedom.min(a.freedom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution as _, StandardNormal};

    fn drawn(
        seed: u64,
        sizes: &[usize],
        session: f64,
        run: f64,
        sampling: f64,
    ) -> Vec<Vec<Measured>> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
        sizes
            .iter()
            .map(|&n| {
                let offset = session * normal();
                (0..n)
                    .map(|_| Measured {
                        value: offset + run * normal() + sampling * normal(),
                        sampling: Some(sampling * sampling),
                    })
                    .collect()
            })
            .collect()
    }

    #[test]
    fn planted_noise_is_found_at_every_level() {
        // 60 sessions of 5 runs: each level within 20 % most of the time; on average closely.
        let draws = 200;
        let (mut run, mut session, mut near) = (0.0, 0.0, 0);
        for seed in 0..draws {
            let c = variance_components(&drawn(seed, &[5; 60], 0.03, 0.02, 0.01));
            let (r, s) = (c.run.unwrap(), c.session.unwrap());
            run += r.variance;
            session += s.variance;
            near +=
                u32::from((r.sd() / 0.02 - 1.0).abs() < 0.2 && (s.sd() / 0.03 - 1.0).abs() < 0.2);
            assert!((c.sampling.unwrap() - 1e-4).abs() < 1e-12);
        }
        let draws = f64::from(draws as u32);
        assert!((run / draws / 4e-4 - 1.0).abs() < 0.03, "{}", run / draws);
        assert!(
            (session / draws / 9e-4 - 1.0).abs() < 0.05,
            "{}",
            session / draws
        );
        assert!(f64::from(near) / draws > 0.9, "{near}");
    }

    #[test]
    fn sessions_of_different_size_bias_nothing() {
        let sizes: Vec<usize> = (0..60).map(|i| 1 + i % 5).collect();
        let mean: f64 = (0..200)
            .filter_map(|seed| variance_components(&drawn(seed, &sizes, 0.03, 0.02, 0.0)).session)
            .map(|s| s.variance)
            .sum::<f64>()
            / 200.0;
        assert!((mean / 9e-4 - 1.0).abs() < 0.06, "{mean}");
    }

    #[test]
    fn what_cannot_be_told_is_absent() {
        let one = |value| Measured {
            value,
            sampling: None,
        };
        let single = variance_components(&[vec![one(1.0)]]);
        assert_eq!(single, Components::default());
        let one_session = variance_components(&[vec![one(1.0), one(2.0), one(f64::NAN)]]);
        let half = |c: Option<Component>| {
            let c = c.unwrap();
            (c.variance - 0.5).abs() < 1e-12 && c.freedom == 1.0
        };
        assert!(half(one_session.within));
        assert_eq!((one_session.run, one_session.session), (None, None));
        let each_its_own = variance_components(&[vec![one(1.0)], vec![one(2.0)]]);
        assert_eq!((each_its_own.within, each_its_own.session), (None, None));
        assert!(half(each_its_own.between));
        assert_eq!(variance_components(&[]), Components::default());
    }
}
