use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use serde::Serialize;

use super::case::{CaseView, case_view};
use super::configurations::{ConfigurationsView, configurations};
use super::since::{SinceView, since};
use super::templates::Templates;
use super::trust::{RunTrustView, run_trust};
use crate::metrics::METRICS;
use crate::report::headline::{Group, Headline};
use crate::report::order::{by_attention, rank};
use crate::report::seam::{Report, ReportError, ReportInput};
use crate::result::{CaseResult, CaseSeries, RunResult};
use crate::text::{minutes, printable, quote};

/// The HTML page.
#[derive(Clone, Debug, Default)]
pub struct Html {
    templates: Templates,
}

impl Html {
    /// With the built-in templates.
    pub const EMBEDDED: Html = Html {
        templates: Templates::EMBEDDED,
    };

    /// With templates of one's own.
    pub fn new(templates: Templates) -> Self {
        Html { templates }
    }
}

impl Report for Html {
    fn name(&self) -> &'static str {
        "html"
    }

    fn file_name(&self) -> &'static str {
        "report.html"
    }

    fn render(&self, input: &ReportInput<'_>) -> Result<Vec<u8>, ReportError> {
        self.page(input)
            .map(String::into_bytes)
            .map_err(|e| ReportError {
                report: self.name(),
                message: message(&e),
            })
    }
}

impl Html {
    fn page(&self, input: &ReportInput<'_>) -> Result<String, minijinja::Error> {
        let mut env = Environment::new();
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        // Lines that only steer leave no line behind.
        env.set_syntax(
            SyntaxConfig::builder()
                .trim_blocks(true)
                .lstrip_blocks(true)
                .build()?,
        );
        env.set_auto_escape_callback(|name| {
            if name.ends_with(".css") || name.ends_with(".js") {
                AutoEscape::None
            } else {
                AutoEscape::Html
            }
        });
        for (name, text) in self.templates.iter() {
            env.add_template_owned(name.to_owned(), text.into_owned())?;
        }
        let page = Value::from(Serde(page_view(input)));
        env.get_template("report.html")?
            .render(minijinja::context! { page })
    }
}

/// With file and line of the template, and what led to it.
fn message(e: &minijinja::Error) -> String {
    let mut text = e.to_string();
    let mut cause = std::error::Error::source(e);
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    text
}

/// Cases named in the headline at most.
const NAMED: usize = 3;
/// Cases that want attention named below it at most.
const LISTED: usize = 12;

/// All that `report.html` sees.
#[derive(Serialize)]
pub(super) struct PageView {
    title: String,
    verdict: &'static str,
    /// What matters most: `2 of 8 failed`.
    headline: String,
    /// The cases that it is about, the first ones; empty where nothing wants attention.
    named: Vec<LinkView>,
    /// How many more it is about.
    named_more: usize,
    /// The other verdicts, `1 invalid, 5 passed`; empty where there is only one.
    rest: String,
    interrupted: bool,
    started: String,
    duration: Option<String>,
    run_id: String,
    version: String,
    command: String,
    groups: Vec<GroupView>,
    /// What wants attention, with its reason.
    attention: Vec<AttentionView>,
    attention_more: usize,
    since: Option<SinceView>,
    /// Scenarios whose cases are configurations that each looked for what they serve.
    configurations: Vec<ConfigurationsView>,
    trust: Option<RunTrustView>,
    /// Where and on what, in a few words each.
    summary: Vec<String>,
    facts: Vec<(String, String)>,
    labels: Vec<(String, String)>,
    /// What the metrics of this page mean, each once.
    metrics: Vec<(String, String)>,
    cases: Vec<CaseView>,
}

#[derive(Serialize)]
struct GroupView {
    verdict: &'static str,
    /// The verdict in words.
    label: &'static str,
    count: usize,
}

#[derive(Serialize)]
struct AttentionView {
    verdict: &'static str,
    label: &'static str,
    case: LinkView,
    reason: Option<String>,
}

/// A case, and where it stands on the page.
#[derive(Serialize)]
pub(super) struct LinkView {
    pub slug: String,
    pub name: String,
}

pub(super) fn link(case: &CaseResult) -> LinkView {
    LinkView {
        slug: clean(&case.slug),
        name: clean(&case.full_name()),
    }
}

