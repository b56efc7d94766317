use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::console::one_line;
use super::seam::{Report, ReportError, ReportInput};
use crate::judge::Verdict;
use crate::metrics::{Unit, metric};
use crate::result::{CaseResult, Distribution, MetricSummary, PhaseResult};

const VERDICTS: [Verdict; 6] = [
    Verdict::Pass,
    Verdict::Fail,
    Verdict::Undecided,
    Verdict::Invalid,
    Verdict::Error,
    Verdict::Skipped,
];

/// The run's figures as an OpenMetrics exposition, for whatever Prometheus reads: a textfile
/// collector, a push gateway. Times are in seconds.
///
/// <https://prometheus.io/docs/specs/om/open_metrics_spec/>
#[derive(Clone, Copy, Debug)]
pub struct OpenMetrics;

impl Report for OpenMetrics {
    fn name(&self) -> &'static str {
        "openmetrics"
    }

    fn file_name(&self) -> &'static str {
        "metrics.prom"
    }

    fn render(&self, input: &ReportInput<'_>) -> Result<Vec<u8>, ReportError> {
        Ok(exposition(&[*input]).into_bytes())
    }
}

/// The figures of `runs`; of several, each sample names its run.
pub(super) fn exposition(runs: &[ReportInput<'_>]) -> String {
    let mut families = Families::of(runs);
    for input in runs {
        let run = &input.result.run;
        let name = (runs.len() > 1).then_some(run.id.as_str());
        let about = Labels::default()
            .with("run", &run.id)
            .with("version", &run.version)
            .with("started_at", &run.started_at)
            .with("interrupted", &run.interrupted.to_string());
        families.add(
            Family::new("prony_run", "info", "The run."),
            "_info",
            &about,
            1.0,
        );
        for case in &input.result.cases {
            families.case(case, name);
        }
    }
    families.text()
}

/// What a metric family is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Family {
    name: String,
    kind: &'static str,
    unit: Option<&'static str>,
    help: String,
}

impl Family {
    fn new(name: &str, kind: &'static str, help: &str) -> Self {
        Family {
            name: name.to_owned(),
            kind,
            unit: None,
            help: help.to_owned(),
        }
    }

    /// That of metric `name`; `part` stands between its name and its unit.
    fn of(name: &str, part: &str, kind: &'static str, unit: Unit) -> Self {
        let mut family = format!("prony_{}{part}", legal(name));
        let (suffix, unit) = match unit {
            Unit::Milliseconds => ("_seconds", Some("seconds")),
            Unit::Ratio => ("_ratio", Some("ratio")),
            Unit::Tokens => ("_tokens", Some("tokens")),
            Unit::PerSecond | Unit::TokensPerSecond => ("_per_second", None),
            Unit::Count => ("", None),
        };
        let said = family.ends_with(suffix) || (unit.is_none() && family.contains(suffix));
        if !said {
            family.push_str(suffix);
        }
        let meaning = metric(name).map_or("", |m| m.meaning);
        Family {
            name: family,
            kind,
            unit,
            help: one_line(meaning),
        }
    }
}

