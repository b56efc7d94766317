//! References: `[phase.]metric[{label=value}][.statistic]` and functions.

use winnow::Parser;
use winnow::combinator::{opt, peek};
use winnow::token::{any, rest, take_while};

use super::ast::{
    Bound, BoundMetric, ExprKind, Function, Level, LevelName, MetricRef, PhaseRef, Statistic,
    TextSpan,
};
use super::lexical::{Input, Parsed, digits, eat, fail, here, name, next_word, quantity, white};
use super::parse::comparison_operator;
use crate::metrics::{METRICS, MetricDef, Shape, Unit, metric};
use crate::suite::names::nearest;

/// Names of functions, with how each is written.
pub(super) const FUNCTIONS: [(&str, &str); 5] = [
    ("goodput", "goodput(ttft < 500ms, tpot < 40ms)"),
    ("goodput_rate", "goodput_rate(ttft < 500ms)"),
    ("efficiency", "efficiency(8)"),
    ("speedup", "speedup(8)"),
    ("check", "check(name)"),
];

/// Phases of any kind of scenario, so that `warm.x` is read as a phase even where `x` is wrong.
pub(super) const PHASES: [&str; 5] = ["main", "cold", "warm", "aggregated", "disaggregated"];

/// Statistics, those with a name first; the others stand for all `pN`.
const STATISTICS: [&str; 9] = [
    "mean", "stddev", "min", "max", "median", "p50", "p90", "p95", "p99",
];

/// Whether assertions know a function called `name`.
pub(crate) fn is_function(name: &str) -> bool {
    FUNCTIONS.iter().any(|(f, _)| *f == name)
}

pub(super) fn reference(input: &mut Input<'_>) -> Parsed<ExprKind> {
    let mut phase: Option<PhaseRef> = None;
    loop {
        let start = here(input);
        let before = *input;
        let Ok(word) = name(input) else {
            let (word, span) = next_word(input)?;
            let message = if word.is_empty() {
                "a metric is missing after the dot".to_owned()
            } else {
                format!("`{word}` stands where a metric is expected")
            };
            return fail(span, message, "go on with a metric, as in `main.ttft.p99`");
        };
        let span = start..here(input);
        let next = follows(input)?;
        if word == "at" && next == Some('(') {
            let level = level(input, &span)?;
            prefix(&mut phase, PhaseRef::At(level), span)?;
        } else if word == "baseline" && next == Some('.') && phase.is_none() {
            phase = Some(PhaseRef::Baseline(None));
        } else if is_function(word) || next == Some('(') {
            return call(input, phase, word, span);
        } else if is_phase(input, word)? {
            prefix(&mut phase, PhaseRef::Named(word.to_owned()), span)?;
        } else {
            *input = before;
            return metric_ref(input, phase).map(ExprKind::Metric);
        }
        if !eat(input, ".")? {
            let at = here(input);
            return fail(
                at..at,
                "a phase by itself is not a value",
                "go on with a metric, as in `at(8).ttft.p99`",
            );
        }
    }
}

/// Puts `new` after what was read of the phase so far; only `baseline.` takes another one.
fn prefix(phase: &mut Option<PhaseRef>, new: PhaseRef, span: TextSpan) -> Parsed<()> {
    match phase {
        None => *phase = Some(new),
        Some(PhaseRef::Baseline(inner @ None)) => *inner = Some(Box::new(new)),
        Some(_) => {
            return fail(
                span,
                "a second phase stands here",
                "a metric belongs to one phase: `phase.metric.statistic`",
            );
        }
    }
    Ok(())
}

fn follows(input: &mut Input<'_>) -> Parsed<Option<char>> {
    opt(peek(any)).parse_next(input)
}

/// Whether `word`, just read, is the name of a phase rather than of a metric.
fn is_phase(input: &mut Input<'_>, word: &str) -> Parsed<bool> {
    let tail: &str = peek(rest).parse_next(input)?;
    let Some(tail) = tail.strip_prefix('.') else {
        return Ok(false);
    };
    if metric(word).is_some() {
        return Ok(false);
    }
    if PHASES.contains(&word) {
        return Ok(true);
    }
    let end = tail
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(tail.len());
    let second = &tail[..end];
    // `x.y.z`: whatever `x` is, only a phase can stand there.
    let third = tail[end..]
        .strip_prefix('.')
        .is_some_and(|t| t.starts_with(|c: char| c.is_ascii_alphabetic()));
    Ok(metric(second).is_some() || is_function(second) || third)
}

