//! Whether a scenario can answer an assertion.

use std::collections::BTreeSet;

use super::against::against_baseline;
use super::ast::{Assertion, BoundMetric, Expr, ExprKind, Function, PhaseRef, TextSpan};
use super::lexical::{AssertionError, error};
use super::types::Operand;
use crate::metrics::{Availability, MetricDef, Provenance};
use crate::suite::model::Kind;
use crate::suite::names::nearest;
use crate::suite::reader::list;

/// What a scenario measures, as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub struct AssertionContext {
    /// Kind of the scenario.
    pub kind: Kind,
    /// Answers are streamed.
    pub stream: bool,
    /// Requests have times at which they are due.
    pub open_loop: bool,
    /// The target says how many GPUs it has.
    pub gpus: bool,
    /// Labels that its requests bear, each with its values where they are few.
    pub labels: &'static [(&'static str, &'static [&'static str])],
    /// Somebody looks at the target's own counters.
    pub scrape: bool,
}

/// The one phase of kinds `latency` and `throughput`.
pub const MAIN_PHASE: &str = "main";

/// Everything in `assertion` that a scenario like `context` cannot answer.
pub fn check(assertion: &Assertion, context: &AssertionContext) -> Vec<AssertionError> {
    let mut found = Vec::new();
    if let Some(Err(mixed)) = against_baseline(assertion) {
        found.push(mixed);
    }
    for side in [&assertion.lhs, &assertion.rhs] {
        found.extend(check_value(side, &assertion.text, context));
    }
    found
}

/// Everything in the expression that a scenario like `context` cannot answer; it is a part of `text`.
pub(in crate::suite) fn check_value(
    value: &Expr,
    text: &str,
    context: &AssertionContext,
) -> Vec<AssertionError> {
    let mut found = Vec::new();
    for (operand, span) in &value.operands_with_spans() {
        if let Some(phase) = operand.phase()
            && let Err(problem) = check_phase(phase, context, span)
        {
            found.push(problem);
            continue;
        }
        match operand {
            Operand::Metric(reference) => {
                let result = check_metric(reference.metric, context, span).and_then(|()| {
                    let of_server = reference.metric.provenance == Provenance::Server;
                    let replicas = reference.labels.iter().all(|(l, _)| l == "replica");
                    if of_server && replicas {
                        Ok(())
                    } else if of_server {
                        Err(error(
                            span.clone(),
                            "what the server counts has one label: `replica`",
                            format!("write `{}{{replica=0}}`", reference.metric.name),
                        ))
                    } else {
                        check_labels(&reference.labels, context, span)
                    }
                });
                found.extend(result.err());
            }
            Operand::Call { function, .. } => {
                found.extend(check_function(function, context, span, text));
            }
        }
    }
    found
}

fn check_labels(
    labels: &[(String, String)],
    context: &AssertionContext,
    span: &TextSpan,
) -> Result<(), AssertionError> {
    for (name, value) in labels {
        let names = context.labels.iter().map(|(name, _)| *name);
        let Some((_, values)) = context.labels.iter().find(|(known, _)| known == name) else {
            let (what, help) = match nearest(name, names.clone()) {
                Some(near) => (
                    format!("requests of this scenario bear no label `{name}`"),
                    format!("did you mean `{near}`?"),
                ),
                None if context.labels.is_empty() => (
                    "requests of this scenario bear no labels".to_owned(),
                    "prompts with a `prefix` bear `shared` and `group`".to_owned(),
                ),
                None => (
                    format!("requests of this scenario bear no label `{name}`"),
                    format!("they bear {}", list(&names.collect::<Vec<_>>())),
                ),
            };
            return Err(error(span.clone(), what, help));
        };
        if !values.is_empty() && !values.contains(&value.as_str()) {
            return Err(error(
                span.clone(),
                format!("the label `{name}` is never `{value}`"),
                format!("it is one of {}", list(values)),
            ));
        }
    }
    Ok(())
}

fn comes(span: &TextSpan, what: &str, with: &str) -> AssertionError {
    error(
        span.clone(),
        format!("{what} in a later version, with {with}"),
        "leave this assertion out until then",
    )
}

