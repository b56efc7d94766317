use crate::stats::{Moments, student_t};

use super::estimate::Estimate;

/// Fewer runs than this do not show how runs differ.
pub(super) const FEWEST: usize = 3;

/// One run's value, estimated as the whole is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct OfRun {
    pub value: f64,
    /// Variance that the run's own requests leave open; NaN: not known.
    pub sampling: f64,
}

/// The estimate over several runs, widened by what the runs differ by beyond what their own requests
/// explain.
///
/// With `s²` the variance of the runs' values and `w` the mean of what each one's own requests leave open,
/// runs differ by `τ² = s² − w` (0 where that is negative) besides. Each half of the interval becomes
/// `√(half² + t² τ² / k)`, `t` at k − 1 degrees of freedom: the sum of squared half-widths of Graybill and
/// Wang (*Journal of the American Statistical Association* 75, 1980). `half` is the pooled one, brought back
/// to `w` where differences between runs are in it already; the result is never narrower than the pooled.
/// Where `w` is not known, it is `t s / √k` at least.
pub(super) fn widened(mut estimate: Estimate, runs: &[OfRun], confidence: f64) -> Estimate {
    let k = runs.len();
    if k < FEWEST || estimate.descriptive || runs.iter().any(|r| !r.value.is_finite()) {
        return estimate;
    }
    let Some(sd) = runs.iter().map(|r| r.value).collect::<Moments>().stddev() else {
        return estimate;
    };
    let halves = [
        estimate.point - estimate.bounds.lower,
        estimate.bounds.upper - estimate.point,
    ];
    let finite: Vec<f64> = halves.into_iter().filter(|h| h.is_finite()).collect();
    if finite.is_empty() {
        return estimate;
    }
    let count = k as f64;
    let t = student_t(confidence, count - 1.0);
    let sampling = runs.iter().map(|r| r.sampling).sum::<f64>() / count;
    let wider = if sampling.is_finite() {
        let pooled = finite.iter().sum::<f64>() / finite.len() as f64;
        let within = student_t(confidence, f64::INFINITY) * (sampling / count).sqrt();
        let kept = if pooled > 0.0 {
            (within / pooled).min(1.0)
        } else {
            1.0
        };
        let more = t * ((sd * sd - sampling).max(0.0) / count).sqrt();
        halves.map(|half| half.max((half * kept).hypot(more)))
    } else {
        halves.map(|half| half.max(t * sd / count.sqrt()))
    };
    estimate.bounds.lower = estimate.point - wider[0];
    estimate.bounds.upper = estimate.point + wider[1];
    if estimate.share {
        estimate.bounds.lower = estimate.bounds.lower.max(0.0);
        estimate.bounds.upper = estimate.bounds.upper.min(1.0);
    }
    if finite.iter().sum::<f64>() * 1.25 < wider.iter().filter(|h| h.is_finite()).sum::<f64>() {
        let note = format!("the {k} runs differ by more than their requests explain");
        estimate.note = Some(match estimate.note.take() {
            Some(known) => format!("{known}; {note}"),
            None => note,
        });
    }
    estimate
}
