use super::percentiles::{Curve, by_percentile};
use super::picture::Picture;
use crate::metrics::Unit;
use crate::report::chart::Head;
use crate::result::{CaseResult, MetricSummary, PhaseResult};
use crate::text::number;

const COLD: &str = "cold";
const WARM: &str = "warm";

/// The picture of kind `cache`: how soon the first token came, cold and warm, and what was found beside
/// what could be. Nothing for cases of other kinds.
pub(super) fn cold_and_warm(case: &CaseResult) -> Option<Picture> {
    let phase = |name: &str| case.phases.iter().find(|p| p.name == name);
    let (cold, warm) = (phase(COLD)?, phase(WARM)?);
    let head = Head {
        title: "Time to first token, cold and warm",
        desc: "Prompts of the same lengths by percentile: none of them cached, and after their prefixes were asked for.",
    };
    let drawn = [Curve::of(COLD, cold, "ttft"), Curve::of(WARM, warm, "ttft")];
    Some(Picture {
        name: "cold_and_warm",
        title: "Time to first token, cold and warm".to_owned(),
        caption: caption(warm),
        svg: by_percentile(head, &drawn)?,
    })
}

/// What was found of the warm prompts: by the answers, by the counters, and at best.
fn caption(warm: &PhaseResult) -> String {
    let said: Vec<String> = [
        ("by the server's answers", "cached_token_ratio"),
        ("by its counters", "cache_hit_ratio"),
        ("at best", "ideal_cache_hit_ratio"),
    ]
    .into_iter()
    .map(|(who, metric)| match warm.metrics.get(metric) {
        Some(MetricSummary::Value(v)) => format!("{} {who}", number(Some(v.value), Unit::Ratio)),
        _ => format!("{who} it is not known"),
    })
    .collect();
    format!("Found of the warm prompts' tokens: {}.", said.join(", "))
}
