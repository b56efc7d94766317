use super::seam::SideBySide;
use super::table::{CaseRow, PhaseRow, Runs};
use super::words::{NOT_JUDGED, change, value, verdicts};
use crate::report::markdown::{LIMIT, code, prose};
use crate::report::{ReportError, ReportInput};

/// Room for the line that says what was left out.
const RESERVE: usize = 200;

/// A table of changes per case and phase, for a pull request's comment.
#[derive(Clone, Copy, Debug)]
pub struct RunsMarkdown;

impl SideBySide for RunsMarkdown {
    fn name(&self) -> &'static str {
        "markdown"
    }

    fn file_name(&self) -> &'static str {
        "runs.md"
    }

    fn render(&self, runs: &[ReportInput<'_>]) -> Result<Vec<u8>, ReportError> {
        Ok(page(&Runs::of(runs)).into_bytes())
    }
}

fn page(runs: &Runs) -> String {
    let mut out = format!("### {} runs side by side\n\n", runs.runs.len());
    out.push_str("| | run | started | |\n|---|---|---|---|\n");
    for run in &runs.runs {
        let mut about = prose(&run.headline);
        for label in run.labels.iter().take(5) {
            about.push_str(&format!(" · {}", code(label)));
        }
        out.push_str(&format!(
            "| **{}** | {} | {} | {about} |\n",
            run.letter,
            code(&run.id),
            code(&run.started_at)
        ));
    }
    out.push_str(&format!(
        "\n{NOT_JUDGED} `--format html` has curves and all other metrics.\n"
    ));
    for (i, case) in runs.cases.iter().enumerate() {
        let section = section(case, runs);
        if out.len() + section.len() + RESERVE > LIMIT {
            let left = runs.cases.len() - i;
            out.push_str(&format!(
                "\n{left} more cases would not fit here; `--format html` shows all.\n"
            ));
            break;
        }
        out.push_str(&section);
    }
    out
}

fn section(case: &CaseRow, runs: &Runs) -> String {
    let mut out = format!("\n#### {}\n\n", code(&case.name));
    let said: Vec<String> = verdicts(case, runs)
        .into_iter()
        .map(|(letter, verdict)| format!("{letter}: {verdict}"))
        .collect();
    out.push_str(&format!("{}\n", said.join(" · ")));
    for phase in &case.phases {
        out.push_str(&table(phase, runs, case.phases.len() > 1));
    }
    out
}

fn table(phase: &PhaseRow, runs: &Runs, named: bool) -> String {
    let mut out = String::new();
    for line in &phase.differs {
        out.push_str(&format!("\n⚠️ asked for differently: {}\n", prose(line)));
    }
    let of = if named {
        code(&phase.name)
    } else {
        "metric".to_owned()
    };
    let mut head = format!("\n| {of} | better |");
    let mut rule = "|---|---|".to_owned();
    for (i, run) in runs.runs.iter().enumerate() {
        head.push_str(&format!(" {} |", run.letter));
        rule.push_str("---:|");
        if i > 0 {
            head.push_str(" change |");
            rule.push_str("---:|");
        }
    }
    out.push_str(&format!("{head}\n{rule}\n"));
    for row in phase.metrics.iter().filter(|r| r.is_chief()) {
        out.push_str(&format!(
            "| {} | {} |",
            code(&row.name()),
            row.better.unwrap_or_default()
        ));
        for (i, cell) in row.cells.iter().enumerate() {
            out.push_str(&format!(" {} |", value(cell, row)));
            if i > 0 {
                out.push_str(&format!(" {} |", change(cell)));
            }
        }
        out.push('\n');
    }
    out
}