/// Label names and values, in their order.
#[derive(Clone, Debug, Default)]
struct Labels(Vec<(&'static str, String)>);

impl Labels {
    fn with(&self, name: &'static str, value: &str) -> Self {
        let mut labels = self.clone();
        labels.0.push((name, one_line(value)));
        labels
    }

    fn text(&self) -> String {
        let pairs: Vec<String> = self
            .0
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        if pairs.is_empty() {
            return String::new();
        }
        format!("{{{}}}", pairs.join(","))
    }
}

/// Samples by family. A series is said once: what says it again is left out, as a reader would refuse
/// all of it.
struct Families {
    samples: BTreeMap<String, (Family, Vec<String>)>,
    said: BTreeSet<String>,
    /// Metrics that are a distribution somewhere; where they are a single value, that is another family.
    distributions: BTreeSet<String>,
}

impl Families {
    fn of(runs: &[ReportInput<'_>]) -> Self {
        let metrics = runs
            .iter()
            .flat_map(|r| &r.result.cases)
            .flat_map(|c| &c.phases)
            .flat_map(|p| &p.metrics);
        Families {
            samples: BTreeMap::new(),
            said: BTreeSet::new(),
            distributions: metrics
                .filter(|(_, m)| matches!(m, MetricSummary::Distribution(_)))
                .map(|(name, _)| legal(name))
                .collect(),
        }
    }

    fn add(&mut self, family: Family, suffix: &str, labels: &Labels, value: f64) {
        let series = format!("{}{suffix}{}", family.name, labels.text());
        if !self.said.insert(series.clone()) {
            return;
        }
        let value = if value == f64::INFINITY {
            "+Inf".to_owned()
        } else {
            value.to_string()
        };
        let (_, lines) = self
            .samples
            .entry(family.name.clone())
            .or_insert_with(|| (family, Vec::new()));
        lines.push(format!("{series} {value}"));
    }

    fn case(&mut self, case: &CaseResult, run: Option<&str>) {
        let mut labels = Labels::default()
            .with("suite", &case.suite)
            .with("case", &case.name);
        if let Some(run) = run {
            labels = labels.with("run", run);
        }
        for verdict in VERDICTS {
            let family = Family::new("prony_case_verdict", "stateset", "Verdict of the case.");
            let state = labels.with("prony_case_verdict", verdict.name());
            let is = f64::from(u8::from(verdict == case.verdict));
            self.add(family, "", &state, is);
        }
        let took = Family {
            unit: Some("seconds"),
            ..Family::new(
                "prony_case_duration_seconds",
                "gauge",
                "How long the case took.",
            )
        };
        self.add(took, "", &labels, case.duration_s);
        for a in &case.assertions {
            let Some(margin) = a.margin.filter(|m| m.is_finite()) else {
                continue;
            };
            let family = Family {
                unit: Some("ratio"),
                ..Family::new(
                    "prony_assertion_margin_ratio",
                    "gauge",
                    "How far the observed value is inside its limit, as a share of it; negative: it violates it.",
                )
            };
            self.add(family, "", &labels.with("assertion", &a.text), margin);
        }
        for phase in &case.phases {
            self.phase(phase, &labels.with("phase", &phase.name));
        }
    }

    fn phase(&mut self, phase: &PhaseResult, labels: &Labels) {
        let r = &phase.requests;
        for (outcome, n) in [("ok", r.ok), ("failed", r.failed), ("cut", r.cut)] {
            let family = Family::new(
                "prony_requests",
                "gauge",
                "Requests of the windows, by how they ended.",
            );
            self.add(family, "", &labels.with("outcome", outcome), n as f64);
        }
        for (name, summary) in &phase.metrics {
            // What could not be part of a name is not lost.
            let labels = if legal(name) == *name {
                labels.clone()
            } else {
                labels.with("metric", name)
            };
            match summary {
                MetricSummary::Distribution(d) => self.distribution(name, d, &labels),
                MetricSummary::Value(v) => {
                    let part = if self.distributions.contains(&legal(name)) {
                        "_value"
                    } else {
                        ""
                    };
                    let family = Family::of(name, part, "gauge", v.unit);
                    self.add(family, "", &labels, in_base_units(v.value, v.unit));
                }
            }
        }
    }

    fn distribution(&mut self, name: &str, d: &Distribution, labels: &Labels) {
        let summary = Family::of(name, "", "summary", d.unit);
        for (q, value) in [(0.5, d.p50), (0.9, d.p90), (0.95, d.p95), (0.99, d.p99)] {
            // Failed requests are slower than everything.
            let value = value.or(d.beyond.filter(|b| q >= *b).map(|_| f64::INFINITY));
            if let Some(value) = value {
                let labels = labels.with("quantile", &q.to_string());
                self.add(summary.clone(), "", &labels, in_base_units(value, d.unit));
            }
        }
        self.add(summary, "_count", labels, d.n as f64);
        for (statistic, value) in [
            ("mean", d.mean),
            ("stddev", d.stddev),
            ("min", d.min),
            ("max", d.max),
        ] {
            if let Some(value) = value {
                let family = Family::of(name, "_statistic", "gauge", d.unit);
                let labels = labels.with("statistic", statistic);
                self.add(family, "", &labels, in_base_units(value, d.unit));
            }
        }
    }

    fn text(&self) -> String {
        let mut out = String::new();
        for (family, lines) in self.samples.values() {
            let _ = writeln!(out, "# TYPE {} {}", family.name, family.kind);
            if let Some(unit) = family.unit {
                let _ = writeln!(out, "# UNIT {} {unit}", family.name);
            }
            if !family.help.is_empty() {
                let _ = writeln!(out, "# HELP {} {}", family.name, escaped(&family.help));
            }
            for line in lines {
                out.push_str(line);
                out.push('\n');
            }
        }
        out.push_str("# EOF\n");
        out
    }
}

fn in_base_units(value: f64, unit: Unit) -> f64 {
    match unit {
        Unit::Milliseconds => value / 1000.0,
        _ => value,
    }
}

/// `name` as it may stand in the name of a family.
fn legal(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect()
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('\n', "\\n")
        .replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_in_their_unit_once() {
        let name = |name, unit| Family::of(name, "", "gauge", unit).name;
        assert_eq!(name("ttft", Unit::Milliseconds), "prony_ttft_seconds");
        assert_eq!(
            name("tokens_per_second", Unit::TokensPerSecond),
            "prony_tokens_per_second"
        );
        assert_eq!(
            name("tokens_per_second_per_gpu", Unit::TokensPerSecond),
            "prony_tokens_per_second_per_gpu"
        );
        assert_eq!(
            name("throughput", Unit::PerSecond),
            "prony_throughput_per_second"
        );
        assert_eq!(
            name("cache_hit_ratio", Unit::Ratio),
            "prony_cache_hit_ratio"
        );
        assert_eq!(name("output_tokens", Unit::Tokens), "prony_output_tokens");
        assert_eq!(name("queue_depth", Unit::Count), "prony_queue_depth");
    }

    #[test]
    fn labels_cannot_break_out() {
        let labels = Labels::default().with("case", "a\"} 1\nb\\");
        assert_eq!(labels.text(), r#"{case="a\"} 1 b\\"}"#);
    }
}
