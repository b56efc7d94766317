use std::collections::BTreeMap;

use super::sample::{Sample, Throttled};
use super::sampler::HostTrace;

impl HostTrace {
    /// Series over `points` stretches of `interval_s` from the origin on, by name: `client_cpu` (cores
    /// used by the process), `client_rss` (bytes), `client_throttled` (share of the time its cgroup
    /// was stopped). Stretches that no sample encloses are null; names without any value are left out.
    pub fn series(&self, interval_s: f64, points: usize) -> BTreeMap<String, Vec<Option<f64>>> {
        let mut all = BTreeMap::new();
        let mut put = |name: &str, of: &dyn Fn(f64, f64) -> Option<f64>| {
            let values: Vec<Option<f64>> = (0..points)
                .map(|i| of(i as f64 * interval_s, (i + 1) as f64 * interval_s))
                .collect();
            if values.iter().any(Option::is_some) {
                all.insert(name.to_owned(), values);
            }
        };
        put("client_cpu", &|from, to| {
            self.grown(from, to, |s| s.process_cpu_s)
        });
        put("client_throttled", &|from, to| {
            let stopped = self.grown(from, to, stopped_s)?;
            Some(stopped.min(1.0))
        });
        put("client_rss", &|from, to| {
            let last = self.samples.last()?.at_s;
            let before = self.samples.partition_point(|s| s.at_s <= to);
            let seen = self.samples.get(before.checked_sub(1)?)?;
            (from <= last).then_some(seen.rss? as f64)
        });
        all
    }

    /// How much a counter grew per second from `from_s` to `to_s`, or in the part of it that lies
    /// between samples; between two samples it grows evenly.
    fn grown(&self, from_s: f64, to_s: f64, of: fn(&Sample) -> Option<f64>) -> Option<f64> {
        let from_s = from_s.max(self.samples.first()?.at_s);
        let to_s = to_s.min(self.samples.last()?.at_s);
        if from_s >= to_s {
            return None;
        }
        Some((self.value(to_s, of)? - self.value(from_s, of)?) / (to_s - from_s))
    }

    fn value(&self, at_s: f64, of: fn(&Sample) -> Option<f64>) -> Option<f64> {
        let after = self.samples.partition_point(|s| s.at_s < at_s);
        let b = self.samples.get(after)?;
        let Some(before) = after.checked_sub(1) else {
            return of(b);
        };
        let a = &self.samples[before];
        let (x, y) = (of(a)?, of(b)?);
        let share = if b.at_s > a.at_s {
            (at_s - a.at_s) / (b.at_s - a.at_s)
        } else {
            1.0
        };
        Some(x + (y - x) * share)
    }
}

/// Of the group that has been stopped the longest; absent where none has a limit.
fn stopped_s(sample: &Sample) -> Option<f64> {
    let most = sample
        .throttled
        .iter()
        .map(|t: &Throttled| t.stopped_us)
        .max()?;
    Some(most as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_spread_over_the_stretches_between_two_samples() {
        let at = |at_s: f64, cpu: f64, rss: u64| Sample {
            at_s,
            process_cpu_s: Some(cpu),
            rss: Some(rss),
            ..Sample::default()
        };
        let trace = HostTrace {
            samples: vec![at(0.0, 10.0, 5), at(1.0, 10.5, 6), at(2.5, 12.0, 7)],
            ..HostTrace::default()
        };
        let series = trace.series(0.5, 6);
        assert_eq!(
            series["client_cpu"],
            [Some(0.5), Some(0.5), Some(1.0), Some(1.0), Some(1.0), None]
        );
        assert_eq!(
            series["client_rss"],
            [
                Some(5.0),
                Some(6.0),
                Some(6.0),
                Some(6.0),
                Some(7.0),
                Some(7.0)
            ]
        );
        assert!(!series.contains_key("client_throttled"));
        assert!(HostTrace::default().series(1.0, 3).is_empty());
    }
}