fn level(input: &mut Input<'_>, at: &TextSpan) -> Parsed<Level> {
    let help = "write `at(8)`, `at(5/s)`, `at(first)`, `at(last)` or `at(knee)`";
    eat(input, "(")?;
    white(input)?;
    let start = here(input);
    let level = if follows(input)?.is_some_and(|c| c.is_ascii_digit()) {
        let number = quantity(input)?;
        let span = start..here(input);
        match number.unit {
            Some(Unit::PerSecond) => Level::Rate(number.value),
            None => match count(number.value) {
                Some(n) => Level::Count(n),
                None => return fail(span, "a level is a whole number or a rate", help),
            },
            Some(_) => return fail(span, "a level is a whole number or a rate", help),
        }
    } else {
        let (word, span) = next_word(input)?;
        let names = [
            ("first", LevelName::First),
            ("last", LevelName::Last),
            ("knee", LevelName::Knee),
        ];
        let Some((text, found)) = names.into_iter().find(|(n, _)| *n == word) else {
            let help = nearest(&word, names.iter().map(|(n, _)| *n))
                .map_or_else(|| help.to_owned(), |n| format!("did you mean `at({n})`?"));
            return fail(span, format!("`{word}` is not a level"), help);
        };
        eat(input, text)?;
        Level::Name(found)
    };
    close(input, at, help)?;
    Ok(level)
}

fn count(value: f64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and in range by the check before"
    )]
    (value.fract() == 0.0 && value < 1e15).then_some(value as u64)
}

fn close(input: &mut Input<'_>, opened: &TextSpan, help: &str) -> Parsed<()> {
    white(input)?;
    if eat(input, ")")? {
        return Ok(());
    }
    if follows(input)?.is_none() {
        return fail(
            opened.end..opened.end + 1,
            "this parenthesis is never closed",
            "add a `)`; in flow style (`[…]`) put the whole assertion in quotes",
        );
    }
    let (word, span) = next_word(input)?;
    fail(span, format!("`{word}` stands where `)` is expected"), help)
}

fn call(
    input: &mut Input<'_>,
    phase: Option<PhaseRef>,
    word: &str,
    span: TextSpan,
) -> Parsed<ExprKind> {
    let Some((_, form)) = FUNCTIONS.iter().find(|(f, _)| *f == word) else {
        if metric(word).is_some() {
            return fail(
                span.end..span.end + 1,
                format!("`{word}` is a metric and takes no parentheses"),
                format!("write `{}`", with_statistic(word)),
            );
        }
        let help = nearest(word, FUNCTIONS.iter().map(|(f, _)| *f)).map_or_else(
            || format!("the functions are {}", list(FUNCTIONS.iter().map(|f| f.0))),
            |f| format!("did you mean `{f}`?"),
        );
        return fail(span, format!("there is no function `{word}`"), help);
    };
    let help = format!("write it like `{form}`");
    if !eat(input, "(")? {
        return fail(span, format!("`{word}` needs parentheses"), help);
    }
    white(input)?;
    let function = match word {
        "goodput" => Function::Goodput(bounds(input, &span, &help)?),
        "goodput_rate" => Function::GoodputRate(bounds(input, &span, &help)?),
        "check" => {
            let start = here(input);
            let named: &str = take_while(0.., |c: char| {
                c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
            })
            .parse_next(input)?;
            if named.is_empty() {
                return fail(start..start, "the name of a check is missing", help);
            }
            Function::Check(named.to_owned())
        }
        _ => {
            let start = here(input);
            let level = if follows(input)?.is_some_and(|c| c.is_ascii_digit()) {
                Some(quantity(input)?)
            } else {
                None
            };
            match level {
                Some(q) if q.unit.is_none() && word == "efficiency" => {
                    Function::Efficiency(q.value)
                }
                Some(q) if q.unit.is_none() => Function::Speedup(q.value),
                _ => {
                    let end = here(input);
                    return fail(start..end, format!("`{word}` takes a plain number"), help);
                }
            }
        }
    };
    close(input, &span, &help)?;
    if follows(input)? == Some('.') {
        let at = here(input);
        return fail(
            at..at + 1,
            format!("`{word}(…)` is one value and has no statistic"),
            "leave the statistic out",
        );
    }
    Ok(ExprKind::Call { phase, function })
}

fn bounds(input: &mut Input<'_>, opened: &TextSpan, help: &str) -> Parsed<Vec<Bound>> {
    let mut bounds = Vec::new();
    loop {
        white(input)?;
        let start = here(input);
        match follows(input)? {
            Some(c) if c.is_ascii_alphabetic() || c == '_' => bounds.push(bound(input)?),
            // `close` names what is wrong when the text has ended.
            None => return close(input, opened, help).map(|()| bounds),
            Some(')') if bounds.is_empty() => {
                return fail(start..start + 1, "at least one bound is needed", help);
            }
            Some(_) => {
                let (word, span) = next_word(input)?;
                return fail(
                    span,
                    format!("`{word}` stands where a bound is expected"),
                    help,
                );
            }
        }
        white(input)?;
        if !eat(input, ",")? {
            return Ok(bounds);
        }
    }
}

