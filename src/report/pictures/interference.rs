use super::percentiles::{Curve, by_percentile};
use super::picture::Picture;
use crate::report::chart::Head;
use crate::result::{MetricSummary, PhaseResult};

/// Gaps between tokens while a long prompt was worked on, over those in between: what it costs a steady
/// load that somebody asks something long.
pub(super) fn interference(phase: &PhaseResult) -> Option<Picture> {
    let of = |when: &str| {
        let found = phase.itl_during.get(when)?;
        Some(MetricSummary::Distribution(found.clone()))
    };
    let (prefill, quiet) = (of("prefill")?, of("quiet")?);
    let curve = |label, metric| Curve {
        label,
        metric: Some(metric),
        accepted: None,
    };
    let curves = [
        curve("in between", &quiet),
        curve("during a long prompt", &prefill),
    ];
    let title = "Gaps between tokens beside long prompts";
    let caption =
        "By percentile; the further apart the lines, the more a long prompt disturbs the rest.";
    let head = Head {
        title,
        desc: caption,
    };
    Some(Picture {
        name: "interference",
        svg: by_percentile(head, &curves)?,
        title: title.to_owned(),
        caption: caption.to_owned(),
    })
}
