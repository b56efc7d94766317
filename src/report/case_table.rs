use unicode_width::UnicodeWidthStr;

use super::change::change;
use super::console::{Lines, Style, one_line};
use super::facts::{Facts, requests, server_line};
use super::lengths;
use super::table::{Table, wrapped};
use crate::judge::Verdict;
use crate::result::CaseResult;
use crate::text::{MISSING, minutes};

/// With more cases than this only those that did not pass have a table.
const SHOWN: usize = 20;
/// Least characters of a line that prose is broken into.
const NARROWEST: usize = 20;

/// A compact table of a case's assertions: what was observed, the limit, how far inside it that is, what
/// changed against the baseline where there is one, the verdict. Ends with a line break.
pub fn case_table(case: &CaseResult, style: Style) -> String {
    let mut out = Lines::new();
    heading(&mut out, case, style);
    if let Some(reason) = &case.reason {
        prose(&mut out, reason, style, false);
    }
    if let Some(issue) = &case.known_issue {
        prose(&mut out, &issue.to_string(), style, false);
    }
    for phase in &case.phases {
        let of = match case.phases.len() {
            1 => String::new(),
            _ => format!("{}: ", phase.name),
        };
        let lines = [server_line(phase), lengths::differences(phase)];
        for line in lines.into_iter().flatten() {
            prose(&mut out, &format!("{of}{line}"), style, true);
        }
    }
    if let Some(extended) = &case.extended {
        prose(&mut out, &extended.text, style, false);
    }
    assertions(&mut out, case, style);
    out.text
}

/// The tables of `cases`, an empty line before each; of many cases only of those that did not pass, and a
/// line that says how many are left out.
pub fn case_tables<'a>(cases: impl IntoIterator<Item = &'a CaseResult>, style: Style) -> String {
    let cases: Vec<&CaseResult> = cases.into_iter().collect();
    let all = cases.len() <= SHOWN;
    let shown =
        |case: &&&CaseResult| all || !matches!(case.verdict, Verdict::Pass | Verdict::Skipped);
    let mut out = String::new();
    let mut tables = 0;
    for case in cases.iter().filter(shown) {
        out.push('\n');
        out.push_str(&case_table(case, style));
        tables += 1;
    }
    if tables < cases.len() {
        out.push_str(&format!(
            "\n{} more passed or were skipped; the report has them all\n",
            cases.len() - tables
        ));
    }
    if !cases.is_empty() {
        out.push('\n');
    }
    out
}

/// The case's name, its verdict, how long it took and its requests; in lines of their own where one is too narrow.
fn heading(out: &mut Lines, case: &CaseResult, style: Style) {
    let name = one_line(&case.full_name());
    let mut parts = vec![case.verdict.name().to_owned(), minutes(case.duration_s)];
    parts.extend(case.phases.first().map(requests));
    let plain = parts.join(" · ");
    let verdict = case.verdict.name();
    let colored = |line: &str| match line.strip_prefix(verdict) {
        Some(rest) => format!("{}{rest}", style.verdict(case.verdict, verdict)),
        None => line.to_owned(),
    };
    if !style.wrap || name.width() + 2 + plain.width() <= style.width {
        out.push(format!("{}  {}", style.bold(&name), colored(&plain)));
        return;
    }
    out.push(style.bold(&name));
    for line in wrapped(&plain, style.width.saturating_sub(2).max(NARROWEST)) {
        out.push(format!("  {}", colored(&line)));
    }
}

fn prose(out: &mut Lines, text: &str, style: Style, dim: bool) {
    let line = one_line(text);
    let lines = if style.wrap {
        wrapped(&line, style.width.saturating_sub(2).max(NARROWEST))
    } else {
        vec![line]
    };
    for line in lines {
        let line = if dim { style.dim(&line) } else { line };
        out.push(format!("  {line}"));
    }
}

fn assertions(out: &mut Lines, case: &CaseResult, style: Style) {
    if case.assertions.is_empty() {
        return;
    }
    let changes: Vec<Option<String>> = case
        .assertions
        .iter()
        .map(|a| change(a, case.baseline.as_ref()))
        .collect();
    let compared = changes.iter().any(Option::is_some);
    let mut columns = vec![
        ("assertion", false),
        ("observed", true),
        ("limit", true),
        ("margin", true),
        ("verdict", false),
    ];
    if compared {
        columns.insert(4, ("change", true));
    }
    let mut table = Table::new(&columns).sparing(&[3]);
    for (a, change) in case.assertions.iter().zip(changes) {
        let f = Facts::of(a);
        let mut row = vec![one_line(&a.text), f.observed, f.limit, f.margin, f.verdict];
        if compared {
            row.insert(4, change.unwrap_or_else(|| MISSING.to_owned()));
        }
        table.row(row);
    }
    for (i, mut row) in table
        .lines(style.width.saturating_sub(2))
        .into_iter()
        .enumerate()
    {
        if i == 0 {
            out.push(format!("  {}", style.dim(row.join("  ").trim_end())));
            continue;
        }
        if let (Some(cell), Some(a)) = (row.last_mut(), case.assertions.get(i - 1)) {
            *cell = style.verdict(a.verdict, cell.trim_end());
        }
        out.push(format!("  {}", row.join("  ")));
    }
}
