use std::fmt::Write as _;

use super::table::{Availability, Direction, METRICS, MetricDef, Provenance, Shape};

const INTRODUCTION: &str = "\
# Metrics

What prony measures, and how each number is defined. This page is written by the metric table in
`src/metrics/table.rs`; the test `metrics_page_is_current` keeps the two equal.

A request belongs to the **window** in which it was due (open loop) or sent (closed loop). Load goes on,
unmeasured, until the last request of the window has ended. Failed requests of the window count as slower
than everything in quantiles; `mean`, `stddev`, `min` and `max` cover successes. Missing is missing, never 0.

**Statistics** are `mean`, `stddev`, `min`, `max`, `median` and `pN` (`p50`, `p99`, `p99.9`); quantiles are
linearly interpolated (type 7). A metric with one value a phase takes none.

What the **server** counted of itself is read from its `/metrics` while the load is on; it takes no part in
what prony counts. `docs/telemetry.md` says how, and what each engine tells.
";

const FUNCTIONS: &str = "\
## Functions of requests

| function | unit | meaning |
| --- | --- | --- |
| `goodput(bounds)` | share | Share of all requests of the window, failed ones included, that met every bound: `goodput(ttft < 500ms, itl.max < 100ms)`. |
| `goodput_rate(bounds)` | per second | Requests of the window that met every bound, per second. |

Bounds are over the metrics marked *in goodput*. A request has many values of `itl`: bound `itl.mean` or `itl.max`.
";

const ANSWERS: &str = "
## Answers of a whole case

What [scenarios of some kinds](scenarios.md) find out from all of their phases together. They stand in assertions
without a phase: `capacity >= 40/s`.

| function | unit | meaning |
| --- | --- | --- |
| `speedup(n)` | ratio | Throughput at level *n* of a sweep over that at the lowest: tokens per second, where there are tokens, else requests per second. |
| `efficiency(n)` | share | `speedup(n)` over *n* / lowest level: 100 % is linear. |

";

/// The whole of `docs/metrics.md`.
pub fn markdown() -> String {
    let mut page = String::from(INTRODUCTION);
    let measured = |m: &&MetricDef| m.is_of_a_phase();
    page.push_str("\n## Measured now\n\n");
    page.push_str("| metric | unit | better | values | by | in goodput | needs |\n");
    page.push_str("| --- | --- | --- | --- | --- | --- | --- |\n");
    for metric in METRICS.iter().filter(measured) {
        let _ = writeln!(
            page,
            "| [`{name}`](#{name}) | {} | {} | {} | {} | {} | {} |",
            metric.unit.name(),
            direction(metric),
            shape(metric),
            provenance(metric),
            if metric.in_goodput { "yes" } else { "" },
            needs(metric),
            name = metric.name,
        );
    }
    page.push('\n');
    page.push_str(FUNCTIONS);
    page.push_str("\n## Definitions\n");
    for metric in METRICS.iter().filter(measured) {
        let _ = write!(
            page,
            "\n### {}\n\n{}\n\nFormula: {}\n",
            metric.name, metric.meaning, metric.formula
        );
    }
    page.push_str(ANSWERS);
    page.push_str("| metric | unit | better | meaning | formula | comes with |\n");
    page.push_str("| --- | --- | --- | --- | --- | --- |\n");
    for metric in METRICS {
        if let Availability::Answer(of) = metric.availability {
            let _ = writeln!(
                page,
                "| `{}` | {} | {} | {} | {} | {of} |",
                metric.name,
                metric.unit.name(),
                direction(metric),
                metric.meaning,
                metric.formula,
            );
        }
    }
    page.push_str("\n## Coming\n\nThese names are taken; an assertion over one is refused until it is measured.\n\n");
    page.push_str("| metric | unit | better | meaning | comes with |\n");
    page.push_str("| --- | --- | --- | --- | --- |\n");
    for metric in METRICS {
        if let Availability::Comes(with) = metric.availability {
            let _ = writeln!(
                page,
                "| `{}` | {} | {} | {} | {with} |",
                metric.name,
                metric.unit.name(),
                direction(metric),
                metric.meaning,
            );
        }
    }
    page
}

fn direction(metric: &MetricDef) -> &'static str {
    match metric.direction {
        Direction::LowerIsBetter => "lower",
        Direction::HigherIsBetter => "higher",
        Direction::Neutral => "neither",
    }
}

fn shape(metric: &MetricDef) -> &'static str {
    match metric.shape {
        Shape::PerRequest => "one a request",
        Shape::PerChunk => "several a request",
        Shape::Phase => "one a phase",
        Shape::Gauge => "over time",
        Shape::Histogram => "a histogram",
    }
}

fn provenance(metric: &MetricDef) -> &'static str {
    match metric.provenance {
        Provenance::Client => "prony",
        Provenance::Server => "server",
    }
}

fn needs(metric: &MetricDef) -> String {
    let mut needs = Vec::new();
    if metric.needs_open_loop() {
        needs.push("open loop");
    }
    if metric.needs_stream() {
        needs.push("`stream: true`");
    }
    if metric.availability == Availability::NeedsGpus {
        needs.push("`gpus` of the target");
    }
    needs.join(", ")
}
