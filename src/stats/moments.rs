/// Count, mean, spread and extremes of values seen one by one (Welford 1962), mergeable
/// (Chan, Golub and LeVeque 1979).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    n: u64,
    mean: f64,
    m2: f64,
    min: f64,
    max: f64,
}

impl Default for Moments {
    fn default() -> Self {
        Moments {
            n: 0,
            mean: 0.0,
            m2: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
        }
    }
}

impl Moments {
    /// Takes one more value.
    pub fn push(&mut self, x: f64) {
        self.n += 1;
        let delta = x - self.mean;
        self.mean += delta / self.n as f64;
        self.m2 += delta * (x - self.mean);
        self.min = self.min.min(x);
        self.max = self.max.max(x);
    }

    /// Takes all values of `other`, `times` over.
    pub fn merge(&mut self, other: &Moments, times: u32) {
        if other.n == 0 || times == 0 {
            return;
        }
        let (na, nb) = (self.n as f64, other.n as f64 * f64::from(times));
        let delta = other.mean - self.mean;
        let n = na + nb;
        self.mean += delta * nb / n;
        self.m2 += other.m2 * f64::from(times) + delta * delta * na * nb / n;
        self.n += other.n * u64::from(times);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// How many values.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Arithmetic mean; `None` without values.
    pub fn mean(&self) -> Option<f64> {
        (self.n > 0).then_some(self.mean)
    }

    /// Sum of the values.
    pub fn sum(&self) -> f64 {
        self.mean * self.n as f64
    }

    /// Standard deviation with `n − 1`; `None` under two values.
    pub fn stddev(&self) -> Option<f64> {
        (self.n > 1).then(|| (self.m2 / (self.n - 1) as f64).max(0.0).sqrt())
    }

    /// Least value.
    pub fn min(&self) -> Option<f64> {
        (self.n > 0).then_some(self.min)
    }

    /// Greatest value.
    pub fn max(&self) -> Option<f64> {
        (self.n > 0).then_some(self.max)
    }
}

impl FromIterator<f64> for Moments {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut moments = Moments::default();
        for x in values {
            moments.push(x);
        }
        moments
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_is_known_of_nothing() {
        let m = Moments::default();
        assert_eq!(
            (m.mean(), m.stddev(), m.min(), m.max()),
            (None, None, None, None)
        );
        assert_eq!(Moments::from_iter([3.0]).stddev(), None);
    }

    proptest! {
        #[test]
        fn merging_is_the_same_as_seeing_all(
            a in prop::collection::vec(-1e3f64..1e3, 0..50),
            b in prop::collection::vec(-1e3f64..1e3, 1..50),
            times in 0u32..4,
        ) {
            let mut merged = Moments::from_iter(a.iter().copied());
            merged.merge(&Moments::from_iter(b.iter().copied()), times);
            let mut all = a.clone();
            for _ in 0..times {
                all.extend(&b);
            }
            let direct = Moments::from_iter(all.iter().copied());
            prop_assert_eq!(merged.n(), direct.n());
            prop_assert_eq!(merged.min(), direct.min());
            prop_assert_eq!(merged.max(), direct.max());
            if let (Some(x), Some(y)) = (merged.mean(), direct.mean()) {
                prop_assert!((x - y).abs() < 1e-9 * (1.0 + y.abs()));
            }
            if let (Some(x), Some(y)) = (merged.stddev(), direct.stddev()) {
                prop_assert!((x - y).abs() < 1e-7 * (1.0 + y));
            }
        }
    }
}
