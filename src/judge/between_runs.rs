use crate::stats::{Moments, student_t};

use super::estimate::Estimate;

/// Fewer runs than this do not show how runs differ.
pub(super) const FEWEST: usize = 3;

/// The estimate over several runs, widened by what the runs differ by beyond what their own samples
/// explain.
///
/// `values` are those of the runs one by one, each estimated as the whole is. With the standard error
/// `SE` of the pooled value as its interval tells it, runs that differ by chance alone have variance
/// `k · SE²`. What their variance has beyond that, `τ²`, widens each half of the interval to
/// `√(half² + t² τ² / k)`, `t` at k − 1 degrees of freedom: the sum of squared half-widths of Graybill and
/// Wang (*Journal of the American Statistical Association* 75, 1980).
pub(super) fn widened(mut estimate: Estimate, values: &[f64], confidence: f64) -> Estimate {
    let k = values.len();
    if k < FEWEST || estimate.descriptive || values.iter().any(|v| !v.is_finite()) {
        return estimate;
    }
    let Some(sd) = Moments::from_iter(values.iter().copied()).stddev() else {
        return estimate;
    };
    let halves = [
        estimate.point - estimate.bounds.lower,
        estimate.bounds.upper - estimate.point,
    ];
    let known: Vec<f64> = halves.into_iter().filter(|h| h.is_finite()).collect();
    if known.is_empty() {
        return estimate;
    }
    let count = k as f64;
    let half = known.iter().sum::<f64>() / known.len() as f64;
    let error = half / student_t(confidence, f64::INFINITY);
    let beyond = sd * sd - count * error * error;
    if beyond <= 0.0 {
        return estimate;
    }
    let more = student_t(confidence, count - 1.0) * (beyond / count).sqrt();
    let bounds = &mut estimate.bounds;
    bounds.lower = estimate.point - halves[0].hypot(more);
    bounds.upper = estimate.point + halves[1].hypot(more);
    if estimate.share {
        bounds.lower = bounds.lower.max(0.0);
        bounds.upper = bounds.upper.min(1.0);
    }
    if more > half {
        let note = format!("the {k} runs differ by more than their requests explain");
        estimate.note = Some(match estimate.note.take() {
            Some(known) => format!("{known}; {note}"),
            None => note,
        });
    }
    estimate
}