fn check_phase(
    phase: &PhaseRef,
    context: &AssertionContext,
    span: &TextSpan,
) -> Result<(), AssertionError> {
    let kind = context.kind.name();
    match phase {
        PhaseRef::Named(name) if name == MAIN_PHASE => Ok(()),
        PhaseRef::Named(name) => {
            let span = span.start..span.start + name.len();
            match name.as_str() {
                "cold" | "warm" => Err(comes(
                    &span,
                    &format!("a scenario of kind `{kind}` has no phase `{name}`: it comes"),
                    "kind `cache`",
                )),
                "aggregated" | "disaggregated" => Err(comes(
                    &span,
                    &format!("a scenario of kind `{kind}` has no phase `{name}`: it comes"),
                    "kind `disaggregation`",
                )),
                _ => {
                    let help = nearest(name, [MAIN_PHASE]).map_or_else(
                        || format!("its only phase is `{MAIN_PHASE}`, which may be left out"),
                        |n| format!("did you mean `{n}`?"),
                    );
                    Err(error(
                        span,
                        format!("a scenario of kind `{kind}` has no phase `{name}`"),
                        help,
                    ))
                }
            }
        }
        PhaseRef::At(_) => Err(comes(
            span,
            &format!("a scenario of kind `{kind}` has no levels: `at(…)` comes"),
            "kind `scalability`",
        )),
        PhaseRef::Baseline(None) => Ok(()),
        PhaseRef::Baseline(Some(inner)) => {
            let behind = "baseline.".len();
            check_phase(inner, context, &(span.start + behind..span.end))
        }
    }
}

fn check_metric(
    metric: &MetricDef,
    context: &AssertionContext,
    span: &TextSpan,
) -> Result<(), AssertionError> {
    let name = metric.name;
    match metric.availability {
        Availability::Comes(with) => return Err(comes(span, &format!("`{name}` comes"), with)),
        Availability::NeedsGpus if !context.gpus => {
            return Err(error(
                span.clone(),
                format!("`{name}` needs the number of GPUs"),
                "say how many the target has: `gpus: 8` under `target:`",
            ));
        }
        Availability::NeedsGpus | Availability::Here => {}
    }
    if !context.scrape && metric.provenance == Provenance::Server {
        return Err(error(
            span.clone(),
            format!("`{name}` comes from the server's own counters, and nobody looks at them"),
            "take `scrape: off` away",
        ));
    }
    if !context.open_loop && metric.needs_open_loop() {
        return Err(error(
            span.clone(),
            format!("`{name}` needs an open loop: in a closed loop no request is due at a time"),
            match name.strip_suffix("_scheduled") {
                Some(plain) => format!("give the load a `rate`, or use `{plain}`"),
                None => "give the load a `rate`, or leave this assertion out".to_owned(),
            },
        ));
    }
    if !context.stream && metric.needs_stream() {
        return Err(error(
            span.clone(),
            format!("`{name}` needs streamed answers"),
            "set `stream: true`, or use `e2e_latency`",
        ));
    }
    Ok(())
}

fn check_function(
    function: &Function,
    context: &AssertionContext,
    span: &TextSpan,
    text: &str,
) -> Option<AssertionError> {
    match function {
        Function::Goodput(bounds) | Function::GoodputRate(bounds) => {
            let mut seen = BTreeSet::new();
            bounds.iter().find_map(|bound| {
                let BoundMetric { metric, .. } = bound.metric;
                let at = find_name(text, span, metric.name);
                let twice = !seen.insert(format!("{} {}", bound.metric, bound.op));
                if twice {
                    return Some(error(
                        at,
                        format!("`{}` is bounded twice in the same direction", bound.metric),
                        "keep the tighter bound",
                    ));
                }
                check_metric(metric, context, &at).err()
            })
        }
        Function::Efficiency(_) => Some(comes(span, "`efficiency(…)` comes", "kind `scalability`")),
        Function::Speedup(_) => Some(comes(span, "`speedup(…)` comes", "kind `scalability`")),
        Function::Check(_) => Some(comes(span, "`check(…)` comes", "content checks")),
    }
}

/// Where `name` stands as a whole word inside `span`; bounds keep no places of their own.
fn find_name(text: &str, span: &TextSpan, name: &str) -> TextSpan {
    let inside = text.get(span.clone()).unwrap_or("");
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    inside
        .match_indices(name)
        .find(|(at, _)| {
            !inside[..*at].ends_with(is_part) && !inside[at + name.len()..].starts_with(is_part)
        })
        .map_or_else(
            || span.clone(),
            |(at, _)| span.start + at..span.start + at + name.len(),
        )
}

impl ExprKind {
    /// Whether nothing measured has part in it.
    pub fn is_constant(&self) -> bool {
        match self {
            ExprKind::Number(_) => true,
            ExprKind::Metric(_) | ExprKind::Call { .. } => false,
            ExprKind::Neg(inner) => inner.kind.is_constant(),
            ExprKind::Binary { lhs, rhs, .. } => lhs.kind.is_constant() && rhs.kind.is_constant(),
        }
    }
}
