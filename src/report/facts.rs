use crate::judge::Verdict;
use crate::result::{AssertionKind, AssertionResult, Distribution, MetricSummary, PhaseResult};
use crate::text::{beside, count, exact, margin, minutes, number};

/// One assertion in words. All reports say it alike.
pub(super) struct Facts {
    pub observed: String,
    /// With the comparison: `< 500 ms`.
    pub limit: String,
    pub margin: String,
    pub interval: String,
    pub sample: String,
    /// `pass`, `fail (borderline)`, …
    pub verdict: String,
}

impl Facts {
    pub(super) fn of(a: &AssertionResult) -> Self {
        let mut verdict = a.verdict.name().to_owned();
        if a.borderline {
            verdict.push_str(" (borderline)");
        }
        Facts {
            observed: if unbounded(a) {
                "unbounded".to_owned()
            } else {
                beside(a.observed, a.limit, a.unit)
            },
            limit: format!("{} {}", a.op, exact(a.limit, a.unit)),
            margin: margin(a.margin),
            interval: interval(a),
            sample: sample(a),
            verdict,
        }
    }
}

/// What it was decided on; of relative ones also the ratio, which the interval is about.
fn sample(a: &AssertionResult) -> String {
    let mut parts = Vec::new();
    if let Some(k) = a.repeats {
        parts.push(format!("{k} repeat{}", if k == 1 { "" } else { "s" }));
    }
    if let Some(n) = a.n {
        let relative = a.kind == AssertionKind::Relative && a.repeats.is_none();
        let kind = if relative { " (relative)" } else { "" };
        parts.push(format!("n = {}{kind}", count(n)));
    }
    if let Some(ratio) = &a.ratio {
        let digits = |x| crate::text::significant(x, 3);
        parts.push(match ratio.interval {
            [Some(lo), Some(hi)] => format!(
                "ratio {} ({} … {})",
                digits(ratio.value),
                digits(lo),
                digits(hi)
            ),
            _ => format!("ratio {}", digits(ratio.value)),
        });
    }
    if parts.is_empty() {
        return crate::text::MISSING.to_owned();
    }
    parts.join(", ")
}

/// Of a distribution: p50, p90, p95, p99, the greatest value, and how many there are.
pub(super) fn tail_cells(d: &Distribution) -> [String; 6] {
    [
        quantile(d, 0.5, d.p50),
        quantile(d, 0.9, d.p90),
        quantile(d, 0.95, d.p95),
        quantile(d, 0.99, d.p99),
        number(d.max, d.unit),
        count(d.n),
    ]
}

/// Whether failed requests leave the value without a bound. Missing data never fails an assertion,
/// so an upper limit that failed without a value did so because of this.
pub(super) fn unbounded(a: &AssertionResult) -> bool {
    a.observed.is_none() && a.verdict == Verdict::Fail && a.op.starts_with('<')
}

fn interval(a: &AssertionResult) -> String {
    let shown = |bound| beside(bound, a.limit, a.unit);
    let confidence = format!(
        "at {} %",
        crate::text::significant(a.confidence * 100.0, 4)
            .trim_end_matches('0')
            .trim_end_matches('.')
    );
    match a.interval {
        [Some(lo), Some(hi)] => {
            format!("{} … {} {confidence}", shown(Some(lo)), shown(Some(hi)))
        }
        [Some(lo), None] => format!("≥ {} {confidence}", shown(Some(lo))),
        [None, Some(hi)] => format!("≤ {} {confidence}", shown(Some(hi))),
        [None, None] => crate::text::MISSING.to_owned(),
    }
}

/// Requests of a phase in one line.
pub(super) fn requests(p: &PhaseResult) -> String {
    let r = &p.requests;
    let mut parts = vec![format!("{} requests", count(r.due))];
    if r.sent != r.due {
        parts.push(format!("{} sent", count(r.sent)));
    }
    parts.push(format!("{} ok", count(r.ok)));
    if r.failed > 0 {
        parts.push(format!("{} failed", count(r.failed)));
    }
    if r.cut > 0 {
        parts.push(format!("{} cut", count(r.cut)));
    }
    format!("{} in {}", parts.join(", "), window(p.window_s))
}

/// What the server counted of itself, in one line; `None`: nothing, or nobody looked.
pub(super) fn server_line(p: &PhaseResult) -> Option<String> {
    let engine = p.server.as_ref()?.engine.as_ref()?;
    let of = |name: &str| p.metrics.get(name);
    let gauge = |name: &str, what: &str| match of(name) {
        Some(MetricSummary::Distribution(d)) => Some(format!(
            "{what} {} (most {})",
            number(d.mean, d.unit),
            number(d.max, d.unit)
        )),
        _ => None,
    };
    let value = |name: &str, what: &str| match of(name) {
        Some(MetricSummary::Value(v)) => Some(format!("{what} {}", number(Some(v.value), v.unit))),
        _ => None,
    };
    let time = |name: &str, what: &str| match of(name) {
        Some(MetricSummary::Distribution(d)) => Some(format!("{what} {}", number(d.mean, d.unit))),
        _ => None,
    };
    let parts: Vec<String> = [
        gauge("queue_depth", "queue"),
        gauge("running", "running"),
        gauge("kv_usage", "kv"),
        gauge("gpu_utilization", "gpu"),
        value("cache_hit_ratio", "cache hits"),
        value("cached_token_ratio", "by usage"),
        value("preemptions", "preemptions"),
        time("server_ttft", "mean ttft"),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!parts.is_empty()).then(|| format!("server ({engine}): {}", parts.join(", ")))
}

/// Length of a window.
pub(super) fn window(s: f64) -> String {
    if s < 10.0 {
        crate::text::seconds(Some(s))
    } else {
        minutes(s)
    }
}

/// A quantile that failures push out of bounds reads `∞`, one that is not known `–`.
pub(super) fn quantile(d: &Distribution, q: f64, value: Option<f64>) -> String {
    match value {
        None if d.beyond.is_some_and(|b| q >= b) => "∞".to_owned(),
        v => number(v, d.unit),
    }
}
