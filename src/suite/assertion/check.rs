//! Whether a scenario can answer an assertion.

use std::collections::BTreeSet;

use super::against::against_baseline;
use super::ast::{
    Assertion, BoundMetric, Expr, ExprKind, Function, Level, MetricRef, PhaseRef, TextSpan,
};
use super::context::{AssertionContext, Levels, MAIN_PHASE};
use super::lexical::{AssertionError, error};
use super::types::Operand;
use crate::metrics::{Availability, DURING, MetricDef, PREFILL, Provenance, Shape};
use crate::suite::names::nearest;
use crate::suite::reader::list;

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
        let problem = match operand.phase() {
            Some(phase) => check_phase(phase, context, span).err(),
            None => check_no_phase(operand, context, span).err(),
        };
        if let Some(problem) = problem {
            found.push(problem);
            continue;
        }
        match operand {
            Operand::Metric(reference) => {
                let result = check_metric(reference.metric, context, span)
                    .and_then(|()| check_answer(reference, context, span))
                    .and_then(|()| check_labels(reference, context, span));
                found.extend(result.err());
            }
            Operand::Call { function, .. } => {
                found.extend(check_function(function, context, span, text));
            }
        }
    }
    found
}

/// Whether a value that names no phase says enough.
fn check_no_phase(
    operand: &Operand<'_>,
    context: &AssertionContext,
    span: &TextSpan,
) -> Result<(), AssertionError> {
    if context.phase_may_be_left_out() {
        return Ok(());
    }
    let examples = context.examples();
    let (name, shown) = match operand {
        Operand::Metric(r)
            if matches!(
                r.metric.availability,
                Availability::Answer(_) | Availability::OfKind(_)
            ) =>
        {
            return Ok(());
        }
        Operand::Metric(r) => (r.metric.name, format!("{r}")),
        Operand::Call { function, .. } => match function {
            Function::Efficiency(_) | Function::Speedup(_) | Function::Check(_) => return Ok(()),
            Function::Goodput(_) => ("goodput", "goodput(…)".to_owned()),
            Function::GoodputRate(_) => ("goodput_rate", "goodput_rate(…)".to_owned()),
        },
    };
    let kind = context.kind.name();
    if let Some(first) = examples.first() {
        return Err(error(
            span.clone(),
            format!("it is not said of which phase this `{name}` is"),
            format!(
                "write `{first}{shown}`; the phases of this scenario are {}",
                listed(examples.iter().map(|e| e.trim_end_matches('.')))
            ),
        ));
    }
    Err(error(
        span.clone(),
        format!("a search measures many loads, and `{name}` is of one"),
        format!(
            "bounds of every load stand under `subject_to`; a scenario of kind `{kind}` with `search` answers {}",
            listed(context.answers.iter().copied())
        ),
    ))
}

/// Whether an answer of the whole case is one of this scenario.
fn check_answer(
    reference: &MetricRef,
    context: &AssertionContext,
    span: &TextSpan,
) -> Result<(), AssertionError> {
    let name = reference.metric.name;
    let (Availability::Answer(of) | Availability::OfKind(of)) = reference.metric.availability
    else {
        return Ok(());
    };
    if !context.answers.contains(&name) {
        let help = if context.answers.is_empty() || of.contains("gpus") {
            format!("it comes with {of}")
        } else {
            format!(
                "it comes with {of}; this scenario answers {}",
                listed(context.answers.iter().copied())
            )
        };
        return Err(error(
            span.clone(),
            format!("`{name}` is no answer of this scenario"),
            help,
        ));
    }
    let whole = matches!(reference.metric.availability, Availability::Answer(_));
    let of_a_phase = !matches!(reference.phase, None | Some(PhaseRef::Baseline(None)));
    if of_a_phase && whole {
        return Err(error(
            span.clone(),
            format!("`{name}` is of the whole case, not of a phase"),
            format!("write `{name}`"),
        ));
    }
    Ok(())
}

