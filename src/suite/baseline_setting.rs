//! `baseline:`: how much worse than the accepted results a metric may be.

use super::assertion::{
    self, AssertionContext, AssertionError, Expr, Operand, Statistic, TextSpan,
};
use super::diagnostic::Diagnostic;
use super::later::Place;
use super::reader::{Fields, Placed, Problems};
use super::source::{Location, Span};
use super::yaml::{Entry, Node};
use crate::metrics::{Availability, Direction, MetricDef, Unit};

/// Fewest runs from which a change against a baseline is judged.
pub(super) const FEWEST_REPEATS: u32 = 3;

const EXAMPLE: &str = "baseline: { ttft.p50: 10%, ttft.p99: 15% }";

/// One line of `baseline:`.
#[derive(Clone, Debug, PartialEq)]
pub struct BaselineRule {
    /// The metric as written: `ttft.p99`.
    pub text: String,
    /// The metric, or the function of a phase.
    pub value: Expr,
    /// How much worse it may be.
    pub tolerance: Tolerance,
    /// Where it stands, its tolerance included.
    pub location: Location,
}

/// How much worse than the baseline something may be. Given both, it has to be worse by both before it
/// is too much.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tolerance {
    /// As a share of the baseline.
    pub worse: Option<f64>,
    /// In the metric's own unit; shares as shares (`+1pt` is 0.01).
    pub and_at_least: Option<f64>,
}

/// The rules of `node`, or `false`, which takes back what a layer below says; and whether something in
/// it cannot be read.
pub(super) fn read(
    node: &Node,
    problems: &mut Problems,
) -> (Option<Placed<Vec<BaselineRule>>>, bool) {
    let is_false = node
        .scalar()
        .is_some_and(|s| s.plain && matches!(s.text.as_str(), "false" | "False" | "FALSE"));
    if is_false {
        return (Some(problems.placed(Vec::new(), node.span)), false);
    }
    let Some(entries) = node.entries() else {
        if !node.is_broken() {
            let what = node.describe();
            problems.add(
                node.span,
                format!("expected metrics with tolerances, found {what}"),
                format!("write it like `{EXAMPLE}`"),
            );
        }
        return (None, true);
    };
    if entries.is_empty() {
        problems.add(
            node.span,
            "`baseline` names no metric",
            format!("write it like `{EXAMPLE}`, or leave it out"),
        );
        return (None, true);
    }
    let mut rules = Vec::new();
    for entry in entries {
        rules.extend(rule(entry, problems));
    }
    let broken = rules.len() < entries.len();
    (Some(problems.placed(rules, node.span)), broken)
}

fn rule(entry: &Entry, problems: &mut Problems) -> Option<BaselineRule> {
    let value = match assertion::parse_value(&entry.key) {
        Ok(value) => value,
        Err(error) => {
            let diagnostic = place(&error, &entry.key, entry.key_span, problems);
            problems.push(diagnostic);
            return None;
        }
    };
    if value.operands().iter().any(Operand::is_baseline) {
        problems.add(
            entry.key_span,
            "`baseline.` stands for itself here",
            format!(
                "write `{}`",
                entry.key.trim().trim_start_matches("baseline.")
            ),
        );
        return None;
    }
    let metric = Measured::of(&value)?;
    let tolerance = tolerance(&entry.value, &metric, &entry.key, problems)?;
    Some(BaselineRule {
        text: entry.key.clone(),
        value,
        tolerance,
        location: problems.location(Span {
            start: entry.key_span.start,
            end: entry.value.span.end.max(entry.key_span.end),
        }),
    })
}

/// Where an error in the text of a key stands.
fn place(error: &AssertionError, key: &str, at: Span, problems: &Problems) -> Diagnostic {
    let inside = |quote: usize| Span {
        start: at.start + quote,
        end: at.end.saturating_sub(quote),
    };
    let content = [0, 1]
        .map(inside)
        .into_iter()
        .find(|s| problems.text(*s) == key);
    let span = content.map_or(at, |content| Span {
        start: (content.start + error.span.start).min(content.end),
        end: (content.start + error.span.end).min(content.end),
    });
    let mut diagnostic = Diagnostic::new(&error.message).at(problems.location(span));
    diagnostic.help.clone_from(&error.help);
    diagnostic
}