pub(super) fn page_view(input: &ReportInput<'_>) -> PageView {
    let result = input.result;
    let run = &result.run;
    let headline = Headline::new(result);
    let series =
        |slug: &str| -> Option<&CaseSeries> { input.series.cases.iter().find(|c| c.slug == slug) };
    let (first, rest) = headline
        .text
        .split_once(", ")
        .unwrap_or((&headline.text, ""));
    let sorted = by_attention(&result.cases);
    let mut cases: Vec<CaseView> = sorted
        .iter()
        .map(|c| case_view(c, series(&c.slug), run))
        .collect();
    // With a handful of cases everything may stand open; with more, what wants attention, as far as
    // anybody will read on.
    let all_open = cases.len() <= 3;
    for (i, case) in cases.iter_mut().enumerate() {
        case.open = all_open || case.open && i < LISTED;
    }
    let wanting: Vec<AttentionView> = headline
        .groups
        .iter()
        .filter(|g| rank(g.verdict) < 4)
        .flat_map(|g| g.cases.iter().map(move |c| (g, *c)))
        .map(|(g, c)| AttentionView {
            verdict: g.verdict.name(),
            label: label(g),
            case: link(c),
            reason: c.reason.as_deref().map(clean),
        })
        .collect();
    let chief = headline.groups.first().filter(|g| rank(g.verdict) < 4);
    let chief = chief.map_or(&[][..], |g| &g.cases[..]);
    let all_facts = facts(result);
    PageView {
        title: format!("{} · prony", headline.text),
        verdict: headline.verdict.name(),
        interrupted: run.interrupted,
        started: when(&run.started_at),
        duration: duration(result),
        run_id: clean(&run.id),
        version: clean(&run.version),
        command: run
            .command
            .iter()
            .map(|w| quote(&printable(w)).into_owned())
            .collect::<Vec<_>>()
            .join(" "),
        groups: headline
            .groups
            .iter()
            .map(|g| GroupView {
                verdict: g.verdict.name(),
                label: label(g),
                count: g.cases.len(),
            })
            .collect(),
        named: chief.iter().take(NAMED).map(|c| link(c)).collect(),
        named_more: chief.len().saturating_sub(NAMED),
        attention_more: wanting.len().saturating_sub(LISTED),
        attention: wanting.into_iter().take(LISTED).collect(),
        since: since(&sorted),
        configurations: configurations(result),
        trust: run_trust(&sorted),
        headline: first.to_owned(),
        rest: rest.to_owned(),
        summary: ["Target", "Model", "Load from"]
            .iter()
            .filter_map(|name| all_facts.iter().find(|f| f.0 == *name))
            .map(|f| f.1.clone())
            .chain(run.labels.iter().map(|(k, v)| clean(&format!("{k} {v}"))))
            .collect(),
        facts: all_facts,
        labels: run
            .labels
            .iter()
            .map(|(k, v)| (clean(k), clean(v)))
            .collect(),
        metrics: glossary(result),
        cases,
    }
}

fn label(group: &Group<'_>) -> &'static str {
    if group.known {
        "known issue"
    } else {
        group.verdict.name()
    }
}

/// The metrics that any case has, in the order of the table.
fn glossary(result: &RunResult) -> Vec<(String, String)> {
    let phases = || result.cases.iter().flat_map(|c| &c.phases);
    let used = |name: &str| {
        phases().any(|p| p.metrics.contains_key(name))
            || result
                .cases
                .iter()
                .any(|c| c.answers.iter().any(|a| a.name == name))
    };
    METRICS
        .iter()
        .filter(|m| used(m.name))
        .map(|m| (m.name.to_owned(), m.meaning.to_owned()))
        .collect()
}

fn facts(result: &RunResult) -> Vec<(String, String)> {
    let run = &result.run;
    let mut facts: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            facts.push((name.to_owned(), clean(&value)));
        }
    };
    let distinct = |values: Vec<String>| -> Option<String> {
        let mut seen: Vec<String> = Vec::new();
        for v in values {
            if !seen.contains(&v) {
                seen.push(v);
            }
        }
        let more = seen.len().saturating_sub(3);
        seen.truncate(3);
        (!seen.is_empty()).then(|| {
            let tail = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            seen.join(", ") + &tail
        })
    };
    let phases = || result.cases.iter().flat_map(|c| c.phases.iter());
    add(
        "Target",
        distinct(phases().map(|p| p.target.clone()).collect()),
    );
    add(
        "Model",
        distinct(phases().filter_map(|p| p.model.clone()).collect()),
    );
    add(
        "Counters of",
        distinct(
            phases()
                .filter_map(|p| p.server.as_ref()?.engine.clone())
                .collect(),
        ),
    );
    add(
        "Transport",
        distinct(phases().map(|p| p.client.transport.clone()).collect()),
    );
    add("Load from", run.host.name.clone());
    add("System", Some(run.host.os.clone()));
    add("Processor", run.host.cpu.clone());
    add("Cores", run.host.cores.map(|c| c.to_string()));
    add("Seed", run.seed.map(|s| s.to_string()));
    add("prony", Some(run.version.clone()));
    facts
}

fn duration(result: &RunResult) -> Option<String> {
    let parse = |t: &str| t.parse::<jiff::Timestamp>().ok();
    let start = parse(&result.run.started_at)?;
    let end = parse(result.run.finished_at.as_deref()?)?;
    Some(minutes(end.duration_since(start).as_secs_f64()))
}

/// `2026-01-02T03:04:05Z` → `2026-01-02 03:04 UTC`; what is not a time stays as it is.
pub(in crate::report) fn when(rfc3339: &str) -> String {
    match rfc3339.parse::<jiff::Timestamp>() {
        Ok(t) => {
            let text = t.to_string();
            match (text.get(..10), text.get(11..16)) {
                (Some(day), Some(time)) => format!("{day} {time} UTC"),
                _ => text,
            }
        }
        Err(_) => clean(rfc3339),
    }
}

/// Foreign text without controls; escaping is the template's.
pub(super) fn clean(text: &str) -> String {
    printable(text).into_owned()
}
