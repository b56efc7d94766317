use std::collections::BTreeMap;

use crate::metrics::{MetricDef, Provenance, Shape, Unit, metric};
use crate::stats::{Component, Measured as Value, variance_components};
use crate::suite::assertion::{MetricRef, Statistic};

use super::compare::{Known, KnownMeans, Noise, assumed_session_sd};
use super::estimate::relative_variance;
use super::expression::Measured;
use super::input::JudgePhase;
use super::measure::measure;
use super::prepared::Prepared;

/// What is gated most often, and so what noise is told of.
const WATCHED: [(&str, &[f64]); 7] = [
    ("ttft", &[0.5, 0.95, 0.99]),
    ("itl", &[0.5, 0.95, 0.99]),
    ("tpot", &[0.5, 0.95, 0.99]),
    ("e2e_latency", &[0.5, 0.95, 0.99]),
    ("throughput", &[]),
    ("tokens_per_second", &[]),
    ("total_tokens_per_second", &[]),
];

/// What a metric of a phase varies by, at three levels. Standard deviations are of logarithms, so they
/// are relative: 0.03 is 3 %. What the runs cannot tell is absent.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricNoise {
    /// The phase.
    pub phase: String,
    /// Name of the metric.
    pub metric: &'static str,
    /// Its statistic as written, such as `p99`; absent for metrics with one value a phase.
    pub statistic: Option<String>,
    /// Runs that had a value.
    pub runs: u32,
    /// Their sessions.
    pub sessions: u32,
    /// Mean of the logs of the runs' values (in the metric's unit), exponentiated: the geometric mean.
    pub typical: f64,
    /// Within a run: what its own requests leave open.
    pub sampling: Option<f64>,
    /// Between runs of a session, sampling taken out.
    pub run: Option<Known>,
    /// Between runs of a session as seen, sampling included: what more runs average out.
    pub within: Option<Known>,
    /// Between sessions, runs taken out. Absent when no session has two runs: `between` has both then.
    pub session: Option<Known>,
    /// Between the means of sessions as seen.
    pub between: Option<Known>,
}

impl MetricNoise {
    /// As written in suites: `ttft.p99`.
    pub fn name(&self) -> String {
        match &self.statistic {
            Some(statistic) => format!("{}.{statistic}", self.metric),
            None => self.metric.to_owned(),
        }
    }

    /// What server starts are taken to differ by in it where nothing is known.
    pub fn assumed(&self) -> f64 {
        let unit = metric(self.metric).map_or(Unit::Count, |def| def.unit);
        assumed_session_sd(unit)
    }

    /// For [`super::compare()`]: what more runs average out, and what only more sessions do.
    pub fn known(&self) -> Noise {
        Noise {
            run: self.within,
            session: self.session.or(if self.within.is_none() {
                self.between
            } else {
                None
            }),
            means: self.between.map(|known| KnownMeans {
                known,
                share: f64::from(self.sessions) / f64::from(self.runs.max(1)),
            }),
        }
    }
}

