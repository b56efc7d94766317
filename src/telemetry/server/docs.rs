use std::fmt::Write as _;

use super::vocabulary::{ENGINES, Kind, QUANTITIES};

const INTRODUCTION: &str = include_str!("telemetry.md");

/// The whole of `docs/telemetry.md`: how counters are read, and the table of names.
pub fn markdown() -> String {
    let mut page = String::from(INTRODUCTION);
    page.push_str("\n## Names\n\nWhere several stand below each other the first that the page has counts; `+` adds, `{label=value}` narrows. An empty cell: the engine does not tell.\n\n| prony | kind |");
    for engine in &ENGINES {
        let _ = write!(page, " {} |", engine.shown);
    }
    page.push_str("\n| --- | --- |");
    page.push_str(&" --- |".repeat(ENGINES.len()));
    for quantity in &QUANTITIES {
        let kind = match quantity.kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
        };
        let _ = write!(
            page,
            "\n| [`{name}`](metrics.md#{name}) | {kind} |",
            name = quantity.name
        );
        for engine in &ENGINES {
            let names: Vec<String> = (engine.names)(quantity)
                .iter()
                .map(|name| format!("`{name}`"))
                .collect();
            let _ = write!(page, " {} |", names.join("<br>"));
        }
    }
    page.push_str("\n\nReplicas are told apart by");
    let labels: Vec<String> = ENGINES
        .iter()
        .flat_map(|e| e.replica.iter().map(|l| format!(" `{l}` ({})", e.name)))
        .collect();
    page.push_str(&labels.join(","));
    page.push_str(", and by address where `url` lists several pages.\n");
    page
}
