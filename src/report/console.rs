//! What a person reads in a terminal: why a case failed, a table per case, a line per run.

use super::facts::{Facts, requests, tail_cells};
use super::headline::Headline;
use super::lengths;
use super::noise;
use super::order::{in_table_order, rank};
use super::rerun::rerun_command;
use super::snippet::snippet;
use super::table::{Table, cut};
use crate::judge::Verdict;
use crate::result::{AssertionResult, CaseResult, MetricSummary, PhaseResult, RunResult};
use crate::text::{count, number, printable};

pub use super::case_table::{case_table, case_tables};
pub use super::finished::finished_line;

/// How text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// ANSI colours.
    pub color: bool,
    /// Characters a line.
    pub width: usize,
    /// Whether prose is broken at `width`, too, and not only tables are fitted to it.
    pub wrap: bool,
}

impl Style {
    /// No colours, 100 characters: for files and pipes.
    pub const PLAIN: Style = Style {
        color: false,
        width: 100,
        wrap: false,
    };

    fn paint(self, code: &str, text: &str) -> String {
        if self.color {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    pub(super) fn verdict(self, verdict: Verdict, text: &str) -> String {
        let code = match verdict {
            Verdict::Pass => "32",
            Verdict::Fail | Verdict::Error => "1;31",
            Verdict::Undecided => "33",
            Verdict::Invalid => "35",
            Verdict::Skipped => "2",
        };
        self.paint(code, text)
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }
}

/// What a failure's text points to besides the case itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pointers<'a> {
    /// The run's command line, secrets as `${NAME}`.
    pub command: &'a [String],
    /// Path of the HTML report.
    pub report: Option<&'a str>,
}

/// Why a case did not pass: every assertion that does not hold with observed, limit, margin,
/// interval, sample and its line in the suite; what else a person needs to know; the command that
/// runs just this case again; the report. Ends with a line break.
pub fn failure(case: &CaseResult, pointers: Pointers<'_>, style: Style) -> String {
    let mut out = Lines::new();
    let reason = case.reason.as_deref().map(one_line);
    let head = format!("{}: {}", one_line(&case.full_name()), case.verdict.name());
    match reason {
        Some(reason) => out.push(format!("{}: {reason}", style.verdict(case.verdict, &head))),
        None => out.push(style.verdict(case.verdict, &head)),
    }

    let mut open: Vec<_> = case.assertions.iter().filter(|a| has_block(a)).collect();
    open.sort_by_key(|a| rank(a.verdict));
    if open.is_empty() {
        out.push("");
        for line in snippet(&case.source) {
            out.push(line);
        }
    }
    for a in &open {
        out.push("");
        assertion(&mut out, a, style);
    }
    rest(&mut out, case, style);
    context(&mut out, case, style);
    evidence(&mut out, case, style);
    out.push("");
    out.push(format!(
        "run it again  {}",
        style.bold(&printable(&rerun_command(pointers.command, case)))
    ));
    let candidate = case.baseline.as_ref().and_then(|b| b.candidate.as_ref());
    if let Some(candidate) = candidate {
        out.push(format!(
            "accept it     {}",
            style.bold(&printable(&candidate.accept))
        ));
    }
    if let Some(report) = pointers.report {
        out.push(format!("report        {report}#{}", case.slug));
    }
    out.text
}

/// Whether a person needs to see more of an assertion than that it held. The implicit error bound is
/// borderline in every short run without errors, which is no news.
fn has_block(a: &AssertionResult) -> bool {
    let open = matches!(a.verdict, Verdict::Fail | Verdict::Undecided);
    open || (a.borderline && !(a.implicit && a.verdict == Verdict::Pass))
}

/// The assertions that have no block of their own.
fn rest(out: &mut Lines, case: &CaseResult, style: Style) {
    let plain = |a: &&AssertionResult| !has_block(a);
    let held = case
        .assertions
        .iter()
        .filter(plain)
        .filter(|a| a.verdict == Verdict::Pass)
        .count();
    let unjudged: Vec<_> = case
        .assertions
        .iter()
        .filter(plain)
        .filter(|a| {
            matches!(
                a.verdict,
                Verdict::Invalid | Verdict::Error | Verdict::Skipped
            )
        })
        .collect();
    if !unjudged.is_empty() {
        out.push("");
        out.push("not judged");
    }
    for a in unjudged {
        let facts = Facts::of(a);
        out.push(style.dim(&format!(
            "  {}: observed {}",
            one_line(&a.text),
            facts.observed
        )));
    }
    if held > 0 {
        let word = if held == 1 {
            "assertion holds"
        } else {
            "assertions hold"
        };
        out.push("");
        out.push(style.dim(&format!("{held} other {word}")));
    }
}

fn assertion(out: &mut Lines, a: &AssertionResult, style: Style) {
    let facts = Facts::of(a);
    out.push(format!(
        "{} {}",
        style.verdict(a.verdict, &format!("{}:", facts.verdict)),
        style.bold(&one_line(&a.text))
    ));
    let gutter = a.source.line.to_string().len();
    if a.implicit {
        out.push(format!(
            "{} = added by prony: `allow_errors`",
            " ".repeat(gutter)
        ));
    } else {
        for line in snippet(&a.source) {
            out.push(line);
        }
        out.push(format!("{} |", " ".repeat(gutter)));
    }
    for (name, value) in [
        ("observed", &facts.observed),
        ("limit", &facts.limit),
        ("margin", &facts.margin),
        ("interval", &facts.interval),
        ("sample", &facts.sample),
    ] {
        let value = if name == "observed" {
            style.bold(value)
        } else {
            value.clone()
        };
        out.push(format!("{} = {name:<9} {value}", " ".repeat(gutter)));
    }
    if let Some(reason) = &a.reason {
        out.push(format!("{} = {}", " ".repeat(gutter), one_line(reason)));
    }
}

/// That more was measured than planned, and what several runs show of how much they vary.
fn evidence(out: &mut Lines, case: &CaseResult, style: Style) {
    if let Some(extended) = &case.extended {
        out.push("");
        out.push(one_line(&extended.text));
    }
    let several = case.phases.len() > 1;
    for phase in &case.phases {
        let lines = noise::lines(phase, style.width.saturating_sub(2));
        if lines.is_empty() {
            continue;
        }
        out.push("");
        if several {
            out.push(style.dim(&one_line(&phase.name)));
        }
        for line in lines {
            out.push(style.dim(&format!("  {line}")));
        }
    }
    let told = noise::told(case);
    if !told.is_empty() {
        out.push("");
        out.push(style.dim("what this measurement tells apart"));
    }
    for line in told {
        out.push(style.dim(&format!("  {line}")));
    }
}

/// Errors, warnings and notes.
fn context(out: &mut Lines, case: &CaseResult, style: Style) {
    let several = case.phases.len() > 1;
    for phase in &case.phases {
        let of = if several {
            format!(" in {}", one_line(&phase.name))
        } else {
            String::new()
        };
        if !phase.errors.is_empty() {
            out.push("");
            out.push(format!(
                "failed requests{of}: {} of {}",
                count(phase.requests.failed),
                count(phase.requests.due)
            ));
            for e in phase.errors.iter().take(5) {
                let text = format!(
                    "  {} × {}: {}",
                    count(e.count),
                    one_line(&e.kind),
                    one_line(&e.example)
                );
                out.push(cut(&text, style.width.max(40) * 2));
            }
        }
        for w in &phase.warnings {
            out.push("");
            out.push(format!(
                "{}{of}: {}",
                style.paint("33", "warning"),
                one_line(&w.text)
            ));
            out.push(format!("  {}", one_line(&w.remedy)));
        }
    }
    if !case.notes.is_empty() {
        out.push("");
        for note in &case.notes {
            for (i, line) in printable(note).lines().enumerate() {
                out.push(format!(
                    "{}{line}",
                    if i == 0 { "note: " } else { "      " }
                ));
            }
        }
    }
}

/// The metrics of a phase as a table. Ends with a line break.
pub fn metrics_table(phase: &PhaseResult, style: Style) -> String {
    let mut out = Lines::new();
    out.push(format!(
        "{}: {}; {}",
        style.bold(&one_line(&phase.name)),
        one_line(&phase.load.text),
        requests(phase)
    ));
    for line in lengths::lines(phase) {
        out.push(format!("tokens: {}", one_line(&line)));
    }
    let rows = lengths::rows(phase);
    if !rows.is_empty() {
        let columns = lengths::HEADINGS.map(|heading| (heading, !heading.is_empty()));
        let mut table = Table::new(&columns);
        for row in rows {
            table.row(row.into());
        }
        for row in table.lines(style.width.saturating_sub(2)) {
            out.push(format!("  {}", row.join("  ").trim_end()));
        }
    }
    let mut table = Table::new(&[
        ("metric", false),
        ("mean", true),
        ("p50", true),
        ("p90", true),
        ("p95", true),
        ("p99", true),
        ("max", true),
        ("n", true),
    ]);
    for (name, metric) in in_table_order(&phase.metrics) {
        match metric {
            MetricSummary::Distribution(d) => {
                let mut cells = vec![one_line(name), number(d.mean, d.unit)];
                cells.extend(tail_cells(d));
                table.row(cells);
            }
            MetricSummary::Value(v) => {
                table.row(vec![one_line(name), number(Some(v.value), v.unit)]);
            }
        }
    }
    for row in table.lines(style.width.saturating_sub(2)) {
        out.push(format!("  {}", row.join("  ").trim_end()));
    }
    for line in noise::lines(phase, style.width.saturating_sub(2)) {
        out.push(format!("  {line}"));
    }
    out.text
}

/// The run in one line, such as `2 of 14 failed, 12 passed: chat::steady, rag::warm`.
pub fn summary_line(result: &RunResult, style: Style) -> String {
    let headline = Headline::new(result);
    style.verdict(headline.verdict, &one_line(&headline.with_names(5)))
}

/// Why a case is not a plain `ok` although it does not fail, for libtest's `ignored (…)`:
/// `undecided: …`, `skipped: …`, `known issue: …`. `None` for the other verdicts.
pub fn ignored_reason(case: &CaseResult) -> Option<String> {
    if let Some(issue) = case.known_issue.as_ref().filter(|_| case.excused()) {
        return Some(one_line(&issue.to_string()));
    }
    let reason = || match &case.reason {
        Some(reason) => format!(": {}", one_line(reason)),
        None => String::new(),
    };
    matches!(case.verdict, Verdict::Undecided | Verdict::Skipped)
        .then(|| format!("{}{}", case.verdict.name(), reason()))
}

/// Foreign text in one line without controls.
pub(super) fn one_line(text: &str) -> String {
    printable(text)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// Lines of text, each ended by a line break.
pub(super) struct Lines {
    pub(super) text: String,
}

impl Lines {
    pub(super) fn new() -> Self {
        Lines {
            text: String::new(),
        }
    }

    pub(super) fn push(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }
}

/// Which configuration serves the most, where cases looked for that; empty where none did.
pub fn configurations(result: &RunResult, style: Style) -> String {
    let mut out = Lines::new();
    for found in &result.configurations {
        out.push(style.bold(&super::configurations::title(found)));
        let lines = super::configurations::lines(found, style.width.saturating_sub(2));
        for (i, line) in lines.iter().enumerate() {
            let line = if i == 0 {
                style.dim(line)
            } else {
                line.clone()
            };
            out.push(format!("  {line}"));
        }
    }
    out.text
}

/// What a person can do about baselines that the run proposes; empty where it proposes none.
pub fn proposals<'a>(cases: impl IntoIterator<Item = &'a CaseResult>) -> String {
    let mut out = Lines::new();
    let proposed = cases.into_iter().filter_map(|case| {
        let candidate = case.baseline.as_ref()?.candidate.as_ref()?;
        Some((case.full_name(), candidate))
    });
    for (name, candidate) in proposed {
        out.push(format!(
            "baseline proposed ({}): {}; accept it: {}",
            one_line(&candidate.why),
            one_line(&name),
            printable(&candidate.accept)
        ));
    }
    out.text
}