/// What a rule is about.
struct Measured {
    name: String,
    unit: Unit,
    direction: Direction,
    /// A percentage of it means nothing.
    can_be_zero: bool,
}

impl Measured {
    fn of(value: &Expr) -> Option<Self> {
        Some(match value.operands().first()? {
            Operand::Metric(m) => Measured {
                name: m.metric.name.to_owned(),
                unit: m.metric.unit,
                direction: m.metric.direction,
                can_be_zero: can_be_zero(m.metric, m.statistic),
            },
            Operand::Call { function, .. } => Measured {
                name: function.to_string(),
                unit: function.unit(),
                direction: Direction::HigherIsBetter,
                can_be_zero: function.unit() == Unit::Ratio,
            },
        })
    }
}

/// Whether the statistic can be 0 on a healthy system. Chunks that arrive together have no gap, so that
/// half of the gaps may be 0; their mean and their tail are not.
fn can_be_zero(metric: &MetricDef, statistic: Option<Statistic>) -> bool {
    if matches!(metric.availability, Availability::Answer(_)) {
        // A load that is looked for is 0 only where the target does not serve at all.
        return !matches!(metric.unit, Unit::PerSecond | Unit::Count);
    }
    let tail = match statistic {
        Some(Statistic::Mean | Statistic::Max) => true,
        Some(Statistic::Quantile(q)) => q >= 0.9,
        _ => false,
    };
    metric.can_be_zero && !(metric.name == "itl" && tail)
}

fn tolerance(
    node: &Node,
    metric: &Measured,
    key: &str,
    problems: &mut Problems,
) -> Option<Tolerance> {
    if node.is_broken() {
        return None;
    }
    if metric.direction == Direction::Neutral {
        problems.add(
            node.span,
            format!(
                "`{}` has no better and no worse: it describes the load",
                metric.name
            ),
            "leave it out; a load that differs makes results not comparable by itself",
        );
        return None;
    }
    let tolerance = if node.entries().is_some() {
        let mut fields = Fields::of(node, "{ worse: 5%, and_at_least: 5ms }", problems)?;
        let [worse, floor] = [fields.take("worse"), fields.take("and_at_least")];
        let meant = fields.finish(Place::Other, problems);
        if worse.is_none() && floor.is_none() {
            if meant.is_empty() {
                problems.add(
                    node.span,
                    format!("`{key}` has no tolerance"),
                    "write `{ worse: 5%, and_at_least: 5ms }`, or `5%` alone",
                );
            }
            return None;
        }
        let worse = worse.map(|n| share(n, problems));
        let floor = floor.map(|n| absolute(n, metric, problems));
        Tolerance {
            worse: opposite(worse)?,
            and_at_least: opposite(floor)?,
        }
    } else {
        let text = problems.text_of(node)?;
        if text
            .value
            .trim_start_matches(['+', ' '])
            .trim_end()
            .ends_with('%')
        {
            Tolerance {
                worse: Some(share(node, problems)?),
                and_at_least: None,
            }
        } else {
            Tolerance {
                worse: None,
                and_at_least: Some(absolute(node, metric, problems)?),
            }
        }
    };
    if tolerance.worse.is_some() && metric.can_be_zero {
        problems.add(
            node.span,
            format!(
                "a percentage of `{}` means nothing: it can be 0",
                metric.name
            ),
            format!(
                "say how much more is too much: `{key}: {}`",
                in_unit(metric.unit)
            ),
        );
        return None;
    }
    Some(tolerance)
}

/// `None` where there was something to read and it could not be read.
#[expect(
    clippy::option_option,
    reason = "absent, and present but wrong, are two things"
)]
fn opposite<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    match read {
        None => Some(None),
        Some(None) => None,
        Some(value) => Some(value),
    }
}

/// A tolerance in that unit, for a hint.
fn in_unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Milliseconds => "5ms",
        Unit::Ratio => "+1pt",
        Unit::PerSecond => "0.5/s",
        Unit::TokensPerSecond => "20tok/s",
        Unit::Tokens | Unit::Count => "2",
    }
}

fn share(node: &Node, problems: &mut Problems) -> Option<f64> {
    let text = problems.text_of(node)?;
    let number = text.value.trim().trim_start_matches('+').strip_suffix('%');
    match number.and_then(|n| n.trim().parse::<f64>().ok()) {
        Some(percent) if percent.is_finite() && percent >= 0.0 => Some(percent / 100.0),
        _ => {
            problems.add(
                node.span,
                format!("`{}` does not say how much worse", text.value),
                "write a percentage of the baseline: `10%`",
            );
            None
        }
    }
}

