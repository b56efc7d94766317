use super::configurations;
use super::console::{self, Pointers, Style, one_line};
use super::facts::{quantile, server_line};
use super::headline::Headline;
use super::lengths;
use super::noise;
use super::order::by_attention;
use super::seam::{Report, ReportError, ReportInput};
use super::table::cut;
use crate::judge::Verdict;
use crate::result::{CaseResult, MetricSummary, PhaseResult, RunResult};
use crate::text::{MISSING, minutes, number, printable};

/// GitHub refuses comments over 65,536 characters; bytes are as many or more.
pub(super) const LIMIT: usize = 65_536;
/// Rows of the table of cases and cases shown in detail, at most: the first of these that fits [`LIMIT`].
const SIZES: [(usize, usize); 8] = [
    (100, 10),
    (100, 5),
    (100, 2),
    (100, 0),
    (50, 0),
    (25, 0),
    (10, 0),
    (3, 0),
];
/// Characters of a name, a label or a reason at most, where it is one of many.
const PART: usize = 400;
/// Labels at most.
const LABELS: usize = 20;
/// Width of tables in plain text.
const WIDTH: usize = 100;
/// Characters of one case's detail at most.
const DETAIL_LENGTH: usize = 3000;

/// A short account for a pull request's comment or a CI job's summary.
#[derive(Clone, Copy, Debug)]
pub struct Markdown;

impl Report for Markdown {
    fn name(&self) -> &'static str {
        "markdown"
    }

    fn file_name(&self) -> &'static str {
        "report.md"
    }

    fn render(&self, input: &ReportInput<'_>) -> Result<Vec<u8>, ReportError> {
        Ok(render(input.result).into_bytes())
    }
}

/// As much as fits a comment; what is left out is counted.
fn render(result: &RunResult) -> String {
    let mut text = String::new();
    for (rows, details) in SIZES {
        text = sized(result, rows, details);
        if text.len() <= LIMIT {
            break;
        }
    }
    text
}

fn sized(result: &RunResult, rows: usize, details: usize) -> String {
    let headline = Headline::new(result);
    let mut out = format!("### {} {}\n", sign(headline.verdict), headline.text);
    let cases = by_attention(&result.cases);
    if !cases.is_empty() {
        out.push_str("\n| | case | ttft p50 | ttft p99 | tpot p50 | tokens | errors | |\n");
        out.push_str("|---|---|---:|---:|---:|---:|---:|---|\n");
    }
    for case in cases.iter().take(rows) {
        out.push_str(&row(case));
    }
    if cases.len() > rows {
        out.push_str(&format!(
            "\n{} more cases are in the full report.\n",
            cases.len() - rows
        ));
    }

    for found in &result.configurations {
        let lines = configurations::lines(found, WIDTH).join("\n") + "\n";
        out.push_str(&format!(
            "\n{}\n\n{}",
            prose(&configurations::title(found)),
            fenced(&lines)
        ));
    }
    out.push_str(&folded(
        &cases,
        details,
        "What the server counted of itself",
        |phase| server_line(phase).into_iter().collect(),
    ));
    out.push_str(&folded(
        &cases,
        details,
        "Lengths, asked for and got",
        lengths_of,
    ));
    let open: Vec<_> = cases
        .iter()
        .filter(|c| !matches!(c.verdict, Verdict::Pass | Verdict::Skipped))
        .collect();
    for case in open.iter().take(details) {
        out.push_str(&detail(case, result));
    }
    if open.len() > details {
        out.push_str(&format!(
            "\n{} more like these are in the full report.\n",
            open.len() - details
        ));
    }

    if details > 0 {
        out.push_str(&varies(&cases));
    }

    let run = &result.run;
    let mut about = vec![
        format!("prony {}", code(&run.version)),
        format!("run {}", code(&run.id)),
    ];
    about.push(format!("started {}", code(&run.started_at)));
    about.extend(run.host.name.as_ref().map(|n| format!("on {}", code(n))));
    let labels = run.labels.iter().take(LABELS);
    about.extend(labels.map(|(k, v)| code(&cut(&format!("{k}={v}"), PART))));
    if run.labels.len() > LABELS {
        about.push(format!("{} more labels", run.labels.len() - LABELS));
    }
    out.push_str(&format!("\n<sub>{}</sub>\n", about.join(" · ")));
    out
}

/// Lines about the phases of cases under a title, folded away.
fn folded(
    cases: &[&CaseResult],
    limit: usize,
    title: &str,
    lines: impl Fn(&PhaseResult) -> Vec<String>,
) -> String {
    let mut list = String::new();
    let mut left_out = 0;
    for (i, case) in cases.iter().enumerate() {
        if i >= limit {
            left_out += usize::from(case.phases.iter().any(|p| !lines(p).is_empty()));
            continue;
        }
        for phase in &case.phases {
            let of = match case.phases.len() {
                1 => String::new(),
                _ => format!(" {}", code(&phase.name)),
            };
            for line in lines(phase) {
                let case = code(&case.full_name());
                list.push_str(&format!("- {case}{of}: {}\n", prose(&line)));
            }
        }
    }
    if left_out > 0 && limit > 0 {
        list.push_str(&format!("- {left_out} more cases are in the full report\n"));
    }
    if list.is_empty() {
        return list;
    }
    format!("\n<details><summary>{title}</summary>\n\n{list}\n</details>\n")
}