fn check_labels(
    reference: &MetricRef,
    context: &AssertionContext,
    span: &TextSpan,
) -> Result<(), AssertionError> {
    let labels = &reference.labels;
    if reference.metric.provenance == Provenance::Server {
        if labels.iter().all(|(label, _)| label == "replica") {
            return Ok(());
        }
        return Err(error(
            span.clone(),
            "what the server counts has one label: `replica`",
            format!("write `{}{{replica=0}}`", reference.metric.name),
        ));
    }
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
                    format!("they bear {}", listed(names)),
                ),
            };
            return Err(error(span.clone(), what, help));
        };
        if name == DURING && reference.metric.shape == Shape::Phase {
            return Err(error(
                span.clone(),
                format!(
                    "`{}` is of the whole window, and `{DURING}` of parts of it",
                    reference.metric.name
                ),
                format!("write `itl{{{DURING}={PREFILL}}}.p99`, or leave the label out"),
            ));
        }
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

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    list(&names.collect::<Vec<_>>())
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
        PhaseRef::Named(name) if context.phases.contains(name) => Ok(()),
        PhaseRef::Named(name) => {
            let span = span.start..span.start + name.len();
            let known = || context.phases.iter().map(String::as_str);
            let help = match nearest(name, known()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if context.phase_may_be_left_out() => {
                    format!("its only phase is `{MAIN_PHASE}`, which may be left out")
                }
                None => {
                    let examples = context.examples();
                    let examples = examples.iter().map(|e| e.trim_end_matches('.'));
                    match examples.len() {
                        0 => "its answers stand without a phase".to_owned(),
                        _ => format!("its phases are {}", listed(examples)),
                    }
                }
            };
            Err(error(
                span,
                format!("a scenario of kind `{kind}` has no phase `{name}`"),
                help,
            ))
        }
        PhaseRef::At(level) => check_level(level, context, span),
        PhaseRef::Baseline(None) => Ok(()),
        PhaseRef::Baseline(Some(inner)) => {
            let behind = "baseline.".len();
            check_phase(inner, context, &(span.start + behind..span.end))
        }
    }
}

fn check_level(
    level: &Level,
    context: &AssertionContext,
    span: &TextSpan,
) -> Result<(), AssertionError> {
    let wrong = |message: String, help: String| Err(error(span.clone(), message, help));
    let levels = |shown: Vec<String>| format!("its levels are {}", shown.join(", "));
    match (&context.levels, level) {
        (Levels::None, _) => {
            let kind = context.kind.name();
            let help = match context.phases.as_slice() {
                [] => "its answers stand without a phase".to_owned(),
                phases => format!(
                    "its phases are {}",
                    listed(phases.iter().map(String::as_str))
                ),
            };
            wrong(
                format!("a scenario of kind `{kind}` has no levels, unless it has a `sweep`"),
                help,
            )
        }
        (_, Level::Name(_)) => Ok(()),
        (Levels::Counts(known), Level::Count(n)) => {
            if known.contains(n) {
                return Ok(());
            }
            wrong(
                format!("this sweep has no level {n}"),
                levels(known.iter().map(u64::to_string).collect()),
            )
        }
        (Levels::Counts(known), Level::Rate(_)) => wrong(
            "the levels of this sweep are no rates".to_owned(),
            levels(known.iter().map(u64::to_string).collect()),
        ),
        (Levels::Rates(known), Level::Rate(rate)) => {
            if known.contains(rate) {
                return Ok(());
            }
            wrong(
                format!("this sweep has no level {rate}/s"),
                levels(known.iter().map(|r| format!("{r}/s")).collect()),
            )
        }
        (Levels::Rates(known), Level::Count(n)) => wrong(
            format!("the levels of this sweep are rates, and `{n}` has no unit"),
            levels(known.iter().map(|r| format!("{r}/s")).collect()),
        ),
        (Levels::Unknown, _) => wrong(
            "which rates are measured is not known before".to_owned(),
            "write `at(first)`, `at(last)` or `at(knee)`, or a list of rates in place of `auto`"
                .to_owned(),
        ),
    }
}

/// Whether there is a level of that number to compare with the lowest one.
fn check_scaled(
    name: &str,
    n: f64,
    context: &AssertionContext,
    span: &TextSpan,
) -> Option<AssertionError> {
    let (message, help) = match &context.levels {
        Levels::Counts(known) => {
            let shown: Vec<String> = known.iter().map(u64::to_string).collect();
            if known.iter().any(|&k| k as f64 == n) {
                return None;
            }
            (
                format!("this sweep has no level {n}"),
                format!("its levels are {}", shown.join(", ")),
            )
        }
        Levels::Rates(_) | Levels::Unknown => (
            format!(
                "`{name}(…)` compares numbers of requests in flight or of replicas, and this sweep is of rates"
            ),
            "compare throughputs: `at(last).throughput > 3 * at(first).throughput`".to_owned(),
        ),
        Levels::None => (
            format!("`{name}(…)` compares the levels of a sweep, and this scenario has none"),
            "it comes with kind `scalability`: `sweep: { concurrency: [1, 2, 4, 8] }`".to_owned(),
        ),
    };
    Some(error(span.clone(), message, help))
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
        Availability::NeedsGpus
        | Availability::OfKind(_)
        | Availability::Answer(_)
        | Availability::Here => {}
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
        Function::Efficiency(n) => check_scaled("efficiency", *n, context, span),
        Function::Speedup(n) => check_scaled("speedup", *n, context, span),
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
