/// Maps values of an axis to 0..1 of its length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// Even.
    Linear {
        /// Left or lower end.
        lo: f64,
        /// Right or upper end.
        hi: f64,
    },
    /// By the logarithm; both ends above 0.
    Log {
        /// Left or lower end.
        lo: f64,
        /// Right or upper end.
        hi: f64,
    },
    /// Shares from 0 up to `hi` < 1, every further nine as wide as the one before:
    /// −log₁₀(1 − share).
    Tail {
        /// Right end, below 1.
        hi: f64,
    },
}

impl Scale {
    /// Linear over the values, from 0 where `zero`, its upper end at a tick.
    pub fn linear(values: impl IntoIterator<Item = f64>, zero: bool) -> Scale {
        let (mut lo, mut hi) = bounds(values).unwrap_or((0.0, 1.0));
        if zero {
            (lo, hi) = (lo.min(0.0), hi.max(0.0));
        }
        if hi <= lo {
            hi = lo + if lo == 0.0 { 1.0 } else { lo.abs() };
        }
        let step = nice_step((hi - lo) / 4.0);
        Scale::Linear {
            lo: (lo / step).floor() * step,
            hi: (hi / step).ceil() * step,
        }
    }

    /// Logarithmic over the positive values where they span more than `decades`, else linear.
    pub fn log_if(values: impl IntoIterator<Item = f64> + Clone, decades: f64) -> Scale {
        match bounds(values.clone().into_iter().filter(|v| *v > 0.0)) {
            Some((lo, hi)) if (hi / lo).log10() > decades => Scale::Log { lo, hi },
            _ => Scale::linear(values, true),
        }
    }

    /// Where `v` lies, 0 to 1; outside values are held at the ends.
    pub fn place(self, v: f64) -> f64 {
        let at = match self {
            Scale::Linear { lo, hi } => (v - lo) / (hi - lo),
            Scale::Log { lo, hi } => (v.max(f64::MIN_POSITIVE) / lo).ln() / (hi / lo).ln(),
            Scale::Tail { hi } => nines(v) / nines(hi),
        };
        if at.is_finite() {
            at.clamp(0.0, 1.0)
        } else {
            0.0
        }
    }

    /// Round values to label, about `wanted` of them, ascending.
    pub fn ticks(self, wanted: usize) -> Vec<f64> {
        let wanted = wanted.max(2);
        match self {
            Scale::Linear { lo, hi } => linear_ticks(lo, hi, wanted),
            Scale::Log { lo, hi } => {
                let all = |parts: &[f64]| -> Vec<f64> {
                    let first = lo.log10().floor() as i32;
                    let last = hi.log10().ceil() as i32;
                    (first..=last)
                        .flat_map(|e| parts.iter().map(move |p| p * 10f64.powi(e)))
                        .filter(|t| (lo * 0.999..=hi * 1.001).contains(t))
                        .collect()
                };
                [&[1.0, 2.0, 5.0][..], &[1.0, 3.0], &[1.0]]
                    .iter()
                    .map(|parts| all(parts))
                    .find(|t| t.len() <= wanted + 2)
                    .filter(|t| t.len() >= 2)
                    .unwrap_or_else(|| {
                        let decades = all(&[1.0]);
                        if decades.len() < 2 {
                            linear_ticks(lo, hi, wanted)
                        } else {
                            let every = decades.len().div_ceil(wanted);
                            decades.into_iter().step_by(every).collect()
                        }
                    })
            }
            Scale::Tail { hi } => [0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999]
                .into_iter()
                .filter(|t| *t <= hi + 1e-9)
                .collect(),
        }
    }
}

fn nines(share: f64) -> f64 {
    -(1.0 - share.clamp(0.0, 1.0 - 1e-9)).log10()
}

fn bounds(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .into_iter()
        .filter(|v| v.is_finite())
        .fold(None, |b, v| match b {
            None => Some((v, v)),
            Some((lo, hi)) => Some((f64::min(lo, v), f64::max(hi, v))),
        })
}

fn linear_ticks(lo: f64, hi: f64, wanted: usize) -> Vec<f64> {
    let step = nice_step((hi - lo) / wanted as f64);
    let first = (lo / step - 1e-9).ceil() as i64;
    let last = (hi / step + 1e-9).floor() as i64;
    (first..=last.min(first + 50))
        .map(|i| i as f64 * step)
        .collect()
}

/// The least of 1, 2, 2.5, 5 · 10ⁿ that is not below `raw`.
fn nice_step(raw: f64) -> f64 {
    if !raw.is_finite() || raw <= 0.0 {
        return 1.0;
    }
    let power = 10f64.powf(raw.log10().floor());
    let part = raw / power;
    let nice = [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .find(|n| part <= n * (1.0 + 1e-9))
        .unwrap_or(10.0);
    nice * power
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Scale;

    #[test]
    fn ticks_are_round() {
        let s = Scale::linear([0.0, 47.0], true);
        assert_eq!(s, Scale::Linear { lo: 0.0, hi: 60.0 });
        assert_eq!(s.ticks(3), [0.0, 20.0, 40.0, 60.0]);
        let log = Scale::Log {
            lo: 8.0,
            hi: 2100.0,
        };
        assert_eq!(
            log.ticks(6),
            [10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0]
        );
    }

    #[test]
    fn every_nine_is_as_wide_as_the_one_before() {
        let s = Scale::Tail { hi: 0.999 };
        assert!((s.place(0.9) - 1.0 / 3.0).abs() < 1e-9);
        assert!((s.place(0.99) - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(s.ticks(5), [0.0, 0.5, 0.9, 0.99, 0.999]);
    }

    proptest! {
        #[test]
        fn a_place_is_always_on_the_axis(a in -1e9f64..1e9, b in -1e9f64..1e9, v in prop::num::f64::ANY) {
            for s in [Scale::linear([a, b], false), Scale::log_if([a, b], 1.0), Scale::Tail { hi: 0.99 }] {
                prop_assert!((0.0..=1.0).contains(&s.place(v)));
                prop_assert!(s.ticks(5).len() <= 60);
            }
        }

        #[test]
        fn greater_values_lie_further(lo in 0.001f64..10.0, span in 1.5f64..1e6, x in 0.0f64..1.0, y in 0.0f64..1.0) {
            let hi = lo * span;
            for s in [Scale::Linear { lo, hi }, Scale::Log { lo, hi }] {
                let (a, b) = (lo + (hi - lo) * x.min(y), lo + (hi - lo) * x.max(y));
                prop_assert!(s.place(a) <= s.place(b));
            }
        }
    }
}