/// How long prompts and answers were asked for, and how long they were.
fn lengths_of(phase: &PhaseResult) -> Vec<String> {
    let rows = lengths::rows(phase);
    let quantiles = rows.iter().map(|[name, _, mean, min, p50, p90, p99, max]| {
        format!("{name}: mean {mean} (p50 {p50}, p90 {p90}, p99 {p99}, from {min} to {max})")
    });
    lengths::lines(phase).into_iter().chain(quantiles).collect()
}

fn row(case: &CaseResult) -> String {
    let phase = case.phases.first();
    let quantile_of = |name: &str, q: f64| match phase.and_then(|p| p.metrics.get(name)) {
        Some(MetricSummary::Distribution(d)) => quantile(d, q, if q < 0.9 { d.p50 } else { d.p99 }),
        _ => MISSING.to_owned(),
    };
    let value_of = |name: &str| match phase.and_then(|p| p.metrics.get(name)) {
        Some(MetricSummary::Value(v)) => number(Some(v.value), v.unit),
        _ => MISSING.to_owned(),
    };
    let reason = case.reason.as_deref().map(|r| prose(&cut(r, PART)));
    let mut why = reason.unwrap_or_default();
    if let Some(issue) = case.known_issue.as_ref().filter(|_| case.excused()) {
        why = format!("{} {why}", prose(&cut(&issue.to_string(), PART)));
    }
    format!(
        "| {} {} | {} | {} | {} | {} | {} | {} | {} |\n",
        sign(case.verdict),
        case.verdict.name(),
        code(&cut(&case.full_name(), PART)),
        quantile_of("ttft", 0.5),
        quantile_of("ttft", 0.99),
        quantile_of("tpot", 0.5),
        value_of("tokens_per_second"),
        value_of("error_rate"),
        why
    )
}

fn detail(case: &CaseResult, result: &RunResult) -> String {
    let pointers = Pointers {
        command: &result.run.command,
        report: None,
    };
    let mut text = console::failure(case, pointers, Style::PLAIN);
    if let Some((at, _)) = text.char_indices().nth(DETAIL_LENGTH) {
        text.truncate(at);
        text.push_str("…\n");
    }
    format!(
        "\n<details{}><summary>{}: {}, {}</summary>\n\n{}\n</details>\n",
        if case.verdict == Verdict::Fail && !case.excused() {
            " open"
        } else {
            ""
        },
        html(&cut(&case.full_name(), PART)),
        case.verdict.name(),
        minutes(case.duration_s),
        fenced(&text)
    )
}

/// What the measurements vary by, where cases have several runs, and what was measured on.
fn varies(cases: &[&CaseResult]) -> String {
    let mut lines = String::new();
    for case in cases {
        if let Some(extended) = &case.extended {
            lines.push_str(&format!(
                "{}: {}\n",
                one_line(&case.full_name()),
                one_line(&extended.text)
            ));
        }
        for phase in &case.phases {
            let table = noise::lines(phase, WIDTH);
            if !table.is_empty() {
                let (case, phase) = (one_line(&case.full_name()), one_line(&phase.name));
                lines.push_str(&format!("{case} {phase}\n"));
            }
            lines.extend(table.iter().map(|line| format!("  {line}\n")));
        }
        let told = noise::told(case);
        if !told.is_empty() {
            let case = one_line(&case.full_name());
            lines.push_str(&format!("{case}: what it tells apart\n"));
        }
        lines.extend(told.iter().map(|line| format!("  {line}\n")));
    }
    if lines.is_empty() {
        return lines;
    }
    if let Some((at, _)) = lines.char_indices().nth(DETAIL_LENGTH) {
        lines.truncate(at);
        lines.push_str("…\n");
    }
    format!(
        "\n<details><summary>What the measurements vary by</summary>\n\n{}\n</details>\n",
        fenced(&lines)
    )
}

fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✅",
        Verdict::Fail => "❌",
        Verdict::Undecided => "❔",
        Verdict::Invalid => "⚠️",
        Verdict::Error => "🛑",
        Verdict::Skipped => "⏭️",
    }
}

/// Foreign text as a code span: nothing in it is markup, a link or a mention.
pub(super) fn code(text: &str) -> String {
    let text = one_line(text).replace('|', "\\|");
    let ticks = "`".repeat(longest_run(&text, '`') + 1);
    if text.starts_with('`') || text.ends_with('`') {
        format!("{ticks} {text} {ticks}")
    } else {
        format!("{ticks}{text}{ticks}")
    }
}

/// Foreign text as running text: markup is escaped, mentions are broken.
pub(super) fn prose(text: &str) -> String {
    let mut out = String::new();
    for c in one_line(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("@\u{200b}"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Foreign text inside an HTML element.
fn html(text: &str) -> String {
    printable(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('@', "@\u{200b}")
}

/// Foreign text as a block of plain text.
fn fenced(text: &str) -> String {
    let fence = "`".repeat(longest_run(text, '`').max(2) + 1);
    format!("{fence}text\n{text}{fence}\n")
}

fn longest_run(text: &str, of: char) -> usize {
    text.split(|c| c != of).map(str::len).max().unwrap_or(0)
}