/// Noise of the watched metrics of `phases`, at three levels (within-run sampling, runs, sessions), by
/// the method of moments; see [`variance_components`]. Metrics that were not measured, that were
/// unbounded in a run, or that are 0 somewhere are left out.
pub fn variance(phases: &[JudgePhase<'_>]) -> Vec<MetricNoise> {
    variance_with(phases, &[])
}

/// The same, and of the metrics `also`, as far as prony measures them itself.
pub fn variance_with(phases: &[JudgePhase<'_>], also: &[MetricRef]) -> Vec<MetricNoise> {
    phases
        .iter()
        .flat_map(|phase| of_phase(phase, also))
        .collect()
}

fn of_phase(phase: &JudgePhase<'_>, also: &[MetricRef]) -> Vec<MetricNoise> {
    let single = phase.singles();
    let prepared: Vec<Prepared<'_>> = single.iter().map(Prepared::new).collect();
    let watched = WATCHED
        .iter()
        .filter_map(|(name, quantiles)| Some((metric(name)?, quantiles)))
        .flat_map(|(def, quantiles)| {
            let of_quantiles = quantiles.iter().map(|&q| Some(Statistic::Quantile(q)));
            let itself = (def.shape == Shape::Phase).then_some(None);
            of_quantiles.chain(itself).map(move |s| (def, s))
        });
    let mut wanted: Vec<(&'static MetricDef, Option<Statistic>)> = watched.collect();
    for m in also {
        let own = m.labels.is_empty() && m.metric.provenance != Provenance::Server;
        if own
            && !wanted
                .iter()
                .any(|(def, s)| def.name == m.metric.name && *s == m.statistic)
        {
            wanted.push((m.metric, m.statistic));
        }
    }
    wanted
        .into_iter()
        .filter_map(|(def, statistic)| of_metric(phase.name, def, statistic, &prepared))
        .collect()
}

fn of_metric(
    phase: &str,
    def: &'static MetricDef,
    statistic: Option<Statistic>,
    runs: &[Prepared<'_>],
) -> Option<MetricNoise> {
    let what = Measured::Metric(MetricRef {
        phase: None,
        metric: def,
        labels: Vec::new(),
        statistic,
    });
    let mut sessions: BTreeMap<u32, Vec<Value>> = BTreeMap::new();
    for run in runs {
        let (value, sampling_var) = run_value(&what, run)?;
        if !(value.is_finite() && value > 0.0) {
            return None;
        }
        let session = run.phase.runs.first()?.session;
        sessions.entry(session).or_default().push(Value {
            value: value.ln(),
            sampling: Some(sampling_var).filter(|v| v.is_finite()),
        });
    }
    let groups: Vec<Vec<Value>> = sessions.into_values().collect();
    if groups.is_empty() {
        return None;
    }
    let components = variance_components(&groups);
    let known = |c: Option<Component>| {
        c.map(|c| Known {
            sd: c.sd(),
            freedom: c.freedom,
        })
    };
    let n = runs.len() as f64;
    let log_mean = groups.iter().flatten().map(|v| v.value).sum::<f64>() / n;
    Some(MetricNoise {
        phase: phase.to_owned(),
        metric: def.name,
        statistic: statistic.map(|s| s.to_string()),
        runs: runs.len() as u32,
        sessions: groups.len() as u32,
        typical: log_mean.exp(),
        sampling: components.sampling.map(f64::sqrt),
        run: known(components.run),
        within: known(components.within),
        session: known(components.session),
        between: known(components.between),
    })
}

/// The value of one run, and the relative variance that its own sample leaves open (NaN: not known).
/// `None`: not measured.
fn run_value(what: &Measured, run: &Prepared<'_>) -> Option<(f64, f64)> {
    relative_variance(&measure(what, run).ok()?, run.blocks.len())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution as _, StandardNormal};

    use super::*;
    use crate::metrics::synthetic::*;
    use crate::record::RunRecords;
    use crate::result::ClientHealth;

    /// Runs whose log times to first token have the given spreads between sessions, runs and requests.
    fn runs(sessions: u32, each: u32, session_sd: f64, run_sd: f64) -> Vec<RunRecords> {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
        let mut runs = Vec::new();
        for session in 0..sessions {
            let of_session = session_sd * normal();
            for _ in 0..each {
                let of_run = of_session + run_sd * normal();
                let mut run = steady(400, 10 * MS, |_| {
                    (100_000.0 * (of_run + 0.2 * normal()).exp()) as u64
                });
                run.session = session;
                runs.push(run);
            }
        }
        runs
    }

    fn noise_of(runs: &[RunRecords]) -> Vec<MetricNoise> {
        let health = ClientHealth::default();
        variance(&[JudgePhase {
            name: "main",
            runs,
            health: &health,
            gpus: None,
            interrupted: false,
        }])
    }

    #[test]
    fn planted_noise_is_told_apart_at_three_levels() {
        let noise = noise_of(&runs(60, 5, 0.05, 0.03));
        let p50 = noise.iter().find(|n| n.name() == "ttft.p50").unwrap();
        assert_eq!((p50.runs, p50.sessions), (300, 60));
        let near = |found: f64, planted: f64| (found / planted - 1.0).abs() < 0.2;
        // A median of 400 normal values: 1.2533 · 0.2 / 20.
        assert!(near(p50.sampling.unwrap(), 0.01253), "{p50:?}");
        assert!(near(p50.run.unwrap().sd, 0.03), "{p50:?}");
        assert!(near(p50.session.unwrap().sd, 0.05), "{p50:?}");
    }

    #[test]
    fn what_the_runs_cannot_tell_is_absent() {
        let noise = noise_of(&runs(1, 1, 0.0, 0.0));
        let p50 = &noise[0];
        assert!(p50.sampling.is_some());
        assert_eq!((p50.run, p50.within, p50.session), (None, None, None));
        // Each run a session: the two levels cannot be told apart.
        let noise = noise_of(&runs(5, 1, 0.05, 0.0));
        assert!(noise[0].between.is_some() && noise[0].session.is_none());
        assert!(noise[0].known().session.is_some());
        assert!(noise_of(&[]).is_empty());
    }
}
