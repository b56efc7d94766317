use super::percentiles::{Curve, by_percentile};
use super::picture::Picture;
use crate::report::chart::Head;
use crate::result::CaseResult;

/// Phases that fit into one picture.
const MOST: usize = 4;

/// The same load on two targets, or two sides: their latencies over each other. Nothing for cases whose
/// phases are levels, probes, or a cold and a warm cache: those have pictures of their own.
pub(super) fn side_by_side(case: &CaseResult) -> Vec<Picture> {
    let levels = case.phases.iter().any(|p| p.labels.contains_key("level"));
    let cache = case.phases.iter().any(|p| p.labels.contains_key("cache"));
    let other = case.kind == "cache" || levels || cache || !case.path.is_empty();
    if other || !(2..=MOST).contains(&case.phases.len()) {
        return Vec::new();
    }
    let names: Vec<&str> = case.phases.iter().map(|p| p.name.as_str()).collect();
    let who = names.join(" and ");
    let drawn = [
        ("ttft_side_by_side", "ttft", "Time to first token"),
        ("itl_side_by_side", "itl", "Gaps between chunks"),
    ]
    .into_iter()
    .filter_map(|(name, metric, what)| {
        let curves: Vec<Curve<'_>> = case
            .phases
            .iter()
            .map(|p| Curve::of(&p.name, p, metric))
            .collect();
        let title = format!("{what}, {who}");
        let caption = "By percentile, under the same load; the lower line is the faster one.";
        let head = Head {
            title: &title,
            desc: caption,
        };
        Some(Picture {
            name,
            svg: by_percentile(head, &curves)?,
            title,
            caption: caption.to_owned(),
        })
    });
    drawn.collect()
}
