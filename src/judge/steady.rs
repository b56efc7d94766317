use crate::metrics::request_value;
use crate::record::{Part, Window};
use crate::result::Warning;
use crate::stats::{Moments, autocorrelations, mser5, student_upper};

use super::prepared::Prepared;
use super::words::{number, percent};

/// Fewer requests in the window tell nothing of a drift.
const FEWEST: usize = 100;
/// A change this small changes no verdict that has any room.
const LEAST: f64 = 0.1;
/// How often chance may be taken for a drift.
const BY_CHANCE: f64 = 0.001;

/// That the values of a run have no steady meaning, and what to do.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Unsteady {
    pub text: String,
    pub remedy: String,
}

impl From<&Unsteady> for Warning {
    fn from(found: &Unsteady) -> Self {
        Warning {
            text: found.text.clone(),
            remedy: found.remedy.clone(),
        }
    }
}

/// Whether most runs of a phase were unsteady, the first of them in words. `phase` is under a constant
/// load.
pub(super) fn unsteady(phase: &Prepared<'_>) -> Option<Unsteady> {
    let mut found: Vec<Unsteady> = phase.each.iter().filter_map(of_run).collect();
    if found.len() * 2 <= phase.each.len() {
        return None;
    }
    let (runs, all) = (found.len(), phase.each.len());
    let mut first = found.swap_remove(0);
    if all > 1 {
        first.text = format!("{} (so in {runs} of {all} runs)", first.text);
    }
    Some(first)
}

/// Looked at are the times to first token (where answers are not streamed: whole latencies) as logarithms,
/// averaged over blocks of wall time:
/// - **drift**: a straight line through the blocks of the window, or a step at any place of its middle three
///   fifths. The halves differ by 10 % or more and chance makes such a line in 1 of 1000 runs (a step: a tenth of
///   that, shared by the places);
/// - **settling**: MSER-5 over warm-up and window. Where it cuts inside the window, the blocks before and
///   after the cut differ by 10 % or more, which chance does in 1 of 10,000 runs (the cut was chosen, hence
///   the stricter level). Past the middle the run never settled; before it, the warm-up was too short.
///
/// MSER-5 alone cuts many a steady run late (heavy tails, long queues), hence the second condition.
/// Correlation of neighbouring blocks widens both tests.
fn of_run(run: &Prepared<'_>) -> Option<Unsteady> {
    let records = run.phase.runs.first()?;
    let streamed = records.records.iter().any(|r| r.first_us.is_some());
    let metric = if streamed { "ttft" } else { "e2e_latency" };
    let mut series: Vec<(u64, f64, bool)> = records
        .records
        .iter()
        .filter(|r| r.ok() && r.part != Part::Tail)
        .filter_map(|r| {
            let value = request_value(r, metric).filter(|v| *v > 0.0)?;
            Some((r.due_us.or(r.sent_us)?, value.ln(), r.part == Part::Window))
        })
        .collect();
    series.sort_by_key(|s| s.0);
    let in_window = series.iter().filter(|s| s.2).count();
    if in_window < FEWEST {
        return None;
    }
    let mut blocks = vec![Moments::default(); run.blocks.len()];
    for &(at, value, _) in series.iter().filter(|s| s.2) {
        blocks[run.blocks.of(0, at)].push(value);
    }
    let means: Vec<f64> = blocks.iter().filter_map(Moments::mean).collect();
    let window = records.window;
    settling(&series, window, &means, metric).or_else(|| drift(&means, metric))
}

fn settling(
    series: &[(u64, f64, bool)],
    window: Window,
    means: &[f64],
    metric: &str,
) -> Option<Unsteady> {
    let values: Vec<f64> = series.iter().map(|s| s.1).collect();
    let found = mser5(&values)?;
    let at = series.get(found.cut)?.0.checked_sub(window.start_us)? as f64 / 1e6;
    let cut = (at / window.seconds() * means.len() as f64).round() as usize;
    if cut < 2 || means.len() < cut + 2 {
        return None;
    }
    let step = |i: usize| if i < cut { 0.0 } else { 1.0 };
    let fit = Fit::of(means, step)?;
    let change = fit.change.abs().exp_m1();
    if change < LEAST || fit.p > BY_CHANCE / 10.0 {
        return None;
    }
    let changed = in_words(fit.change, metric);
    Some(if found.settled {
        Unsteady {
            text: format!(
                "the warm-up was too short: {changed} from {} s into the window on",
                number(at)
            ),
            remedy: format!("raise `warmup` by {} s or more", number(at.ceil())),
        }
    } else {
        Unsteady {
            text: format!(
                "the run never settled: {changed} from {} s into the window on",
                number(at)
            ),
            remedy: "raise `warmup` and `duration`; lower the load if the target cannot keep up"
                .to_owned(),
        }
    })
}