fn absolute(node: &Node, metric: &Measured, problems: &mut Problems) -> Option<f64> {
    let text = problems.text_of(node)?;
    let bare = text.value.trim().trim_start_matches('+').trim_start();
    let points = bare
        .strip_suffix("pt")
        .map(|n| n.trim().parse::<f64>().ok());
    let value = match (points, metric.unit) {
        (Some(points), Unit::Ratio) => points.map(|p| p / 100.0),
        (Some(_), _) => None,
        (None, unit) => assertion::parse_quantity(bare)
            .filter(|q| {
                q.unit == Some(unit)
                    || (q.unit.is_none() && matches!(unit, Unit::Tokens | Unit::Count))
            })
            .map(|q| q.value),
    };
    match value {
        // `5%` of a share could mean two things.
        Some(value) if value.is_finite() && value >= 0.0 && !bare.ends_with('%') => Some(value),
        _ => {
            let help = match metric.unit {
                Unit::Ratio => "write points of percentage: `+1pt`".to_owned(),
                unit if metric.can_be_zero => format!("write it like `{}`", in_unit(unit)),
                unit => format!(
                    "write a percentage of the baseline, such as `10%`, or a value like `{}`",
                    in_unit(unit)
                ),
            };
            let message = format!("`{}` is no tolerance for `{}`", text.value, metric.name);
            problems.add(node.span, message, help);
            None
        }
    }
}

/// Adds a problem for every rule that the scenario cannot answer.
pub(super) fn check(rule: &BaselineRule, context: &AssertionContext, problems: &mut Problems) {
    for error in assertion::check_value(&rule.value, &rule.text, context) {
        let mut diagnostic = Diagnostic::new(error.message).at(rule.place(&error.span));
        diagnostic.help = error.help;
        problems.push(diagnostic);
    }
}

impl BaselineRule {
    /// Where `span` of the metric's text stands; the whole rule, where it is in quotes.
    fn place(&self, span: &TextSpan) -> Location {
        let at = self.location.span;
        let key = at.start..at.start + self.text.len();
        let span = if self.location.file.text.get(key) == Some(self.text.as_str()) {
            Span {
                start: at.start + span.start,
                end: at.start + span.end.min(self.text.len()),
            }
        } else {
            at
        };
        Location {
            file: self.location.file.clone(),
            span,
        }
    }

    /// The tolerance as it is written: `15%`, `+1pt`, `{ worse: 5%, and_at_least: 5ms }`.
    pub fn shown_tolerance(&self) -> String {
        let unit = Measured::of(&self.value).map_or(Unit::Count, |m| m.unit);
        let worse = self.tolerance.worse.map(percent);
        let floor = self.tolerance.and_at_least.map(|x| match unit {
            Unit::Ratio => format!("+{}pt", assertion::shift_decimal(x, 2)),
            unit => assertion::Quantity {
                value: x,
                unit: Some(unit),
            }
            .to_string(),
        });
        match (worse, floor) {
            (Some(worse), Some(floor)) => format!("{worse} and {floor}"),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => "0%".to_owned(),
        }
    }
}

/// A share as a percentage, without the digits that binary numbers add.
fn percent(share: f64) -> String {
    format!("{}%", (share * 1e8).round() / 1e6)
}

/// The rule as `suite.yaml` has it.
pub(super) fn written(rule: &BaselineRule) -> serde_json::Value {
    let unit = Measured::of(&rule.value).map_or(Unit::Count, |m| m.unit);
    let worse = rule.tolerance.worse.map(percent);
    let floor = rule.tolerance.and_at_least.map(|x| match unit {
        Unit::Ratio => format!("+{}pt", (x * 1e8).round() / 1e6),
        unit => assertion::Quantity {
            value: x,
            unit: Some(unit),
        }
        .to_string(),
    });
    match (worse, floor) {
        (Some(worse), Some(floor)) => serde_json::json!({ "worse": worse, "and_at_least": floor }),
        (Some(one), None) | (None, Some(one)) => one.into(),
        (None, None) => "0%".into(),
    }
}
