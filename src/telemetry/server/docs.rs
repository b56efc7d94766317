use std::fmt::Write as _;

use super::gpus::{EXPORTERS, Share};
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
    page.push_str(", and by address where `url` lists several pages of servers.\n");
    page.push_str("\n## Names of GPUs\n\n| prony |");
    for exporter in &EXPORTERS {
        let _ = write!(page, " {} |", exporter.shown);
    }
    page.push_str("\n| --- |");
    page.push_str(&" --- |".repeat(EXPORTERS.len()));
    let mut names: Vec<&str> = EXPORTERS
        .iter()
        .flat_map(|e| e.shares)
        .map(|s| s.0)
        .collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let _ = write!(page, "\n| [`{name}`](metrics.md#{name}) |");
        for exporter in &EXPORTERS {
            let share = exporter.shares.iter().find(|s| s.0 == name);
            let cell = share.map_or_else(String::new, |(_, share)| words(*share));
            let _ = write!(page, " {cell} |");
        }
    }
    let labels: Vec<String> = EXPORTERS
        .iter()
        .map(|e| format!(" `{}`, `{}` ({})", e.device[0], e.device[1], e.shown))
        .collect();
    let _ = writeln!(
        page,
        "\n\nGPUs are told apart by{}, and by address where `url` lists several pages of exporters.",
        labels.join(";")
    );
    page
}

fn words(share: Share) -> String {
    match share {
        Share::Percent(name) => format!("`{name}` / 100"),
        Share::Unit(name) => format!("`{name}`"),
        Share::UsedAndFree(used, free) => format!("`{used}` / (`{used}` + `{free}`)"),
        Share::UsedOf(used, all) => format!("`{used}` / `{all}`"),
    }
}