fn drift(means: &[f64], metric: &str) -> Option<Unsteady> {
    let n = means.len();
    let half = n as f64 / 2.0;
    // From the middle of one half to that of the other the regressor grows by 1.
    let line = Fit::of(means, |i| i as f64 / half)?;
    let steps = (n / 5..n - n / 5).filter_map(|cut| {
        let fit = Fit::of(means, |i| if i < cut { 0.0 } else { 1.0 })?;
        Some((cut, fit))
    });
    let step = steps.min_by(|a, b| a.1.p.total_cmp(&b.1.p));
    let clear = |fit: &Fit, level| fit.change.abs().exp_m1() >= LEAST && fit.p <= level;
    let (fit, text) = match step {
        _ if clear(&line, BY_CHANCE) => {
            let changed = in_words(line.change, metric);
            (
                line,
                format!("the run drifted: {changed} from one half of the window to the other"),
            )
        }
        // As many places were tried as there are blocks.
        Some((cut, fit)) if clear(&fit, BY_CHANCE / 10.0 / n as f64) => {
            let changed = in_words(fit.change, metric);
            let share = percent((cut as f64 / n as f64 * 100.0).round() / 100.0);
            (
                fit,
                format!("the run changed: {changed} when {share} of the window was over"),
            )
        }
        _ => return None,
    };
    Some(Unsteady {
        text,
        remedy: if fit.change > 0.0 {
            "see what else runs beside the target; if its queue grows, lower the load".to_owned()
        } else {
            "raise `warmup`, so that the window begins when the target has settled".to_owned()
        },
    })
}

fn in_words(change: f64, metric: &str) -> String {
    let share = percent((change.abs().exp_m1() * 100.0).round() / 100.0);
    let way = if change > 0.0 { "rose" } else { "fell" };
    format!("{metric} {way} by {share}")
}

/// Least squares of block means on one regressor, its error widened for the correlation of neighbours.
struct Fit {
    change: f64,
    /// Two-sided.
    p: f64,
}

impl Fit {
    fn of(means: &[f64], regressor: impl Fn(usize) -> f64) -> Option<Self> {
        let n = means.len() as f64;
        if means.len() < 10 {
            return None;
        }
        let x: Vec<f64> = (0..means.len()).map(regressor).collect();
        let (mean_x, mean_y) = (x.iter().sum::<f64>() / n, means.iter().sum::<f64>() / n);
        let xx: f64 = x.iter().map(|x| (x - mean_x).powi(2)).sum();
        let xy: f64 = x
            .iter()
            .zip(means)
            .map(|(x, y)| (x - mean_x) * (y - mean_y))
            .sum();
        if xx <= 0.0 {
            return None;
        }
        let change = xy / xx;
        let residuals: Vec<f64> = x
            .iter()
            .zip(means)
            .map(|(x, y)| y - mean_y - change * (x - mean_x))
            .collect();
        let squares: f64 = residuals.iter().map(|r| r * r).sum();
        let seen = autocorrelations(&[&residuals], 1)
            .first()
            .copied()
            .unwrap_or(0.0);
        // Residuals of a fitted line show too little of it: E r ≈ ρ − (2 + 4ρ)/n (Kendall 1954).
        let rho = ((seen + 2.0 / n) / (1.0 - 4.0 / n)).clamp(0.0, 0.95);
        let worth = (1.0 - rho) / (1.0 + rho);
        let error = (squares / (n - 2.0) / worth / xx).sqrt();
        let freedom = ((n - 2.0) * worth).max(2.0);
        let p = if error > 0.0 {
            2.0 * student_upper(change.abs() / error, freedom)
        } else if change == 0.0 {
            1.0
        } else {
            0.0
        };
        Some(Fit { change, p })
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution as _, StandardNormal};

    use super::*;
    use crate::judge::input::JudgePhase;
    use crate::metrics::synthetic::*;
    use crate::record::RunRecords;
    use crate::result::ClientHealth;