fn bound(input: &mut Input<'_>) -> Parsed<Bound> {
    let start = here(input);
    let word = name(input)?;
    let span = start..here(input);
    let allowed = || METRICS.iter().filter(|m| m.in_goodput).map(|m| m.name);
    let Some(metric) = metric(word) else {
        let help = nearest(word, allowed()).map_or_else(
            || format!("bounds are over {}", list(allowed())),
            |m| format!("did you mean `{m}`?"),
        );
        return fail(span, format!("there is no metric `{word}`"), help);
    };
    if !metric.in_goodput {
        return fail(
            span,
            format!("`{word}` cannot be bounded here: a request has no value of it"),
            format!("bounds are over {}", list(allowed())),
        );
    }
    let dot = here(input);
    let given = if eat(input, ".")? {
        Some(statistic(input, metric)?)
    } else {
        None
    };
    let whole = start..here(input);
    let statistic = match (metric.shape, given) {
        (Shape::PerChunk, Some(s @ (Statistic::Mean | Statistic::Max))) => Some(s),
        (Shape::PerChunk, _) => {
            return fail(
                whole,
                format!("a request has many values of `{word}`"),
                format!("write `{word}.mean` or `{word}.max` here"),
            );
        }
        (_, None) => None,
        (_, Some(_)) => {
            return fail(
                dot..whole.end,
                format!("a request has one `{word}`, so there is no statistic of it here"),
                format!("write `{word}`"),
            );
        }
    };
    white(input)?;
    let Some(op) = comparison_operator(input)? else {
        let at = here(input);
        return fail(
            at..at,
            "a bound needs a comparison",
            format!("write `{word} < 500ms`"),
        );
    };
    white(input)?;
    let start = here(input);
    if !follows(input)?.is_some_and(|c| c.is_ascii_digit()) {
        let (_, span) = next_word(input)?;
        return fail(
            span,
            "the limit of a bound is a number",
            format!("write `{word} < 500ms`"),
        );
    }
    let limit = quantity(input)?;
    if limit.unit != Some(metric.unit) {
        let span = start..here(input);
        let (message, help) = match limit.unit {
            None => (
                "this limit has no unit".to_owned(),
                format!("write `{}ms` or `{}s`", limit.value, limit.value),
            ),
            Some(_) => (
                format!("this limit is no time, and `{word}` is one"),
                "the units of time are ms, s and us".to_owned(),
            ),
        };
        return fail(span, message, help);
    }
    Ok(Bound {
        metric: BoundMetric { metric, statistic },
        op,
        limit: limit.value,
    })
}

fn metric_ref(input: &mut Input<'_>, phase: Option<PhaseRef>) -> Parsed<MetricRef> {
    let start = here(input);
    let word = name(input)?;
    let span = start..here(input);
    let Some(metric) = metric(word) else {
        let names = METRICS.iter().map(|m| m.name);
        let help = nearest(word, names.chain(FUNCTIONS.iter().map(|f| f.0))).map_or_else(
            || "`docs/metrics.md` lists the metrics, such as `ttft`, `itl`, `tpot`, `e2e_latency`, `throughput`, `error_rate`".to_owned(),
            |m| format!("did you mean `{m}`?"),
        );
        return fail(span, format!("there is no metric `{word}`"), help);
    };
    let labels = if eat(input, "{")? {
        labels(input, &span)?
    } else {
        Vec::new()
    };
    let dot = here(input);
    let given = if eat(input, ".")? {
        Some(statistic(input, metric)?)
    } else {
        None
    };
    match (metric.shape, given) {
        (Shape::Phase, Some(_)) => fail(
            dot..here(input),
            format!("`{word}` is one value and has no statistic"),
            format!("write `{word}`"),
        ),
        (Shape::Gauge, None) => fail(
            span,
            format!("`{word}` needs a statistic"),
            format!("such as `{word}.max` or `{word}.mean`"),
        ),
        (Shape::PerRequest | Shape::PerChunk | Shape::Histogram, None) => fail(
            span,
            format!("`{word}` needs a statistic"),
            format!("such as `{word}.p99` or `{word}.mean`"),
        ),
        (Shape::Histogram, Some(Statistic::Min | Statistic::Max | Statistic::Stddev)) => fail(
            dot..here(input),
            format!(
                "the server keeps a histogram of `{word}`, which has a mean and quantiles only"
            ),
            format!("write `{word}.mean` or `{word}.p99`"),
        ),
        (_, statistic) => Ok(MetricRef {
            phase,
            metric,
            labels,
            statistic,
        }),
    }
}

