use crate::metrics::Unit;
use crate::result::{AssertionResult, BaselineResult, Change};
use crate::text::{margin, number};

/// What changed against the baseline of what an assertion is about: `+3.1 %`, or a difference in the
/// metric's unit where differences are compared. `None` where nothing was compared, or where the assertion
/// is about several metrics that were.
pub(super) fn change(a: &AssertionResult, baseline: Option<&BaselineResult>) -> Option<String> {
    let mut about = baseline?
        .changes
        .iter()
        .filter(|c| mentions(&a.text, &c.metric));
    let (first, others) = (about.next()?, about.any(|c| shown(c).is_some()));
    if others { None } else { shown(first) }
}

fn shown(change: &Change) -> Option<String> {
    if let Some(ratio) = change.ratio {
        return Some(margin(Some(ratio - 1.0)));
    }
    let difference = change.observed? - change.accepted?;
    let sign = if difference > 0.0 { "+" } else { "" };
    let unit = change.unit.unwrap_or(Unit::Count);
    Some(format!("{sign}{}", number(Some(difference), unit)))
}

/// Whether `text` refers to `metric`, and not to one whose name only contains it.
fn mentions(text: &str, metric: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | ')' | '{');
    !metric.is_empty()
        && text.match_indices(metric).any(|(at, _)| {
            let before = text.get(..at).and_then(|t| t.chars().next_back());
            let after = text.get(at + metric.len()..).and_then(|t| t.chars().next());
            !before.is_some_and(part_of_name) && !after.is_some_and(part_of_name)
        })
}

#[cfg(test)]
mod tests {
    use super::mentions;

    #[test]
    fn a_metric_is_not_another_that_contains_its_name() {
        assert!(mentions("ttft.p99 < 500ms", "ttft.p99"));
        assert!(mentions("baseline ttft.p99: 15%", "ttft.p99"));
        assert!(!mentions("warm.ttft.p99 < 500ms", "ttft.p99"));
        assert!(!mentions("ttft.p99.9 < 500ms", "ttft.p99"));
        assert!(!mentions("ttft_scheduled.p50 < 1s", "ttft"));
        assert!(mentions(
            "warm.ttft.p50 < 0.4 * cold.ttft.p50",
            "cold.ttft.p50"
        ));
    }
}