    fn found(run: &RunRecords) -> Option<Unsteady> {
        let health = ClientHealth::default();
        let phase = JudgePhase {
            name: "main",
            runs: std::slice::from_ref(run),
            health: &health,
            gpus: None,
            interrupted: false,
        };
        of_run(&Prepared::new(&phase))
    }

    /// 1000 requests, 10 ms apart, the first tenth warm-up: AR(1) of 0.7 in the log, a heavy tail of 3 %,
    /// times `course` of the share of the window that is over.
    fn series(seed: u64, course: impl Fn(f64) -> f64) -> RunRecords {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut z = 0.0;
        let records = (0..1000)
            .map(|i| {
                let e: f64 = StandardNormal.sample(&mut rng);
                z = 0.7 * z + 0.51_f64.sqrt() * e;
                let tail = if rng.random::<f64>() < 0.03 { 4.0 } else { 1.0 };
                let share = i as f64 / 1000.0;
                let ttft = 50_000.0 * (0.3 * z).exp() * tail * course(share);
                request(i, i * 10 * MS, ttft as u64, 0, 0)
            })
            .collect();
        windowed(run(S, 10 * S, records))
    }

    fn windowed(mut run: RunRecords) -> RunRecords {
        for r in &mut run.records {
            if r.due_us < Some(run.window.start_us) {
                r.part = Part::Warmup;
            }
        }
        run
    }

    /// Poisson arrivals at `load` of what one server with exponential service does.
    fn queue(seed: u64, load: f64) -> RunRecords {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut exponential = |mean: f64| -mean * (1.0 - rng.random::<f64>()).ln();
        let (mut now, mut free) = (0.0_f64, 0.0_f64);
        let records: Vec<_> = (0..1100)
            .map(|i| {
                now += exponential(10_000.0 / load);
                free = now.max(free) + exponential(10_000.0);
                request(i, now as u64, (free - now) as u64, 0, 0)
            })
            .collect();
        windowed(run((now * 0.1) as u64, now as u64, records))
    }

    fn share(of: impl Fn(u64) -> RunRecords) -> f64 {
        let n = 200;
        (0..n).filter(|&seed| found(&of(seed)).is_some()).count() as f64 / n as f64
    }

    #[test]
    fn what_is_steady_is_not_taken_for_anything_else() {
        assert_eq!(share(|s| series(s, |_| 1.0)), 0.0);
        for load in [0.5, 0.7, 0.8] {
            assert!(share(|s| queue(s, load)) <= 0.015, "{load}");
        }
        // Near saturation a window of 1000 requests has no steady meaning now and then.
        let near = share(|s| queue(s, 0.9));
        assert!(near <= 0.04, "{near}");
    }

    #[test]
    fn transients_steps_and_drifts_are_found() {
        let slow_start = |x: f64| 1.0 + 3.0 * (-x * 8.0).exp();
        let step = |x: f64| if x > 0.7 { 2.0 } else { 1.0 };
        for (what, found) in [
            ("a warm-up too short", share(|s| series(s, slow_start))),
            ("a step", share(|s| series(s, step))),
            ("a trend", share(|s| series(s, |x| 1.0 + x))),
        ] {
            assert!(found >= 0.75, "{what}: {found}");
        }
        let text = found(&series(1, slow_start)).unwrap();
        assert!(text.remedy.starts_with("raise `warmup`"), "{text:?}");
    }

    #[test]
    fn a_small_drift_is_let_pass() {
        assert!(share(|s| series(s, |x| 1.0 + 0.05 * x)) <= 0.01);
    }

    #[test]
    fn most_runs_must_be_unsteady() {
        let (level, steep) = (series(1, |_| 1.0), series(2, |x| 1.0 + 2.0 * x));
        let health = ClientHealth::default();
        let of = |runs: &[RunRecords]| {
            let phase = JudgePhase {
                name: "main",
                runs,
                health: &health,
                gpus: None,
                interrupted: false,
            };
            let singles = phase.singles();
            unsteady(&Prepared::with_runs(&phase, &singles))
        };
        assert_eq!(of(&[level.clone(), level.clone(), steep.clone()]), None);
        let two = of(&[level, steep.clone(), steep]).unwrap();
        assert!(two.text.ends_with("(so in 2 of 3 runs)"), "{}", two.text);
        assert_eq!(of(&[]), None);
    }
}