fn labels(input: &mut Input<'_>, metric: &TextSpan) -> Parsed<Vec<(String, String)>> {
    let help = "labels are written `{name=value}`, several with commas between them";
    let mut labels: Vec<(String, String)> = Vec::new();
    loop {
        white(input)?;
        let start = here(input);
        let Ok(label) = name(input) else {
            if follows(input)?.is_none() {
                return fail(
                    metric.end..metric.end + 1,
                    "this brace is never closed",
                    help,
                );
            }
            let (word, span) = next_word(input)?;
            return fail(
                span,
                format!("`{word}` stands where a label is expected"),
                help,
            );
        };
        if labels.iter().any(|(l, _)| l == label) {
            let span = start..here(input);
            return fail(
                span,
                format!("the label `{label}` stands here a second time"),
                help,
            );
        }
        white(input)?;
        if !eat(input, "=")? {
            let at = here(input);
            return fail(at..at, format!("the label `{label}` has no value"), help);
        }
        white(input)?;
        let value: &str = take_while(0.., |c: char| {
            !c.is_whitespace() && !matches!(c, ',' | '{' | '}' | '=')
        })
        .parse_next(input)?;
        if value.is_empty() {
            let at = here(input);
            return fail(at..at, format!("the label `{label}` has no value"), help);
        }
        labels.push((label.to_owned(), value.to_owned()));
        white(input)?;
        if eat(input, "}")? {
            return Ok(labels);
        }
        if !eat(input, ",")? {
            let at = here(input);
            return fail(at..at, "`,` or `}` is expected here", help);
        }
    }
}

/// The statistic after the dot.
fn statistic(input: &mut Input<'_>, metric: &MetricDef) -> Parsed<Statistic> {
    let start = here(input);
    if eat(input, "p")? && follows(input)?.is_some_and(|c| c.is_ascii_digit()) {
        let number = digits(input)?;
        let (trailing, _) = next_word(input)?;
        let span = start..here(input);
        let word_goes_on = trailing.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        let share: f64 = format!("{number}e-2").parse().unwrap_or(f64::NAN);
        if !word_goes_on && share > 0.0 && share < 1.0 {
            return Ok(Statistic::Quantile(share));
        }
        let help = match number {
            "100" => "the greatest value is `max`".to_owned(),
            "0" => "the least value is `min`".to_owned(),
            // `p999` is what some tools call the 99.9th percentile.
            n if n.len() > 2 && n.starts_with("99") && !n.contains('.') => {
                format!("write `p{}.{}`", &n[..2], &n[2..])
            }
            _ => "write `p99` or `p99.9`".to_owned(),
        };
        return fail(span, "percentiles lie between 0 and 100", help);
    }
    let rest_of_word: &str =
        take_while(0.., |c: char| c.is_alphanumeric() || c == '_').parse_next(input)?;
    let prefix = if here(input) - start > rest_of_word.len() {
        "p"
    } else {
        ""
    };
    let word = format!("{prefix}{rest_of_word}");
    let span = start..here(input);
    Ok(match word.as_str() {
        "mean" => Statistic::Mean,
        "stddev" => Statistic::Stddev,
        "min" => Statistic::Min,
        "max" => Statistic::Max,
        "median" => Statistic::Quantile(0.5),
        _ => {
            let lower = word.to_lowercase();
            let help = match lower.as_str() {
                "avg" | "average" => "write `mean`".to_owned(),
                "std" | "stdev" | "sd" | "sigma" => "write `stddev`".to_owned(),
                "" => format!("write `{}`", with_statistic(metric.name)),
                _ => nearest(&lower, STATISTICS).map_or_else(
                    || {
                        "the statistics are mean, stddev, min, max, median and pN (`p99`, `p99.9`)"
                            .to_owned()
                    },
                    |s| format!("did you mean `{s}`?"),
                ),
            };
            let message = if word.is_empty() {
                "a statistic is missing after the dot".to_owned()
            } else {
                format!("there is no statistic `{word}`")
            };
            return fail(span, message, help);
        }
    })
}

fn with_statistic(name: &str) -> String {
    match metric(name) {
        Some(m) if m.shape != Shape::Phase => format!("{name}.p99"),
        _ => name.to_owned(),
    }
}

fn list(names: impl Iterator<Item = &'static str>) -> String {
    names
        .map(|n| format!("`{n}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
