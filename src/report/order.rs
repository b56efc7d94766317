use crate::judge::Verdict;
use crate::metrics::METRICS;
use crate::result::{CaseResult, MetricSummary, Metrics};

/// Place of a verdict in a report: what wants attention comes first.
pub(super) fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Fail => 0,
        Verdict::Error => 1,
        Verdict::Invalid => 2,
        Verdict::Undecided => 3,
        Verdict::Skipped => 4,
        Verdict::Pass => 5,
    }
}

/// Place of a case in a report: a known issue comes after what is new.
pub(super) fn rank_of(case: &CaseResult) -> u8 {
    if case.excused() {
        rank(Verdict::Undecided)
    } else {
        rank(case.verdict)
    }
}

/// Cases in the order of a report: failing, error, invalid, undecided, then the rest in the order of
/// the suites.
pub(super) fn by_attention(cases: &[CaseResult]) -> Vec<&CaseResult> {
    let mut sorted: Vec<_> = cases.iter().collect();
    sorted.sort_by_key(|c| rank_of(c).min(4));
    sorted
}

/// Metrics in the order of the metric table; names it does not know come last.
pub(super) fn in_table_order(metrics: &Metrics) -> Vec<(&str, &MetricSummary)> {
    let place = |name: &str| {
        METRICS
            .iter()
            .position(|m| m.name == name)
            .unwrap_or(METRICS.len())
    };
    let mut sorted: Vec<_> = metrics.iter().map(|(k, v)| (k.as_str(), v)).collect();
    sorted.sort_by_key(|(name, _)| place(name));
    sorted
}
