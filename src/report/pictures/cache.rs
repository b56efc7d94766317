use super::percentiles::{Curve, by_percentile};
use super::picture::Picture;
use crate::metrics::Unit;
use crate::report::chart::{Head, Span, SpanChart, spans};
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

/// How much of the warm prompts' tokens was found, by whom that is known, over what a perfect cache would
/// find. Nothing for cases of other kinds, and where the one or the other is not known.
pub(super) fn cache_found(case: &CaseResult) -> Option<Picture> {
    let warm = case.phases.iter().find(|p| p.name == WARM)?;
    case.phases.iter().find(|p| p.name == COLD)?;
    let row = |who: &str, metric: &str, wanted: bool| {
        let value = share(warm, metric)?;
        let percent = value * 100.0;
        Some(Span {
            name: format!("{who}: {}", number(Some(value), Unit::Ratio)),
            wanted,
            at: [0.0, 0.0, percent, percent, percent],
        })
    };
    let at_best = row("a perfect cache", "ideal_cache_hit_ratio", true)?;
    let mut rows: Vec<Span> = FOUND
        .iter()
        .filter_map(|(who, metric)| row(who, metric, false))
        .collect();
    if rows.is_empty() {
        return None;
    }
    rows.insert(0, at_best);
    let title = "What the cache found";
    let caption = caption(warm);
    let svg = spans(&SpanChart {
        head: Head {
            title,
            desc: &caption,
        },
        unit: "%",
        rows,
    })?;
    Some(Picture {
        name: "cache_found",
        title: title.to_owned(),
        caption,
        svg,
    })
}

/// Who tells what was found, and the metric that it is.
const FOUND: [(&str, &str); 2] = [
    ("by the server's answers", "cached_token_ratio"),
    ("by its counters", "cache_hit_ratio"),
];

fn share(phase: &PhaseResult, metric: &str) -> Option<f64> {
    match phase.metrics.get(metric) {
        Some(MetricSummary::Value(v)) => Some(v.value),
        _ => None,
    }
}

/// What was found of the warm prompts: by the answers, by the counters, and at best.
fn caption(warm: &PhaseResult) -> String {
    let at_best = ("at best", "ideal_cache_hit_ratio");
    let said: Vec<String> = FOUND
        .into_iter()
        .chain([at_best])
        .map(|(who, metric)| match share(warm, metric) {
            Some(value) => format!("{} {who}", number(Some(value), Unit::Ratio)),
            None => format!("{who} it is not known"),
        })
        .collect();
    format!("Found of the warm prompts' tokens: {}.", said.join(", "))
}
